//! Who calls, and what exists in the account beside stacks and secrets:
//! users' keys, the KMS key, the function, its logs and its code.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Result;

/// Who AWS says a caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's twelve digits.
    pub account: String,
    /// The principal, such as `arn:aws:iam::111122223333:user/ada`.
    pub arn: String,
}

/// An access key with its secret part. `Debug` shows the ID alone.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The access key ID.
    pub id: String,
    /// The secret part.
    pub secret: SecretString,
}

/// STS, and the profiles of the AWS configuration files.
#[async_trait(?Send)]
pub trait Identity {
    /// Returns the caller itself (`sts:GetCallerIdentity`).
    async fn caller(&self) -> Result<Caller>;
    /// Returns who the holder of a key is, asked with that key (`sts:GetCallerIdentity`).
    async fn holder(&self, key: &KeyPair) -> Result<Caller>;
    /// Returns the key of a profile.
    async fn profile_key(&self, profile: &str) -> Result<KeyPair>;
}

/// An IAM user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its ARN, with the path.
    pub arn: String,
    /// Its path, `/` for most.
    pub path: String,
    /// Its tags; none where the user comes from the list of all users.
    pub tags: BTreeMap<String, String>,
}

impl User {
    /// Returns its name, which the ARN ends with.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// What IAM tells about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The access key ID.
    pub id: String,
    /// Whether it may be used.
    pub active: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last used, where it was and where somebody asked.
    pub last_used: Option<Timestamp>,
}

/// IAM users and their access keys.
#[async_trait(?Send)]
pub trait Keys {
    /// Returns the user with its tags (`iam:GetUser`).
    async fn user(&self, user: &str) -> Result<Option<User>>;
    /// Returns the account's users (`iam:ListUsers`).
    async fn users(&self) -> Result<Vec<User>>;
    /// Returns a user's keys without their last use (`iam:ListAccessKeys`).
    async fn keys(&self, user: &str) -> Result<Vec<Key>>;
    /// Returns when a key was last used (`iam:GetAccessKeyLastUsed`).
    async fn last_used(&self, id: &str) -> Result<Option<Timestamp>>;
    /// Makes a key; never tried twice, since each try makes one (`iam:CreateAccessKey`).
    async fn create_key(&self, user: &str) -> Result<KeyPair>;
    /// Deletes a key; one that is gone already is no failure (`iam:DeleteAccessKey`).
    async fn delete_key(&self, user: &str, id: &str) -> Result<()>;
    /// Sets a tag of a user (`iam:TagUser`).
    async fn tag_user(&self, user: &str, key: &str, value: &str) -> Result<()>;
    /// Removes a tag of a user (`iam:UntagUser`).
    async fn untag_user(&self, user: &str, key: &str) -> Result<()>;
}

/// A customer managed KMS key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionKey {
    /// It can encrypt and decrypt.
    pub enabled: bool,
    /// AWS's word for its state, such as `PendingDeletion`.
    pub state: String,
}

/// KMS.
#[async_trait(?Send)]
pub trait Encryption {
    /// Returns the key (`kms:DescribeKey`).
    async fn encryption_key(&self, arn: &str) -> Result<Option<EncryptionKey>>;
    /// Returns the key's tags (`kms:ListResourceTags`); nothing where there is no such key.
    async fn encryption_key_tags(&self, id: &str) -> Result<Option<BTreeMap<String, String>>>;
    /// Has the key deleted after so many days, 7 to 30 (`kms:ScheduleKeyDeletion`).
    async fn schedule_key_deletion(&self, id: &str, days: u32) -> Result<()>;
}

/// How a call of a function ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// It answered, in JSON.
    Answered(String),
    /// It failed, with this message.
    Failed(String),
}

/// Lambda and its logs.
#[async_trait(?Send)]
pub trait Functions {
    /// Returns the deployed code's SHA-256 in base64 (`lambda:GetFunctionConfiguration`).
    async fn code_sha256(&self, function: &str) -> Result<Option<String>>;
    /// Calls a function with a JSON text and waits for its answer
    /// (`lambda:InvokeFunction`).
    async fn invoke(&self, function: &str, payload: &str) -> Result<Invoked>;
    /// Returns the messages of a log group since a moment (`logs:FilterLogEvents`).
    async fn log_messages(&self, group: &str, since: Timestamp) -> Result<Vec<String>>;
    /// Deletes a log group; says whether there was one (`logs:DeleteLogGroup`).
    async fn delete_log_group(&self, group: &str) -> Result<bool>;
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The object's key.
    pub key: String,
    /// The version's ID.
    pub version: String,
}

/// An object beside the body that it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// It holds that body.
    pub same: bool,
    /// The version that was compared; none where the bucket keeps no versions, so that
    /// the object can be overwritten.
    pub version: Option<String>,
}

/// S3, as far as artifacts need it. Every call names the account that must
/// own the bucket, so that a bucket of the same name elsewhere gets nothing.
#[async_trait(?Send)]
pub trait Artifacts {
    /// Returns the bucket's Region; nothing where there is no such bucket
    /// (`s3:ListBucket`).
    async fn bucket_region(&self, bucket: &str, account: &str) -> Result<Option<String>>;
    /// Returns whether every object that is stored in the bucket gets a version of its
    /// own (`s3:GetBucketVersioning`).
    async fn is_versioned(&self, bucket: &str, account: &str) -> Result<bool>;
    /// Creates a bucket.
    async fn create_bucket(&self, bucket: &str, account: &str) -> Result<()>;
    /// Makes a bucket private, encrypted and versioned, and puts it under a policy;
    /// returns whether it was not. Nothing is changed that is as it should be.
    async fn secure_bucket(&self, bucket: &str, account: &str, policy: &str) -> Result<bool>;
    /// Compares an object, or one version of it, with a body; returns nothing where it
    /// is not there (`s3:GetObject`, `s3:GetObjectVersion`).
    async fn compare(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        body: &[u8],
    ) -> Result<Option<Compared>>;
    /// Stores an object and returns its version; none where the bucket keeps no
    /// versions (`s3:PutObject`).
    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        account: &str,
        body: Vec<u8>,
    ) -> Result<Option<String>>;
    /// Returns every version of every object below a prefix (`s3:ListBucketVersions`).
    async fn versions(
        &self,
        bucket: &str,
        prefix: &str,
        account: &str,
    ) -> Result<Vec<ObjectVersion>>;
    /// Deletes a version for good (`s3:DeleteObjectVersion`).
    async fn delete_version(
        &self,
        bucket: &str,
        version: &ObjectVersion,
        account: &str,
    ) -> Result<()>;
    /// Deletes an empty bucket (`s3:DeleteBucket`).
    async fn delete_bucket(&self, bucket: &str, account: &str) -> Result<()>;
    /// Returns the address that CloudFormation reads an object from, in one version.
    fn object_url(&self, bucket: &str, key: &str, version: Option<&str>) -> String;
}
