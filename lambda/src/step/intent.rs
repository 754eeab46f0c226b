//! Writes down that a key is about to be made.

use super::create::Scene;
use crate::arn::SecretArn;
use crate::error::Error;
use crate::mark::{self, Intent};
use crate::port::{Clock, Ports, Vault};

/// An intent that is written down; `CreateAccessKey` is called with one only.
pub(super) struct Written {
    label: String,
    /// Whether a run before this one had written the same down, in the same
    /// second.
    again: bool,
}

/// How many intents may stand at once. Each is a label, a secret has room for
/// twenty, and one more stands for each run that never learnt whether it made a
/// key.
const MOST: usize = 8;

/// Writes the intent down.
pub(super) async fn write<P: Ports>(ports: &P, scene: &Scene<'_>) -> Result<Written, Error> {
    let label = mark::label(ports.clock().moment());
    let secret = &scene.event.secret;
    let same = scene.intents.iter().find(|intent| intent.label == label);
    let write = ports.vault().relabel(
        secret,
        &label,
        same.map(|intent| &intent.version),
        Some(&scene.current_version),
    );
    // Intents come in the order of their age.
    let surplus = scene.intents.len().saturating_sub(MOST - 1);
    let (written, ()) = tokio::join!(write, take_away(ports, secret, &scene.intents[..surplus]));
    match written {
        Ok(()) => Ok(Written {
            again: same.is_some(),
            label,
        }),
        Err(source) => Err(Error::IntentNotWritten {
            secret: scene.pin.secret.name().to_owned(),
            source,
        }),
    }
}

/// Takes intents away. One that stays lapses with its time, and goes with the
/// next rotation.
pub(super) async fn take_away<P: Ports>(ports: &P, secret: &SecretArn, intents: &[Intent]) {
    for Intent { label, version, .. } in intents {
        let _ = ports
            .vault()
            .relabel(secret, label, Some(version), None)
            .await;
    }
}

/// Takes the intent back: this run made no key. Where that fails, the intent
/// lapses with its time.
pub(super) async fn withdraw<P: Ports>(ports: &P, scene: &Scene<'_>, written: &Written) {
    if written.again {
        return;
    }
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
