//! `keyrota survey`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::file;
use super::new_manifest::{self, ROTATE_AS, SCHEDULE, STACK};
use super::session::Session;
use super::settings::Settings;
use crate::model::{AccountId, Draft, Region, StackName};
use crate::plan::{self, ManifestSelection, Survey, SurveyOptions};
use crate::port::{Event, Listener};
use crate::render;
use crate::run;
use crate::system::shown;
use crate::view::{SurveyResult, WrittenManifest, survey_page};

/// The option that names the manifest.
const OPTION: &str = "--write-manifest FILE";

/// List the account's access keys, and what should become of each
///
/// Shows each key's age and last use, the secret that holds it, and a verdict: delete it (at
/// least 90 days old, and never used or not for 90 days), use a role instead (with evidence from
/// CloudTrail, see --cloudtrail), or rotate it. Looks for secrets in one Region. Changes nothing
/// in AWS: the only call that is not a read requests a credential report from IAM. What the caller
/// is not allowed to see is a warning, and missing from the result.
#[derive(Args, Debug)]
pub(super) struct SurveyCommand {
    /// Also write the result to this file, as a page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a manifest for the keys that should rotate
    #[arg(long, value_name = "FILE")]
    write_manifest: Option<PathBuf>,
    /// Name of the CloudFormation stack in that manifest [default: access-keys]
    #[arg(long, value_name = "NAME", value_parser = StackName::parse, requires = "write_manifest")]
    stack: Option<StackName>,
    /// Overwrite an existing manifest
    #[arg(long, requires = "write_manifest")]
    force: bool,
    /// Read the values of secrets, and match them by the access key IDs in them. No value is shown
    #[arg(long)]
    read_values: bool,
    /// Ask CloudTrail where keys are used
    ///
    /// Looks at the newest 50 management events of each key that was used in the last 90 days, in
    /// the Region of its last use. Data events, such as those of objects in Amazon S3, are not in
    /// CloudTrail's event history. CloudTrail allows two requests a second in each Region of an
    /// account, so 1,000 keys of one Region take nine minutes.
    #[arg(long)]
    cloudtrail: bool,
    /// Print the IAM policy that the survey needs with these options, and do nothing else
    #[arg(long, conflicts_with_all = ["html", "write_manifest"])]
    print_policy: bool,
}

pub(super) async fn run(settings: &Settings, verb: &SurveyCommand) -> Result<Exit, Failed> {
    let options = SurveyOptions {
        read_values: verb.read_values,
        cloudtrail: verb.cloudtrail,
    };
    if verb.print_policy {
        return print_policy(settings, options);
    }
    if let Some(path) = &verb.write_manifest {
        new_manifest::refuse_existing(path, verb.force, OPTION)?;
    }
    let session = Session::open(settings, None).await?;
    let context = session.context(settings);
    let caller = context.cloud.caller().await?;
    let survey = run::survey(&context, &caller.account, options).await?;
    for warning in &survey.warnings {
        settings.progress.on(Event::Warning(warning.clone()));
    }
    if let Some(path) = &verb.html {
        let page = survey_page(&survey).map_err(render::Error::from)?;
        file::replace(path, &page)?;
    }
    let manifest = match &verb.write_manifest {
        Some(path) => Some(write_manifest(verb, path, &survey)?),
        None => None,
    };
    settings.progress.finish();
    settings.view.show(&SurveyResult {
        page: verb.html.as_deref().map(shown),
        survey,
        manifest,
    });
    Ok(Exit::Done)
}

fn print_policy(settings: &Settings, options: SurveyOptions) -> Result<Exit, Failed> {
    let region = settings.region.as_deref().map(Region::parse).transpose();
    let region =
        region.map_err(|why| Failed::new("usage", format!("--region: {why}")).exit(Exit::Usage))?;
    let policy = plan::survey_policy(options, region.as_ref());
    settings.view.text(&format!("{policy:#}\n"));
    Ok(Exit::Done)
}

/// Writes a manifest with the users whose keys should rotate, if there is one.
fn write_manifest(
    verb: &SurveyCommand,
    path: &Path,
    survey: &Survey,
) -> Result<WrittenManifest, Failed> {
    let ManifestSelection { entries, left_out } = plan::select(survey);
    let users = entries.len();
    let stack = match &verb.stack {
        Some(stack) => stack.clone(),
        None => StackName::parse(STACK).map_err(|why| Failed::new("usage", why))?,
    };
    if users > 0 {
        let draft = Draft {
            stack,
            account: AccountId::parse(&survey.account).ok(),
            region: Region::parse(&survey.region).ok(),
            email: Vec::new(),
            schedule: SCHEDULE.to_owned(),
            rotate_as: ROTATE_AS.to_owned(),
            kms_key: None,
            entries,
        };
        new_manifest::write(path, &draft, verb.force, OPTION)?;
    }
    Ok(WrittenManifest {
        path: (users > 0).then(|| shown(path)),
        users,
        left_out,
    })
}
