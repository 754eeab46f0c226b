//! The four steps of a rotation, over the ports.
//!
//! Secrets Manager retries a failed rotation from the first step or from the failed one, even
//! after the process died at an arbitrary point. Therefore a step assumes nothing about the
//! previous one: it observes, decides, and acts, and its actions are idempotent.

mod advice;
mod caller;
mod clearing;
mod create;
mod finish;
mod intent;
mod mint;
mod probe;
mod proof;
mod room;
mod set;
mod test;
mod trial;

pub(crate) use advice::advice;
pub(crate) use caller::caller;
pub(crate) use proof::authenticates;

pub use keyrota_function_base::clock::Deadline;
pub(crate) use keyrota_function_base::step::describe;

use keyrota_function_base::step::{self as base, Admission, abandon, admit};

use crate::arn::SecretArn;
use crate::decide::{CURRENT, PENDING};
use crate::error::{Error, ReadError};
use crate::event::{Event, Step};
use crate::pin::{self, Pin};
use crate::port::{Ports, VersionSelector};
use crate::secret::{Content, Credential};

/// Carries out the step that the event requests.
///
/// # Errors
///
/// Fails if it is not certain that the step is done. Secrets Manager then retries the rotation,
/// and the credential in AWSCURRENT still works.
pub async fn run<P: Ports>(ports: &P, event: &Event, deadline: Deadline) -> Result<(), Error> {
    match event.step {
        Step::Create => create::run(ports, event, deadline).await,
        Step::Set => set::run(ports, event).await,
        Step::Test => test::run(ports, event, deadline).await,
        Step::Finish => finish::run(ports, event, deadline).await,
    }
}

/// A version of a secret, which may be absent.
pub(crate) type SecretVersion = base::SecretVersion<Credential>;

/// Reads a version of a secret, whose fields have the pinned names.
pub(crate) async fn find<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    which: VersionSelector<'_>,
) -> Result<SecretVersion, ReadError> {
    base::find(ports, secret, which, pin::names(ports.pins(), secret)).await
}

/// Reads the content of a version of the event's secret.
async fn read<P: Ports>(
    ports: &P,
    event: &Event,
    which: VersionSelector<'_>,
) -> Result<Content, ReadError> {
    let found = find(ports, &event.secret, which).await?;
    Ok(found.content)
}

/// Returns the pending version's credential, which must belong to the pinned user.
fn pending_credential(
    purpose: &'static str,
    pin: &Pin,
    content: Content,
) -> Result<Credential, Error> {
    pin.check_present(PENDING, &content)?;
    Ok(base::pending(purpose, &pin.secret, &pin.user, content)?)
}

/// Returns the current version's credential, which must belong to the pinned user.
pub(crate) fn current_credential(pin: &Pin, content: Content) -> Result<Credential, Error> {
    pin.check_present(CURRENT, &content)?;
    Ok(base::current(&pin.secret, content)?)
}
