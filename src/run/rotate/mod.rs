//! Rotations: starts them, waits for them, and continues one that did not end.

mod attempt;
mod database;
mod key;

use futures_util::{StreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context, Deployed, Seeded, SeededEntry};
use crate::model::Model;
use crate::port::{CURRENT, Secret};

pub(super) use attempt::error_in;
pub use database::rotate_database;
pub use key::rotate_secret;

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

/// Rotates every secret that has never rotated, or whose rotation was left
/// unfinished; the others are left alone. One failure does not stop the others.
/// The results are in the order of the model.
pub async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seeded: &Seeded<'_>,
) -> Vec<Result<Rotated>> {
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
) -> Result<Rotated> {
    match seeded {
        SeededEntry::AccessKey(secret) => {
            let seen = &secret.seen;
            // A key that was given up is still to be deleted.
            let held = seen.secret.as_ref().filter(|_| seen.abandoned().is_none());
            let held = held.map(|held| (&held.secret, held.pending_key.is_some()));
            match stays(context, secret.changed, held).await? {
                Some(stays) => Ok(stays),
                None => rotate_secret(context, model, deployed, secret.entry, seen).await,
            }
        }
        SeededEntry::Database(secret) => {
            let seen = &secret.seen;
            let held = seen.secret.as_ref();
            let held = held.map(|held| (&held.secret, held.pending_value));
            match stays(context, secret.changed, held).await? {
                Some(stays) => Ok(stays),
                None => rotate_database(context, model, deployed, secret.entry, seen).await,
            }
        }
    }
}

/// Returns a secret as it is, where it need not rotate: it has before, nothing was
/// changed, and no rotation was left. `held` also says whether the version that is
/// pending holds something.
async fn stays(
    context: &Context<'_>,
    changed: bool,
    held: Option<(&Secret, bool)>,
) -> Result<Option<Rotated>> {
    if !changed
        && let Some((secret, pends)) = held
        && secret.last_rotated.is_some()
        && (secret.unfinished().is_none() || ends_as_trial(context, secret, pends).await?)
    {
        let version = secret.version_with(CURRENT);
        return Ok(Some(Rotated {
            old_key: None,
            version: version.unwrap_or_default().to_owned(),
            rotated: false,
        }));
    }
    Ok(None)
}

/// Returns whether the version that is pending was the trial of a new schedule,
/// having waited for its end. A trial's version never holds anything; a rotation
/// that was left before it stored something stays as it is.
async fn ends_as_trial(context: &Context<'_>, held: &Secret, pends: bool) -> Result<bool> {
    if pends {
        return Ok(false);
    }
    let began = context.clock.now();
    loop {
        let secret = context.cloud.secret(&held.arn).await?;
        let current = held.version_with(CURRENT);
        if secret.is_some_and(|secret| {
            secret.unfinished().is_none() && secret.version_with(CURRENT) == current
        }) {
            return Ok(true);
        }
        let waited = context.clock.now().duration_since(began).unsigned_abs();
        if waited >= context.pace.trial {
            return Ok(false);
        }
        context.wait().await;
    }
}
