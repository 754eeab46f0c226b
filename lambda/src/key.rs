//! Access keys: those of IAM users, and those that sign requests.

use keyrota_function_base::moment::Moment;
use secrecy::SecretString;

use crate::decide::{AccessKeyId, Activity};

/// An access key that signs requests. It has no `Debug`, which would show it.
#[derive(Clone)]
pub struct KeyPair {
    /// The key's ID.
    pub id: String,
    /// The key's secret.
    pub secret: SecretString,
}

/// Whose credentials a call is made with. It has no `Debug`.
#[derive(Clone)]
pub enum Caller {
    /// The function's own role.
    Role,
    /// This access key.
    Key(KeyPair),
}

/// A key that IAM has just made. It has no `Debug`: this is the only time that
/// its secret is shown.
pub struct NewKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// The key's secret.
    pub secret: SecretString,
}

/// One of a user's keys, as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The key's ID.
    pub id: AccessKeyId,
    /// Whether it is active.
    pub activity: Activity,
    /// When it was made, by IAM's clock, if IAM says so.
    pub created: Option<Moment>,
}

/// The last request that was signed with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// When it came.
    pub at: Moment,
    /// The service that it was sent to, such as `s3`.
    pub service: String,
    /// The Region that it was sent to.
    pub region: String,
}
