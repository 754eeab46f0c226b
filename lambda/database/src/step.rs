//! The four steps of a rotation, over the ports.
//!
//! Secrets Manager retries a failed rotation from the first step or from the failed one, even
//! after the process died at an arbitrary point. Therefore a step assumes nothing about the
//! previous one: it observes, decides, and acts, and its actions are idempotent.

pub(crate) mod accounts;
mod administrator;
mod advice;
mod alternate;
mod create;
mod current;
mod finish;
mod login;
mod outcome;
mod prepare;
mod replaced;
mod set;
mod test;

pub(crate) use administrator::{Administrator, administrator};
pub(crate) use finish::promote;
pub(crate) use login::{
    advice, advice_on_change, authenticate, no_login, none_works, server, without_database,
};
pub(crate) use prepare::complete;

pub use keyrota_function_base::clock::Deadline;
pub(crate) use keyrota_function_base::password::label::unlabel;
pub(crate) use keyrota_function_base::step::describe;

use keyrota_function_base::password::admit::admit;
use keyrota_function_base::password::label::label;
use keyrota_function_base::step::{self as base, Admission, abandon};

use crate::arn::SecretArn;
use crate::error::{Error, ReadError};
use crate::event::{Event, Step};
use crate::pin::{self, Pin, PinError};
use crate::port::{Ports, VersionSelector};
use crate::secret::{Content, Credential};
use crate::stage::{CURRENT, PENDING};

/// Carries out the step that the event requests.
///
/// # Errors
///
/// Fails if it is not certain that the step is done. Secrets Manager then retries the rotation.
pub async fn run<P: Ports>(ports: &P, event: &Event, deadline: Deadline) -> Result<(), Error> {
    match event.step {
        Step::Create => create::run(ports, event).await,
        Step::Set => set::run(ports, event).await,
        Step::Test => test::run(ports, event, deadline).await,
        Step::Finish => finish::run(ports, event, deadline).await,
    }
}

/// Returns why a pending version that does not agree with the pin cannot be used. Nothing was
/// sent for this version, and its value cannot be corrected.
fn stray(error: &PinError) -> String {
    match error {
        PinError::Stray { version, field, .. } => {
            format!("the `{field}` of its {version} is not what the manifest says")
        }
        other => other.to_string(),
    }
}

/// Returns why a pending version of the user that AWSCURRENT names cannot be used, if two users
/// alternate. Its value cannot be corrected, and clients log in as that user.
fn is_current(pin: &Pin, pending: &Credential) -> String {
    let username = pin.user_of(pending);
    format!("its AWSPENDING is of {username}, the user that AWSCURRENT names too")
}

/// A version of a secret, which may be absent.
type SecretVersion = base::SecretVersion<Credential>;

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

/// Returns the pending version's credential, which must belong to the pinned user and server.
fn pending_credential(
    purpose: &'static str,
    pin: &Pin,
    content: Content,
) -> Result<Credential, Error> {
    pin.check_present(PENDING, &content)?;
    Ok(base::pending(purpose, &pin.secret, &pin.username, content)?)
}

/// Returns the current version's credential, which must belong to the pinned user and server.
pub(crate) fn current_credential(pin: &Pin, content: Content) -> Result<Credential, Error> {
    pin.check_present(CURRENT, &content)?;
    Ok(base::current(&pin.secret, content)?)
}

/// Returns the credential of a version if a login may be tried with it: it must belong to the
/// pinned user and server. Any other credential says nothing about these.
pub(crate) fn usable(pin: &Pin, content: Content) -> Option<Credential> {
    match content {
        Content::Complete(credential) => pin
            .check("version", &credential)
            .is_ok()
            .then_some(credential),
        _ => None,
    }
}
