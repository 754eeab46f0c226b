//! The four steps of a rotation, over the ports.
//!
//! Secrets Manager tries a failed rotation again, from the first step or the
//! one that failed, and may do so after the process died anywhere. So a step
//! assumes nothing of the one before: it observes, decides, acts, and acting
//! twice is acting once.

mod administrator;
mod create;
mod finish;
mod login;
mod set;
mod test;

pub(crate) use administrator::administrator;
pub(crate) use finish::promote;
pub(crate) use login::{advice, authenticate, no_login, server};

pub use keyrota_function_base::clock::Deadline;
pub(crate) use keyrota_function_base::step::{describe, find};

use keyrota_function_base::step::{self as base, Admission, abandon};

use crate::arn::SecretArn;
use crate::error::{Error, Unread};
use crate::event::{Event, Step};
use crate::pin::{Pin, PinError};
use crate::port::{Description, Ports, SecretsManager, Which};
use crate::secret::{Content, Credential};
use crate::stage::{self, CURRENT, PENDING, PREVIOUS, VersionId};

/// Carries out the step that the event asks for.
///
/// # Errors
///
/// Fails if the step is not certainly done; Secrets Manager then tries the
/// rotation again.
pub async fn run<P: Ports>(ports: &P, event: &Event, deadline: Deadline) -> Result<(), Error> {
    match event.step {
        Step::Create => create::run(ports, event).await,
        Step::Set => set::run(ports, event).await,
        Step::Test => test::run(ports, event, deadline).await,
        Step::Finish => finish::run(ports, event, deadline).await,
    }
}

/// Lets a step proceed only for a version that is AWSPENDING. One that is
/// AWSPREVIOUS as well was AWSCURRENT before and was replaced by hand: its password
/// is not set once more.
async fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, Error> {
    let admission = base::admit(ports, event, description)?;
    let was_current = stage::carrier(&description.stages, PREVIOUS) == Some(&event.token);
    if admission == Admission::Proceed && was_current {
        let reason = "its AWSPENDING was AWSCURRENT before and was replaced".to_owned();
        return Err(abandon(ports, event, None, reason).await.into());
    }
    Ok(admission)
}

/// Returns why a pending version that does not agree with the pin is of no use.
/// Nothing was sent anywhere for it, and it cannot be corrected.
fn stray(error: &PinError) -> String {
    match error {
        PinError::Stray { version, field, .. } => {
            format!("the `{field}` of its {version} is not what the manifest says")
        }
        other => other.to_string(),
    }
}

/// Reads what a version of the event's secret contains.
async fn read<P: Ports>(ports: &P, event: &Event, which: Which<'_>) -> Result<Content, Unread> {
    let found = find(ports, &event.secret, which).await?;
    Ok(found.content)
}

/// Returns the pending version's credential, of the pinned user and server.
fn pending_credential(
    purpose: &'static str,
    pin: &Pin,
    content: Content,
) -> Result<Credential, Error> {
    pin.check_present(PENDING, &content)?;
    Ok(base::pending(purpose, &pin.secret, &pin.username, content)?)
}

/// Returns the current version's credential, of the pinned user and server.
pub(crate) fn current_credential(pin: &Pin, content: Content) -> Result<Credential, Error> {
    pin.check_present(CURRENT, &content)?;
    Ok(base::current(&pin.secret, content)?)
}

/// Returns the credential of a version that a login may be tried with: one of the
/// pinned user and server. Another says nothing of these.
pub(crate) fn usable(pin: &Pin, content: Content) -> Option<Credential> {
    match content {
        Content::Complete(credential) => pin
            .check("version", &credential)
            .is_ok()
            .then_some(credential),
        _ => None,
    }
}

/// Whether a version repeats the current password.
fn is_repeated(pending: &Credential, current: &Content) -> bool {
    matches!(current, Content::Complete(current) if pending.has_password_of(current))
}

/// Puts a label on a version, wherever it is.
async fn label<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    label: &'static str,
) -> Result<(), Error> {
    let carrier = stage::carrier(&description.stages, label);
    if carrier == Some(&event.token) {
        return Ok(());
    }
    ports
        .secrets_manager()
        .relabel(&event.secret, label, carrier, Some(&event.token))
        .await
        .map_err(|source| Error::NotWrittenDown {
            secret: event.secret.name().to_owned(),
            source,
        })
}

/// Takes a label from a version. One that stays does no harm there.
pub(crate) async fn unlabel<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    label: &'static str,
    version: &VersionId,
) {
    let _ = ports
        .secrets_manager()
        .relabel(secret, label, Some(version), None)
        .await;
}
