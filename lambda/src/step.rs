//! The four steps of a rotation, over the ports.
//!
//! Secrets Manager tries a failed rotation again, from the first step or the
//! one that failed, and may do so after the process died anywhere. So a step
//! assumes nothing of the one before: it observes, decides, acts, and acting
//! twice is acting once.

mod abandon;
mod caller;
mod create;
mod finish;
mod intent;
mod mint;
mod probe;
mod proof;
mod set;
mod test;
mod trial;

pub(crate) use caller::caller;
pub(crate) use create::advice;
pub(crate) use proof::authenticates;

pub use keyrota_function_base::clock::Deadline;

use crate::arn::SecretArn;
use crate::decide::{self, Standing, VersionId};
use crate::error::Error;
use crate::event::{Event, Step};
use crate::log::Note;
use crate::moment::Moment;
use crate::pin::Pin;
use crate::port::{CallError, Description, Fault, Journal, Ports, Vault, Which};
use crate::secret::{Content, Credential, Unreadable};

/// Carries out the step that the event asks for.
///
/// # Errors
///
/// Fails where the step is not certainly done; Secrets Manager then tries the
/// rotation again, and what AWSCURRENT holds still works.
pub async fn run<P: Ports>(ports: &P, event: &Event, deadline: Deadline) -> Result<(), Error> {
    match event.step {
        Step::Create => create::run(ports, event, deadline).await,
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

/// Lets a step proceed only for a version that is AWSPENDING.
fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, Error> {
    let secret = event.secret.name().to_owned();
    match decide::standing(&description.stages, &event.token) {
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

async fn describe<P: Ports>(ports: &P, event: &Event) -> Result<Description, Error> {
    describe_secret(ports, &event.secret).await
}

pub(crate) async fn describe_secret<P: Ports>(
    ports: &P,
    secret: &SecretArn,
) -> Result<Description, Error> {
    ports
        .vault()
        .describe(secret)
        .await
        .map_err(|source| unread(secret, source))
}

/// Reads a version of the secret. What is absent or cannot be decrypted is a
/// content of its own; only a call that may succeed later, or that nobody
/// allowed, is an error.
async fn read<P: Ports>(ports: &P, event: &Event, which: Which<'_>) -> Result<Content, Error> {
    read_with_version(ports, event, which)
        .await
        .map(|(_, content)| content)
}

/// Reads a version of the secret, and says which one it was.
async fn read_with_version<P: Ports>(
    ports: &P,
    event: &Event,
    which: Which<'_>,
) -> Result<(Option<VersionId>, Content), Error> {
    find(ports, &event.secret, which)
        .await
        .map(|found| (found.version, found.content))
}

/// A version of a secret, as far as there is one.
pub(crate) struct Found {
    /// Which version it is.
    pub(crate) version: Option<VersionId>,
    /// When it was made.
    pub(crate) created: Option<Moment>,
    /// What it holds.
    pub(crate) content: Content,
}

/// Reads a version of a secret, as [`read`] does.
pub(crate) async fn find<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    which: Which<'_>,
) -> Result<Found, Error> {
    let without_value = |content| Found {
        version: None,
        created: None,
        content,
    };
    match ports.vault().read(secret, which).await {
        Ok(found) => Ok(Found {
            version: Some(found.version),
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

fn unread(secret: &SecretArn, source: CallError) -> Error {
    Error::SecretUnread {
        secret: secret.name().to_owned(),
        source,
    }
}

/// Returns the pending version's credential, of the pinned user.
fn pending_credential(
    purpose: &'static str,
    pin: &Pin,
    content: Content,
) -> Result<Credential, Error> {
    pin.check_present(decide::PENDING, &content)?;
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(Error::ValueUnreadable {
            secret: pin.secret.name().to_owned(),
            version: decide::PENDING,
            problem,
        }),
        Content::Nothing | Content::Partial(_) => Err(Error::PendingIncomplete {
            purpose,
            secret: pin.secret.name().to_owned(),
            user: pin.user.clone(),
        }),
    }
}

/// Returns the current version's credential, of the pinned user.
pub(crate) fn current_credential(pin: &Pin, content: Content) -> Result<Credential, Error> {
    pin.check_present(decide::CURRENT, &content)?;
    let secret = pin.secret.name().to_owned();
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(Error::ValueUnreadable {
            secret,
            version: decide::CURRENT,
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
