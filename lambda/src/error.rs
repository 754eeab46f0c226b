//! Why a step or a sweep failed. Each text reads after "failed to", names the thing, the
//! reason and the next step, and holds no value and no token.

mod probe;
mod sweep;

pub use probe::ProbeError;
pub use sweep::SweepError;

use crate::decide::AccessKeyId;
use crate::event::EventError;
use crate::pin::PinError;
use crate::pins::PinsError;
use crate::port::CallError;
use crate::secret::Unreadable;

/// Why a step or a sweep failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event makes no sense.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The secret is not pinned, or a value does not agree with its pin.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The pins cannot be used.
    #[error(transparent)]
    Pins(#[from] PinsError),
    /// A new key was not found to be allowed what it must be allowed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// An old key was not retired, or a sweep did not end well.
    #[error(transparent)]
    Sweep(#[from] SweepError),

    /// The secret has no such version.
    #[error(
        "rotate {secret}: it has no version for this rotation, which was cancelled or has ended; \
         start a new one with `keyrota rotate`"
    )]
    UnknownVersion {
        /// The secret's name.
        secret: String,
    },
    /// The version is not AWSPENDING.
    #[error(
        "rotate {secret}: the version of this rotation is not AWSPENDING, so the rotation was \
         cancelled or overtaken; start a new one with `keyrota rotate`"
    )]
    VersionNotPending {
        /// The secret's name.
        secret: String,
    },
    /// The secret was described, or read, in vain.
    #[error(
        "read {secret}: {source}; if that lasts, check the role's policy against `keyrota generate`"
    )]
    SecretUnread {
        /// The secret's name.
        secret: String,
        /// What AWS said.
        source: CallError,
    },
    /// AWSCURRENT has no key yet.
    #[error(
        "rotate {secret}: its AWSCURRENT has no key yet ({missing} missing); run `keyrota bootstrap`, \
         which stores the first one"
    )]
    NotBootstrapped {
        /// The secret's name.
        secret: String,
        /// The fields that are absent.
        missing: String,
    },
    /// A version holds something that is not a credential.
    #[error(
        "read the {version} of {secret}: {problem}; store a JSON object with `accesskey`, `secretkey`, \
         `username` and `secretarn` as the secret's value, then rotate again"
    )]
    ValueUnreadable {
        /// The secret's name.
        secret: String,
        /// Which version.
        version: &'static str,
        /// What is wrong.
        problem: Unreadable,
    },
    /// The pending version lacks a credential.
    #[error(
        "{purpose} the AWSPENDING of {secret}: it is not a complete credential of {user}; remove its \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    PendingIncomplete {
        /// What was to be done with it.
        purpose: &'static str,
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
    },
    /// The rotation can never end; it was given up.
    #[error(
        "rotate {secret}: {reason}, so this rotation can never end; it was given up, and AWSCURRENT stays \
         as it is; the next rotation starts afresh, when it is due or with `keyrota rotate`"
    )]
    GivenUp {
        /// The secret's name.
        secret: String,
        /// Why it can never end.
        reason: String,
    },
    /// The rotation can never end, and could not be given up.
    #[error(
        "rotate {secret}: {reason}, so this rotation can never end, and it could not be given up either: \
         {source}; the next try gives it up, or remove its label AWSPENDING with \
         `aws secretsmanager update-secret-version-stage`"
    )]
    NotGivenUp {
        /// The secret's name.
        secret: String,
        /// Why it can never end.
        reason: String,
        /// What AWS said.
        source: CallError,
    },
    /// The pending version repeats the current key.
    #[error(
        "rotate {secret}: its AWSPENDING holds the key {key} that is AWSCURRENT already; remove its \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    PendingIsCurrent {
        /// The secret's name.
        secret: String,
        /// The key.
        key: AccessKeyId,
    },
    /// The administrator's secret has no key.
    #[error(
        "rotate {secret} as its administrator: the secret {administrator} has no `accesskey` and \
         `secretkey`; store the administrator's key there, or change `rotate_as` in the manifest"
    )]
    AdministratorUnreadable {
        /// The secret's name.
        secret: String,
        /// The administrator's secret's name.
        administrator: String,
    },

    /// The user's keys could not be read.
    #[error("read the access keys of {user}: {source}; {advice}")]
    KeysUnread {
        /// The pinned user.
        user: String,
        /// What AWS said.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// AWSCURRENT's key is not the user's.
    #[error(
        "make a new key for {user}: the key {key} of AWSCURRENT is not among the user's keys, so \
         nothing was touched; if it was deleted, store an active key of {user} in the secret {secret}, \
         then rotate again"
    )]
    CurrentKeyMissing {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// AWSCURRENT's key.
        key: AccessKeyId,
    },
    /// AWSCURRENT's key is inactive.
    #[error(
        "make a new key for {user}: the key {key} of AWSCURRENT is inactive and would have to \
         authorise it, so nothing was touched; make it active with `aws iam update-access-key`, or set \
         `rotate_as: role` in the manifest, then rotate again"
    )]
    CurrentKeyInactive {
        /// The pinned user.
        user: String,
        /// AWSCURRENT's key.
        key: AccessKeyId,
    },
    /// The other key is somebody else's.
    #[error(
        "make room for a new key of {user}: the user has two keys, and {key} is none that a rotation of \
         {secret} made, so nothing was touched; move its clients to this secret or to another user and \
         delete it with `aws iam delete-access-key`, then rotate again"
    )]
    ForeignKey {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The key in the way.
        key: AccessKeyId,
    },
    /// A version names the other key, but does not hold it.
    #[error(
        "make room for a new key of {user}: the user has two keys, and {key} is named by a superseded \
         version of {secret} whose secret part does not authenticate, so it is not proven to be a key \
         that a rotation made, and nothing was touched; find out who wrote that version; if nothing \
         uses the key, delete it with `aws iam delete-access-key`, then rotate again"
    )]
    UnprovenKey {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The key in the way.
        key: AccessKeyId,
    },
    /// No key may be removed.
    #[error(
        "make room for a new key of {user}: each of the user's keys is named by AWSCURRENT or \
         AWSPENDING; start a new rotation with `keyrota rotate`"
    )]
    NoKeyToRemove {
        /// The pinned user.
        user: String,
    },
    /// The secret changed while it was being rotated.
    #[error(
        "make room for a new key of {user}: the labels of {secret} moved meanwhile, so nothing was \
         touched; rotate again"
    )]
    LabelsMoved {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
    },
    /// A key could not be removed.
    #[error("remove the key {key} of {user}: {source}; {advice}")]
    KeyNotRemoved {
        /// The pinned user.
        user: String,
        /// The key.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// It could not be recorded that a key is about to be made.
    #[error(
        "record in the tags of {user} that a key is made: {source}; none was made; if that lasts, \
         check the role's policy against `keyrota generate`"
    )]
    IntentNotRecorded {
        /// The pinned user.
        user: String,
        /// What AWS said.
        source: CallError,
    },
    /// There is no time left to make a key and store it.
    #[error(
        "make a new key for {user}: only {seconds} s are left, too few to store it safely, so none was \
         made; raise `function.timeout` in the manifest"
    )]
    TooLittleTime {
        /// The pinned user.
        user: String,
        /// Seconds until the function is stopped.
        seconds: u64,
    },
    /// The user has two keys, though the list did not say so.
    #[error(
        "make a new key for {user}: IAM says that the user has as many keys as it may; the list of \
         keys was out of date or someone made one meanwhile; rotate again"
    )]
    KeyQuotaReached {
        /// The pinned user.
        user: String,
    },
    /// No key was made.
    #[error("make a new key for {user}: {source}; {advice}")]
    KeyNotCreated {
        /// The pinned user.
        user: String,
        /// What AWS said.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// A key was perhaps made, but its secret was lost on the way.
    #[error(
        "make a new key for {user}: {source}; if a key was made, its secret was lost and \
         the next try removes it; rotate again"
    )]
    CreationUnclear {
        /// The pinned user.
        user: String,
        /// What AWS said.
        source: CallError,
    },
    /// The new key could not be stored; it was removed.
    #[error(
        "store the new key {key} in {secret}: {source}; the key was removed again; if that lasts, check \
         the role's policy and the secret's KMS key against `keyrota generate`"
    )]
    KeyNotStored {
        /// The secret's name.
        secret: String,
        /// The new key.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
    },
    /// The new key could not be stored, nor removed.
    #[error(
        "store the new key {key} in {secret}: {source}; nor could it be removed again, so {user} now \
         has a key that nothing uses; the next try removes it"
    )]
    KeyLeftBehind {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The new key.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
    },
    /// Nobody knows whether the new key is stored.
    #[error(
        "store the new key {key} in {secret}: {source}; it may be stored all the same, so it was left as \
         it is; the next try finds it"
    )]
    StoringUnclear {
        /// The secret's name.
        secret: String,
        /// The new key.
        key: AccessKeyId,
        /// What AWS said last.
        source: CallError,
    },

    /// The pending key is another's.
    #[error(
        "test the new key {key}: it is not of the user {user} in the secret's own account; remove the \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    AnotherIdentity {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
    },
    /// The pending key is not accepted yet.
    #[error(
        "test the new key {key} of {user}: {source}; IAM had not spread it before the time was up; \
         Secrets Manager tries again, or raise `function.timeout` in the manifest"
    )]
    KeyNotUsableYet {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// What AWS said last.
        source: CallError,
    },
    /// The pending key is refused.
    #[error(
        "test the new key {key} of {user}: {source}; allow it, check that the function reaches STS, then \
         rotate again"
    )]
    KeyRefused {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
    },

    /// AWSCURRENT could not be moved.
    #[error(
        "make the new key {key} the AWSCURRENT of {secret}: {source}; both keys still work; if that \
         lasts, check the role's policy against `keyrota generate`"
    )]
    NotPromoted {
        /// The secret's name.
        secret: String,
        /// The pending key.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
    },
    /// The step ran out of time.
    #[error(
        "finish {step} of {secret} in time; Secrets Manager tries again; if that lasts, raise `function.timeout` \
         in the manifest"
    )]
    OutOfTime {
        /// The secret's name.
        secret: String,
        /// The step's name.
        step: &'static str,
    },
}

