//! `keyrota plan`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::plan::Preflight;
use crate::view::PlanResult;
use crate::{render, run};

/// Show what a deployment would change, and change nothing
///
/// CloudFormation computes a change set, which is shown and removed again.
#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Exit with 4 where there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Plan) -> Result<Exit, Failed> {
    let model = settings.load()?;
    let rendering = render::render(&model)?;
    let session = Session::open(settings, Some(&model)).await?;
    let context = session.context(settings);
    let cleared = run::preflight(&context, &model, Preflight { rotates: false }).await?;
    let artifact = verb
        .function
        .artifact(settings, model.function.architecture)
        .await?;
    let changes = run::preview(&context, &model, &cleared, &artifact, &rendering).await?;
    settings.progress.finish();
    let result = PlanResult { changes };
    settings.view.show(&result);
    Ok(match verb.detailed_exitcode && !result.changes.is_empty() {
        true => Exit::Different,
        false => Exit::Done,
    })
}
