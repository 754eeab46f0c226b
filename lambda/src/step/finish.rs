//! `finishSecret`: makes the new key AWSCURRENT after it has authenticated in this very step.
//! The step cannot rely on an earlier `testSecret`: anyone who may invoke the function may send
//! this event alone, with a version that was written by hand.
//!
//! AWSPENDING stays where it is: Secrets Manager removes it when the rotation ends, and a
//! removal by this function can make the rotation look failed. The old key is AWSPREVIOUS now,
//! and clients may still hold it. It stays too, unless the manifest retires it immediately.

use std::time::Duration;

use super::clearing;
use super::intent;
use super::trial::{Trial, authenticate};
use super::{
    Admission, Deadline, SecretVersion, admit, current_credential, describe, find,
    pending_credential,
};
use keyrota_function_base::step;

use crate::decide::{CURRENT, PREVIOUS};
use crate::error::{Error, ReadError};
use crate::event::Event;
use crate::log::Note;
use crate::metric::Metric;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::retire::{KeyUse, OldKeyPolicy, Timetable};
use crate::secret::{Content, Credential};
use crate::sweep::{self, Succession};

/// The time that it normally takes to retire the old key. With less time left, the sweep does
/// it.
const RETIRING: Duration = Duration::from_secs(5);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        find(ports, &event.secret, VersionSelector::Labelled(CURRENT)),
        find(ports, &event.secret, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description)? == Admission::Done {
        // The step's purpose is fulfilled, so further failures are only reported.
        let retired = retire_again(ports, event, &description, current).await;
        report(ports, event, retired);
        return Ok(());
    }
    if clearing::is_announced(&description) {
        return Err(clearing::give_up(ports, event).await);
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
    // The key is stored, so there is no key left for an intent to explain. An intent that
    // remained would explain a key that someone creates by hand in this minute.
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

/// Returns the times of the old key, if it is deactivated immediately.
fn at_once(pin: &Pin) -> Option<Timetable> {
    match pin.old_key {
        OldKeyPolicy::Timed(timetable) if timetable.deactivate_after.is_zero() => Some(timetable),
        _ => None,
    }
}

/// Retires the key that this run of the step has replaced.
async fn retire<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    timetable: Timetable,
    promoted: &Credential,
    replaced: SecretVersion,
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
        previous_label: PREVIOUS,
        promoted: ports.clock().moment(),
        timetable,
    };
    sweep::retire(ports, &succession, KeyUse::None)
        .await
        .map(drop)
}

/// Retires the key that an earlier run of this step has replaced. The process of that run may
/// have died before it retired the key.
async fn retire_again<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    current: Result<SecretVersion, ReadError>,
) -> Result<(), Error> {
    let pin = Pin::read(ports.pins(), &event.secret, description)?;
    let Some(timetable) = at_once(&pin) else {
        return Ok(());
    };
    let previous = find(ports, &event.secret, VersionSelector::Labelled(PREVIOUS)).await?;
    let current = current?;
    let created = current.created;
    let credential = current_credential(&pin, current.content)?;
    let Some((previous_version, previous)) = sweep::credential_of(&pin, previous) else {
        return Ok(());
    };
    // Secrets Manager records the end of a rotation when its last step is done. After that, the
    // old key may be held back for a client.
    let (promoted, used) = match description.last_rotated {
        Some(ended) if created.is_some_and(|created| ended >= created) => (ended, KeyUse::Unread),
        _ => (ports.clock().moment(), KeyUse::None),
    };
    let succession = Succession {
        pin: &pin,
        current: &credential,
        current_version: &event.token,
        previous: &previous,
        previous_version: &previous_version,
        previous_label: PREVIOUS,
        promoted,
        timetable,
    };
    sweep::retire(ports, &succession, used).await.map(drop)
}

/// Records why the old key was not retired. The step succeeds anyway, and the sweep does the
/// rest.
fn report<P: Ports>(ports: &P, event: &Event, retired: Result<(), Error>) {
    if let Err(error) = retired {
        ports.journal().trouble(&event.secret, &error);
    }
}
