//! Why a step, a sweep, or a check failed. Each message reads after "failed to", states what
//! failed, the reason, and the next step, and contains no password and no token.

pub use keyrota_function_base::error::{NamedError, ReadError, RequestError};

use keyrota_function_base::password::PasswordError;
use keyrota_function_base::pin::EntryError;

use crate::pin::PinError;
use crate::service::ServiceError;

/// Why a step, a sweep, or a check failed.
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
    /// A call to Secrets Manager failed, or made no password.
    #[error(transparent)]
    #[strum(transparent)]
    Password(#[from] PasswordError),
    /// The login failed.
    #[error(
        "log in to {service} as {username} with the {version} of {secret}: {source}; this try sent no \
         change; {advice}"
    )]
    NoLogin {
        /// The secret's name.
        secret: String,
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// The version that contains the password.
        version: &'static str,
        /// What went wrong.
        source: ServiceError,
        /// The next step.
        advice: &'static str,
    },
    /// Every password that may be tried is wrong.
    #[error(
        "log in to {service} as {username}: the service accepts none of the passwords of {secret} (tried: \
         {tried}); check that the user exists and is not locked, give it AWSCURRENT's password by hand or store \
         the right one as AWSCURRENT, then rotate again"
    )]
    NoPasswordWorks {
        /// The secret's name.
        secret: String,
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// The versions whose passwords were tried.
        tried: String,
    },
    /// The members of a farm that answered call every password wrong that may be tried. A fresh member does
    /// not know the old password any more, and a stale one does not know the new one yet.
    #[error(
        "log in to {service} as {username}: the members of the farm that answered accept none of the passwords \
         of {secret} (tried: {tried}), and some may not know the latest one yet; it is tried again; if that \
         lasts longer than `propagation`, check that the user exists and is not locked, then store the password \
         that works as AWSCURRENT"
    )]
    NoMemberAccepts {
        /// The secret's name.
        secret: String,
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// The versions whose passwords were tried.
        tried: String,
    },
    /// The password was not changed, as far as logins show.
    #[error("change the password of {username} on {service}: {source}; {tested}; {advice}")]
    NotChanged {
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServiceError,
        /// What was found out about the password that the service has.
        tested: &'static str,
        /// The next step.
        advice: &'static str,
    },
    /// The service's rules refuse the new password, and the rotation was abandoned. The program knows this
    /// error by its name, [`PASSWORD_REJECTED`](keyrota_contract::error::PASSWORD_REJECTED).
    #[error(
        "rotate {secret}: {reason}; this rotation was abandoned, and AWSCURRENT stays as it is; the next rotation \
         makes another password, when it is due or with `keyrota rotate`"
    )]
    PasswordRejected {
        /// The secret's name.
        secret: String,
        /// The service's answer, what logins showed, and the next step.
        reason: String,
    },
    /// It is not known which password the service has.
    #[error(
        "change the password of {username} on {service}: {source}; {tested}; the password may have changed, \
         and the next try finds out; {advice}"
    )]
    ChangeUnknown {
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServiceError,
        /// What was found out about the password that the service has.
        tested: &'static str,
        /// The next step.
        advice: &'static str,
    },
    /// The new password does not work.
    #[error(
        "test the new password of {username} on {service}: {source}; AWSCURRENT stays as it is; {advice}"
    )]
    TestFailed {
        /// The service.
        service: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServiceError,
        /// The next step.
        advice: &'static str,
    },
    /// The version to check has no password.
    #[error(
        "check a version of {secret}: it has no such version, or one that is not a complete credential of \
         {username}; run `keyrota bootstrap`, which stores the first one"
    )]
    NothingToCheck {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        username: String,
    },
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Password(error.into())
    }
}

impl From<EntryError> for Error {
    fn from(error: EntryError) -> Self {
        Self::Pin(error.into())
    }
}
