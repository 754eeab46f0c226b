//! What the steps of every rotation do with Secrets Manager: read versions, admit a version,
//! cancel a rotation, and promote a version.

use keyrota_contract::value::names::Names;

use crate::arn::SecretArn;
use crate::error::{ReadError, RequestError};
use crate::event::Event;
use crate::log::{Details, Note};
use crate::moment::Moment;
use crate::port::{Journal, Ports};
use crate::secret::{Content, Credential, Partial, Unreadable};
use crate::secrets_manager::{
    CallError, CallErrorKind, Description, SecretsManager, VersionSelector,
};
use crate::stage::{self, CURRENT, PENDING, VersionId, VersionState};

/// Whether there is work to do for the event's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The rotation is in progress.
    Proceed,
    /// The version is AWSCURRENT: the rotation is complete.
    Done,
}

/// Lets a step proceed only if the version is AWSPENDING.
///
/// # Errors
///
/// Fails if the version is neither AWSPENDING nor AWSCURRENT.
pub fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, RequestError> {
    let secret = event.secret.name().to_owned();
    match stage::version_state(&description.stages, &event.token) {
        VersionState::Pending => Ok(Admission::Proceed),
        VersionState::AlreadyCurrent => {
            ports
                .journal()
                .note(Note::new("done", "the version is AWSCURRENT already"));
            Ok(Admission::Done)
        }
        VersionState::NotPending => Err(RequestError::VersionNotPending { secret }),
        VersionState::Unknown { .. } => Err(RequestError::UnknownVersion { secret }),
    }
}

/// Describes a secret.
///
/// # Errors
///
/// Fails if the call to Secrets Manager fails.
pub async fn describe<P: Ports>(ports: &P, secret: &SecretArn) -> Result<Description, ReadError> {
    let described = ports.secrets_manager().describe(secret).await;
    described.map_err(|source| unread(secret, source))
}

/// Returns the error for a secret that could not be read.
pub fn unread(secret: &SecretArn, source: CallError) -> ReadError {
    ReadError {
        secret: secret.name().to_owned(),
        source,
    }
}

/// A version of a secret, which may be absent.
pub struct SecretVersion<C: Credential> {
    /// The version's ID, if there is one.
    pub version: Option<VersionId>,
    /// When the version was created.
    pub created: Option<Moment>,
    /// The version's content.
    pub content: Content<C>,
}

/// Reads a version of a secret whose fields have these names. A version that is absent or cannot be decrypted is not an
/// error, but a kind of content.
///
/// # Errors
///
/// Fails if the call may succeed later, or was denied.
pub async fn find<P: Ports, C: Credential>(
    ports: &P,
    secret: &SecretArn,
    which: VersionSelector<'_>,
    names: &Names,
) -> Result<SecretVersion<C>, ReadError> {
    let without_value = |content| SecretVersion {
        version: None,
        created: None,
        content,
    };
    match ports.secrets_manager().read(secret, which).await {
        Ok(found) => Ok(SecretVersion {
            version: Some(found.version),
            created: found.created,
            content: Content::parse(&found.stored, names),
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

/// Returns AWSPENDING's credential. `purpose` says what it is needed for, and `user` is the
/// user whose credential it must be.
///
/// # Errors
///
/// Fails if the version contains no credential.
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
/// Fails if the version contains no credential.
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

/// Returns the error for a version that contains something other than a credential.
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

/// The type of the function's own log fields.
type Subject<P> = <<<P as Ports>::Journal as Journal>::Details as Details>::Subject;

/// Cancels a rotation that can never succeed by removing AWSPENDING from the event's version.
/// Returns the error to end the step with.
///
/// A version's value cannot be changed, and Secrets Manager continues with the same version for
/// as long as it is AWSPENDING. If that version has no credential, or one that can never work,
/// each retry fails in the same way until someone removes the label. AWSCURRENT is not
/// affected, and the next rotation begins with a new version.
///
/// In all other cases, the functions leave the removal of AWSPENDING to Secrets Manager. Its
/// removal can make a rotation look failed, which is intended here. Source: `RotateSecret` in
/// the Secrets Manager API reference.
pub async fn abandon<P: Ports>(
    ports: &P,
    event: &Event,
    subject: Option<&Subject<P>>,
    reason: String,
) -> RequestError {
    let note = Note::new("abandon", "what the pending version holds is of no use");
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
/// Fails if it is not certain that the version is AWSCURRENT.
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
    // The label may have moved even though the response was lost. In that case, Secrets Manager
    // refuses a second call, since the label is no longer on `from`.
    let version_state = describe(ports, secret)
        .await
        .map(|description| stage::version_state(&description.stages, version));
    if let Ok(VersionState::AlreadyCurrent) = version_state {
        ports
            .journal()
            .note(Note::new("done", "the version was found to be AWSCURRENT"));
        return Ok(());
    }
    Err(source)
}
