//! Why a step, a sweep or a check failed. Each text reads after "failed to",
//! names the thing, the reason and the next step, and holds no password and no
//! token.

use crate::event::EventError;
use crate::pin::PinError;
use crate::pins::PinsError;
use crate::port::CallError;
use crate::secret::Unreadable;
use crate::server::ServerError;

/// Why a step, a sweep or a check failed.
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
        "read {secret}: {source}; if that lasts, check the role's policy against `keyrota generate`, and \
         where the function is in a VPC, its way to Secrets Manager"
    )]
    SecretUnread {
        /// The secret's name.
        secret: String,
        /// What AWS said.
        source: CallError,
    },
    /// AWSCURRENT has no password yet.
    #[error(
        "rotate {secret}: its AWSCURRENT has no password yet ({missing} missing); run \
         `keyrota bootstrap`, which stores the first one"
    )]
    NotBootstrapped {
        /// The secret's name.
        secret: String,
        /// The fields that are absent.
        missing: String,
    },
    /// A version holds something that is not a credential.
    #[error(
        "read the {version} of {secret}: {problem}; store a JSON object with `engine`, `host`, `port`, \
         `username` and `password` as the secret's value, then rotate again"
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
        "{purpose} the AWSPENDING of {secret}: it is not a complete credential of {username}; remove its \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    PendingIncomplete {
        /// What was to be done with it.
        purpose: &'static str,
        /// The secret's name.
        secret: String,
        /// The pinned user.
        username: String,
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

    /// No new password was made.
    #[error(
        "make a new password for {secret}: {source}; check `password` in the manifest (is anything left \
         after what it excludes?), and the role's policy against `keyrota generate`"
    )]
    PasswordNotMade {
        /// The secret's name.
        secret: String,
        /// What AWS said.
        source: CallError,
    },
    /// The password that was made is not as it should be.
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
        "store the new password of {secret}: {source}; the password that works is untouched; if that \
         lasts, check the role's policy and the secret's KMS key against `keyrota generate`"
    )]
    NotStored {
        /// The secret's name.
        secret: String,
        /// What AWS said.
        source: CallError,
    },

    /// It could not be written down which version's password is sent.
    #[error(
        "write down in the labels of {secret} which password the server is given: {source}; the next try \
         does it; if that lasts, check the role's policy against `keyrota generate`"
    )]
    NotWrittenDown {
        /// The secret's name.
        secret: String,
        /// What AWS said.
        source: CallError,
    },
    /// The server did not let the function in.
    #[error(
        "log in as {login} with the {version} of {secret}: {source}; the password was not changed; \
         {advice}"
    )]
    NoLogin {
        /// The secret's name.
        secret: String,
        /// The pinned user and where the server is.
        login: String,
        /// Which version's password it was.
        version: &'static str,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// Every password that may be tried is wrong.
    #[error(
        "log in to {server} as {username}: the server takes none of the passwords of {secret} (tried: \
         {tried}); see that the user exists, give it AWSCURRENT's password by hand or store the right one as \
         AWSCURRENT, then rotate again"
    )]
    NoPasswordWorks {
        /// The secret's name.
        secret: String,
        /// Where the server is.
        server: String,
        /// The pinned user.
        username: String,
        /// The versions whose passwords were tried.
        tried: String,
    },
    /// The password was not changed.
    #[error("change the password of {username} on {server}: {source}; {advice}")]
    NotChanged {
        /// Where the server is.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// The administrator's secret cannot be used.
    #[error(
        "change the password of {secret} as its administrator: the secret {administrator} {problem}, so \
         nothing was sent; correct it, or change `rotate_as` in the manifest and then `keyrota bootstrap`"
    )]
    AdministratorUnfit {
        /// The secret's name.
        secret: String,
        /// The administrator's secret's name.
        administrator: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The new password does not work.
    #[error(
        "test the new password of {username} on {server}: {source}; AWSCURRENT stays as it is; {advice}"
    )]
    TestFailed {
        /// Where the server is.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// AWSCURRENT could not be moved.
    #[error(
        "make the new password the AWSCURRENT of {secret}: {source}; the next try does it; if that \
         lasts, check the role's policy against `keyrota generate`"
    )]
    NotPromoted {
        /// The secret's name.
        secret: String,
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

    /// The old password could not be made void.
    #[error(
        "have {server} forget the old password of {username}: {source}; the next sweep tries again; {advice}"
    )]
    NotDiscarded {
        /// Where the server is.
        server: String,
        /// The pinned user.
        username: String,
        /// What went wrong.
        source: ServerError,
        /// The next step.
        advice: &'static str,
    },
    /// There was no time to look at a secret.
    #[error(
        "look at {secret}: too little time is left; the next sweep does it; if that lasts, raise \
         `function.timeout` in the manifest"
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

impl Error {
    /// Returns the error's name for Lambda's `errorType`: its variant's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Event(error) => error.name(),
            Self::Pin(error) => error.name(),
            Self::Pins(error) => error.name(),
            Self::UnknownVersion { .. } => "UnknownVersion",
            Self::VersionNotPending { .. } => "VersionNotPending",
            Self::SecretUnread { .. } => "SecretUnread",
            Self::NotBootstrapped { .. } => "NotBootstrapped",
            Self::ValueUnreadable { .. } => "ValueUnreadable",
            Self::PendingIncomplete { .. } => "PendingIncomplete",
            Self::PendingIsCurrent { .. } => "PendingIsCurrent",
            Self::GivenUp { .. } => "GivenUp",
            Self::NotGivenUp { .. } => "NotGivenUp",
            Self::PasswordNotMade { .. } => "PasswordNotMade",
            Self::PasswordUnfit { .. } => "PasswordUnfit",
            Self::NotStored { .. } => "NotStored",
            Self::NotWrittenDown { .. } => "NotWrittenDown",
            Self::NoLogin { .. } => "NoLogin",
            Self::NoPasswordWorks { .. } => "NoPasswordWorks",
            Self::NotChanged { .. } => "NotChanged",
            Self::AdministratorUnfit { .. } => "AdministratorUnfit",
            Self::TestFailed { .. } => "TestFailed",
            Self::NotPromoted { .. } => "NotPromoted",
            Self::OutOfTime { .. } => "OutOfTime",
            Self::NothingToCheck { .. } => "NothingToCheck",
            Self::NotDiscarded { .. } => "NotDiscarded",
            Self::SweepTooShort { .. } => "SweepTooShort",
            Self::SweepFailed { .. } => "SweepFailed",
            Self::SweepOutOfTime { .. } => "SweepOutOfTime",
        }
    }

    /// Returns the whole sentence, as people read it.
    pub fn sentence(&self) -> String {
        format!("failed to {self}")
    }
}
