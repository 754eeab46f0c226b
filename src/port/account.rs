//! The caller, and the resources of the account other than stacks and secrets: users and
//! their keys, KMS keys, networks, the functions, their logs, and their code.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use keyrota_contract::check::Signer;
use secrecy::SecretString;

use super::Result;

/// The identity of a caller, as AWS reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account ID, 12 digits.
    pub account: String,
    /// The principal, such as `arn:aws:iam::111122223333:user/ada`.
    pub arn: String,
}

/// An access key ID with its secret access key. `Debug` shows only the ID.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The access key ID.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}

/// STS, and the profiles of the AWS configuration files.
#[async_trait(?Send)]
pub trait Identity {
    /// Returns the caller itself (`sts:GetCallerIdentity`).
    async fn caller(&self) -> Result<Caller>;
    /// Returns the owner of a key, in a request with that key (`sts:GetCallerIdentity`).
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
    /// Its tags. Empty if the user comes from the list of all users.
    pub tags: BTreeMap<String, String>,
    /// The ARN of its permissions boundary, if it has one. Absent if the user comes from the
    /// list of all users.
    pub boundary: Option<String>,
}

impl User {
    /// Returns its name, which the ARN ends with.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// An access key, as IAM describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The access key ID.
    pub id: String,
    /// Whether it is active.
    pub active: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last used. Empty if it was never used, or if this was not looked up.
    pub last_used: Option<Timestamp>,
    /// Where it was last used, if that is known.
    pub used_in: Option<UsedIn>,
}

/// Where an access key was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedIn {
    /// The service, as IAM abbreviates its name, such as `s3`.
    pub service: String,
    /// The Region of the request.
    pub region: String,
}

/// The last use of an access key (`API_AccessKeyLastUsed`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When it was.
    pub at: Timestamp,
    /// Where it was, if IAM says so.
    pub used_in: Option<UsedIn>,
}

/// The account's credential report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportDocument {
    /// The table, in CSV.
    pub text: String,
    /// When IAM generated it.
    pub generated: Option<Timestamp>,
}

/// Actions of a principal on a resource, whose policies IAM simulates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// Whose credentials would make the calls.
    pub by: Signer,
    /// The ARN of the user or the role.
    pub principal: String,
    /// The actions.
    pub actions: Vec<String>,
    /// The ARN of the resource, or `*`.
    pub resource: String,
    /// The resource as the function names it, if it does.
    pub of: Option<String>,
    /// The values of condition keys in the requests.
    pub context: BTreeMap<String, Vec<String>>,
}

/// What a simulation says about an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// The action.
    pub action: String,
    /// Whose credentials would make the call.
    pub by: Signer,
    /// The resource as the function names it, if it does.
    pub of: Option<String>,
    /// What the principal's policies say.
    pub decision: PolicyDecision,
    /// Whether the simulation knew the value of every condition key that the policies name.
    pub is_conclusive: bool,
}

/// What the policies of a principal say about a call, as IAM simulates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyDecision {
    /// They allow it.
    Allowed,
    /// A statement with `Deny` denies it. No other policy can allow it.
    DeniedExplicitly,
    /// The service control policies of the organization do not allow it.
    OutsideOrganization,
    /// The principal's permissions boundary does not allow it.
    OutsideBoundary,
    /// None of the principal's policies allows it.
    NotAllowed,
}

