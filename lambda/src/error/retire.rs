//! Why an old key was not retired.

use keyrota_function_base::secrets_manager::CallError;

use crate::decide::AccessKeyId;

/// Why an old key was not retired.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum RetireError {
    /// The old key could not be retired.
    #[error("retire the old key {key} of {user}: {source}; {advice}")]
    OldKeyNotRetired {
        /// The pinned user.
        user: String,
        /// The key that AWSPREVIOUS names.
        key: AccessKeyId,
        /// The error from AWS.
        source: CallError,
        /// The next step.
        advice: &'static str,
    },
    /// AWSPREVIOUS names the key, but does not contain it.
    #[error(
        "retire the old key {key} of {user}: the secret access key that AWSPREVIOUS of {secret} holds does not \
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
    /// The key that must outlive the old one does not work.
    #[error(
        "retire the old key {key} of {user}: the key {current} of AWSCURRENT is {problem}, so nothing \
         was touched; make sure that the secret {secret} holds an active key of {user}"
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
}
