//! Why a new key was not found to be allowed what it must be allowed.

use keyrota_function_base::secrets_manager::CallError;

use crate::decide::AccessKeyId;

/// Why a new key was not found to be allowed what it must be allowed. In each
/// case, AWSCURRENT stays as it is.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum ProbeError {
    /// It is not allowed.
    #[error(
        "test the new key {key}: it authenticates as {user}, but may not {permission}: {source}; \
         allow that in a policy of the user, or correct `probe` in the manifest and then `keyrota \
         bootstrap`; then rotate again"
    )]
    ProbeDenied {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// What it must be allowed to do, and on what.
        permission: String,
        /// What AWS said last.
        source: CallError,
    },
    /// Nobody knows yet.
    #[error(
        "test the new key {key} of {user}: whether it may {permission} was not found out in time: \
         {source}; Secrets Manager tries again, or raise `function.timeout` in the manifest"
    )]
    ProbeUnclear {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// What it must be allowed to do, and on what.
        permission: String,
        /// What AWS said last.
        source: CallError,
    },
    /// The call makes no sense to the service.
    #[error(
        "test the new key {key} of {user}: whether it may {permission} cannot be found out: \
         {source}; correct `probe` in the manifest (does the resource exist, in that Region?) and \
         then `keyrota bootstrap`; then rotate again"
    )]
    ProbeRefused {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// What it must be allowed to do, and on what.
        permission: String,
        /// What AWS said.
        source: CallError,
    },
}
