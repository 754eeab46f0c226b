//! Rotations of passwords. One that cannot end well is given up only where the
//! server cannot have its password yet: it is the version that holds it that the
//! next rotation has to log in with.

use super::super::error::{Error, Result};
use super::super::{Context, Deployed};
use super::Rotated;
use super::attempt::{Attempt, Outcome};
use crate::model::{Database, EntryOf, Model};
use crate::plan::{ObservedDatabase, SETTING};
use crate::port::Stage;

/// Rotates one secret and waits until AWSCURRENT has moved.
///
/// Where an earlier rotation was left unfinished, that one is taken up first.
///
/// # Errors
///
/// Returns [`Error::Rotation`] with what the function's log says.
pub async fn rotate_database(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Result<Rotated> {
    context.stage(Stage::Rotating(entry.secret.to_string()));
    let secret = || entry.secret.to_string();
    let held = seen.secret.as_ref();
    let held = held.ok_or_else(|| Error::NoSecret { secret: secret() })?;
    if held.login().is_none() {
        return Err(Error::Incomplete { secret: secret() });
    }
    let attempt = Attempt::new(context, model, deployed, entry.entry())?;
    let taken_up = match held.secret.unfinished() {
        Some(version) => take_up(&attempt, version, held.pending_value).await?,
        None => None,
    };
    Ok(Rotated {
        old_key: None,
        version: match taken_up {
            Some(version) => version,
            None => attempt.run().await?,
        },
        rotated: true,
    })
}

/// Takes up a rotation that was left unfinished; returns its version where that
/// has become AWSCURRENT, and nothing where another is to begin.
async fn take_up(
    attempt: &Attempt<'_>,
    version: &str,
    holds_value: bool,
) -> Result<Option<String>> {
    let outcome = match attempt.resume(version).await {
        Err(Error::Rotation { reason, secret }) => match give_up(attempt, version).await? {
            Some(outcome) => {
                attempt.tell_given_up(&reason);
                outcome
            }
            None => return Err(Error::Rotation { reason, secret }),
        },
        Ok(Outcome::Vanished) if holds_value => {
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

/// Takes AWSPENDING from an unfinished rotation, unless its password may be the
/// server's: the function marks the version before it sends the change.
async fn give_up(attempt: &Attempt<'_>, version: &str) -> Result<Option<Outcome>> {
    let look = || attempt.context.cloud.secret(attempt.arn);
    let Some(secret) = look().await? else {
        return Ok(Some(Outcome::Vanished));
    };
    if let Some(outcome) = Outcome::of(&secret, version) {
        return Ok(Some(outcome));
    }
    if secret.version_with(SETTING) == Some(version) {
        return Ok(None);
    }
    let taken = attempt.take_label(version).await;
    let secret = look().await?;
    let outcome = secret.and_then(|secret| Outcome::of(&secret, version));
    if outcome.is_none() {
        // Refused, and not because the rotation was finished meanwhile.
        taken?;
    }
    Ok(Some(outcome.unwrap_or(Outcome::Vanished)))
}
