//! What the steps need of the world, without a word of any SDK.

use std::collections::BTreeMap;

pub use keyrota_function_base::clock::Clock;
pub use keyrota_function_base::moment::Moment;
pub use keyrota_function_base::vault::{
    Answer, CallError, Description, Fault, Stored, StoredVersion, Vault, Which,
};
use secrecy::SecretString;

use crate::arn::SecretArn;
use crate::decide::{AccessKeyId, Activity};
use crate::error::Error;
use crate::log::Note;
use crate::metric::Metric;
use crate::permission::Permission;
use crate::pin::Pins;

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

/// Who a key belongs to, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The caller's ARN.
    pub arn: String,
}

/// IAM's access keys.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Keys {
    /// `ListAccessKeys`, all pages.
    async fn list(&self, caller: &Caller, user: &str) -> Result<Vec<AccessKey>, CallError>;

    /// `GetAccessKeyLastUsed`: nothing, where the key was never used.
    async fn usage(
        &self,
        caller: &Caller,
        key: &AccessKeyId,
    ) -> Result<Option<LastUsed>, CallError>;

    /// `CreateAccessKey`. It is sent once: each time it is carried out makes a
    /// key, whose secret is in the answer only.
    async fn create(&self, caller: &Caller, user: &str) -> Result<NewKey, CallError>;

    /// `UpdateAccessKey` to inactive.
    async fn deactivate(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError>;

    /// `DeleteAccessKey`.
    async fn delete(&self, caller: &Caller, user: &str, key: &AccessKeyId)
    -> Result<(), CallError>;

    /// `ListUserTags` as the execution role, all pages, by the tags' keys.
    async fn tags(&self, user: &str) -> Result<BTreeMap<String, String>, CallError>;

    /// `TagUser` as the execution role.
    async fn tag(&self, user: &str, key: &'static str, value: &str) -> Result<(), CallError>;

    /// `UntagUser` as the execution role.
    async fn untag(&self, user: &str, key: &'static str) -> Result<(), CallError>;
}

/// STS.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Authenticator {
    /// `GetCallerIdentity` with this key. It is sent once: the caller decides
    /// about another try.
    async fn identify(&self, key: &KeyPair) -> Result<Identity, CallError>;
}

/// The services that a new key is for.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Probe {
    /// Makes a call that needs this permission, with this key, and changes
    /// nothing: `ListObjectsV2` of one object, or `AssumeRole`, whose answer is
    /// dropped. It is sent once: the caller decides about another try.
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError>;
}

/// Where decisions are recorded.
pub trait Journal {
    /// Records a decision.
    fn note(&self, note: Note);

    /// Records what went wrong with one secret, and does not end the request.
    fn trouble(&self, secret: &SecretArn, error: &Error);

    /// Records measurements.
    fn measure(&self, metrics: &[Metric]);
}

/// Everything the steps need of the world.
pub trait Ports {
    /// Secrets Manager.
    type Vault: Vault;
    /// IAM.
    type Keys: Keys;
    /// STS.
    type Authenticator: Authenticator;
    /// The services that a new key is for.
    type Probe: Probe;
    /// Time.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;

    /// Returns Secrets Manager.
    fn vault(&self) -> &Self::Vault;
    /// Returns IAM.
    fn keys(&self) -> &Self::Keys;
    /// Returns STS.
    fn authenticator(&self) -> &Self::Authenticator;
    /// Returns the services that a new key is for.
    fn probe(&self) -> &Self::Probe;
    /// Returns the pins that were deployed with the function.
    fn pins(&self) -> &Pins;
    /// Returns time.
    fn clock(&self) -> &Self::Clock;
    /// Returns the log.
    fn journal(&self) -> &Self::Journal;
}
