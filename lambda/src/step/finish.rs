//! `finishSecret`: the new key becomes AWSCURRENT, once it has authenticated in this
//! very step. That `testSecret` ran before cannot be relied on: anyone who may invoke
//! the function may send this event alone, with a version that was written by hand.
//!
//! AWSPENDING is left where it is: Secrets Manager removes it when the rotation
//! ends, and removing it by a call of our own can make it look failed. The old
//! key is AWSPREVIOUS now, and clients may still hold it: it is left too, except
//! where the manifest has it go at once.

use std::time::Duration;

use super::intent;
use super::trial::{Trial, authenticate};
use super::{
    Admission, Deadline, Found, admit, current_credential, describe, find, pending_credential,
};
use keyrota_function_base::step;

use crate::decide::{CURRENT, PREVIOUS};
use crate::error::{Error, Unread};
use crate::event::Event;
use crate::log::Note;
use crate::metric::Metric;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, Which};
use crate::retire::{Policy, Timetable, Use};
use crate::secret::{Content, Credential};
use crate::sweep::{self, Succession};

/// The time that retiring the old key takes in ordinary times. With less left,
/// it is left to the sweep.
const RETIRING: Duration = Duration::from_secs(5);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        find(ports, &event.secret, Which::Labelled(CURRENT)),
        find(ports, &event.secret, Which::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description)? == Admission::Done {
        // What the step is for is done, so what is wrong now is only reported.
        let retired = retire_again(ports, event, &description, current).await;
        report(ports, event, retired);
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let current = current?;
    pin.check_present(CURRENT, &current.content)?;
    let pending = pending?;
    let pending = pending_credential("promote", &pin, pending.content)?;
    if let Content::Complete(current) = &current.content
        && current.access_key == pending.access_key
    {
        return Err(Error::PendingIsCurrent {
            secret: event.secret.name().to_owned(),
            key: pending.access_key,
        });
    }

    let trial = Trial {
        event,
        pin: &pin,
        current: &current.content,
        pending: &pending,
    };
    authenticate(ports, deadline, &trial).await?;
    // The key is stored, so that no intent has a key to explain any more. One
    // that stood would explain a key that somebody makes by hand in this minute.
    let (promoted, ()) = tokio::join!(
        promote(ports, event, &description, &pending),
        intent::clear(ports, &pin)
    );
    promoted?;
    ports.journal().measure(&[Metric::Rotations(1)]);
    if let Some(timetable) = at_once(&pin)
        && deadline.remaining_time(ports.clock()) >= RETIRING
    {
        let retired = retire(ports, event, &pin, timetable, &pending, current).await;
        report(ports, event, retired);
    }
    Ok(())
}

/// Makes the version AWSCURRENT.
async fn promote<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    pending: &Credential,
) -> Result<(), Error> {
    let note = Note::new("promote", "the new key is complete and was tested");
    ports.journal().note(note.about(&pending.access_key));
    step::promote(ports, &event.secret, description, &event.token)
        .await
        .map_err(|source| Error::NotPromoted {
            secret: event.secret.name().to_owned(),
            key: pending.access_key.clone(),
            source,
        })
}

/// Returns the times of the old key, where it is deactivated at once.
fn at_once(pin: &Pin) -> Option<Timetable> {
    match pin.old_key {
        Policy::Timed(timetable) if timetable.deactivate_after.is_zero() => Some(timetable),
        _ => None,
    }
}

/// Retires the key that this very step has replaced.
async fn retire<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    timetable: Timetable,
    promoted: &Credential,
    replaced: Found,
) -> Result<(), Error> {
    let Some((previous_version, previous)) = sweep::credential_of(pin, replaced) else {
        return Ok(());
    };
    let succession = Succession {
        pin,
        current: promoted,
        current_version: &event.token,
        previous: &previous,
        previous_version: &previous_version,
        promoted: ports.clock().moment(),
        timetable,
    };
    sweep::retire(ports, &succession, Use::None).await.map(drop)
}

/// Retires the key that an earlier try of this step has replaced, whose process
/// may have died before it came to that.
async fn retire_again<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    current: Result<Found, Unread>,
) -> Result<(), Error> {
    let pin = Pin::read(ports.pins(), &event.secret, description)?;
    let Some(timetable) = at_once(&pin) else {
        return Ok(());
    };
    let previous = find(ports, &event.secret, Which::Labelled(PREVIOUS)).await?;
    let current = current?;
    let created = current.created;
    let credential = current_credential(&pin, current.content)?;
    let Some((previous_version, previous)) = sweep::credential_of(&pin, previous) else {
        return Ok(());
    };
    // Secrets Manager notes the end of a rotation when its last step is done.
    // Once it has, the old key may be held for a client.
    let (promoted, used) = match description.last_rotated {
        Some(ended) if created.is_some_and(|created| ended >= created) => (ended, Use::Unread),
        _ => (ports.clock().moment(), Use::None),
    };
    let succession = Succession {
        pin: &pin,
        current: &credential,
        current_version: &event.token,
        previous: &previous,
        previous_version: &previous_version,
        promoted,
        timetable,
    };
    sweep::retire(ports, &succession, used).await.map(drop)
}

/// Says what kept the old key from going. The step is done all the same, and the
/// sweep does the rest.
fn report<P: Ports>(ports: &P, event: &Event, retired: Result<(), Error>) {
    if let Err(error) = retired {
        ports.journal().trouble(&event.secret, &error);
    }
}
