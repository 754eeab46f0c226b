//! What can go wrong when AWS is asked for something.

use std::fmt;

/// A refused or failed call.
#[derive(Clone, Debug)]
pub struct Error {
    /// The call, such as `secretsmanager:PutSecretValue`.
    pub call: &'static str,
    /// What sort of failure it is; decisions look at this alone.
    pub kind: ErrorKind,
    /// AWS's error code, for the reader.
    pub code: Option<String>,
    /// AWS's message, for the reader; never matched.
    pub message: String,
}

/// The sorts of failure that the engine tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such thing.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// The caller may not.
    Denied,
    /// No credentials were found, or AWS does not know them.
    Credentials,
    /// Too many calls; worth another try.
    Throttled,
    /// The thing is in a state that does not allow it.
    Conflict,
    /// A quota is used up.
    Limit,
    /// A value cannot be decrypted: its KMS key is disabled, on its way out or gone.
    Undecryptable,
    /// The request is not one that AWS takes.
    Invalid,
    /// No answer: network, time-out, or a fault of the service; worth another try.
    Unavailable,
    /// Anything else.
    Other,
}

impl ErrorKind {
    /// Returns whether the same call may succeed a moment later.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
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

/// What a port returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Makes "there is none" of the failure that says so.
pub trait Optional<T> {
    /// Returns `None` where the failure is [`ErrorKind::NotFound`].
    ///
    /// # Errors
    ///
    /// Returns every other failure.
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