/// IAM users and their access keys, and what else IAM has that a manifest names.
#[async_trait(?Send)]
pub trait Keys {
    /// Returns the user with its tags (`iam:GetUser`).
    async fn user(&self, user: &str) -> Result<Option<User>>;
    /// Returns the account's users (`iam:ListUsers`).
    async fn users(&self) -> Result<Vec<User>>;
    /// Returns a user's keys without their last use (`iam:ListAccessKeys`).
    async fn keys(&self, user: &str) -> Result<Vec<Key>>;
    /// Returns the last use of a key (`iam:GetAccessKeyLastUsed`).
    async fn last_used(&self, id: &str) -> Result<Option<LastUse>>;
    /// Requests a credential report, and returns whether it is complete. IAM generates at most
    /// one report in four hours (`iam:GenerateCredentialReport`).
    async fn request_report(&self) -> Result<bool>;
    /// Returns the latest credential report, or `None` if there is none, it has expired, or it is
    /// being generated (`iam:GetCredentialReport`).
    async fn report(&self) -> Result<Option<ReportDocument>>;
    /// Creates a key. Never retried, because each attempt creates one
    /// (`iam:CreateAccessKey`).
    async fn create_key(&self, user: &str) -> Result<KeyPair>;
    /// Deactivates a key. Returns whether it existed (`iam:UpdateAccessKey`).
    async fn deactivate_key(&self, user: &str, id: &str) -> Result<bool>;
    /// Deletes a key. Returns whether it existed (`iam:DeleteAccessKey`).
    async fn delete_key(&self, user: &str, id: &str) -> Result<bool>;
    /// Sets a tag of a user (`iam:TagUser`).
    async fn tag_user(&self, user: &str, key: &str, value: &str) -> Result<()>;
    /// Removes a tag of a user (`iam:UntagUser`).
    async fn untag_user(&self, user: &str, key: &str) -> Result<()>;
    /// Returns the ARN of a role, with the path (`iam:GetRole`).
    async fn role(&self, role: &str) -> Result<Option<String>>;
    /// Returns whether a managed policy exists (`iam:GetPolicy`).
    async fn has_policy(&self, arn: &str) -> Result<bool>;
    /// Returns whether a user has an inline policy (`iam:GetUserPolicy`).
    async fn has_user_policy(&self, user: &str, policy: &str) -> Result<bool>;
    /// Returns the ARNs of the managed policies that are attached to a user, or `None` if there is
    /// no such user (`iam:ListAttachedUserPolicies`).
    async fn attached_policies(&self, user: &str) -> Result<Option<Vec<String>>>;
    /// Returns what the policies of a principal say about actions, or nothing if there is no such
    /// principal (`iam:SimulatePrincipalPolicy`).
    async fn simulate(&self, simulation: &Simulation) -> Result<Vec<Simulated>>;
}

/// A customer managed KMS key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptionKey {
    /// Whether it can encrypt and decrypt.
    pub enabled: bool,
    /// Its state, such as `PendingDeletion`.
    pub state: String,
    /// Whether it is a symmetric encryption key, which AWS services require.
    pub symmetric: bool,
}

/// KMS.
#[async_trait(?Send)]
pub trait Encryption {
    /// Returns the key, which can be in another Region if it is given by its ARN
    /// (`kms:DescribeKey`).
    async fn encryption_key(&self, arn: &str) -> Result<Option<EncryptionKey>>;
    /// Returns the key's policy (`kms:GetKeyPolicy`).
    async fn key_policy(&self, arn: &str) -> Result<Option<String>>;
    /// Schedules the deletion of the key in 7 to 30 days (`kms:ScheduleKeyDeletion`).
    async fn schedule_key_deletion(&self, id: &str, days: u32) -> Result<()>;
    /// Cancels the deletion of the key, which stays disabled (`kms:CancelKeyDeletion`).
    async fn cancel_key_deletion(&self, id: &str) -> Result<()>;
    /// Enables the key (`kms:EnableKey`).
    async fn enable_key(&self, id: &str) -> Result<()>;
    /// Returns the ID of the key that an alias refers to, such as `alias/keyrota-keys`, or `None`
    /// if the alias does not exist (`kms:ListAliases`).
    async fn alias(&self, alias: &str) -> Result<Option<String>>;
}

/// A subnet or a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPart {
    /// Its ID, such as `subnet-0a1b2c3d`.
    pub id: String,
    /// The ID of its VPC.
    pub vpc: String,
}

/// EC2, as far as a function in a VPC needs it.
#[async_trait(?Send)]
pub trait Networks {
    /// Returns those of the subnets that exist (`ec2:DescribeSubnets`).
    async fn subnets(&self, ids: &[String]) -> Result<Vec<NetworkPart>>;
    /// Returns those of the security groups that exist (`ec2:DescribeSecurityGroups`).
    async fn security_groups(&self, ids: &[String]) -> Result<Vec<NetworkPart>>;
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// The function returned this JSON text.
    Answered(String),
    /// The function failed with this message.
    Failed(String),
}

/// The code of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCode {
    /// The zip file's SHA-256 in base64 (`CodeSha256`).
    pub sha256: String,
    /// How the last update ended.
    pub update: CodeUpdate,
}

