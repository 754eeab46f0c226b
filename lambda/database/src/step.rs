//! The four steps of a rotation, over the ports.
//!
//! Secrets Manager tries a failed rotation again, from the first step or the
//! one that failed, and may do so after the process died anywhere. So a step
//! assumes nothing of the one before: it observes, decides, acts, and acting
//! twice is acting once.

mod abandon;
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

use crate::arn::SecretArn;
use crate::error::Error;
use crate::event::{Event, Step};
use crate::log::Note;
use crate::moment::Moment;
use crate::pin::Pin;
use crate::port::{CallError, Description, Fault, Journal, Ports, Vault, Which};
use crate::secret::{Content, Credential, Unreadable};
use crate::stage::{self, CURRENT, PENDING, PREVIOUS, Standing, VersionId};
use abandon::abandon;

/// Carries out the step that the event asks for.
///
/// # Errors
///
/// Fails where the step is not certainly done; Secrets Manager then tries the
/// rotation again.
pub async fn run<P: Ports>(ports: &P, event: &Event, deadline: Deadline) -> Result<(), Error> {
    match event.step {
        Step::Create => create::run(ports, event).await,
        Step::Set => set::run(ports, event).await,
        Step::Test => test::run(ports, event, deadline).await,
        Step::Finish => finish::run(ports, event, deadline).await,
    }
}

/// Whether there is anything to do for the event's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Proceed,
    /// The version is AWSCURRENT: the rotation is over.
    Done,
}

/// Lets a step proceed only for a version that is AWSPENDING. One that is
/// AWSPREVIOUS as well was AWSCURRENT before and was replaced by hand: its password
/// is not set once more.
async fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, Error> {
    let secret = event.secret.name().to_owned();
    match stage::standing(&description.stages, &event.token) {
        Standing::Pending
            if stage::carrier(&description.stages, PREVIOUS) == Some(&event.token) =>
        {
            let reason = "its AWSPENDING was AWSCURRENT before and was replaced".to_owned();
            Err(abandon(ports, event, reason).await)
        }
        Standing::Pending => Ok(Admission::Proceed),
        Standing::AlreadyCurrent => {
            ports
                .journal()
                .note(Note::new("done", "the version is AWSCURRENT already"));
            Ok(Admission::Done)
        }
        Standing::NotPending => Err(Error::VersionNotPending { secret }),
        Standing::Unknown { .. } => Err(Error::UnknownVersion { secret }),
    }
}

pub(crate) async fn describe<P: Ports>(
    ports: &P,
    secret: &SecretArn,
) -> Result<Description, Error> {
    ports
        .vault()
        .describe(secret)
        .await
        .map_err(|source| unread(secret, source))
}

/// A version of a secret, as far as there is one.
pub(crate) struct Found {
    /// When it was made.
    pub(crate) created: Option<Moment>,
    /// What it holds.
    pub(crate) content: Content,
}

/// Reads a version of the secret. What is absent or cannot be decrypted is a
/// content of its own; only a call that may succeed later, or that nobody
/// allowed, is an error.
pub(crate) async fn find<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    which: Which<'_>,
) -> Result<Found, Error> {
    let without_value = |content| Found {
        created: None,
        content,
    };
    match ports.vault().read(secret, which).await {
        Ok(found) => Ok(Found {
            created: found.created,
            content: Content::parse(&found.stored),
        }),
        Err(CallError {
            fault: Fault::NotFound,
            ..
        }) => Ok(without_value(Content::Nothing)),
        Err(CallError {
            fault: Fault::Undecryptable,
            ..
        }) => Ok(without_value(Content::Unreadable(
            Unreadable::Undecryptable,
        ))),
        Err(source) => Err(unread(secret, source)),
    }
}

async fn read<P: Ports>(ports: &P, event: &Event, which: Which<'_>) -> Result<Content, Error> {
    let found = find(ports, &event.secret, which).await?;
    Ok(found.content)
}

fn unread(secret: &SecretArn, source: CallError) -> Error {
    Error::SecretUnread {
        secret: secret.name().to_owned(),
        source,
    }
}

/// Returns the pending version's credential, of the pinned user and server.
fn pending_credential(
    purpose: &'static str,
    pin: &Pin,
    content: Content,
) -> Result<Credential, Error> {
    pin.check_present(PENDING, &content)?;
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(Error::ValueUnreadable {
            secret: pin.secret.name().to_owned(),
            version: PENDING,
            problem,
        }),
        Content::Nothing | Content::Partial(_) => Err(Error::PendingIncomplete {
            purpose,
            secret: pin.secret.name().to_owned(),
            username: pin.username.clone(),
        }),
    }
}

/// Returns the current version's credential, of the pinned user and server.
pub(crate) fn current_credential(pin: &Pin, content: Content) -> Result<Credential, Error> {
    pin.check_present(CURRENT, &content)?;
    let secret = pin.secret.name().to_owned();
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(Error::ValueUnreadable {
            secret,
            version: CURRENT,
            problem,
        }),
        Content::Partial(partial) => Err(Error::NotBootstrapped {
            secret,
            missing: partial.missing(),
        }),
        Content::Nothing => Err(Error::NotBootstrapped {
            secret,
            missing: "its value".to_owned(),
        }),
    }
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
        .vault()
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
        .vault()
        .relabel(secret, label, Some(version), None)
        .await;
}
