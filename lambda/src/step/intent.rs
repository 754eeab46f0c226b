//! Records on the IAM user that a key is about to be made.

use super::create::Scene;
use crate::error::Error;
use crate::mark::MAKING;
use crate::pin::Pin;
use crate::port::{Clock, Keys, Ports};

/// An intent that is recorded; `CreateAccessKey` is called with one only.
pub(super) struct Recorded(());

/// Records the intent.
pub(super) async fn record<P: Ports>(ports: &P, scene: &Scene<'_>) -> Result<Recorded, Error> {
    if scene.pin.owns_user {
        return Ok(Recorded(()));
    }
    let intents = scene.record.with_intent(ports.clock().moment());
    match ports.keys().tag(&scene.pin.user, MAKING, &intents).await {
        Ok(()) => Ok(Recorded(())),
        Err(source) => Err(Error::IntentNotRecorded {
            user: scene.pin.user.clone(),
            source,
        }),
    }
}

/// Removes all intents: the key of each is stored, or was never made. One that stays
/// lapses with its time, and is removed by the next rotation.
pub(super) async fn clear<P: Ports>(ports: &P, pin: &Pin) {
    if !pin.owns_user {
        let _ = ports.keys().untag(&pin.user, MAKING).await;
    }
}

/// Withdraws the intent: this run made no key. Those of runs before it stay. Where that
/// fails, the intent lapses with its time.
pub(super) async fn withdraw<P: Ports>(ports: &P, scene: &Scene<'_>, _: &Recorded) {
    match scene.record.intents.split_last() {
        None => clear(ports, &scene.pin).await,
        Some(_) if scene.pin.owns_user => {}
        Some((last, _)) => {
            let before = scene.record.with_intent(*last);
            let _ = ports.keys().tag(&scene.pin.user, MAKING, &before).await;
        }
    }
}
