//! `keyrota bootstrap`.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::{Overlay, Stacks};
use super::function::FunctionSource;
use super::password;
use super::session::Session;
use super::settings::Settings;
use crate::model::{Entry, InitialKey, Kind, Model};
use crate::plan::{self, Drift, GoneSecret, Observed, OutstandingRotation, Preflight, StackReport};
use crate::port::{ErrorKind, Event};
use crate::render::{Shard, Strategy};
use crate::run::{self, Bootstrapped, Cleared, Context};
use crate::view::{
    BootstrapResult, DeployedFunction, DeployedSecret, first_rotations, imported, visible,
};

const EXAMPLES: &str = "\
Examples:

  # Deploy keyrota.yaml, with a confirmation prompt
  keyrota bootstrap
  # Deploy the environment `staging` with another AWS profile
  keyrota -e staging --profile staging-admin bootstrap
  # Deploy in a pipeline, with a function that was packaged before
  keyrota bootstrap --yes --function-zip function.zip --format json";

/// Deploy the stack, start the first rotations, and verify each credential
///
/// Checks the account first, and lists everything that prevents the deployment. Then
/// uploads the functions that this program contains, or builds them, deploys the stack,
/// stores the first credentials, and rotates those whose `first_rotation` is `now`. Ends when each credential has
/// authenticated.
///
/// The command is idempotent: it changes only what differs, and completes what an
/// interrupted run began.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Bootstrap {
    /// Store the first credentials, and leave the first rotation to the schedule
    #[arg(long)]
    no_rotate: bool,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
    /// Skip the prompt before secrets that no longer exist are created again, with other ARNs
    #[arg(long)]
    recreate_secrets: bool,
    #[command(flatten)]
    overlay: Overlay,
    #[command(flatten)]
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Bootstrap) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let rendering = verb.overlay.render(&stacks.fleet)?;
    let authorities = verb.function.authorities(settings, &stacks.fleet)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let shards = &stacks.fleet.shards;
    let rotates = !verb.no_rotate;
    let intent = Preflight { rotates };
    let cleared = stacks.clear(&context, intent).await?;
    if verb.no_rotate {
        let entries = cleared.iter().map(|cleared| &cleared.observed.entries);
        let unset: Vec<_> = entries
            .flat_map(|entries| plan::check_unset(entries))
            .collect();
        if !unset.is_empty() {
            return Err(Failed::refused("the deployment", unset));
        }
    }
    let asked = password::collect(&context, &cleared).await?;
    // Without a terminal, the prompt fails.
    let is_asked = !verb.yes && std::io::stdin().is_terminal();
    let shown = match is_asked {
        true => Some(drift(&context, &cleared).await?),
        false => None,
    };
    let restored = restored(shown.iter().flatten().flatten());
    let now = context.clock.now();
    let first = cleared.iter();
    let first = first.flat_map(|cleared| cleared.first_rotations(intent, now));
    let question = question(shards, &cleared, first.collect());
    settings.confirm(verb.yes, &format!("{question}{restored}"))?;
    let gone = cleared.iter();
    let gone: Vec<Vec<GoneSecret>> = gone
        .map(|cleared| plan::gone_secrets(&cleared.observed))
        .collect();
    confirm_recreation(settings, verb.recreate_secrets, gone.iter().flatten())?;
    let passwords = asked.ask(settings)?;
    stacks.keep_record(settings)?;
    let (source, fleet) = (&verb.function, &stacks.fleet);
    let packages = source.packages(settings, fleet, &authorities).await?;
    let mut deployed: Option<BootstrapResult> = None;
    let stacks = shards.iter().zip(rendering.stacks()).zip(&cleared);
    for (index, (((shard, template), cleared), gone)) in stacks.zip(gone).enumerate() {
        let model = &shard.model;
        if shards.len() > 1 {
            context
                .listener
                .on(Event::Done(format!("stack {}:", model.stack)));
        }
        let inputs = run::DeploymentInputs {
            artifacts: &packages.of(model)?,
            template,
            passwords: &passwords,
            rotates,
            recreated: &gone.into_iter().map(|secret| secret.logical_id).collect(),
            shown: shown.as_ref().map(|shown| shown[index].as_slice()),
        };
        let done = run::bootstrap(&context, model, cleared, inputs).await;
        let done = done.map_err(failed_meanwhile)?;
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

/// Returns the failure of a deployment. What has changed since the checks may have been changed by another
/// command, which the error of AWS does not say.
fn failed_meanwhile(error: run::Error) -> Failed {
    let is_changed = match error.cause() {
        run::Error::Aws(error) => matches!(
            error.kind,
            ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::AlreadyExists
        ),
        run::Error::ChangeSet { .. } => true,
        _ => false,
    };
    let failed = Failed::from(error);
    match is_changed && failed.failure.hint.is_none() {
        true => failed.hint(
            "if another command is changing the same stack, such as `keyrota teardown`, wait until it has ended; otherwise, fix the cause; then run `keyrota bootstrap` again",
        ),
        false => failed,
    }
}

/// Returns what each stack's deployment restores, for the confirmation prompt.
async fn drift(context: &Context<'_>, cleared: &[Cleared<'_>]) -> Result<Vec<Vec<Drift>>, Failed> {
    let mut found = Vec::new();
    for Cleared { observed, .. } in cleared {
        let mut restored = Vec::new();
        if let Some(stack) = &observed.stack {
            let drift = run::observe_drift(context, stack, &observed.resources).await?;
            for obstacle in drift.obstacles() {
                let warning = format!("cannot check for drift: {obstacle}");
                context.listener.on(Event::Warning(warning));
            }
            restored = drift.restored();
        }
        found.push(restored);
    }
    Ok(found)
}

