//! Gives up a rotation that can never end.
//!
//! What a version holds cannot be changed, and Secrets Manager goes on with the
//! same version for as long as it is AWSPENDING. So where that version's
//! password can never be the server's, or it holds none at all, every retry
//! fails alike, until someone takes the label away. The function does:
//! AWSCURRENT is untouched, and the next rotation begins with a version of its
//! own.
//!
//! Otherwise AWSPENDING is Secrets Manager's to remove; that its removal can
//! make a rotation look failed is meant here. Source: `RotateSecret` in the
//! Secrets Manager API reference.

use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::PinError;
use crate::port::{Journal, Ports, Vault};
use crate::stage::PENDING;

/// Takes AWSPENDING from the event's version, and returns the error to end with.
pub(super) async fn abandon<P: Ports>(ports: &P, event: &Event, reason: String) -> Error {
    let note = Note::new("give up", "what the pending version holds is of no use");
    ports.journal().note(note);
    let secret = event.secret.name().to_owned();
    match ports
        .vault()
        .relabel(&event.secret, PENDING, Some(&event.token), None)
        .await
    {
        Ok(()) => Error::GivenUp { secret, reason },
        Err(source) => Error::NotGivenUp {
            secret,
            reason,
            source,
        },
    }
}

/// Returns why a pending version that does not agree with the pin is of no use.
/// Nothing was sent anywhere for it, and it cannot be corrected.
pub(super) fn stray(error: &PinError) -> String {
    match error {
        PinError::Stray { version, field, .. } => {
            format!("the `{field}` of its {version} is not what the manifest says")
        }
        other => other.to_string(),
    }
}