/// How the last update of a function ended (`functions-states`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeUpdate {
    /// It succeeded.
    Done,
    /// It is in progress. Until it has ended, Lambda runs what was there before.
    InProgress,
    /// It failed, and Lambda runs what was there before.
    Failed,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// The ARN of its KMS key, if it has one.
    pub kms_key: Option<String>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When it was written.
    pub at: Timestamp,
    /// The line.
    pub message: String,
}

/// Lambda and its logs.
#[async_trait(?Send)]
pub trait Functions {
    /// Returns what is known of the code of a function (`lambda:GetFunctionConfiguration`).
    async fn function_code(&self, function: &str) -> Result<Option<FunctionCode>>;
    /// Replaces the code of a function with a zip file (`lambda:UpdateFunctionCode`).
    async fn update_code(&self, function: &str, zip: Vec<u8>) -> Result<()>;
    /// Returns the resource policy of a function, or `None` if it has none or does not exist
    /// (`lambda:GetPolicy`).
    async fn function_policy(&self, function: &str) -> Result<Option<String>>;
    /// Removes a statement from the resource policy of a function
    /// (`lambda:RemovePermission`).
    async fn remove_permission(&self, function: &str, statement: &str) -> Result<()>;
    /// Invokes a function with a JSON text and returns its result
    /// (`lambda:InvokeFunction`).
    async fn invoke(&self, function: &str, payload: &str) -> Result<Invoked>;
    /// Returns the events of a log group since a time (`logs:FilterLogEvents`). There are none
    /// if the log group does not exist.
    async fn log_events(&self, group: &str, since: Timestamp) -> Result<Vec<LogEvent>>;
    /// Returns a log group (`logs:DescribeLogGroups`).
    async fn log_group(&self, group: &str) -> Result<Option<LogGroup>>;
    /// Encrypts what a log group will contain with a KMS key (`logs:AssociateKmsKey`).
    async fn set_log_key(&self, group: &str, key: &str) -> Result<()>;
    /// Deletes a log group, and returns whether it existed (`logs:DeleteLogGroup`).
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

/// The result of comparing an object with its expected body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Whether the object has that body.
    pub same: bool,
    /// The version that was compared. `None` if the bucket is not versioned, so that the
    /// object can be overwritten.
    pub version: Option<String>,
}

/// S3, as far as artifacts need it. Every request specifies the account that must own the
/// bucket, so that nothing is sent to a bucket of another account.
#[async_trait(?Send)]
pub trait Artifacts {
    /// Returns the bucket's Region, or `None` if the bucket does not exist
    /// (`s3:ListBucket`).
    async fn bucket_region(&self, bucket: &str, account: &str) -> Result<Option<String>>;
    /// Returns whether versioning is enabled on the bucket (`s3:GetBucketVersioning`).
    async fn is_versioned(&self, bucket: &str, account: &str) -> Result<bool>;
    /// Creates a bucket.
    async fn create_bucket(&self, bucket: &str, account: &str) -> Result<()>;
    /// Makes a bucket private, encrypted, and versioned, and attaches a policy. Returns
    /// whether anything had to be changed. Correct settings are not changed.
    async fn secure_bucket(&self, bucket: &str, account: &str, policy: &str) -> Result<bool>;
    /// Compares an object, or one version of it, with a body. Returns `None` if the
    /// object does not exist (`s3:GetObject`, `s3:GetObjectVersion`).
    async fn compare(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        body: &[u8],
    ) -> Result<Option<Compared>>;
    /// Returns the content of an object, or of one version of it. Returns `None` if it does not
    /// exist (`s3:GetObject`, `s3:GetObjectVersion`), or is longer than `limit` bytes: other
    /// principals can store an object of any size.
    async fn object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>>;
    /// Stores an object and returns its version, or `None` if the bucket is not versioned
    /// (`s3:PutObject`).
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
    /// Permanently deletes a version (`s3:DeleteObjectVersion`).
    async fn delete_version(
        &self,
        bucket: &str,
        version: &ObjectVersion,
        account: &str,
    ) -> Result<()>;
    /// Deletes an empty bucket (`s3:DeleteBucket`).
    async fn delete_bucket(&self, bucket: &str, account: &str) -> Result<()>;
    /// Returns the URL from which CloudFormation reads a version of an object.
    fn object_url(&self, bucket: &str, key: &str, version: Option<&str>) -> String;
}
