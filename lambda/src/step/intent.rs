//! Records on the IAM user that a key is about to be created.

use super::advice::advice;
use super::create::CreateContext;
use crate::error::Error;
use crate::mark::MAKING;
use crate::pin::{Pin, RotateAs};
use crate::port::{Keys, Ports};

/// A recorded intent. `CreateAccessKey` requires one.
pub(super) struct RecordedIntent(());

/// Records the intent.
pub(super) async fn record<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
) -> Result<RecordedIntent, Error> {
    if context.pin.owns_user {
        return Ok(RecordedIntent(()));
    }
    let intents = context.record.with_intent(context.began);
    match ports.keys().tag(&context.pin.user, MAKING, &intents).await {
        Ok(()) => Ok(RecordedIntent(())),
        // The role writes the tags, also if the user or an administrator makes the key.
        Err(source) => Err(Error::IntentNotRecorded {
            user: context.pin.user.clone(),
            advice: advice(&RotateAs::Role, &source),
            source,
        }),
    }
}

/// Removes all intents: the key of each is stored, or was never created. An intent that remains
/// expires, and the next rotation removes it.
pub(super) async fn clear<P: Ports>(ports: &P, pin: &Pin) {
    if !pin.owns_user {
        let _ = ports.keys().untag(&pin.user, MAKING).await;
    }
}

/// Withdraws the intent, because this run created no key. The intents of earlier runs stay. If
/// the withdrawal fails, the intent expires.
pub(super) async fn withdraw<P: Ports>(ports: &P, context: &CreateContext<'_>, _: &RecordedIntent) {
    match context.record.intents.split_last() {
        None => clear(ports, &context.pin).await,
        Some(_) if context.pin.owns_user => {}
        Some((last, _)) => {
            let before = context.record.with_intent(*last);
            let _ = ports.keys().tag(&context.pin.user, MAKING, &before).await;
        }
    }
}
