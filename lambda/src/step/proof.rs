//! Determines whether a key that a version of the secret names really belongs to keyrota.
//!
//! A principal that can write the secret can write the ID of any of the user's keys into it. A
//! key belongs to keyrota if the IAM user's tag `keyrota:keys` says so, which such a principal
//! cannot write, or if the secret access key in that version authenticates, which such a principal
//! cannot know. `GetCallerIdentity` needs no permission, and succeeds only for an active key.

use crate::pin::Pin;
use crate::port::{Authenticator, CallError, CallErrorKind, Ports};
use crate::secret::Credential;

/// Returns whether a stored credential authenticates as the pinned user. This counts as a use
/// of its key.
///
/// # Errors
///
/// Fails if STS gave no conclusive answer.
pub(crate) async fn authenticates<P: Ports>(
    ports: &P,
    pin: &Pin,
    held: &Credential,
) -> Result<bool, CallError> {
    match ports.authenticator().identify(&held.key_pair()).await {
        Ok(identity) => Ok(pin.is_user_arn(&identity.arn)),
        Err(error) if error.kind == CallErrorKind::NotAuthenticated => Ok(false),
        Err(error) => Err(error),
    }
}
