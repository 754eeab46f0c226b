//! The error trait, and the errors that do not depend on the kind of credential.
//!
//! Each message reads after "failed to", states what failed, the reason, and the next step, and
//! contains no value and no token.

use std::fmt;

use crate::event::{EventError, Invocation};
use crate::pins::PinsError;
use crate::secret::Unreadable;
use crate::secrets_manager::CallError;

/// An error with the name that Lambda reports as `errorType`: the name of its variant.
///
/// The name comes from `strum::IntoStaticStr`, which the variant's type derives.
pub trait NamedError: fmt::Display + fmt::Debug {
    /// Returns the name.
    fn name(&self) -> &'static str;

    /// Returns the whole sentence, as it is shown to people.
    fn sentence(&self) -> String {
        format!("failed to {self}")
    }
}

impl<E: fmt::Display + fmt::Debug> NamedError for E
where
    for<'error> &'error E: Into<&'static str>,
{
    fn name(&self) -> &'static str {
        self.into()
    }
}

/// Why a request failed, for a reason that does not depend on the kind of credential.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum RequestError {
    /// The event is invalid.
    #[error(transparent)]
    #[strum(transparent)]
    Event(#[from] EventError),
    /// The pins cannot be used.
    #[error(transparent)]
    #[strum(transparent)]
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
    /// The rotation can never succeed. It was cancelled.
    #[error(
        "rotate {secret}: {reason}, so this rotation can never end; it was abandoned, and AWSCURRENT stays \
         as it is; the next rotation starts afresh, when it is due or with `keyrota rotate`"
    )]
    GivenUp {
        /// The secret's name.
        secret: String,
        /// Why it can never succeed.
        reason: String,
    },
    /// The rotation can never succeed, and could not be cancelled.
    #[error(
        "rotate {secret}: {reason}, so this rotation can never end, and it could not be abandoned either: \
         {source}; the next attempt abandons it, or remove its label AWSPENDING with \
         `aws secretsmanager update-secret-version-stage`"
    )]
    NotGivenUp {
        /// The secret's name.
        secret: String,
        /// Why it can never succeed.
        reason: String,
        /// The error from AWS.
        source: CallError,
    },
    /// The pending version lacks a credential.
    #[error(
        "{purpose} the AWSPENDING of {secret}: it is not a complete credential of {user}; remove its \
         label AWSPENDING with `aws secretsmanager update-secret-version-stage`, then rotate again"
    )]
    PendingIncomplete {
        /// What the credential is needed for.
        purpose: &'static str,
        /// The secret's name.
        secret: String,
        /// The pinned user.
        user: String,
    },
    /// AWSCURRENT has no credential yet.
    #[error(
        "rotate {secret}: its AWSCURRENT has no {credential} yet ({missing} missing); run `keyrota bootstrap`, \
         which stores the first one"
    )]
    NotBootstrapped {
        /// The secret's name.
        secret: String,
        /// The kind of credential, such as `key`.
        credential: &'static str,
        /// The missing fields.
        missing: String,
    },
    /// A version contains something that is not a credential.
    #[error(
        "read the {version} of {secret}: {problem}; store a JSON object with {fields} as the secret's value, \
         then rotate again"
    )]
    ValueUnreadable {
        /// The secret's name.
        secret: String,
        /// The version.
        version: &'static str,
        /// What is wrong.
        problem: Unreadable,
        /// The fields that the value must have.
        fields: &'static str,
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

    /// A check did not finish in time.
    #[error(
        "check {secret} in time: a service that it needs does not answer; check the function's network, \
         then run `keyrota doctor` again"
    )]
    CheckOutOfTime {
        /// The secret's name.
        secret: String,
    },

    /// A user was not dropped in time.
    #[error(
        "drop the user of {secret} in time: a service that it needs does not answer; run `keyrota teardown` \
         again, or drop the user on the server"
    )]
    DropOutOfTime {
        /// The secret's name.
        secret: String,
    },

    /// There was no time left to inspect a secret.
    #[error(
        "look at {subject}: too little time is left; the next sweep does it; if that lasts, raise \
         `function.timeout` in the manifest"
    )]
    SweepTooShort {
        /// What the sweep inspects: the secret's name, or a part of that secret.
        subject: String,
    },
    /// A sweep failed for some of its secrets.
    #[error(
        "sweep {failed} of {all} secrets ({names}); the log says why for each; Lambda tries again, and \
         so does the next sweep within the hour"
    )]
    SweepFailed {
        /// The number of secrets that it failed for.
        failed: usize,
        /// The number of secrets in the sweep.
        all: usize,
        /// The names of the secrets that it failed for, or the first of them.
        names: String,
    },
    /// A sweep did not finish in time.
    #[error(
        "sweep {all} secrets in time; the next sweep begins again; if that lasts, raise \
         `function.timeout` in the manifest"
    )]
    SweepOutOfTime {
        /// The number of secrets in the sweep.
        all: usize,
    },
}

impl RequestError {
    /// Returns the error for work that did not finish in time.
    pub fn out_of_time(invocation: &Invocation) -> Self {
        match invocation {
            Invocation::Step(event) => Self::OutOfTime {
                secret: event.secret.name().to_owned(),
                step: event.step.name(),
            },
            Invocation::Sweep(secrets) => Self::SweepOutOfTime { all: secrets.len() },
            Invocation::Check(check) => Self::CheckOutOfTime {
                secret: check.secret.name().to_owned(),
            },
            Invocation::DropUser(secret) => Self::DropOutOfTime {
                secret: secret.name().to_owned(),
            },
        }
    }
}

/// A secret could not be described, or a version of it could not be read. Each function adds
/// what to check.
#[derive(Debug)]
pub struct ReadError {
    /// The secret's name.
    pub secret: String,
    /// The error from AWS.
    pub source: CallError,
}
