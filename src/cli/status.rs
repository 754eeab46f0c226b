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
    /// Exit with 5 if a credential is not `ok`, if tags differ from the manifest, or if a rehearsal
    /// of the next rotation finds a call that would be refused
    #[arg(long)]
    check: bool,
    /// Read no secret values, and report what depends on them as unknown; rehearses no rotation
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
        reports.push(match (verb.check, values) {
            (true, run::Values::Read) => run::checked_status(&context, &shard.model).await?,
            _ => run::status(&context, &shard.model, values).await?,
        });
    }
    let deployed = reports.iter().all(|report| report.stack.is_some());
    settings.progress.finish();
    let report = StatusReport::of_all(reports);
    settings.view.show(&report);
    let fine =
        deployed && report.findings.is_empty() && report.secrets.iter().all(SecretReport::is_fine);
    Ok(match verb.check && !fine {
        true => Exit::Attention,
        false => Exit::Done,
    })
}
