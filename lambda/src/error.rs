//! Why a step or a sweep failed. Each message reads after "failed to", states what failed, the
//! reason, and the next step, and contains no value and no token.

mod probe;
mod retire;

pub use probe::ProbeError;
pub use retire::RetireError;

pub use keyrota_function_base::error::{NamedError, ReadError, RequestError};

use keyrota_function_base::denial::advice;
use keyrota_function_base::pin::EntryError;
use keyrota_function_base::secrets_manager::CallError;

use crate::decide::AccessKeyId;
use crate::pin::PinError;

/// Why a step or a sweep failed.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum Error {
    /// The request failed for a reason that does not depend on the kind of credential.
    #[error(transparent)]
    #[strum(transparent)]
    Request(#[from] RequestError),
    /// The secret is not pinned, or a value does not agree with its pin.
    #[error(transparent)]
    #[strum(transparent)]
    Pin(#[from] PinError),
    /// It was not confirmed that a new key has the required permission.
    #[error(transparent)]
    #[strum(transparent)]
    Probe(#[from] ProbeError),
    /// An old key was not retired.
    #[error(transparent)]
    #[strum(transparent)]
    Retire(#[from] RetireError),

    /// The secret could not be described or read.
    #[error(
        "read {secret}: {source}; {next}", next = advice(.source)
    )]
    SecretUnread {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
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
        /// The error from AWS.
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
    /// The other key does not belong to keyrota.
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
    /// The user has a key, although the secret has none.
    #[error(
        "make the first key for {user}: the secret {secret} has no key, but the user has the key {key}, \
         so nothing was touched; if its clients use it, store it in the secret, and otherwise delete it \
         with `aws iam delete-access-key`, then rotate again"
    )]
    NotTheFirstKey {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The key that the user has.
        key: AccessKeyId,
    },
    /// A version names the other key, but does not contain it.
    #[error(
        "make room for a new key of {user}: the user has two keys, and {key} is named by a superseded \
         version of {secret} whose secret access key does not authenticate, so it is not proven to be a key \
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
        /// The error from AWS.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// The intent to create a key could not be recorded.
    #[error("record in the tags of {user} that a key is made: {source}; none was made; {advice}")]
    IntentNotRecorded {
        /// The pinned user.
        user: String,
        /// The error from AWS.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// The label that announces the removal of a key could not be moved.
    #[error(
        "label a version of {secret} before a key is removed: {source}; nothing was removed; {next}",
        next = advice(.source)
    )]
    ClearingNotAnnounced {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
        source: CallError,
    },
    /// There is not enough time left to create a key and store it.
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
    /// The user has two keys, although the list did not show two.
    #[error(
        "make a new key for {user}: IAM says that the user has as many keys as it may; the list of \
         keys was out of date or someone made one meanwhile; rotate again"
    )]
    KeyQuotaReached {
        /// The pinned user.
        user: String,
    },
    /// IAM did not create a key.
    #[error("make a new key for {user}: {source}; {advice}")]
    KeyNotCreated {
        /// The pinned user.
        user: String,
        /// The error from AWS.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// IAM may have created a key, but its secret access key was lost in transit.
    #[error(
        "make a new key for {user}: {source}; if a key was made, its secret was lost and \
         the next try removes it; rotate again"
    )]
    CreationUnclear {
        /// The pinned user.
        user: String,
        /// The error from AWS.
        source: CallError,
    },
    /// The new key could not be stored. It was removed.
    #[error(
        "store the new key {key} in {secret}: {source}; the key was removed again; {next}",
        next = advice(.source)
    )]
    KeyNotStored {
        /// The secret's name.
        secret: String,
        /// The new key.
        key: AccessKeyId,
        /// The error from AWS.
        source: CallError,
    },
    /// The new key could be neither stored nor removed.
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
        /// The error from AWS.
        source: CallError,
    },
    /// It is unknown whether the new key is stored.
    #[error(
        "store the new key {key} in {secret}: {source}; it may be stored all the same, so it was left as \
         it is; the next try finds it"
    )]
    StoringUnclear {
        /// The secret's name.
        secret: String,
        /// The new key.
        key: AccessKeyId,
        /// The last error from AWS.
        source: CallError,
    },

    /// The pending key belongs to another user.
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
        /// The last error from AWS.
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
        /// The error from AWS.
        source: CallError,
    },

    /// AWSCURRENT could not be moved.
    #[error(
        "make the new key {key} the AWSCURRENT of {secret}: {source}; both keys still work; {next}",
        next = advice(.source)
    )]
    NotPromoted {
        /// The secret's name.
        secret: String,
        /// The pending key.
        key: AccessKeyId,
        /// The error from AWS.
        source: CallError,
    },
}

impl From<ReadError> for Error {
    fn from(ReadError { secret, source }: ReadError) -> Self {
        Self::SecretUnread { secret, source }
    }
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        Self::Pin(error.into())
    }
}
