//! `keyrota bootstrap`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::{Overlay, Stacks};
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::model::{InitialKey, Model};
use crate::plan::{Observed, Preflight, StackReport};
use crate::port::Event;
use crate::render::Shard;
use crate::run::{self, Bootstrapped};
use crate::view::{BootstrapResult, DeployedFunction, DeployedSecret};

/// Deploy everything, rotate once, and prove that it works
///
/// Looks at the account first and refuses with all findings at once. Run again
/// it changes only what differs, and finishes what an interrupted run began.
#[derive(Args, Debug)]
pub(super) struct Bootstrap {
    /// Store first keys, and leave the first rotation to the schedule
    #[arg(long)]
    no_rotate: bool,
    /// Go on without a question
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    overlay: Overlay,
    #[command(flatten)]
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Bootstrap) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let rendering = verb.overlay.render(&stacks.fleet)?;
    let shards = &stacks.fleet.shards;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    let rotates = !verb.no_rotate;
    let cleared = stacks.clear(&context, Preflight { rotates }).await?;
    settings.confirm(
        verb.yes,
        &question(shards, &cleared[0].observed, verb.no_rotate),
    )?;
    stacks.keep_record(settings)?;
    let architecture = shards[0].model.function.architecture;
    let artifact = verb.function.artifact(settings, architecture).await?;
    let mut deployed: Option<BootstrapResult> = None;
    for ((shard, template), cleared) in shards.iter().zip(&rendering.stacks).zip(&cleared) {
        let model = &shard.model;
        if shards.len() > 1 {
            context
                .listener
                .on(Event::Done(format!("stack {}:", model.stack)));
        }
        let done = run::bootstrap(&context, model, cleared, &artifact, template, rotates).await?;
        let result = result(model, done);
        deployed = Some(match deployed {
            Some(before) => before.and(result),
            None => result,
        });
    }
    settings.progress.finish();
    if let Some(result) = deployed {
        settings.view.show(&result);
    }
    Ok(Exit::Done)
}

fn question(shards: &[Shard], observed: &Observed, no_rotate: bool) -> String {
    let entries = || shards.iter().flat_map(|shard| &shard.model.access_keys);
    let adopted = entries().filter(|entry| entry.initial_key != InitialKey::Create);
    let first = &shards[0].model.stack;
    let what = match shards.len() {
        1 => format!("the stack {first}"),
        count => format!("{count} stacks, {first} and others numbered after it,"),
    };
    format!(
        "Deploy {what} to account {} in {} as {}?\n  {} secret(s), {} first key(s) adopted from profiles; {}",
        observed.caller.account,
        observed.region,
        observed.caller.arn,
        entries().count(),
        adopted.count(),
        if no_rotate {
            "no rotation now."
        } else {
            "each is rotated once and proven."
        },
    )
}

fn result(model: &Model, done: Bootstrapped) -> BootstrapResult {
    let entries = model.access_keys.iter().zip(done.secrets);
    let secrets = entries.map(|(entry, proven)| DeployedSecret {
        name: entry.secret.to_string(),
        arn: proven.arn,
        kind: "access_key",
        username: entry.user.to_string(),
        access_key_id: proven.verified.access_key_id,
        version_id: proven.verified.version,
        rotated: proven.rotated,
        verified: true,
    });
    BootstrapResult {
        stack: StackReport::from(&done.deployed.stack),
        stacks: Vec::new(),
        function: DeployedFunction {
            arn: done.deployed.function_arn().unwrap_or_default().to_owned(),
            code_sha256: done.code_sha256,
        },
        secrets: secrets.collect(),
        changes: done.deployed.changes,
    }
}
