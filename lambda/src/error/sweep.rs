//! Why an old key was not retired, or a sweep did not end well.

use crate::decide::AccessKeyId;
use crate::port::CallError;

/// Why an old key was not retired, or a sweep did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The old key could not be retired.
    #[error("retire the old key {key} of {user}: {source}; {advice}")]
    OldKeyNotRetired {
        /// The pinned user.
        user: String,
        /// The key that AWSPREVIOUS names.
        key: AccessKeyId,
        /// What AWS said.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// AWSPREVIOUS names the key, but does not hold it.
    #[error(
        "retire the old key {key} of {user}: the secret part that AWSPREVIOUS of {secret} holds does not \
         authenticate, so the key is not proven to be one that was rotated, and nothing was touched; \
         find out who wrote that version; if nothing uses the key, delete it with `aws iam \
         delete-access-key`"
    )]
    OldKeyUnproven {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The key that AWSPREVIOUS names.
        key: AccessKeyId,
    },
    /// The key that has to outlive the old one does not work.
    #[error(
        "retire the old key {key} of {user}: the key {current} of AWSCURRENT is {problem}, so nothing \
         was touched; see to it that the secret {secret} holds an active key of {user}"
    )]
    NewKeyUnsound {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
        /// The key that AWSPREVIOUS names.
        key: AccessKeyId,
        /// AWSCURRENT's key.
        current: AccessKeyId,
        /// What is wrong with AWSCURRENT's key.
        problem: &'static str,
    },
    /// There was no time to look at a secret.
    #[error(
        "look at the old key of {secret}: too little time is left; the next sweep does it; if that \
         lasts, raise `function.timeout` in the manifest"
    )]
    SweepTooShort {
        /// The secret's name.
        secret: String,
    },
    /// A sweep failed on some of its secrets.
    #[error(
        "sweep {failed} of {all} secrets ({names}); the log says why for each; Lambda tries again, and \
         so does the next sweep within the hour"
    )]
    SweepFailed {
        /// How many it failed on.
        failed: usize,
        /// How many there are.
        all: usize,
        /// The names of those that it failed on, or of the first of them.
        names: String,
    },
    /// A sweep did not end.
    #[error(
        "sweep {all} secrets in time; the next sweep begins again; if that lasts, raise \
         `function.timeout` in the manifest"
    )]
    SweepOutOfTime {
        /// How many there are.
        all: usize,
    },
}

impl SweepError {
    /// Returns the error's name for Lambda's `errorType`: its variant's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OldKeyNotRetired { .. } => "OldKeyNotRetired",
            Self::OldKeyUnproven { .. } => "OldKeyUnproven",
            Self::NewKeyUnsound { .. } => "NewKeyUnsound",
            Self::SweepTooShort { .. } => "SweepTooShort",
            Self::SweepFailed { .. } => "SweepFailed",
            Self::SweepOutOfTime { .. } => "SweepOutOfTime",
        }
    }
}
