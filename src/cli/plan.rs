//! `keyrota plan`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::{Overlay, Stacks};
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::plan::Preflight;
use crate::run;
use crate::view::PlanResult;

/// Show what a deployment would change, and change nothing
///
/// CloudFormation computes a change set, which is shown and removed again.
#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Exit with 4 where there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    overlay: Overlay,
    #[command(flatten)]
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Plan) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let rendering = verb.overlay.render(&stacks.fleet)?;
    let shards = &stacks.fleet.shards;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    let cleared = stacks.clear(&context, Preflight { rotates: false }).await?;
    let architecture = shards[0].model.function.architecture;
    let artifact = verb.function.artifact(settings, architecture).await?;
    let mut result = PlanResult { stacks: Vec::new() };
    for ((shard, template), cleared) in shards.iter().zip(&rendering.stacks).zip(&cleared) {
        let model = &shard.model;
        let changes = run::preview(&context, model, cleared, &artifact, template).await?;
        result.stacks.push((model.stack.to_string(), changes));
    }
    settings.progress.finish();
    settings.view.show(&result);
    Ok(match verb.detailed_exitcode && !result.is_empty() {
        true => Exit::Different,
        false => Exit::Done,
    })
}
