//! `keyrota rotate`.

use clap::Args;
use futures_util::{StreamExt, stream};

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::leak;
use super::session::Session;
use super::settings::Settings;
use crate::model::{Entry, FirstRotation, Model};
use crate::plan;
use crate::port::{Event, Listener};
use crate::render::Fleet;
use crate::run::{self, Context, Deployed};
use crate::view::{RotateResult, RotatedSecret};

const EXAMPLES: &str = "\
Examples:

  # Rotate all secrets of the manifest
  keyrota rotate
  # Rotate one secret, and the secret of one user
  keyrota rotate prod/orders-db ci-deployer
  # Return to the previous credential of a secret
  keyrota rotate --restore-previous prod/ci-deployer
  # Replace a leaked access key at once, and end the sessions of its user
  keyrota rotate --compromised prod/ci-deployer --deny-sessions";

/// What --compromised and its options exclude. `requires` alone is not enough: clap does not require an
/// argument that conflicts with one that is present.
const OTHER_WAYS: [&str; 2] = ["names", "restore_previous"];

/// Rotate secrets now, and verify the new credentials
///
/// Waits until each rotation is complete and the new credential has authenticated.
/// Completes an unfinished rotation first.
///
/// With --restore-previous, nothing is rotated. The previous version of the secret is
/// verified and becomes the current version again.
///
/// With --compromised, replaces a leaked access key. The leaked key is deactivated as soon
/// as a new one is in use, even if clients still use it. Shows what AWS knows about its
/// use. After an interruption, the same command continues. It needs permissions that no
/// other command needs: the statements RespondToLeak of the deployer's policy.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Rotate {
    /// Names of secrets or users in the manifest. By default, all secrets are rotated
    ///
    /// The first rotation of an entry with `first_rotation: on_request` needs its name. It
    /// also turns on the rotation schedule.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Make the previous version of this secret current again, if it still works
    #[arg(long, value_name = "SECRET", conflicts_with = "names")]
    restore_previous: Option<String>,
    /// Replace the leaked access key of this secret or user
    #[arg(long, value_name = "NAME", conflicts_with_all = OTHER_WAYS)]
    compromised: Option<String>,
    /// ID of the leaked key. By default, it is the key in AWSCURRENT
    #[arg(long, value_name = "ID", requires = "compromised", conflicts_with_all = OTHER_WAYS)]
    key: Option<String>,
    /// Deny the sessions of the user that were issued until now, with an inline policy
    #[arg(long, requires = "compromised", conflicts_with_all = OTHER_WAYS)]
    deny_sessions: bool,
    /// Delete the leaked key, after the new one has authenticated
    #[arg(long, requires = "compromised", conflicts_with_all = OTHER_WAYS)]
    delete_old_key: bool,
    /// Skip the confirmation prompt of --compromised
    #[arg(short, long, requires = "compromised", conflicts_with_all = OTHER_WAYS)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Rotate) -> Result<Exit, Failed> {
    if let Some(name) = &verb.compromised {
        let options = leak::Options {
            key: verb.key.as_deref(),
            deny_sessions: verb.deny_sessions,
            delete_old_key: verb.delete_old_key,
            yes: verb.yes,
        };
        return leak::run(settings, name, &options).await;
    }
    let mut stacks = Stacks::load(settings)?;
    let names = match &verb.restore_previous {
        Some(name) => std::slice::from_ref(name),
        None => &verb.names,
    };
    let restores = verb.restore_previous.is_some();
    // A name that is not in the manifest is refused before any call.
    chosen(&stacks.fleet, names)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let chosen = chosen(&stacks.fleet, names)?;
    let mut secrets = Vec::new();
    for (model, entries) in chosen {
        run::guard_account(&context, model).await?;
        let deployed = Deployed::observe(&context, model).await?;
        let entries = match names.is_empty() {
            true => requested(&context, entries).await?,
            false => entries,
        };
        // If several commands start at the same time, one of them rotates each secret.
        let mut since = Vec::new();
        for entry in &entries {
            let secret = entry.secret.as_str();
            since.push(run::current_version(&context, secret).await?);
        }
        let rotated = stream::iter(entries.into_iter().zip(since))
            .map(async |(entry, since)| {
                let secret = match restores {
                    true => restore(&context, &deployed, entry).await,
                    false => rotate(&context, model, &deployed, entry, since.as_deref()).await,
                };
                if let Some(error) = &secret.error {
                    settings.progress.on(Event::Warning(error.clone()));
                }
                secret
            })
            .buffered(run::CONCURRENCY);
        secrets.extend(rotated.collect::<Vec<_>>().await);
    }
    settings.progress.finish();
    let result = RotateResult { secrets };
    settings.view.show(&result);
    Ok(
        match result.secrets.iter().all(|secret| secret.error.is_none()) {
            true => Exit::Done,
            false => Exit::Failed,
        },
    )
}

