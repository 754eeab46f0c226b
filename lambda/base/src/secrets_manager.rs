//! What a function needs of Secrets Manager, without a type of any SDK, and how
//! a call to AWS fails.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::arn::SecretArn;
use crate::event::Event;
use crate::moment::Moment;
use crate::stage::{Stages, VersionId};

/// How a call failed, by what can be done about it. A kind is told by the
/// error's code and the HTTP status, never by the text of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// There is no such thing: `ResourceNotFoundException`, `NoSuchEntity`.
    NotFound,
    /// The version has another value already: `ResourceExistsException`.
    Exists,
    /// A quota is used up: `LimitExceeded`.
    LimitExceeded,
    /// The key or its signature is not accepted: `InvalidClientTokenId`,
    /// `SignatureDoesNotMatch`. True of dead keys and of very new ones.
    NotAuthenticated,
    /// The caller may not: `AccessDenied`.
    NotAuthorised,
    /// The value's KMS key does not decrypt it: `DecryptionFailure`.
    Undecryptable,
    /// AWS is busy, with too many requests or another change; this request was
    /// not carried out.
    Throttled,
    /// The request did not get out; it was not carried out.
    Unsent,
    /// No answer, or one that does not say: it may have been carried out.
    Unclear,
    /// Any other refusal. It was not carried out, nor would the next one be.
    Refused,
}

impl CallErrorKind {
    /// Whether the same call may succeed later without anyone's help.
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
/// It carries the error's code and the request's ID, and a message only where
/// AWS denied access: that message names principal, action and resource. Other
/// messages can repeat what was sent; `SignatureDoesNotMatch` repeats the
/// request's headers, the session token among them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CallError {
    /// The action, such as `iam:CreateAccessKey`.
    pub action: &'static str,
    /// What may be done about it.
    pub kind: CallErrorKind,
    /// What the service said, if it answered.
    pub answer: Option<Box<Answer>>,
}

/// What may be shown of a service's refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The service's own code.
    pub code: Option<String>,
    /// The service's ID of the request.
    pub request_id: Option<String>,
    /// Why access was denied.
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

/// A secret's metadata. Its tags are not among it: others can write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The secret's full ARN.
    pub arn: String,
    /// Which labels each version carries.
    pub stages: Stages,
    /// Whether rotations are scheduled.
    pub rotation_enabled: bool,
    /// When the last rotation ended well. Secrets Manager forgets it where
    /// rotation is turned off.
    pub last_rotated: Option<Moment>,
    /// By when the next one is due; in the past, where it fails.
    pub next_rotation: Option<Moment>,
}

/// How long a rotation may be late before somebody is told. Secrets Manager
/// tries for days by itself.
const OVERDUE: Duration = Duration::from_secs(7 * 86_400);

impl Description {
    /// Returns when AWSCURRENT's credential took the place of the one before: at
    /// the end of the last rotation, or when its version was made where that is
    /// later (it was stored by hand) or all that is known.
    pub fn promotion(&self, created: Option<Moment>) -> Option<Moment> {
        self.last_rotated.max(created)
    }

    /// Whether a rotation is so late that somebody has to be told.
    pub fn is_overdue(&self, now: Moment) -> bool {
        let due = self.next_rotation.filter(|_| self.rotation_enabled);
        due.is_some_and(|due| now > due.plus(OVERDUE))
    }
}

/// What a version holds. It has no `Debug`, which would show it.
pub enum Stored {
    /// `SecretString`.
    Text(SecretString),
    /// `SecretBinary`.
    Binary,
}

/// A version of a secret with what it holds.
pub struct StoredVersion {
    /// The version's ID.
    pub version: VersionId,
    /// What it holds.
    pub stored: Stored,
    /// When it was made.
    pub created: Option<Moment>,
}

/// Which version of a secret to read.
#[derive(Clone, Copy, Debug)]
pub enum Which<'version> {
    /// The one that carries this label.
    Labelled(&'static str),
    /// This one.
    Version(&'version VersionId),
}

/// Secrets Manager. Its calls are made with the function's role.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait SecretsManager {
    /// `DescribeSecret`.
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError>;

    /// `GetSecretValue`. A version that is absent or has no value is
    /// [`CallErrorKind::NotFound`].
    async fn read(&self, secret: &SecretArn, which: Which<'_>) -> Result<StoredVersion, CallError>;

    /// `PutSecretValue` of the event's version, which gets these labels and
    /// takes them from any other. It is sent once.
    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError>;

    /// `UpdateSecretVersionStage`: takes a label from one version and puts it
    /// on another; either may be left out. Secrets Manager refuses it where the
    /// label is on a version that is not `from`.
    async fn relabel(
        &self,
        secret: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallError>;
}

/// What a random password looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRule {
    /// How many characters it has.
    pub length: u16,
    /// Characters that must not be in it.
    pub exclude: String,
}

/// Secrets Manager's source of random passwords.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Passwords {
    /// `GetRandomPassword`, with at least one character of each kind that the
    /// rule leaves.
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError>;
}
