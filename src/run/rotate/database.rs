//! Rotations of passwords. A rotation that cannot succeed is abandoned only if the server cannot have its
//! password yet. Otherwise, the next rotation needs its version to log in.

use super::super::error::Result;
use super::attempt::{Attempt, Outcome};
use crate::plan::SETTING;

/// Removes AWSPENDING from the version of an unfinished rotation. Returns `None` if the server may have
/// its password: the function labels the version before it sends the change.
pub(super) async fn abandon(attempt: &Attempt<'_>, version: &str) -> Result<Option<Outcome>> {
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
    let removed = attempt.remove_pending_label(version).await;
    let secret = look().await?;
    let outcome = secret.and_then(|secret| Outcome::of(&secret, version));
    if outcome.is_none() {
        // The call failed, and not because the rotation has ended in the meantime.
        removed?;
    }
    Ok(Some(outcome.unwrap_or(Outcome::Vanished)))
}
