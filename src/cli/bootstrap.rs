//! `keyrota bootstrap`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::model::{InitialKey, Model};
use crate::plan::{Observed, Preflight, StackReport};
use crate::render;
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
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Bootstrap) -> Result<Exit, Failed> {
    let model = settings.load()?;
    let rendering = render::render(&model)?;
    let session = Session::open(settings, Some(&model)).await?;
    let context = session.context(settings);
    let intent = Preflight {
        rotates: !verb.no_rotate,
    };
    let cleared = run::preflight(&context, &model, intent).await?;
    settings.confirm(
        verb.yes,
        &question(&model, &cleared.observed, verb.no_rotate),
    )?;
    let artifact = verb
        .function
        .artifact(settings, model.function.architecture)
        .await?;
    let rotates = !verb.no_rotate;
    let done = run::bootstrap(&context, &model, &cleared, &artifact, &rendering, rotates).await?;
    let result = result(&model, done);
    settings.progress.finish();
    settings.view.show(&result);
    Ok(Exit::Done)
}

fn question(model: &Model, observed: &Observed, no_rotate: bool) -> String {
    let count = model.access_keys.len();
    let adopted = model
        .access_keys
        .iter()
        .filter(|entry| entry.initial_key != InitialKey::Create);
    format!(
        "Deploy the stack {} to account {} in {} as {}?\n  {count} secret(s), {} first key(s) adopted from profiles; {}",
        model.stack,
        observed.caller.account,
        observed.region,
        observed.caller.arn,
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
        function: DeployedFunction {
            arn: done.deployed.function_arn().unwrap_or_default().to_owned(),
            code_sha256: done.code_sha256,
        },
        secrets: secrets.collect(),
        changes: done.deployed.changes,
    }
}
