//! `setSecret`: IAM accepts a key as soon as it is created, so there is nothing to set, and
//! nothing to read except the version's state.

use super::{Admission, admit, describe};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports};

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let description = describe(ports, &event.secret).await?;
    if admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    Pin::read(ports.pins(), &event.secret, &description)?;
    let note = Note::new("nothing to set", "IAM accepts a key since it made it");
    ports.journal().note(note);
    Ok(())
}
