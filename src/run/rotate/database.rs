//! What is specific to rotations of passwords. One that cannot end well is given up only
//! where the server cannot have its password yet: it is the version that holds it that
//! the next rotation has to log in with.

use super::super::error::Result;
use super::attempt::{Attempt, Outcome};
use crate::plan::SETTING;

/// Takes AWSPENDING from an unfinished rotation, unless its password may be the
/// server's: the function marks the version before it sends the change.
pub(super) async fn give_up(attempt: &Attempt<'_>, version: &str) -> Result<Option<Outcome>> {
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
