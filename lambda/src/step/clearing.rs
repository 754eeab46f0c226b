//! Guards the deletion of a key whose secret access key seems to be lost.
//!
//! Two runs of `createSecret` may overlap. One of them can then find the key that the other has
//! created and not stored yet, which looks like a key that a dead process left behind. If it
//! deletes that key while the other run stores it, a later step may promote a version whose key
//! is about to be deleted, and IAM has no condition that would refuse the deletion then.
//!
//! Therefore such a deletion is announced: the label `KEYROTA_CLEARING` is put on the version with
//! AWSCURRENT, and only then the rotation's version is read again. If it still has no value, a value
//! that another run stores comes after the label, and so does `finishSecret`, which does not replace
//! a version with this label. The run that announced the deletion removes the label when its own
//! key is stored. If the label stays, the rotation is abandoned, and the next one finds its key like
//! that of any cancelled rotation.
//!
//! The label is on AWSCURRENT because that version has a value. AWS does not document whether a
//! label can be put on a version without one, which the rotation's version is at that time.
//!
//! A rotation that deletes no such key makes no call for this.

use keyrota_function_base::stage;

use super::create::CreateContext;
use super::{abandon, create::labels_moved, read};
use crate::decide::CURRENT;
use crate::error::Error;
use crate::event::Event;
use crate::mark::CLEARING;
use crate::port::{Description, Ports, SecretsManager, VersionSelector};
use crate::secret::Content;

/// Returns whether a run of `createSecret` may be deleting the key that the rotation's version
/// stores.
pub(super) fn is_announced(description: &Description) -> bool {
    let current = stage::carrier(&description.stages, CURRENT);
    current.is_some() && stage::carrier(&description.stages, CLEARING) == current
}

/// Announces the deletion.
///
/// # Errors
///
/// Fails if another run has stored a key meanwhile, which may be the one to delete.
pub(super) async fn announce<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
) -> Result<(), Error> {
    let event = context.event;
    if !context.is_clearing.replace(true) {
        let from = context.clearing.as_ref();
        let label = ports.secrets_manager().relabel(
            &event.secret,
            CLEARING,
            from,
            Some(&context.current_version),
        );
        label.await.map_err(|source| Error::ClearingNotAnnounced {
            secret: event.secret.name().to_owned(),
            source,
        })?;
    }
    match read(ports, event, VersionSelector::Version(&event.token)).await? {
        Content::Nothing => Ok(()),
        _ => Err(labels_moved(&context.pin)),
    }
}

/// Removes the announcement, because this run's key is stored. If that fails, the rotation is
/// abandoned.
pub(super) async fn withdraw<P: Ports>(ports: &P, context: &CreateContext<'_>) {
    let event = context.event;
    if context.is_clearing.get() {
        let _ = ports
            .secrets_manager()
            .relabel(
                &event.secret,
                CLEARING,
                Some(&context.current_version),
                None,
            )
            .await;
    }
}

/// Gives up the rotation: its version stores a key that a run of `createSecret` may be deleting.
pub(super) async fn give_up<P: Ports>(ports: &P, event: &Event) -> Error {
    let reason = "two runs of createSecret overlapped, and the key that one of them stored may be \
                  deleted by the other";
    abandon(ports, event, None, reason.to_owned()).await.into()
}
