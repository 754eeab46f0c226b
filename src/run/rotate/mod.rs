//! Starts rotations, waits for them, and resumes unfinished ones.

mod attempt;
mod database;
mod key;
mod logged_error;

use futures_util::{StreamExt, stream};

use self::attempt::{Attempt, Outcome};
use self::key::Keys;
use super::error::{Error, Result};
use super::{CONCURRENCY, Context, Deployed, Seeded, SeededEntry};
use crate::model::{AccessKey, EntryOf, FirstRotation, Model};
use crate::plan::{HeldSecret, ObservedEntry, is_held_back};
use crate::port::{CURRENT, Stage};

pub use attempt::current_version;
pub(super) use logged_error::LoggedError;

/// The result of a successful rotation.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The previous access key, if the secret has one.
    pub old_key: Option<String>,
    /// The version that is now AWSCURRENT.
    pub version: String,
    /// Whether this command rotated the secret.
    pub rotated: bool,
}

/// Rotates each secret whose first rotation is due now, and resumes each unfinished rotation. Does not
/// rotate the other secrets. A failure does not stop the others. The results are in the order of the
/// model, and `None` for a first rotation that is held back.
pub async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded<'_>,
) -> Vec<Result<Option<Rotated>>> {
    stream::iter(&seeded.entries)
        .map(|seeded| rotate_seeded(context, model, deployed, seeded))
        .buffered(CONCURRENCY)
        .collect()
        .await
}

async fn rotate_seeded(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &SeededEntry<'_>,
) -> Result<Option<Rotated>> {
    let seen = &seeded.seen;
    if seen
        .held()
        .is_some_and(|held| is_held_back(seen.entry(), held))
    {
        return Ok(None);
    }
    Ok(Some(match stays(context, seeded).await? {
        Some(stays) => stays,
        None => rotate_entry(context, model, deployed, seen).await?,
    }))
}

/// Rotates one secret and waits until AWSCURRENT has moved, as [`rotate_since`] does.
///
/// # Errors
///
/// Returns the errors of [`rotate_since`].
pub async fn rotate_entry(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seen: &ObservedEntry<'_>,
) -> Result<Rotated> {
    let since = seen
        .secret()
        .and_then(|secret| secret.version_with(CURRENT));
    rotate_since(context, model, deployed, seen, since).await
}

/// Rotates one secret and waits until AWSCURRENT has moved. `since` is the version that was current when
/// the command started: if another command has rotated the secret since, it is not rotated again.
///
/// Resumes an unfinished rotation first. If that rotation cannot succeed, abandons it and deletes its key.
///
/// # Errors
///
/// Returns [`Error::Rotation`] with the error in the function's log. The credential in use is then
/// unchanged.
pub async fn rotate_since(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seen: &ObservedEntry<'_>,
    since: Option<&str>,
) -> Result<Rotated> {
    let entry = seen.entry();
    let secret = || entry.secret.to_string();
    context.stage(Stage::Rotating(secret()));
    let held = seen.held();
    let held = held.ok_or_else(|| Error::NoSecret { secret: secret() })?;
    if !held.is_complete && !seen.gets_first_credential() {
        return Err(Error::Incomplete { secret: secret() });
    }
    let attempt = Attempt::new(context, model, deployed, entry)?;
    if let ObservedEntry::AccessKey(entry, seen) = seen {
        let keys = Keys {
            attempt: &attempt,
            entry: *entry,
        };
        keys.remove_abandoned(seen).await?;
    }
    let resumed = match held.secret.unfinished() {
        Some(version) => resume(&attempt, version, seen, held).await?,
        None => None,
    };
    Ok(Rotated {
        old_key: seen.access_key_id().filter(|_| is_current(held, since)),
        version: match resumed {
            Some(version) => version,
            None => attempt.run(since).await?,
        },
        rotated: true,
    })
}

/// Returns whether the secret is unchanged since the command started, so that its current key is the one
/// that the rotation replaces.
fn is_current(held: HeldSecret<'_>, since: Option<&str>) -> bool {
    held.secret.version_with(CURRENT) == since
}

