//! `finishSecret`: the new key becomes AWSCURRENT.
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
use crate::arn::SecretArn;
use crate::decide::{self, CURRENT, PREVIOUS, Standing};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark;
use crate::metric::Metric;
use crate::moment::Moment;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, Vault, Which};
use crate::retire::{Policy, Timetable, Use};
use crate::secret::{Content, Credential};
use crate::sweep::{self, Succession};
use crate::tag;

/// The time that retiring the old key takes in ordinary times. With less left,
/// it is left to the sweep.
const RETIRING: Duration = Duration::from_secs(5);

/// How long the test of a new key is good for. Secrets Manager calls this step
/// right after `testSecret`; but where this step failed it may be tried again
/// by itself much later, when the key may have been deleted by hand meanwhile.
const FRESH: Duration = Duration::from_secs(300);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, event),
        find(ports, &event.secret, Which::Labelled(CURRENT)),
        find(ports, &event.secret, Which::Version(&event.token)),
    );
    let description = description?;
    let timetable = at_once(ports, &event.secret, &description);
    if admit(ports, event, &description)? == Admission::Done {
        if let Some(timetable) = timetable {
            let retired = retire_again(ports, event, &description, timetable, current).await;
            report(ports, event, retired);
        }
        return Ok(());
    }
    let pin = Pin::read(&event.secret, &description)?;
    let current = current?;
    pin.check_present(CURRENT, &current.content)?;
    let pending = pending?;
    let tested = is_fresh(ports, pending.created);
    let pending = pending_credential("promote", &pin, pending.content)?;
    if let Content::Complete(current) = &current.content
        && current.access_key == pending.access_key
    {
        return Err(Error::PendingIsCurrent {
            secret: event.secret.name().to_owned(),
            key: pending.access_key,
        });
    }

    if !tested {
        let trial = Trial {
            event,
            pin: &pin,
            current: &current.content,
            pending: &pending,
        };
        authenticate(ports, deadline, &trial).await?;
    }
    // The key is stored, so that no intent has a key to explain any more. One
    // that stood would explain a key that somebody makes by hand in this minute.
    let intents = mark::intents(&description.stages);
    let (promoted, ()) = tokio::join!(
        promote(ports, event, &description, &pending),
        intent::take_away(ports, &event.secret, &intents)
    );
    promoted?;
    ports.journal().measure(&[Metric::Rotations(1)]);
    if let Some(timetable) = timetable
        && deadline.left(ports.clock()) >= RETIRING
    {
        let retired = retire(ports, event, &pin, timetable, &pending, current).await;
        report(ports, event, retired);
    }
    Ok(())
}

/// Whether a version is so new that its key was tested just now.
fn is_fresh<P: Ports>(ports: &P, created: Option<Moment>) -> bool {
    created.is_some_and(|created| ports.clock().moment().since(created) < FRESH)
}

/// Makes the version AWSCURRENT.
async fn promote<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    pending: &Credential,
) -> Result<(), Error> {
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
        secret: event.secret.name().to_owned(),
        key: pending.access_key.clone(),
        source,
    })
}

/// Returns when the old key goes, where that begins at once. A tag that makes
/// no sense is no reason to break off a rotation; the sweep fails on it.
fn at_once<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    description: &Description,
) -> Option<Timetable> {
    match tag::old_key(secret, description) {
        Ok(Policy::Timed(timetable)) if timetable.deactivate_after.is_zero() => Some(timetable),
        Ok(_) => None,
        Err(error) => {
            ports.journal().trouble(secret, &error.into());
            None
        }
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
    let Some((previous_version, previous)) = sweep::key_of(pin, replaced) else {
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
    timetable: Timetable,
    current: Result<Found, Error>,
) -> Result<(), Error> {
    let previous = find(ports, &event.secret, Which::Labelled(PREVIOUS)).await?;
    let pin = Pin::read(&event.secret, description)?;
    let current = current?;
    let created = current.created;
    let credential = current_credential(&pin, current.content)?;
    let Some((previous_version, previous)) = sweep::key_of(&pin, previous) else {
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
