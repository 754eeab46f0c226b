//! Secrets Manager.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Result;

pub use keyrota_contract::label::{CURRENT, PENDING, PREVIOUS};

/// What Secrets Manager tells about a secret (`secretsmanager:DescribeSecret`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secret {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The customer managed KMS key that encrypts it, where there is one.
    pub kms_key: Option<String>,
    /// A schedule is on.
    pub rotation_enabled: bool,
    /// What rotates it, and when; also of a schedule that is off.
    pub rotation: Rotation,
    /// When a rotation last ended well.
    pub last_rotated: Option<Timestamp>,
    /// By when the next one is due.
    pub next_rotation: Option<Timestamp>,
    /// When its deletion was asked for; it cannot be read since then.
    pub deleted: Option<Timestamp>,
    /// Each labelled version with its staging labels.
    pub versions: BTreeMap<String, Vec<String>>,
}

/// What rotates a secret, and when (`API_RotationRulesType`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The function's ARN.
    pub function: Option<String>,
    /// The schedule expression.
    pub schedule: Option<String>,
    /// How long after the scheduled hour it may rotate, such as `3h`.
    pub window: Option<String>,
}

impl Secret {
    /// Returns the version that carries a staging label.
    pub fn version_with(&self, label: &str) -> Option<&str> {
        let carries = |labels: &Vec<String>| labels.iter().any(|held| held == label);
        let found = self.versions.iter().find(|(_, labels)| carries(labels))?;
        Some(found.0)
    }

    /// Returns the version that a rotation left unfinished: AWSPENDING where
    /// AWSCURRENT is not (`API_RotateSecret`).
    pub fn unfinished(&self) -> Option<&str> {
        let pending = self.version_with(PENDING)?;
        (self.version_with(CURRENT) != Some(pending)).then_some(pending)
    }
}

/// A secret in the list of those that carry a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedSecret {
    /// The full ARN.
    pub arn: String,
    /// The name.
    pub name: String,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// It awaits deletion.
    pub deleted: bool,
}

/// A secret's value in one version.
#[derive(Clone, Debug)]
pub struct SecretValue {
    /// The version's ID.
    pub version: String,
    /// When the version came into being.
    pub created: Option<Timestamp>,
    /// The text.
    pub text: SecretString,
}

/// How a secret is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It can be restored for so many days, 7 to 30.
    Window(u32),
    /// At once and for good.
    Forced,
}

/// Secrets Manager.
#[async_trait(?Send)]
pub trait Secrets {
    /// Returns what is known of a secret, by name or ARN.
    async fn secret(&self, id: &str) -> Result<Option<Secret>>;
    /// Returns the secrets that carry a tag, those awaiting deletion included
    /// (`secretsmanager:ListSecrets`).
    async fn secrets_tagged(&self, key: &str, value: &str) -> Result<Vec<TaggedSecret>>;
    /// Returns the value that carries a staging label; nothing where there is none.
    async fn value(&self, id: &str, label: &str) -> Result<Option<SecretValue>>;
    /// Stores a value with a staging label under a token of the caller's
    /// (`API_PutSecretValue`).
    async fn put_value(
        &self,
        id: &str,
        token: &str,
        label: &str,
        text: &SecretString,
    ) -> Result<()>;
    /// Moves a staging label to `to`, from `from`; with no `to` it is taken away.
    async fn move_label(
        &self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()>;
    /// Begins a rotation and returns the version it will make.
    async fn rotate(&self, id: &str, token: &str) -> Result<String>;
    /// Sets function and schedule, turns the schedule on, and begins no rotation: the
    /// function tries the configuration (`secretsmanager:RotateSecret` with
    /// `RotateImmediately` false).
    async fn schedule(&self, id: &str, token: &str, rotation: &Rotation) -> Result<()>;
    /// Turns the schedule off.
    async fn cancel_rotation(&self, id: &str) -> Result<()>;
    /// Sets a tag.
    async fn tag(&self, id: &str, key: &str, value: &str) -> Result<()>;
    /// Takes a tag away.
    async fn untag(&self, id: &str, key: &str) -> Result<()>;
    /// Deletes it; returns until when it can be restored.
    async fn delete_secret(&self, id: &str, deletion: Deletion) -> Result<Option<Timestamp>>;
    /// Takes a secret's deletion back (`secretsmanager:RestoreSecret`).
    async fn restore_secret(&self, id: &str) -> Result<()>;
}
