//! Whether a key that a version of the secret names is really ours.
//!
//! Who can write the secret can write the ID of any of the user's keys into it. A key is
//! ours where the IAM user's tag `keyrota:keys` says so, which they cannot write; or else
//! where the secret part in that version authenticates, which they cannot know.
//! `GetCallerIdentity` needs no permission, and answers for an active key only.

use crate::pin::Pin;
use crate::port::{Authenticator, CallError, CallErrorKind, Ports};
use crate::secret::Credential;

/// Returns whether a stored credential authenticates as the pinned user. That counts as
/// a use of its key.
///
/// # Errors
///
/// Fails if STS gave no answer that tells.
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
