//! The port for Secrets Manager, without SDK types, and the ways in which a call to AWS fails.

use std::fmt;
use std::time::Duration;

use keyrota_contract::pins::service::CharacterClass;
use secrecy::SecretString;

use crate::arn::SecretArn;
use crate::event::Event;
use crate::moment::Moment;
use crate::stage::{Stages, VersionId};

/// How a call failed, classified by what can be done about it. The error's code and the HTTP
/// status determine the kind. The text of a message never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The resource does not exist: `ResourceNotFoundException`, `NoSuchEntity`.
    NotFound,
    /// The version already has a different value: `ResourceExistsException`.
    Exists,
    /// A quota is exceeded: `LimitExceeded`.
    LimitExceeded,
    /// AWS does not accept the key or its signature: `InvalidClientTokenId`,
    /// `SignatureDoesNotMatch`. This applies to deleted keys, and to very new ones.
    NotAuthenticated,
    /// The caller is not allowed to make the call: `AccessDenied`.
    NotAuthorised,
    /// The value's KMS key cannot decrypt it: `DecryptionFailure`.
    Undecryptable,
    /// AWS is busy with too many requests or a concurrent change. It did not carry out this
    /// request.
    Throttled,
    /// The request was not sent, so it was not carried out.
    Unsent,
    /// No response, or an inconclusive one. The request may have been carried out.
    Unclear,
    /// Any other refusal. The request was not carried out, and a retry would fail too.
    Refused,
}

impl CallErrorKind {
    /// Returns whether the same call may succeed later without intervention.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Unsent | Self::Unclear)
    }

    fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "there is no such resource",
            Self::Exists => "the version has another value already",
            Self::LimitExceeded => "a quota is used up",
            Self::NotAuthenticated => "the key is not accepted",
            Self::NotAuthorised => "it is not allowed",
            Self::Undecryptable => "its KMS key does not decrypt it",
            Self::Throttled => "AWS is busy",
            Self::Unsent => "the endpoint could not be reached",
            Self::Unclear => "no clear answer came",
            Self::Refused => "it was refused",
        }
    }
}

/// A call to AWS that failed.
///
/// The error contains the service's code and the request's ID. It contains a message only if
/// AWS denied access: that message names the principal, the action, and the resource. Other
/// messages can repeat the request. For example, the message of `SignatureDoesNotMatch` repeats
/// the request's headers, which include the session token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CallError {
    /// The action, such as `iam:CreateAccessKey`.
    pub action: &'static str,
    /// The kind of failure.
    pub kind: CallErrorKind,
    /// The service's answer, if there was one.
    pub answer: Option<Box<RefusalDetails>>,
}

/// The parts of a service's refusal that may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalDetails {
    /// The service's error code.
    pub code: Option<String>,
    /// The request's ID.
    pub request_id: Option<String>,
    /// Why the service denied access.
    pub denial: Option<String>,
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed, {}", self.action, self.kind.reason())?;
        let Some(answer) = &self.answer else {
            return Ok(());
        };
        match (&answer.code, &answer.request_id) {
            (Some(code), Some(request)) => write!(formatter, " ({code}, request {request})")?,
            (Some(code), None) => write!(formatter, " ({code})")?,
            (None, Some(request)) => write!(formatter, " (request {request})")?,
            (None, None) => {}
        }
        match &answer.denial {
            Some(denial) => write!(formatter, ": {denial}"),
            None => Ok(()),
        }
    }
}

/// A secret's metadata. Its tags are not included, since other principals can write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The secret's full ARN.
    pub arn: String,
    /// The labels of each version.
    pub stages: Stages,
    /// When the secret was last changed in any way, its labels and tags included.
    pub last_changed: Option<Moment>,
    /// Whether a rotation schedule is set.
    pub rotation_enabled: bool,
    /// When the last successful rotation ended. Secrets Manager discards this when rotation is
    /// turned off.
    pub last_rotated: Option<Moment>,
    /// When the next rotation is due. The date is in the past if rotations fail.
    pub next_rotation: Option<Moment>,
}

/// How late a rotation may be before it is reported. Secrets Manager retries by itself for
/// days.
const OVERDUE: Duration = Duration::from_secs(7 * 86_400);

impl Description {
    /// Returns when AWSCURRENT's credential replaced the one before it. That is the end of the
    /// last rotation. If the version was created later (because someone stored it by hand), or
    /// no rotation is known, it is the time when the version was created.
    pub fn promotion(&self, created: Option<Moment>) -> Option<Moment> {
        self.last_rotated.max(created)
    }

    /// Returns whether a rotation is so late that it must be reported.
    pub fn is_overdue(&self, now: Moment) -> bool {
        let due = self.next_rotation.filter(|_| self.rotation_enabled);
        due.is_some_and(|due| now > due.plus(OVERDUE))
    }
}

/// The value of a version. The type has no `Debug`, because that would show the value.
pub enum StoredValue {
    /// `SecretString`.
    Text(SecretString),
    /// `SecretBinary`.
    Binary,
}

/// A version of a secret and its value.
pub struct StoredVersion {
    /// The version's ID.
    pub version: VersionId,
    /// The version's value.
    pub stored: StoredValue,
    /// When the version was created.
    pub created: Option<Moment>,
}

/// Which version of a secret to read.
#[derive(Clone, Copy, Debug)]
pub enum VersionSelector<'version> {
    /// The version that carries this label.
    Labelled(&'static str),
    /// The version with this ID.
    Version(&'version VersionId),
}

/// Secrets Manager, called with the execution role.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait SecretsManager {
    /// `DescribeSecret`.
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError>;

    /// `GetSecretValue`. If the version is absent or has no value, the error is
    /// [`CallErrorKind::NotFound`].
    async fn read(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError>;

    /// `PutSecretValue` for the event's version. The version receives these labels, and any
    /// other version loses them. The call is sent once.
    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError>;

    /// `UpdateSecretVersionStage`: moves a label from one version to another. Either may be
    /// omitted. Secrets Manager refuses the call if the label is on a version other than
    /// `from`.
    async fn relabel(
        &self,
        secret: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallError>;
}

/// The rules for a random password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRule {
    /// Its length in characters.
    pub length: u16,
    /// The characters that it must not contain.
    pub exclude: String,
    /// The classes of which it must contain a character, besides those that Secrets Manager includes
    /// by itself.
    pub require: Vec<CharacterClass>,
}

/// Secrets Manager's source of random passwords.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Passwords {
    /// `GetRandomPassword`, with at least one character of each type that the rules allow.
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError>;
}
