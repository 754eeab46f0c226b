//! Errors of calls to AWS.

use std::fmt;

/// A failed call.
#[derive(Clone, Debug)]
pub struct Error {
    /// The call, such as `secretsmanager:PutSecretValue`.
    pub call: &'static str,
    /// The kind of failure. Decisions depend only on this.
    pub kind: ErrorKind,
    /// AWS's error code, for people.
    pub code: Option<String>,
    /// AWS's message, for people. Never matched.
    pub message: String,
}

/// The kinds of failure that the engine distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The resource does not exist.
    NotFound,
    /// The resource already exists.
    AlreadyExists,
    /// The caller is not allowed to make this call.
    Denied,
    /// No credentials were found, or AWS refuses them.
    Credentials,
    /// Too many requests. Transient.
    Throttled,
    /// The state of the resource does not allow this call.
    Conflict,
    /// A quota is exceeded.
    Limit,
    /// A value cannot be decrypted: its KMS key is disabled, scheduled for deletion, or
    /// deleted.
    Undecryptable,
    /// The request is invalid.
    Invalid,
    /// No response: a network error, a time-out, or an error of the service. Transient.
    Unavailable,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Returns whether the same call may succeed a moment later.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }

    /// Returns whether AWS certainly did not carry out the call.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::NotFound
            | Self::AlreadyExists
            | Self::Denied
            | Self::Credentials
            | Self::Throttled
            | Self::Conflict
            | Self::Limit
            | Self::Undecryptable
            | Self::Invalid => true,
            Self::Unavailable | Self::Other => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.call)?;
        if let Some(code) = &self.code {
            write!(formatter, "{code}: ")?;
        }
        formatter.write_str(self.message.trim_end_matches('.'))
    }
}

impl std::error::Error for Error {}

/// The result of a port.
pub type Result<T> = std::result::Result<T, Error>;

/// Turns the error [`ErrorKind::NotFound`] into `None`.
pub trait Optional<T> {
    /// Returns `None` if the error is [`ErrorKind::NotFound`].
    ///
    /// # Errors
    ///
    /// Returns every other error.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> Optional<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
