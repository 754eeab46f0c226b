//! `setSecret`: IAM accepts a key from the moment it makes it, so there is
//! nothing to set. The step checks that there is a credential to go on with.

use super::{Admission, admit, current_credential, describe, pending_credential, read};
use crate::decide::CURRENT;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports, Which};

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
    current_credential(&pin, current?)?;
    let pending = pending_credential("set", &pin, pending?)?;
    ports.journal().note(
        Note::new("nothing to set", "IAM accepts the key since it made it")
            .about(&pending.access_key),
    );
    Ok(())
}
