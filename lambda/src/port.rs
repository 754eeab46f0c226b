//! What the steps need of the world, without a word of any SDK.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::arn::SecretArn;
use crate::decide::{AccessKeyId, Activity, Stages, VersionId};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::metric::Metric;
pub use crate::moment::Moment;
use crate::tag::Permission;

/// How a call failed, by what may be done about it. A fault is told by the
/// error's code and the HTTP status, never by the text of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
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

impl Fault {
    /// Whether the same call may succeed later without anyone's help.
    pub fn is_passing(self) -> bool {
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
    pub fault: Fault,
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
        write!(formatter, "{} failed, {}", self.action, self.fault.reason())?;
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

/// A secret's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The secret's full ARN.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
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

/// An access key that signs requests. It has no `Debug`, which would show it.
#[derive(Clone)]
pub struct KeyPair {
    /// The key's ID.
    pub id: String,
    /// The key's secret.
    pub secret: SecretString,
}

/// Whose credentials a call is made with. It has no `Debug`.
#[derive(Clone)]
pub enum Caller {
    /// The function's own role.
    Role,
    /// This access key.
    Key(KeyPair),
}

/// A key that IAM has just made. It has no `Debug`: this is the only time that
/// its secret is shown.
pub struct NewKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// The key's secret.
    pub secret: SecretString,
}

/// One of a user's keys, as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub activity: Activity,
    /// When it was made, by IAM's clock, if IAM says so.
    pub created: Option<Moment>,
}

/// The last request that was signed with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// When it came.
    pub at: Moment,
    /// The service that it was sent to, such as `s3`.
    pub service: String,
    /// The Region that it was sent to.
    pub region: String,
}

/// Who a key belongs to, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The caller's ARN.
    pub arn: String,
}

/// Secrets Manager. Its calls are made with the function's role.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Vault {
    /// `DescribeSecret`.
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError>;

    /// `GetSecretValue`. A version that is absent or has no value is
    /// [`Fault::NotFound`].
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

/// IAM's access keys.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Keys {
    /// `ListAccessKeys`, all pages.
    async fn list(&self, caller: &Caller, user: &str) -> Result<Vec<AccessKey>, CallError>;

    /// `GetAccessKeyLastUsed`: nothing, where the key was never used.
    async fn usage(
        &self,
        caller: &Caller,
        key: &AccessKeyId,
    ) -> Result<Option<LastUsed>, CallError>;

    /// `CreateAccessKey`. It is sent once: each time it is carried out makes a
    /// key, whose secret is in the answer only.
    async fn create(&self, caller: &Caller, user: &str) -> Result<NewKey, CallError>;

    /// `UpdateAccessKey` to inactive.
    async fn deactivate(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError>;

    /// `DeleteAccessKey`.
    async fn delete(&self, caller: &Caller, user: &str, key: &AccessKeyId)
    -> Result<(), CallError>;
}

/// STS.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Authenticator {
    /// `GetCallerIdentity` with this key. It is sent once: the caller decides
    /// about another try.
    async fn identify(&self, key: &KeyPair) -> Result<Identity, CallError>;
}

/// The services that a new key is for.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Probe {
    /// Makes a call that needs this permission, with this key, and changes
    /// nothing: `ListObjectsV2` of one object, or `AssumeRole`, whose answer is
    /// dropped. It is sent once: the caller decides about another try.
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError>;
}

/// Time, which passes only here.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Clock {
    /// Returns the time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns the time of day.
    fn moment(&self) -> Moment;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// Where decisions are recorded.
pub trait Journal {
    /// Records a decision.
    fn note(&self, note: Note);

    /// Records what went wrong with one secret, and does not end the request.
    fn trouble(&self, secret: &SecretArn, error: &Error);

    /// Records measurements.
    fn measure(&self, metrics: &[Metric]);
}

/// Everything the steps need of the world.
pub trait Ports {
    /// Secrets Manager.
    type Vault: Vault;
    /// IAM.
    type Keys: Keys;
    /// STS.
    type Authenticator: Authenticator;
    /// The services that a new key is for.
    type Probe: Probe;
    /// Time.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;

    /// Returns Secrets Manager.
    fn vault(&self) -> &Self::Vault;
    /// Returns IAM.
    fn keys(&self) -> &Self::Keys;
    /// Returns STS.
    fn authenticator(&self) -> &Self::Authenticator;
    /// Returns the services that a new key is for.
    fn probe(&self) -> &Self::Probe;
    /// Returns time.
    fn clock(&self) -> &Self::Clock;
    /// Returns the log.
    fn journal(&self) -> &Self::Journal;
}
