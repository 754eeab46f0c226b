//! Why a rotation of a password failed at Secrets Manager. Each message reads after "failed to", states
//! what failed, the reason, and the next step, and contains no password and no token.

use crate::denial::advice;
use crate::error::ReadError;
use crate::secrets_manager::CallError;

/// Why a rotation of a password failed at Secrets Manager.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum PasswordError {
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
    /// The pending version repeats the current password.
    #[error(
        "rotate {secret}: its AWSPENDING holds the password that is AWSCURRENT already; remove its \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    PendingIsCurrent {
        /// The secret's name.
        secret: String,
    },
    /// No new password could be generated.
    #[error(
        "make a new password for {secret}: {source}; check `password` in the manifest (is anything left \
         after what it excludes?), and the role's policy against `keyrota generate`"
    )]
    PasswordNotMade {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
        source: CallError,
    },
    /// The generated password does not follow the rules.
    #[error(
        "make a new password for {secret}: what Secrets Manager made {problem}, so it was not used; \
         check `password` in the manifest, then rotate again"
    )]
    PasswordUnfit {
        /// The secret's name.
        secret: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The new password could not be stored.
    #[error(
        "store the new password of {secret}: {source}; the password that works is untouched; {next}",
        next = advice(.source)
    )]
    NotStored {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
        source: CallError,
    },
    /// The version whose password is about to be sent could not be recorded.
    #[error(
        "record in the labels of {secret} which password is about to be sent: {source}; the next try does it; \
         {next}",
        next = advice(.source)
    )]
    NotRecorded {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
        source: CallError,
    },
    /// AWSCURRENT could not be moved.
    #[error(
        "make the new password the AWSCURRENT of {secret}: {source}; the next try does it; {next}",
        next = advice(.source)
    )]
    NotPromoted {
        /// The secret's name.
        secret: String,
        /// The error from AWS.
        source: CallError,
    },
}

impl From<ReadError> for PasswordError {
    fn from(ReadError { secret, source }: ReadError) -> Self {
        Self::SecretUnread { secret, source }
    }
}
