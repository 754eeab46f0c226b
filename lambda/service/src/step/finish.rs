//! `finishSecret`: makes the new password AWSCURRENT after a login with it has succeeded in
//! this very step. The step cannot rely on an earlier `testSecret`: anyone who may invoke the
//! function may send this event alone, with a version that was written by hand.
//!
//! AWSPENDING stays where it is: Secrets Manager removes it when the rotation ends, and a
//! removal by this function can make the rotation look failed.

use keyrota_function_base::password::PasswordError;
use keyrota_function_base::password::label::{is_set, promote, unlabel};
use keyrota_function_base::password::version::is_repeated;

use super::test::{prove, test_failed};
use super::{Admission, Deadline, admit, describe, pending_credential, read};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::SETTING;
use crate::metric::Metric;
use crate::pin::Pin;
use crate::port::{Journal, Ports, VersionSelector};
use crate::stage::CURRENT;

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        read(ports, event, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description).await? == Admission::Proceed {
        let pin = Pin::read(ports.pins(), &event.secret, &description)?;
        let current = current?;
        let pending = pending_credential("promote", &pin, pending?)?;
        if is_repeated(&pending, &current) {
            let secret = event.secret.name().to_owned();
            return Err(PasswordError::PendingIsCurrent { secret }.into());
        }
        let proven = prove(ports, &pin, &pending, deadline).await;
        proven.map_err(|source| test_failed(&pin, source))?;
        let note = Note::new("promote", "the new password was set and tested");
        ports.journal().note(note);
        promote(ports, &event.secret, &description, &event.token).await?;
        ports.journal().measure(&[Metric::Rotations(1)]);
    }
    if is_set(&description, &event.token) {
        unlabel(ports, &event.secret, SETTING, &event.token).await;
    }
    Ok(())
}
