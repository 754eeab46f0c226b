//! Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::{KeyPair, Result};

pub use keyrota_contract::label::{CURRENT, PENDING, PREVIOUS};

/// A secret, as Secrets Manager describes it (`secretsmanager:DescribeSecret`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// Its description, or nothing.
    pub description: String,
    /// The AWS service that manages it, if one does (`OwningService` of `API_DescribeSecret`).
    pub owner: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The customer managed KMS key that encrypts it, if any.
    pub kms_key: Option<String>,
    /// Whether rotation is enabled.
    pub rotation_enabled: bool,
    /// The rotation function and schedule, even if rotation is disabled.
    pub rotation: Rotation,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// The end of the next rotation window.
    pub next_rotation: Option<Timestamp>,
    /// When it was scheduled for deletion. Since then, its value cannot be read.
    pub deleted: Option<Timestamp>,
    /// Each labelled version with its staging labels.
    pub versions: BTreeMap<String, Vec<String>>,
    /// Its replicas in other Regions.
    pub replicas: Vec<ReplicaStatus>,
    /// The Region of the primary secret. It differs from the secret's own Region if the secret is a
    /// replica, and may be absent if it has no replicas.
    pub primary_region: Option<String>,
}

/// A replica of a secret, as Secrets Manager describes it (`API_ReplicationStatusType`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The Region.
    pub region: String,
    /// Whether the replica has the value of the secret.
    pub state: ReplicaState,
    /// Why not, in AWS's words.
    pub message: Option<String>,
    /// The customer managed key of that Region that encrypts it, if any.
    pub kms_key: Option<String>,
}

/// The state of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReplicaState {
    /// It has the value of the secret.
    InSync,
    /// Secrets Manager is copying the value.
    InProgress,
    /// Secrets Manager could not copy the value.
    Failed,
}

impl fmt::Display for ReplicaState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::InSync => "InSync",
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
        })
    }
}

/// The rotation function and schedule of a secret (`API_RotationRulesType`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The function's ARN.
    pub function: Option<String>,
    /// The schedule expression.
    pub schedule: Option<String>,
    /// The length of the rotation window, such as `3h`.
    pub window: Option<String>,
}

impl Secret {
    /// Returns the version with a staging label.
    pub fn version_with(&self, label: &str) -> Option<&str> {
        let carries = |labels: &Vec<String>| labels.iter().any(|held| held == label);
        let found = self.versions.iter().find(|(_, labels)| carries(labels))?;
        Some(found.0)
    }

    /// Returns the replica in a Region.
    pub fn replica_in(&self, region: &str) -> Option<&ReplicaStatus> {
        self.replicas.iter().find(|one| one.region == region)
    }

    /// Returns the ARN that a replica in a Region has: that of the secret with another Region
    /// (`replicate-secrets` in the Secrets Manager User Guide).
    pub fn arn_in(&self, region: &str) -> String {
        let mut parts: Vec<&str> = self.arn.splitn(6, ':').collect();
        if let Some(part) = parts.get_mut(3) {
            *part = region;
        }
        parts.join(":")
    }

    /// Returns the Region of the primary secret, if this is a replica.
    pub fn primary_elsewhere(&self) -> Option<&str> {
        let own = self.arn.split(':').nth(3);
        let primary = self.primary_region.as_deref();
        primary.filter(|primary| Some(*primary) != own)
    }

    /// Returns the version of an unfinished rotation: the one with AWSPENDING but not
    /// AWSCURRENT (`API_RotateSecret`).
    pub fn unfinished(&self) -> Option<&str> {
        let pending = self.version_with(PENDING)?;
        (self.version_with(CURRENT) != Some(pending)).then_some(pending)
    }
}

/// A secret in the list of secrets with a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedSecret {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is scheduled for deletion.
    pub deleted: bool,
}

/// A secret in the list of all secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedSecret {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is scheduled for deletion.
    pub deleted: bool,
    /// What rotates it, if rotation is enabled: the ARN of a function, or the name of the AWS
    /// service that manages the secret.
    pub rotated_by: Option<String>,
}

/// A secret's value in one version.
#[derive(Clone, Debug)]
pub struct SecretValue {
    /// The version's ID.
    pub version: String,
    /// When the version was created.
    pub created: Option<Timestamp>,
    /// The text.
    pub text: SecretString,
}

