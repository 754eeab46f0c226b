//! `setSecret`: IAM accepts a key as soon as it is created, so there is nothing to set. The step puts
//! the label `KEYROTA_REPLACED` on AWSCURRENT's version, whose key this rotation replaces.
//!
//! The label could have been on the version whose key the previous rotation replaced. That key is
//! gone: a user has two keys at most, and `createSecret` needed its slot.

use super::{Admission, admit, describe};
use crate::decide::{CURRENT, carrier};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::REPLACED;
use crate::pin::Pin;
use crate::port::{Journal, Ports, SecretsManager as _};

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let description = describe(ports, &event.secret).await?;
    if admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    Pin::read(ports.pins(), &event.secret, &description)?;
    let note = Note::new("nothing to set", "IAM accepts a key since it made it");
    ports.journal().note(note);
    let marked = carrier(&description.stages, REPLACED);
    let current = carrier(&description.stages, CURRENT);
    if current.is_none() || marked == current {
        return Ok(());
    }
    let secrets = ports.secrets_manager();
    let moved = secrets.relabel(&event.secret, REPLACED, marked, current);
    if moved.await.is_err() {
        // The old key is only harder to find, and only if someone stores a value by hand.
        let reason = "the version with the old key could not get the label KEYROTA_REPLACED";
        ports.journal().note(Note::new("continue", reason));
    }
    Ok(())
}