/// Lists what is restored.
fn restored<'a>(drift: impl Iterator<Item = &'a Drift>) -> String {
    let lines: String = drift
        .map(|drift| format!("\n  {}", visible(&drift.to_string())))
        .collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\nThis differs from what was deployed, and is restored first:{lines}\n"),
    }
}

/// Asks whether secrets that no longer exist are created again, since their clients need new ARNs.
fn confirm_recreation<'a>(
    settings: &Settings,
    yes: bool,
    gone: impl Iterator<Item = &'a GoneSecret>,
) -> Result<(), Failed> {
    let gone: Vec<String> = gone
        .map(|secret| format!("  {} ({})", secret.name, secret.arn))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let question = format!(
        "These secrets of the stack no longer exist:\n{}\nCreate other secrets with these names? They have other ARNs, and each gets a first credential.",
        gone.join("\n")
    );
    settings.confirm(yes, &question).map_err(|failed| {
        failed.hint("use --recreate-secrets to create them without this prompt; --yes does not")
    })
}

fn question(
    shards: &[Shard],
    cleared: &[Cleared<'_>],
    rotations: Vec<OutstandingRotation>,
) -> String {
    let observed = &cleared[0].observed;
    let entries = || shards.iter().flat_map(|shard| &shard.model.entries);
    let adopted = entries().filter_map(Entry::as_access_key);
    let adopted = adopted.filter(|entry| entry.kind.initial_key != InitialKey::Create);
    let first = &shards[0].model.stack;
    let what = match shards.len() {
        _ if shards[0].model.deployed_as.is_some() => {
            return for_stack_set(shards, observed, &rotations);
        }
        1 => format!("the stack {first}"),
        count => format!("{count} stacks, {first} and others numbered after it,"),
    };
    let imports = cleared.iter().flat_map(|one| &one.imports.secrets);
    let keys = cleared.iter().filter_map(|one| one.imports.key.as_ref());
    let keys =
        keys.map(|key| format!("The KMS key {key} of an earlier deployment is used again.\n"));
    let removed = cleared
        .iter()
        .flat_map(|cleared| plan::removed_replicas(&cleared.observed, None));
    let removed: String = removed
        .map(|replica| {
            format!(
                "\n  The replica of {} in {} is deleted permanently if the stack created it.",
                replica.secret, replica.region
            )
        })
        .collect();
    format!(
        "Deploy {what} to account {} in {} as {}?\n  {} secret(s), {} first key(s) adopted from profiles; each credential is proven.{removed}{}{}{}",
        observed.caller.account,
        observed.region,
        observed.caller.arn,
        entries().count(),
        adopted.count(),
        first_rotations(&rotations),
        imported(imports),
        keys.collect::<String>(),
    )
}

/// Returns the question for a stack that a StackSet deploys.
fn for_stack_set(
    shards: &[Shard],
    observed: &Observed<'_>,
    rotations: &[OutstandingRotation],
) -> String {
    let model = &shards[0].model;
    format!(
        "Store the first credentials of the stack {} in account {} in {} as {}?\n  {} secret(s); each credential is proven. The StackSet deploys the stack, so nothing else changes.{}",
        model.deployed_name(),
        observed.caller.account,
        observed.region,
        observed.caller.arn,
        model.entries.len(),
        first_rotations(rotations),
    )
}

fn result(model: &Model, done: Bootstrapped) -> BootstrapResult {
    let secrets = model.entries.iter().zip(done.secrets);
    let secrets = secrets.map(|(entry, proven)| DeployedSecret {
        name: entry.secret.to_string(),
        arn: proven.arn,
        kind: match entry.kind {
            Kind::AccessKey(_) => "access_key",
            Kind::Database(_) => "database",
            Kind::Service(_) => "service",
        },
        username: proven.verified.report.username,
        access_key_id: proven.verified.access_key_id,
        version_id: proven.verified.version,
        rotated: proven.rotated,
        verified: true,
        first_rotation: proven.verified.report.first_rotation,
    });
    let functions = Strategy::of(model).zip(done.functions);
    let mut functions: BTreeMap<Strategy, DeployedFunction> = functions
        .map(|(strategy, running)| {
            let (arn, code_sha256) = (running.arn, running.code_sha256);
            (strategy, DeployedFunction { arn, code_sha256 })
        })
        .collect();
    let (_, first) = functions.pop_first().unzip();
    BootstrapResult {
        stack: StackReport::from(&done.deployed.stack),
        stacks: Vec::new(),
        function: first.unwrap_or_default(),
        database_function: functions.remove(&Strategy::Databases),
        service_function: functions.remove(&Strategy::Services),
        service_no_vpc_function: functions.remove(&Strategy::ServicesOutside),
        secrets: secrets.collect(),
        changes: done.deployed.changes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port;

    fn hint(error: run::Error) -> String {
        failed_meanwhile(error).failure.hint.unwrap_or_default()
    }

    fn aws(kind: ErrorKind) -> run::Error {
        run::Error::Aws(port::Error {
            call: "s3:PutObject",
            kind,
            code: None,
            message: "no".to_owned(),
        })
    }

    /// A teardown deletes the bucket and the secrets while a bootstrap runs.
    #[test]
    fn what_another_command_may_have_changed_has_a_hint() {
        let changed = [
            aws(ErrorKind::NotFound),
            aws(ErrorKind::Conflict),
            aws(ErrorKind::AlreadyExists),
            run::Error::ChangeSet {
                stack: "keys".to_owned(),
                reason: "it is in DELETE_IN_PROGRESS".to_owned(),
            },
        ];
        for error in changed {
            let text = error.to_string();
            assert!(hint(error).contains("such as `keyrota teardown`"), "{text}");
        }
        assert!(hint(aws(ErrorKind::Denied)).contains("deployer-policy.json"));
        assert_eq!(hint(aws(ErrorKind::Limit)), "");
    }

    /// The function knows the manifest by its pins only.
    #[test]
    fn a_failed_rotation_may_need_a_deployment() {
        let failed = run::Error::Rotation {
            secret: "prod/app".to_owned(),
            reason: "the probe failed".to_owned(),
        };
        assert!(hint(failed).contains("`keyrota bootstrap` if you change the manifest"));
    }
}