/// How a secret is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// With a recovery window of 7 to 30 days.
    Window(u32),
    /// Immediately and permanently.
    Forced,
}

/// Secrets Manager.
#[async_trait(?Send)]
pub trait Secrets {
    /// Returns a secret by its name or ARN.
    async fn secret(&self, id: &str) -> Result<Option<Secret>>;
    /// Returns the secrets with a tag, including those scheduled for deletion
    /// (`secretsmanager:ListSecrets`).
    async fn secrets_tagged(&self, key: &str, value: &str) -> Result<Vec<TaggedSecret>>;
    /// Returns when a labelled version of a secret was created, or `None` if it does not exist
    /// (`secretsmanager:ListSecretVersionIds`). A version without a value has a date too.
    async fn version_created(&self, id: &str, version: &str) -> Result<Option<Timestamp>>;
    /// Returns a secret's resource policy, or `None` if it has none
    /// (`secretsmanager:GetResourcePolicy`).
    async fn resource_policy(&self, id: &str) -> Result<Option<String>>;
    /// Returns all secrets of the Region, including those scheduled for deletion
    /// (`secretsmanager:ListSecrets`).
    async fn list_secrets(&self) -> Result<Vec<ListedSecret>>;
    /// Returns the value of the version with a staging label, or `None` if there is none.
    async fn value(&self, id: &str, label: &str) -> Result<Option<SecretValue>>;
    /// Returns the current value of a secret, in a request with this key, or `None` if the secret
    /// does not exist or has no value (`secretsmanager:GetSecretValue`).
    async fn value_with(&self, key: &KeyPair, id: &str) -> Result<Option<SecretValue>>;
    /// Stores a value with a staging label, with a client request token
    /// (`API_PutSecretValue`).
    async fn put_value(
        &self,
        id: &str,
        token: &str,
        label: &str,
        text: &SecretString,
    ) -> Result<()>;
    /// Moves a staging label from `from` to `to`. Without `to`, removes it.
    async fn move_label(
        &self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()>;
    /// Starts a rotation and returns its version. With a rotation configuration, sets its function
    /// and its schedule and enables rotation first (`API_RotateSecret`).
    async fn rotate(&self, id: &str, token: &str, attached: Option<&Rotation>) -> Result<String>;
    /// Sets the function and the schedule, and enables rotation without starting one.
    /// Secrets Manager invokes the function to test the configuration
    /// (`secretsmanager:RotateSecret` with `RotateImmediately` false).
    async fn schedule(&self, id: &str, token: &str, rotation: &Rotation) -> Result<()>;
    /// Disables rotation, and cancels one in progress.
    async fn cancel_rotation(&self, id: &str) -> Result<()>;
    /// Sets a tag.
    async fn tag(&self, id: &str, key: &str, value: &str) -> Result<()>;
    /// Sets the description, or the KMS key, which encrypts the labelled versions again. The value
    /// is unchanged (`secretsmanager:UpdateSecret`).
    async fn update_settings(
        &self,
        id: &str,
        description: Option<&str>,
        kms_key: Option<&str>,
    ) -> Result<()>;
    /// Replaces the resource policy, and refuses one that gives everyone access
    /// (`secretsmanager:PutResourcePolicy`).
    async fn put_resource_policy(&self, id: &str, policy: &str) -> Result<()>;
    /// Removes a tag.
    async fn untag(&self, id: &str, key: &str) -> Result<()>;
    /// Deletes a secret, and returns the end of its recovery window.
    async fn delete_secret(&self, id: &str, deletion: Deletion) -> Result<Option<Timestamp>>;
    /// Cancels the deletion of a secret (`secretsmanager:RestoreSecret`).
    async fn restore_secret(&self, id: &str) -> Result<()>;
    /// Returns a secret of another Region by its name (`secretsmanager:DescribeSecret`).
    async fn secret_in(&self, region: &str, name: &str) -> Result<Option<Secret>>;
    /// Replicates a secret to a Region, with a customer managed key of that Region if one is
    /// given. Overwrites no secret there (`secretsmanager:ReplicateSecretToRegions`).
    async fn replicate(&self, id: &str, region: &str, kms_key: Option<&str>) -> Result<()>;
    /// Deletes the replica in a Region at once (`secretsmanager:RemoveRegionsFromReplication`).
    async fn remove_replica(&self, id: &str, region: &str) -> Result<()>;
}
