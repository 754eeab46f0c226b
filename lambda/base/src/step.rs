//! What the steps of every rotation do with Secrets Manager: read versions, admit a version,
//! give a rotation up, and promote.

use crate::arn::SecretArn;
use crate::error::{RequestError, Unread};
use crate::event::Event;
use crate::log::{Details, Note};
use crate::moment::Moment;
use crate::port::{Journal, Ports};
use crate::secret::{Content, Credential, Partial, Unreadable};
use crate::secrets_manager::{CallError, CallErrorKind, Description, SecretsManager, Which};
use crate::stage::{self, CURRENT, PENDING, Standing, VersionId};

/// Whether there is anything to do for the event's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The rotation is under way.
    Proceed,
    /// The version is AWSCURRENT: the rotation is over.
    Done,
}

/// Lets a step proceed only for a version that is AWSPENDING.
///
/// # Errors
///
/// Fails where the version is neither AWSPENDING nor AWSCURRENT.
pub fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, RequestError> {
    let secret = event.secret.name().to_owned();
    match stage::standing(&description.stages, &event.token) {
        Standing::Pending => Ok(Admission::Proceed),
        Standing::AlreadyCurrent => {
            ports
                .journal()
                .note(Note::new("done", "the version is AWSCURRENT already"));
            Ok(Admission::Done)
        }
        Standing::NotPending => Err(RequestError::VersionNotPending { secret }),
        Standing::Unknown { .. } => Err(RequestError::UnknownVersion { secret }),
    }
}

/// Describes a secret.
///
/// # Errors
///
/// Fails where Secrets Manager does not answer.
pub async fn describe<P: Ports>(ports: &P, secret: &SecretArn) -> Result<Description, Unread> {
    let described = ports.secrets_manager().describe(secret).await;
    described.map_err(|source| unread(secret, source))
}

/// Returns the error for a secret that was not read.
pub fn unread(secret: &SecretArn, source: CallError) -> Unread {
    Unread {
        secret: secret.name().to_owned(),
        source,
    }
}

/// A version of a secret, as far as there is one.
pub struct Found<C: Credential> {
    /// Which version it is.
    pub version: Option<VersionId>,
    /// When it was made.
    pub created: Option<Moment>,
    /// What it contains.
    pub content: Content<C>,
}

/// Reads a version of a secret. What is absent or cannot be decrypted is a content of its own.
///
/// # Errors
///
/// Fails where the call may succeed later, or was not allowed.
pub async fn find<P: Ports, C: Credential>(
    ports: &P,
    secret: &SecretArn,
    which: Which<'_>,
) -> Result<Found<C>, Unread> {
    let without_value = |content| Found {
        version: None,
        created: None,
        content,
    };
    match ports.secrets_manager().read(secret, which).await {
        Ok(found) => Ok(Found {
            version: Some(found.version),
            created: found.created,
            content: Content::parse(&found.stored),
        }),
        Err(CallError {
            kind: CallErrorKind::NotFound,
            ..
        }) => Ok(without_value(Content::Nothing)),
        Err(CallError {
            kind: CallErrorKind::Undecryptable,
            ..
        }) => Ok(without_value(Content::Unreadable(
            Unreadable::Undecryptable,
        ))),
        Err(source) => Err(unread(secret, source)),
    }
}

/// Returns AWSPENDING's credential. `purpose` says what it is needed for, and `user` whose
/// credential it has to be.
///
/// # Errors
///
/// Fails where the version contains none.
pub fn pending<C: Credential>(
    purpose: &'static str,
    secret: &SecretArn,
    user: &str,
    content: Content<C>,
) -> Result<C, RequestError> {
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(unreadable::<C>(secret, PENDING, problem)),
        Content::Nothing | Content::Partial(_) => Err(RequestError::PendingIncomplete {
            purpose,
            secret: secret.name().to_owned(),
            user: user.to_owned(),
        }),
    }
}

/// Returns AWSCURRENT's credential.
///
/// # Errors
///
/// Fails where the version contains none.
pub fn current<C: Credential>(secret: &SecretArn, content: Content<C>) -> Result<C, RequestError> {
    let not_bootstrapped = |missing| RequestError::NotBootstrapped {
        secret: secret.name().to_owned(),
        credential: C::NOUN,
        missing,
    };
    match content {
        Content::Complete(credential) => Ok(credential),
        Content::Unreadable(problem) => Err(unreadable::<C>(secret, CURRENT, problem)),
        Content::Partial(partial) => Err(not_bootstrapped(partial.missing())),
        Content::Nothing => Err(not_bootstrapped("its value".to_owned())),
    }
}

/// Returns the error for a version that contains something that is not a credential.
pub fn unreadable<C: Credential>(
    secret: &SecretArn,
    version: &'static str,
    problem: Unreadable,
) -> RequestError {
    RequestError::ValueUnreadable {
        secret: secret.name().to_owned(),
        version,
        problem,
        fields: C::FIELDS,
    }
}

/// What the notes of a function can be about.
type Subject<P> = <<<P as Ports>::Journal as Journal>::Details as Details>::Subject;

/// Gives up a rotation that can never end: removes AWSPENDING from the event's version. Returns
/// the error to end with.
///
/// A version's value cannot be changed, and Secrets Manager goes on with the same version for as
/// long as it is AWSPENDING. So where that version's credential can never work, or it has none,
/// each retry fails alike until somebody removes the label. AWSCURRENT is untouched, and the next
/// rotation begins with a version of its own.
///
/// Otherwise AWSPENDING is Secrets Manager's to remove; that its removal can make a rotation look
/// failed is meant here. Source: `RotateSecret` in the Secrets Manager API reference.
pub async fn abandon<P: Ports>(
    ports: &P,
    event: &Event,
    subject: Option<&Subject<P>>,
    reason: String,
) -> RequestError {
    let note = Note::new("give up", "what the pending version holds is of no use");
    ports.journal().note(match subject {
        Some(subject) => note.about(subject),
        None => note,
    });
    let secret = event.secret.name().to_owned();
    let removed = ports
        .secrets_manager()
        .relabel(&event.secret, PENDING, Some(&event.token), None)
        .await;
    match removed {
        Ok(()) => RequestError::GivenUp { secret, reason },
        Err(source) => RequestError::NotGivenUp {
            secret,
            reason,
            source,
        },
    }
}

/// Makes a version AWSCURRENT.
///
/// # Errors
///
/// Fails where it is not certainly that.
pub async fn promote<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    description: &Description,
    version: &VersionId,
) -> Result<(), CallError> {
    let from = stage::carrier(&description.stages, CURRENT);
    let Err(source) = ports
        .secrets_manager()
        .relabel(secret, CURRENT, from, Some(version))
        .await
    else {
        return Ok(());
    };
    // The label may have moved although the answer was lost; and a second call
    // is refused once it has, since it is not on `from` any more.
    let standing = describe(ports, secret)
        .await
        .map(|description| stage::standing(&description.stages, version));
    if let Ok(Standing::AlreadyCurrent) = standing {
        ports
            .journal()
            .note(Note::new("done", "the version was found to be AWSCURRENT"));
        return Ok(());
    }
    Err(source)
}