impl Error {
    /// Returns the error's name for Lambda's `errorType`: its variant's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Event(error) => error.name(),
            Self::Pin(error) => error.name(),
            Self::Pins(error) => error.name(),
            Self::Probe(error) => error.name(),
            Self::Sweep(error) => error.name(),
            Self::UnknownVersion { .. } => "UnknownVersion",
            Self::VersionNotPending { .. } => "VersionNotPending",
            Self::SecretUnread { .. } => "SecretUnread",
            Self::NotBootstrapped { .. } => "NotBootstrapped",
            Self::ValueUnreadable { .. } => "ValueUnreadable",
            Self::PendingIncomplete { .. } => "PendingIncomplete",
            Self::GivenUp { .. } => "GivenUp",
            Self::NotGivenUp { .. } => "NotGivenUp",
            Self::PendingIsCurrent { .. } => "PendingIsCurrent",
            Self::AdministratorUnreadable { .. } => "AdministratorUnreadable",
            Self::KeysUnread { .. } => "KeysUnread",
            Self::CurrentKeyMissing { .. } => "CurrentKeyMissing",
            Self::CurrentKeyInactive { .. } => "CurrentKeyInactive",
            Self::ForeignKey { .. } => "ForeignKey",
            Self::UnprovenKey { .. } => "UnprovenKey",
            Self::NoKeyToRemove { .. } => "NoKeyToRemove",
            Self::LabelsMoved { .. } => "LabelsMoved",
            Self::KeyNotRemoved { .. } => "KeyNotRemoved",
            Self::IntentNotRecorded { .. } => "IntentNotRecorded",
            Self::TooLittleTime { .. } => "TooLittleTime",
            Self::KeyQuotaReached { .. } => "KeyQuotaReached",
            Self::KeyNotCreated { .. } => "KeyNotCreated",
            Self::CreationUnclear { .. } => "CreationUnclear",
            Self::KeyNotStored { .. } => "KeyNotStored",
            Self::KeyLeftBehind { .. } => "KeyLeftBehind",
            Self::StoringUnclear { .. } => "StoringUnclear",
            Self::AnotherIdentity { .. } => "AnotherIdentity",
            Self::KeyNotUsableYet { .. } => "KeyNotUsableYet",
            Self::KeyRefused { .. } => "KeyRefused",
            Self::NotPromoted { .. } => "NotPromoted",
            Self::OutOfTime { .. } => "OutOfTime",
        }
    }

    /// Returns the whole sentence, as people read it.
    pub fn sentence(&self) -> String {
        format!("failed to {self}")
    }
}
