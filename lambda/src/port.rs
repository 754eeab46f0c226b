//! The dependencies of the steps, without SDK types.

use std::collections::BTreeMap;

use keyrota_function_base::port;

pub use keyrota_function_base::clock::Clock;
pub use keyrota_function_base::moment::Moment;
pub use keyrota_function_base::port::Journal;
pub use keyrota_function_base::secrets_manager::{
    CallError, CallErrorKind, Description, RefusalDetails, SecretsManager, StoredValue,
    StoredVersion, VersionSelector,
};

pub use crate::key::{AccessKey, Caller, KeyPair, LastUsed, NewKey};

use crate::decide::AccessKeyId;
use crate::error::Error;
use crate::log::KeyDetails;
use crate::permission::Permission;
use crate::pin::Pins;

/// The identity that a key belongs to, according to STS.
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

    /// `GetAccessKeyLastUsed`. Returns `None` if the key was never used.
    async fn usage(
        &self,
        caller: &Caller,
        key: &AccessKeyId,
    ) -> Result<Option<LastUsed>, CallError>;

    /// `CreateAccessKey`. It is sent once: each execution creates a key, whose secret access key is
    /// only in the response.
    async fn create(&self, caller: &Caller, user: &str) -> Result<NewKey, CallError>;

    /// `UpdateAccessKey` with the status `Inactive`.
    async fn deactivate(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError>;

    /// `DeleteAccessKey`.
    async fn delete(&self, caller: &Caller, user: &str, key: &AccessKeyId)
    -> Result<(), CallError>;

    /// `ListUserTags` as the execution role, all pages. Returns the values by the tags' keys.
    async fn tags(&self, user: &str) -> Result<BTreeMap<String, String>, CallError>;

    /// `TagUser` as the execution role.
    async fn tag(&self, user: &str, key: &'static str, value: &str) -> Result<(), CallError>;

    /// `UntagUser` as the execution role.
    async fn untag(&self, user: &str, key: &'static str) -> Result<(), CallError>;
}

/// STS.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Authenticator {
    /// `GetCallerIdentity` with this key. It is sent once: the caller decides whether to try
    /// again.
    async fn identify(&self, key: &KeyPair) -> Result<Identity, CallError>;

    /// `GetCallerIdentity` with the credentials that make the IAM calls. It is sent once.
    async fn identify_caller(&self, caller: &Caller) -> Result<Identity, CallError>;
}

/// The services that a new key is used for.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Probe {
    /// Makes a call with this key that needs this permission and changes nothing:
    /// `ListObjectsV2` of one object, `AssumeRole`, whose response is discarded, or an SMTP login
    /// without a mail. It is sent once: the caller decides whether to try again.
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError>;
}

/// All dependencies of the steps.
pub trait Ports: port::Ports<Journal: Journal<Details = KeyDetails, Error = Error>> {
    /// IAM.
    type Keys: Keys;
    /// STS.
    type Authenticator: Authenticator;
    /// The services that a new key is used for.
    type Probe: Probe;

    /// Returns IAM.
    fn keys(&self) -> &Self::Keys;
    /// Returns STS.
    fn authenticator(&self) -> &Self::Authenticator;
    /// Returns the services that a new key is used for.
    fn probe(&self) -> &Self::Probe;
    /// Returns the pins that were deployed with the function.
    fn pins(&self) -> &Pins;
}
