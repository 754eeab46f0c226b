//! One fake of Secrets Manager and of IAM's access keys, and the conformance suites that hold
//! it, and the local AWS, to what AWS documents.
//!
//! | module | content |
//! | --- | --- |
//! | [`versions`] | what Secrets Manager does to the versions and labels of a secret |
//! | [`keys`] | what IAM does to the access keys of a user |
//! | [`fake`] | both services as a whole, over these rules |
//! | [`conformance`] | what AWS documents, asked of any implementation |
//!
//! The fakes in the tests of the program and of the functions are adapters: they add faults,
//! time, and what they watch, and leave versions, labels, and keys to the rules here.

pub mod conformance;
pub mod fake;
pub mod keys;
pub mod versions;

/// Why a service refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Secrets Manager has no such secret, version, or label.
    NotFound,
    /// The token has another value already.
    Exists,
    /// A parameter does not fit the state.
    InvalidParameter,
    /// The secret's state does not allow the request.
    InvalidRequest,
    /// IAM has no such user or key.
    NoSuchEntity,
    /// IAM's quota is used up.
    LimitExceeded,
}

impl Refusal {
    /// Returns the error code that AWS answers with.
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
