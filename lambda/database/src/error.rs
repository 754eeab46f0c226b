//! Why a step, a sweep, or a check failed. Each message reads after "failed to", states what
//! failed, the reason, and the next step, and contains no password and no token.

pub use keyrota_function_base::error::{NamedError, ReadError, RequestError};

use keyrota_function_base::password::PasswordError;
use keyrota_function_base::pin::EntryError;

use crate::pin::PinError;
use crate::server::ServerError;

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
        "log in as {login} with the {version} of {secret}: {source}; this try sent no change; \
         {advice}"
    )]
    NoLogin {
        /// The secret's name.
        secret: String,
        /// The pinned user and the server's address.
        login: String,
        /// The version that contains the password.
        version: &'static str,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// Every password that may be tried is wrong.
    #[error(
        "log in to {server} as {username}: the server accepts none of the passwords of {secret} (tried: \
         {tried}); {advice}"
    )]
    NoPasswordWorks {
        /// The next step.
        advice: &'static str,
        /// The secret's name.
        secret: String,
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// The versions whose passwords were tried.
        tried: String,
    },
    /// The password was not changed, as far as logins show.
    #[error("change the password of {username} on {server}: {source}; {tested}; {advice}")]
    NotChanged {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// What was found out about the password that the server has.
        tested: &'static str,
        /// The next step.
        advice: &'static str,
    },
    /// The user that the function would create exists.
    #[error(
        "create {username} on {server}: the user exists already, and no password of {secret} works, so this \
         function did not create it, and its password was not changed; drop the user, or replace `create_user` \
         in the manifest with `initial_password: set`, which voids the present password, and run \
         `keyrota bootstrap`"
    )]
    UserExists {
        /// The secret's name.
        secret: String,
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
    },
    /// A user may not be dropped.
    #[error("drop {username} of {secret}: {reason}")]
    MayNotDrop {
        /// The secret's name.
        secret: String,
        /// The pinned user.
        username: String,
        /// Why, and the next step.
        reason: &'static str,
    },
    /// A user could not be dropped.
    #[error("drop {username} on {server}: {source}; {advice}")]
    NotDropped {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// The user that is not current could not be prepared.
    #[error(
        "prepare {username} on {server} with the rights of {current}, who alternates with it: {source}; \
         {current} was not changed; {advice}"
    )]
    NotPrepared {
        /// The server's address.
        server: String,
        /// The user that the rotation prepares.
        username: String,
        /// The user that AWSCURRENT names.
        current: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// The labels moved while the step ran.
    #[error(
        "rotate {secret}: its labels moved while the step ran, so another user may be current now, and no \
         password was sent; it is tried again"
    )]
    LabelsMoved {
        /// The secret's name.
        secret: String,
    },
    /// The administrator's login failed.
    #[error(
        "log in to {server} as the administrator in {administrator}: {source}; the password of {username} was \
         not changed; {advice}"
    )]
    NoAdministratorLogin {
        /// The server's address.
        server: String,
        /// The administrator's secret's name.
        administrator: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// It is not known which password the server has.
    #[error(
        "change the password of {username} on {server}: {source}; {tested}; the password may have changed, \
         and the next try finds out"
    )]
    ChangeUnknown {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// What was found out about the password that the server has.
        tested: &'static str,
    },
    /// The user name has several accounts, and the manifest does not say that all of them change.
    #[error(
        "rotate {secret}: {reason}, then `keyrota bootstrap`; nothing was sent to change a password"
    )]
    SeveralAccounts {
        /// The secret's name.
        secret: String,
        /// The accounts, and the next step.
        reason: String,
    },
    /// The user name may have several accounts.
    #[error(
        "rotate {secret}: {reason}, then `keyrota bootstrap`; nothing was sent to change a password"
    )]
    AccountsUnseen {
        /// The secret's name.
        secret: String,
        /// The account that the login used, and the next step.
        reason: String,
    },
    /// The administrator's secret cannot be used.
    #[error(
        "change the password of {secret} as its administrator: the secret {administrator} {problem}, so \
         nothing was sent; correct that secret (it needs `username` and `password`, and other fields must \
         agree with the manifest), or change `rotate_as` in the manifest and run `keyrota bootstrap`, \
         then rotate again"
    )]
    AdministratorUnfit {
        /// The secret's name.
        secret: String,
        /// The administrator's secret's name.
        administrator: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The password that was replaced still works.
    #[error(
        "end the old password of {username} on {server}: a login with it still succeeds after the change; \
         see whether the login is of another account or goes to another server, for example a replica that \
         has not applied the change, then rotate again"
    )]
    ReplacedWorks {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
    },
    /// The new password does not work.
    #[error(
        "test the new password of {username} on {server}: {source}; AWSCURRENT stays as it is; {advice}"
    )]
    TestFailed {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// The new password does not work where clients log in.
    #[error(
        "log in as {username} at {place}, where clients do: {source}; the server itself accepts the new \
         password, so the rotation goes on; if a pooler there has a list of passwords, write the new one to it \
         and reload it, or let it ask the server (`auth_query` of PgBouncer)"
    )]
    ClientsRefused {
        /// Where clients log in.
        place: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
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

    /// The old password could not be discarded.
    #[error(
        "have {server} forget the old password of {username}: {source}; the next sweep tries again; {advice}"
    )]
    NotDiscarded {
        /// The server's address.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
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
