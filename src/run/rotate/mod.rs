//! Rotations: starts them, waits for them, and continues one that did not end.

mod attempt;
mod database;
mod key;

use futures_util::{StreamExt, stream};

use self::attempt::{Attempt, Outcome};
use self::key::Keys;
use super::error::{Error, Result};
use super::{CONCURRENCY, Context, Deployed, Seeded, SeededEntry};
use crate::model::{AccessKey, EntryOf, FirstRotation, Model};
use crate::plan::{HeldSecret, ObservedEntry, is_held_back};
use crate::port::{CURRENT, Stage};

pub(super) use attempt::LoggedError;
pub use attempt::current_version;

/// A secret whose rotation ended well.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The key before, where it holds one.
    pub old_key: Option<String>,
    /// The version that is AWSCURRENT now.
    pub version: String,
    /// It was this run that rotated.
    pub rotated: bool,
}

/// Rotates every secret that has never rotated and whose first rotation is now, or whose rotation
/// was left unfinished; the others are left alone. One failure does not stop the others.
/// The results are in the order of the model, and `None` for a first rotation that is held back.
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

/// Rotates one secret and waits until AWSCURRENT has moved, unless another command has rotated
/// it since its version `since` was current: then that rotation is what this command was to
/// bring about.
///
/// Where an earlier rotation was left unfinished, that one is taken up first;
/// if it cannot end well any more it is given up, with its key.
///
/// # Errors
///
/// Returns [`Error::Rotation`] with what the function's log says. The credential
/// in use is then as it was.
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
    let taken_up = match held.secret.unfinished() {
        Some(version) => take_up(&attempt, version, seen, held).await?,
        None => None,
    };
    Ok(Rotated {
        old_key: seen.access_key_id().filter(|_| is_current(held, since)),
        version: match taken_up {
            Some(version) => version,
            None => attempt.run(since).await?,
        },
        rotated: true,
    })
}

/// Returns whether the secret was seen as it was when the command began, so that the key that
/// was seen is the one before the rotation.
fn is_current(held: HeldSecret<'_>, since: Option<&str>) -> bool {
    held.secret.version_with(CURRENT) == since
}

/// Takes up a rotation that was left unfinished; returns its version where that
/// has become AWSCURRENT, and nothing where another is to begin.
async fn take_up(
    attempt: &Attempt<'_>,
    version: &str,
    seen: &ObservedEntry<'_>,
    held: HeldSecret<'_>,
) -> Result<Option<String>> {
    let outcome = match attempt.resume(version).await {
        Err(Error::Rotation { reason, secret }) => match seen {
            ObservedEntry::AccessKey(entry, _) => {
                attempt.tell_given_up(&reason);
                let entry = *entry;
                Keys { attempt, entry }.give_up(version).await?
            }
            ObservedEntry::Database(..) | ObservedEntry::Service(..) => {
                match database::give_up(attempt, version).await? {
                    Some(outcome) => {
                        attempt.tell_given_up(&reason);
                        outcome
                    }
                    None => return Err(Error::Rotation { reason, secret }),
                }
            }
        },
        // The function does so where it can never end well. What held no value may
        // have been the trial of a new schedule, which has ended.
        Ok(Outcome::Vanished) if held.has_pending_value => {
            attempt.tell_vanished();
            Outcome::Vanished
        }
        outcome => outcome?,
    };
    Ok(match outcome {
        Outcome::Current => Some(version.to_owned()),
        Outcome::Vanished => None,
    })
}

/// Gives up an unfinished rotation of an access key, with the key that it created. If it was finished
/// meanwhile, that stays.
pub(super) async fn give_up_key(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    version: &str,
) -> Result<()> {
    let attempt = Attempt::new(context, model, deployed, &entry)?;
    attempt.tell_given_up("a new key replaces the leaked one");
    let keys = Keys {
        attempt: &attempt,
        entry,
    };
    keys.give_up(version).await.map(drop)
}

/// Returns a secret as it is, where it need not rotate: it has before, nothing was
/// changed, and no rotation was left, nor a key that was given up. Where rotation is disabled
/// it must not rotate, since that would enable it again (`API_RotateSecret`).
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
    // A value that was stored is proven by a login. Only an entry that rotates at once is rotated
    // for it.
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

/// Returns whether the version that is pending was the trial of a new schedule,
/// having waited for its end. A trial's version never holds anything; a rotation
/// that was left before it stored something stays as it is.
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