/// Resumes an unfinished rotation. Returns its version if that has become AWSCURRENT, and `None` if
/// another rotation must start.
async fn resume(
    attempt: &Attempt<'_>,
    version: &str,
    seen: &ObservedEntry<'_>,
    held: HeldSecret<'_>,
) -> Result<Option<String>> {
    let outcome = match attempt.resume(version).await {
        Err(Error::Rotation { reason, secret }) => match seen {
            ObservedEntry::AccessKey(entry, _) => {
                attempt.report_abandoning(&reason);
                let entry = *entry;
                Keys { attempt, entry }.abandon(version).await?
            }
            ObservedEntry::Database(..) | ObservedEntry::Service(..) => {
                match database::abandon(attempt, version).await? {
                    Some(outcome) => {
                        attempt.report_abandoning(&reason);
                        outcome
                    }
                    None => return Err(Error::Rotation { reason, secret }),
                }
            }
        },
        // The function has abandoned a rotation that could not succeed. A version without a value may have
        // been the configuration test of a new schedule, which has ended.
        Ok(Outcome::Vanished) if held.has_pending_value => {
            attempt.report_abandoned_by_function();
            Outcome::Vanished
        }
        outcome => outcome?,
    };
    Ok(match outcome {
        Outcome::Current => Some(version.to_owned()),
        Outcome::Vanished => None,
    })
}

/// Abandons an unfinished rotation of an access key and deletes the key that it created. A rotation that
/// has ended in the meantime is left as it is.
pub(super) async fn abandon_key_rotation(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    version: &str,
) -> Result<()> {
    let attempt = Attempt::new(context, model, deployed, &entry)?;
    attempt.report_abandoning("a new key replaces the leaked one");
    let keys = Keys {
        attempt: &attempt,
        entry,
    };
    keys.abandon(version).await.map(drop)
}

/// Returns the present state of a secret that does not have to rotate: it has rotated before, nothing was
/// changed, no rotation is unfinished, and no key of an abandoned rotation is left. A secret whose
/// rotation is disabled does not rotate, because that would enable rotation again (`API_RotateSecret`).
async fn stays(context: &Context<'_>, seeded: &SeededEntry<'_>) -> Result<Option<Rotated>> {
    let seen = &seeded.seen;
    let Some(held) = seen.held() else {
        return Ok(None);
    };
    let is_off = !held.secret.rotation_enabled;
    if is_off {
        context.warn(format!(
            "{0}: rotation is disabled, and stays disabled; to enable it, run `keyrota doctor --fix`",
            seen.entry().secret
        ));
    }
    // A login proves a value that was stored. Only an entry whose first rotation is now is also rotated.
    let changed = seeded.changed && seen.entry().first_rotation == FirstRotation::Now;
    let need_not = !changed
        && seen.abandoned().is_none()
        && !held.rotation.is_never()
        && (held.secret.unfinished().is_none() || ends_as_trial(context, held).await?);
    let version = held.secret.version_with(CURRENT);
    Ok((is_off || need_not).then(|| Rotated {
        old_key: None,
        version: version.unwrap_or_default().to_owned(),
        rotated: false,
    }))
}

/// Waits for the end of the pending version, and returns whether it was the configuration test of a new
/// schedule. The version of such a test never has a value. A rotation that was interrupted before it stored
/// a value is still pending afterwards.
async fn ends_as_trial(context: &Context<'_>, held: HeldSecret<'_>) -> Result<bool> {
    if held.has_pending_value {
        return Ok(false);
    }
    let held = held.secret;
    let began = context.clock.now();
    loop {
        let secret = context.cloud.secret(&held.arn).await?;
        let current = held.version_with(CURRENT);
        if secret.is_some_and(|secret| {
            secret.unfinished().is_none() && secret.version_with(CURRENT) == current
        }) {
            return Ok(true);
        }
        let waited = context.waited(began);
        if waited >= context.pace.trial {
            return Ok(false);
        }
        context.wait().await;
    }
}
