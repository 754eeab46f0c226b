//! A fake of Secrets Manager and of IAM's access keys, and the conformance suites that test it
//! and the local AWS.
//!
//! | module | content |
//! | --- | --- |
//! | [`versions`] | Secrets Manager's rules for the versions and labels of a secret |
//! | [`keys`] | IAM's rules for the access keys of a user |
//! | [`fake`] | both services, using these rules |
//! | [`conformance`] | the suites for any implementation of AWS |
//!
//! The fakes in the tests of the program and of the functions are adapters: they add faults,
//! time, and observers, and use these rules for versions, labels, and keys.

pub mod conformance;
pub mod fake;
pub mod keys;
pub mod versions;

/// Why a service refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Secrets Manager has no such secret, version, or label.
    NotFound,
    /// The token already has another value.
    Exists,
    /// A parameter does not match the state.
    InvalidParameter,
    /// The secret's state does not allow the request.
    InvalidRequest,
    /// IAM has no such user or key.
    NoSuchEntity,
    /// IAM's quota is exceeded.
    LimitExceeded,
}

impl Refusal {
    /// Returns AWS's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "ResourceNotFoundException",
            Self::Exists => "ResourceExistsException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::NoSuchEntity => "NoSuchEntity",
            Self::LimitExceeded => "LimitExceeded",
        }
    }
}
