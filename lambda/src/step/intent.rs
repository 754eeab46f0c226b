//! Writes down that a key is about to be made.

use super::create::Scene;
use crate::error::Error;
use crate::mark;
use crate::port::{Clock, Ports, Vault};

/// An intent that is written down; `CreateAccessKey` is called with one only.
pub(super) struct Written {
    label: String,
}

/// Writes the intent down, and takes those of earlier runs away.
pub(super) async fn write<P: Ports>(ports: &P, scene: &Scene<'_>) -> Result<Written, Error> {
    let label = mark::label(ports.clock().moment());
    let secret = &scene.event.secret;
    let before = scene.intents.iter();
    let carrier = before
        .clone()
        .find(|intent| intent.label == label)
        .map(|intent| &intent.version);
    let write = ports
        .vault()
        .relabel(secret, &label, carrier, Some(&scene.current_version));
    let clear = async {
        for old in before.filter(|intent| intent.label != label) {
            // One that stays says what is no longer true of any key made now;
            // the next run takes it away.
            let _ = ports
                .vault()
                .relabel(secret, &old.label, Some(&old.version), None)
                .await;
        }
    };
    let (written, ()) = tokio::join!(write, clear);
    match written {
        Ok(()) => Ok(Written { label }),
        Err(source) => Err(Error::IntentNotWritten {
            secret: scene.pin.secret.name().to_owned(),
            source,
        }),
    }
}

/// Takes the intent back: no key was made. Where that fails, the intent lapses
/// with its time.
pub(super) async fn withdraw<P: Ports>(ports: &P, scene: &Scene<'_>, written: &Written) {
    let _ = ports
        .vault()
        .relabel(
            &scene.event.secret,
            &written.label,
            Some(&scene.current_version),
            None,
        )
        .await;
}
