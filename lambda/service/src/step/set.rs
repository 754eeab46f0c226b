//! `setSecret`: asks the adapter to replace the user's password with the pending version's.
//!
//! A process may die between any two calls, and an answer may be lost, so the step begins by finding
//! out which password the service has. It logs in with these, in order, until one is accepted:
//!
//! 1. AWSPENDING's, if it was sent before: then the change is done;
//! 2. that of a rotation which was interrupted after its password was sent: its version becomes
//!    AWSCURRENT;
//! 3. AWSCURRENT's;
//! 4. AWSPREVIOUS's, and AWSPENDING's if it was not tried.
//!
//! Only a login that the service refuses because of the password leads to the next one. Before the new
//! password is sent, its version receives a label ([`mark`]), so that it cannot be lost.

use std::cell::RefCell;

use keyrota_function_base::password::label::{is_set, label, promote};
use keyrota_function_base::password::version::{WithPassword, nothing_to_set};
use keyrota_function_base::step::unreadable;

use super::outcome::{Attempt, changed, failed};
use super::{
    Admission, abandon, admit, authenticate, current_credential, describe, find, no_login,
    none_works, pending_credential, read, stray, usable,
};
use crate::decide;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::{self, SETTING};
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::service::Service;
use crate::stage::{CURRENT, PENDING, PREVIOUS};

/// What `setSecret` knows after it has read the secret.
struct SetContext<'event> {
    event: &'event Event,
    pin: Pin,
    description: Description,
    pending: Credential,
    /// The versions whose passwords the service has called wrong.
    tried: RefCell<Vec<&'static str>>,
}

impl SetContext<'_> {
    /// Returns whether the service accepts a version's password, or calls it wrong.
    async fn is_accepted<P: Ports>(
        &self,
        ports: &P,
        version: &'static str,
        credential: &Credential,
    ) -> Result<bool, Error> {
        match authenticate(ports, &self.pin, credential).await {
            Ok(()) => Ok(true),
            Err(error) if decide::may_try_another(error.fault) => {
                let mut tried = self.tried.borrow_mut();
                // On a farm, the password of a rotation that was interrupted is tried twice.
                if !tried.contains(&version) {
                    tried.push(version);
                }
                Ok(false)
            }
            Err(error) => Err(no_login(&self.pin, version, error)),
        }
    }

    /// Returns whether the service has the pending password.
    async fn has_pending<P: Ports>(&self, ports: &P) -> Result<bool, Error> {
        self.is_accepted(ports, PENDING, &self.pending).await
    }
}

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        read(ports, event, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description).await? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let current = current_credential(&pin, current?)?;
    let pending = pending?;
    if let Some(reason) = nothing_to_set(&pending, |it| current.has_password_of(it)) {
        ports.journal().note(Note::new("nothing to set", reason));
        return Ok(());
    }
    let pending = match pending_credential("set", &pin, pending) {
        Err(Error::Pin(error)) => {
            return Err(abandon(ports, event, None, stray(&error)).await.into());
        }
        other => other?,
    };
    let context = SetContext {
        event,
        pin,
        description,
        pending,
        tried: RefCell::default(),
    };
    if is_set(&context.description, &event.token) && context.has_pending(ports).await? {
        return keep(ports, &context).await;
    }
    let old = match resume(ports, &context).await? {
        Some(resumed) => Some((SETTING, resumed)),
        None => accepted(ports, &context, current).await?,
    };
    match old {
        Some((version, old)) => change(ports, &context, version, &old).await,
        None => last(ports, &context).await,
    }
}

/// Continues after a rotation that was interrupted after its password was sent. If that password
/// works, this function makes its version AWSCURRENT and returns it.
async fn resume<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
) -> Result<Option<Credential>, Error> {
    let Some(version) = mark::broken_off(&context.description.stages) else {
        return Ok(None);
    };
    let secret = &context.event.secret;
    let found = find(ports, secret, VersionSelector::Version(version)).await?;
    if let Content::Unreadable(problem @ Unreadable::Undecryptable) = found.content {
        // The version may contain the password that works, and the label would be removed from it.
        return Err(unreadable::<Credential>(secret, SETTING, problem).into());
    }
    let Some(credential) = usable(&context.pin, found.content) else {
        return Ok(None);
    };
    let mut accepted = context.is_accepted(ports, SETTING, &credential).await?;
    if !accepted && context.pin.is_farm() {
        // The label is about to move, so this must be certain: another member may have the password.
        let note = Note::new("wait", "the members of a farm learn what was set last");
        ports.journal().note(note);
        ports.clock().sleep(context.pin.propagation).await;
        accepted = context.is_accepted(ports, SETTING, &credential).await?;
    }
    if !accepted {
        return Ok(None);
    }
    let reason = "the service has the password of a rotation that was interrupted";
    ports.journal().note(Note::new("promote", reason));
    promote(ports, secret, &context.description, version).await?;
    Ok(Some(credential))
}

/// Returns AWSCURRENT's credential if the service accepts it, or else AWSPREVIOUS's, with the label.
async fn accepted<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: Credential,
) -> Result<Option<(&'static str, Credential)>, Error> {
    if context.is_accepted(ports, CURRENT, &current).await? {
        return Ok(Some((CURRENT, current)));
    }
    let previous = read(ports, context.event, VersionSelector::Labelled(PREVIOUS)).await?;
    let Some(previous) =
        usable(&context.pin, previous).filter(|previous| !previous.has_password_of(&current))
    else {
        return Ok(None);
    };
    let accepted = context.is_accepted(ports, PREVIOUS, &previous).await?;
    Ok(accepted.then_some((PREVIOUS, previous)))
}

/// Tries the pending password at last, if it was not tried: its label may have been lost.
async fn last<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<(), Error> {
    let untried = !context.tried.borrow().contains(&PENDING);
    if untried && context.has_pending(ports).await? {
        return keep(ports, context).await;
    }
    Err(none_works(&context.pin, &context.tried.borrow()))
}

/// Ends the step if the service has the pending password already.
async fn keep<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<(), Error> {
    let note = Note::new("keep", "the service has the pending password already");
    ports.journal().note(note);
    Ok(label(ports, context.event, &context.description, SETTING).await?)
}

/// Puts the label on the pending version, and asks the adapter to replace the password. `old` is the password that the
/// service has, from this version.
async fn change<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    version: &'static str,
    old: &Credential,
) -> Result<(), Error> {
    label(ports, context.event, &context.description, SETTING).await?;
    let attempt = Attempt {
        event: context.event,
        pin: &context.pin,
        pending: &context.pending,
        old,
        version,
    };
    let (old, new) = (old.password(), context.pending.password());
    let answer = ports.service().change(&context.pin.account, old, new).await;
    match answer {
        Ok(previous) => {
            changed(ports, &context.pin, previous);
            Ok(())
        }
        Err(error) => failed(ports, &attempt, error).await,
    }
}
