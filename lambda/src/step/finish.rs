//! `finishSecret`: the new key becomes AWSCURRENT.
//!
//! AWSPENDING is left where it is: Secrets Manager removes it when the rotation
//! ends, and removing it by a call of our own can make it look failed. The old
//! key is left too: it is AWSPREVIOUS now, and clients may still hold it.

use super::{Admission, admit, describe, pending_credential, read};
use crate::decide::{self, CURRENT, Standing};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports, Vault, Which};
use crate::secret::Content;

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, event),
        read(ports, event, Which::Labelled(CURRENT)),
        read(ports, event, Which::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(&event.secret, &description)?;
    let current = current?;
    pin.check_present(CURRENT, &current)?;
    let pending = pending_credential("promote", &pin, pending?)?;
    let secret = || event.secret.name().to_owned();
    if let Content::Complete(current) = &current
        && current.access_key == pending.access_key
    {
        return Err(Error::PendingIsCurrent {
            secret: secret(),
            key: pending.access_key,
        });
    }

    let from = decide::carrier(&description.stages, CURRENT);
    let note = Note::new("promote", "the new key is complete and was tested");
    ports.journal().note(note.about(&pending.access_key));
    let Err(source) = ports
        .vault()
        .relabel(&event.secret, CURRENT, from, Some(&event.token))
        .await
    else {
        return Ok(());
    };
    // The label may have moved although the answer was lost; and a second call
    // is refused once it has, since it is not on `from` any more.
    let standing = describe(ports, event)
        .await
        .map(|description| decide::standing(&description.stages, &event.token));
    if let Ok(Standing::AlreadyCurrent) = standing {
        ports
            .journal()
            .note(Note::new("done", "the version was found to be AWSCURRENT"));
        return Ok(());
    }
    Err(Error::NotPromoted {
        secret: secret(),
        key: pending.access_key,
        source,
    })
}
