//! `finishSecret`: makes the new password AWSCURRENT after a login with it has succeeded in
//! this very step. The step cannot rely on an earlier `testSecret`: anyone who may invoke the
//! function may send this event alone, with a version that was written by hand.
//!
//! AWSPENDING stays where it is: Secrets Manager removes it when the rotation ends, and a
//! removal by this function can make the rotation look failed.

use std::time::Duration;

use super::test::prove;
use super::{Admission, Deadline, admit, describe, find, pending_credential, read, unlabel};
use keyrota_function_base::password::error::PasswordError;
use keyrota_function_base::password::label::{self, is_set};
use keyrota_function_base::password::version::is_repeated;

use crate::arn::SecretArn;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::SETTING;
use crate::metric::Metric;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::stage::{self, VersionId};
use crate::sweep;

/// The time that it normally takes to discard the old password. With less time left, the sweep
/// does it.
const DISCARDING: Duration = Duration::from_secs(10);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        read(ports, event, VersionSelector::Labelled(stage::CURRENT)),
        find(ports, &event.secret, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description).await? == Admission::Done {
        if is_set(&description, &event.token) {
            unlabel(ports, &event.secret, SETTING, &event.token).await;
        }
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let current = current?;
    let pending = pending?;
    let pending = pending_credential("promote", &pin, pending.content)?;
    if is_repeated(&pending, &current) {
        let secret = event.secret.name().to_owned();
        return Err(PasswordError::PendingIsCurrent { secret }.into());
    }
    prove(ports, event, &pin, &current, &pending, deadline).await?;

    let note = Note::new("promote", "the new password was set and tested");
    ports.journal().note(note);
    promote(ports, &event.secret, &description, &event.token).await?;
    ports.journal().measure(&[Metric::Rotations(1)]);
    if is_set(&description, &event.token) {
        unlabel(ports, &event.secret, SETTING, &event.token).await;
    }
    if pin.alternate.is_none()
        && pin.old_password == Some(Duration::ZERO)
        && deadline.remaining_time(ports.clock()) >= DISCARDING
    {
        let promoted = ports.clock().moment();
        if let Err(error) = sweep::discard(ports, &pin, &pending, promoted).await {
            ports.journal().trouble(&event.secret, &error);
        }
    }
    Ok(())
}

/// Makes a version AWSCURRENT.
///
/// # Errors
///
/// Fails if it is not certain that the version is AWSCURRENT.
pub(crate) async fn promote<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    description: &Description,
    version: &VersionId,
) -> Result<(), Error> {
    Ok(label::promote(ports, secret, description, version).await?)
}
