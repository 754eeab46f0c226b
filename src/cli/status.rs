//! `keyrota status`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::plan::{SecretReport, StatusReport};
use crate::run;

/// Show the deployed stack and the state of each credential
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Compare the resources with what was deployed, and exit with 5 if one differs, if a
    /// credential is not `ok`, or if tags differ from the manifest
    #[arg(long)]
    check: bool,
    /// Read no secret values, and report what depends on them as unknown
    #[arg(long)]
    no_values: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Status) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    let values = match verb.no_values {
        true => run::Values::Unread,
        false => run::Values::Read,
    };
    let mut reports = Vec::new();
    for shard in &stacks.fleet.shards {
        run::guard_account(&context, &shard.model).await?;
        let mut report = run::status(&context, &shard.model, values).await?;
        if verb.check {
            report = run::with_drift(&context, &shard.model, report).await?;
        }
        reports.push(report);
    }
    let deployed = reports.iter().all(|report| report.stack.is_some());
    let report = StatusReport::of_all(reports);
    settings.view.show(&report);
    let credentials = report.secrets.iter().all(SecretReport::is_fine);
    let fine = deployed && report.is_in_sync() && credentials;
    Ok(match verb.check && !fine {
        true => Exit::Attention,
        false => Exit::Done,
    })
}
