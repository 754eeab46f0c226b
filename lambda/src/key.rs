//! Access keys: those of IAM users, and those that sign requests.

use keyrota_function_base::moment::Moment;
use secrecy::SecretString;

use crate::decide::{AccessKeyId, Activity};

/// An access key that signs requests. The type has no `Debug`, because that would show the key.
#[derive(Clone)]
pub struct KeyPair {
    /// The key's ID.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

/// The credentials that sign a call. The type has no `Debug`.
#[derive(Clone)]
pub enum Caller {
    /// The execution role.
    Role,
    /// This access key.
    Key(KeyPair),
}

/// A key that IAM has just created. The type has no `Debug`: IAM returns the secret access key only
/// this once.
pub struct NewKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// The secret access key.
    pub secret: SecretString,
}

/// One of a user's keys, as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub activity: Activity,
    /// When it was created, by IAM's clock, if IAM reports it.
    pub created: Option<Moment>,
}

/// The last request that was signed with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// When it was sent.
    pub at: Moment,
    /// The service that it was sent to, such as `s3`.
    pub service: String,
    /// The Region that it was sent to.
    pub region: String,
}
