//! Why it was not confirmed that a new key has the required permission.

use keyrota_function_base::secrets_manager::CallError;

use crate::decide::AccessKeyId;

/// Why it was not confirmed that a new key has the required permission. In each case,
/// AWSCURRENT stays as it is.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum ProbeError {
    /// The key does not have the permission.
    #[error(
        "test the new key {key}: it authenticates as {user}, but may not {permission}: {source}; \
         {grant}, or correct `probe` in the manifest and then `keyrota \
         bootstrap`; then rotate again"
    )]
    ProbeDenied {
        /// What lets a key do it.
        grant: &'static str,
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// The required action and its resource.
        permission: String,
        /// The last error from AWS.
        source: CallError,
    },
    /// The result is inconclusive.
    #[error(
        "test the new key {key} of {user}: whether it may {permission} was not found out in time: \
         {source}; Secrets Manager tries again; if that lasts, check what `probe` in the manifest names, or raise \
         `function.timeout`, then run `keyrota bootstrap`"
    )]
    ProbeUnclear {
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// The required action and its resource.
        permission: String,
        /// The last error from AWS.
        source: CallError,
    },
    /// The service does not accept the call as valid.
    #[error(
        "test the new key {key} of {user}: whether it may {permission} cannot be found out: \
         {source}; correct `probe` in the manifest ({look_at}) and \
         then `keyrota bootstrap`; then rotate again"
    )]
    ProbeRefused {
        /// What to look at.
        look_at: &'static str,
        /// The pinned user.
        user: String,
        /// The pending key.
        key: AccessKeyId,
        /// The required action and its resource.
        permission: String,
        /// The error from AWS.
        source: CallError,
    },
}
