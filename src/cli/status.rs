//! `keyrota status`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::session::Session;
use super::settings::Settings;
use crate::plan::State;
use crate::run;

/// Show what is deployed and how each credential fares
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Exit with 5 where a credential is not `ok`
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Status) -> Result<Exit, Failed> {
    let model = settings.load()?;
    let session = Session::open(settings, Some(&model)).await?;
    let context = session.context(settings);
    run::guard_account(&context, &model).await?;
    let report = run::status(&context, &model).await?;
    settings.view.show(&report);
    let fine = report.stack.is_some()
        && report
            .secrets
            .iter()
            .all(|secret| secret.state == State::Ok);
    Ok(match verb.check && !fine {
        true => Exit::Attention,
        false => Exit::Done,
    })
}
