//! `keyrota bootstrap`.

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::model::{InitialKey, Model};
use crate::plan::{Observed, Preflight, StackReport};
use crate::port::{Event, Listener};
use crate::render;
use crate::run::{self, Context, Deployed, Seeded};
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
    let uploaded = run::upload(&context, &model, &cleared, &artifact, &rendering.stack).await?;
    let deployed = run::deploy(&context, &model, &cleared, &uploaded, &rendering).await?;
    let seeded = run::seed(&context, &model, &deployed).await?;
    let secrets = prove(
        &context,
        settings,
        &model,
        &deployed,
        &seeded,
        verb.no_rotate,
    )
    .await?;
    let arn = deployed.function_arn().unwrap_or_default().to_owned();
    let result = BootstrapResult {
        stack: StackReport::from(&deployed.stack),
        function: DeployedFunction {
            code_sha256: context.cloud.code_sha256(&arn).await?.unwrap_or_default(),
            arn,
        },
        secrets,
        changes: deployed.changes,
    };
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

/// Rotates what has never rotated and proves every credential. All are tried
/// before the first failure ends the command.
async fn prove(
    context: &Context<'_>,
    settings: &Settings,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded,
    no_rotate: bool,
) -> Result<Vec<DeployedSecret>, Failed> {
    let rotated = match no_rotate {
        true => Vec::new(),
        false => run::rotate(context, model, deployed, seeded).await,
    };
    let mut outcomes = rotated.into_iter();
    let mut secrets = Vec::new();
    let mut failure = None;
    for entry in &model.access_keys {
        let outcome = match outcomes.next().transpose() {
            Ok(rotated) => run::verify(context, entry, rotated.as_ref())
                .await
                .map(|verified| (rotated, verified)),
            Err(error) => Err(error),
        };
        match outcome {
            Ok((rotated, verified)) => secrets.push(DeployedSecret {
                name: entry.secret.to_string(),
                arn: deployed.secret_arn(entry)?.to_owned(),
                kind: "access_key",
                username: entry.user.to_string(),
                access_key_id: verified.access_key_id,
                version_id: verified.version,
                rotated: rotated.is_some_and(|rotated| rotated.rotated),
                verified: true,
            }),
            Err(error) if failure.is_none() => failure = Some(error),
            Err(error) => settings.progress.on(Event::Warning(error.to_string())),
        }
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(secrets),
    }
}