/// Returns the entries that a command without names rotates. A first rotation on request waits for
/// a command that names the entry.
async fn requested<'fleet>(
    context: &Context<'_>,
    entries: Vec<&'fleet Entry>,
) -> Result<Vec<&'fleet Entry>, run::Error> {
    let mut requested = Vec::new();
    for entry in entries {
        if entry.first_rotation == FirstRotation::OnRequest {
            let seen = run::observe_entry(context, entry).await?;
            if seen
                .held()
                .is_some_and(|held| plan::awaits_request(entry, held))
            {
                let secret = &entry.secret;
                context.listener.on(Event::Done(format!(
                    "{secret}: not rotated, because its first rotation waits for `keyrota rotate {secret}`"
                )));
                continue;
            }
        }
        requested.push(entry);
    }
    Ok(requested)
}

fn is_called(entry: &Entry, name: &str) -> bool {
    entry.secret.as_str() == name || entry.has_user(name)
}

/// Returns the named entries, or all entries, with their stacks.
pub(super) fn chosen<'fleet>(
    fleet: &'fleet Fleet,
    names: &[String],
) -> Result<Vec<(&'fleet Model, Vec<&'fleet Entry>)>, Failed> {
    let all = || {
        let shards = fleet.shards.iter();
        shards.flat_map(|shard| &shard.model.entries)
    };
    for name in names {
        if !all().any(|entry| is_called(entry, name)) {
            let known: Vec<&str> = all().map(|entry| entry.secret.as_str()).collect();
            let hint = match known.len() {
                0..=20 => format!("known secrets: {}", known.join(", ")),
                count => format!("run `keyrota status` to list its {count} secrets"),
            };
            let message = format!("the manifest has no secret or user `{name}`");
            return Err(Failed::new("usage", message).hint(hint).exit(Exit::Usage));
        }
    }
    let wanted =
        |entry: &&Entry| names.is_empty() || names.iter().any(|name| is_called(entry, name));
    let of = fleet.shards.iter().map(|shard| {
        let entries = shard.model.entries.iter().filter(wanted);
        (&shard.model, entries.collect::<Vec<_>>())
    });
    Ok(of.filter(|(_, entries)| !entries.is_empty()).collect())
}

async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &Entry,
    since: Option<&str>,
) -> RotatedSecret {
    let mut result = untouched(deployed, entry);
    match try_rotate(context, model, deployed, entry, since, &mut result).await {
        Ok(()) => result.verified = true,
        Err(error) => result.error = Some(error.to_string()),
    }
    result
}

/// Rotates an entry, and sets what is known about the result even if it fails.
async fn try_rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &Entry,
    since: Option<&str>,
    result: &mut RotatedSecret,
) -> Result<(), run::Error> {
    let seen = run::observe_entry(context, entry).await?;
    result.old_access_key_id = seen.access_key_id();
    result.username = seen.user_name().to_owned();
    let rotated = run::rotate_since(context, model, deployed, &seen, since).await?;
    result.old_access_key_id.clone_from(&rotated.old_key);
    result.version_id = Some(rotated.version.clone());
    let verified = run::verify(context, deployed, entry, Some(&rotated)).await?;
    result.username = verified.report.username;
    result.new_access_key_id = verified.access_key_id;
    result.version_id = Some(verified.version);
    Ok(())
}

async fn restore(context: &Context<'_>, deployed: &Deployed, entry: &Entry) -> RotatedSecret {
    let mut result = untouched(deployed, entry);
    match run::restore(context, deployed, entry).await {
        Ok(restored) => {
            result.username = restored.username;
            result.old_access_key_id = restored.replaced;
            result.new_access_key_id = restored.access_key_id;
            result.version_id = Some(restored.version);
            result.verified = true;
            result.restored = true;
        }
        Err(error) => result.error = Some(error.to_string()),
    }
    result
}

/// Returns the initial result of an entry.
pub(super) fn untouched(deployed: &Deployed, entry: &Entry) -> RotatedSecret {
    RotatedSecret {
        name: entry.secret.to_string(),
        arn: deployed.secret_arn(entry).ok().map(str::to_owned),
        username: entry.user_name().to_owned(),
        old_access_key_id: None,
        new_access_key_id: None,
        version_id: None,
        verified: false,
        restored: false,
        old_key_status: None,
        leak: None,
        error: None,
    }
}
