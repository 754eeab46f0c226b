//! What was seen in the account, as plain data.

use jiff::Timestamp;
use keyrota_contract::value;

use crate::model::{Content, Credential};
use crate::port::{
    CURRENT, Caller, EncryptionKey, Key, PENDING, PREVIOUS, Secret, Stack, StackResource, User,
};

use super::{ABANDONED_TAG, BEFORE, KeyRole, MADE, ObservedDatabase, recorded_keys};

/// What was seen before anything was decided.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Who is calling, and in which account.
    pub caller: Caller,
    /// The Region.
    pub region: String,
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The stack's resources.
    pub resources: Vec<StackResource>,
    /// What was seen of each entry, in the order of the subjects asked about.
    pub entries: Vec<ObservedEntry>,
    /// What was seen of each database, in the same order.
    pub databases: Vec<ObservedDatabase>,
}

/// What was seen of one entry.
#[derive(Clone, Debug)]
pub struct ObservedEntry {
    /// The IAM user's name.
    pub user_name: String,
    /// The secret's name.
    pub secret_name: String,
    /// The user, if it exists.
    pub user: Option<User>,
    /// The user's keys.
    pub keys: Vec<Key>,
    /// The secret, if it exists.
    pub secret: Option<ObservedSecret>,
    /// The customer managed key that the manifest names: outer `None` where it
    /// names none, inner `None` where there is no such key.
    pub encryption_key: Option<Option<EncryptionKey>>,
    /// The administrator's secret that the manifest names.
    pub administrator: Option<Administrator>,
    /// The profile whose key bootstrap adopts.
    pub profile: Option<Profile>,
}

/// A secret, and what its versions hold.
#[derive(Clone, Debug)]
pub struct ObservedSecret {
    /// What Secrets Manager tells about it.
    pub secret: Secret,
    /// What AWSCURRENT holds.
    pub current: SecretContent,
    /// When the version with AWSCURRENT came into being.
    pub current_since: Option<Timestamp>,
    /// The key ID that AWSPREVIOUS holds.
    pub previous_key: Option<String>,
    /// The key ID that the version marked [`BEFORE`](super::BEFORE) holds.
    pub before_key: Option<String>,
    /// The key ID that AWSPENDING holds, where it is on another version than AWSCURRENT.
    pub pending_key: Option<String>,
    /// The key ID that the version marked [`MADE`](super::MADE) holds, where it
    /// carries none of those labels: what is left of an unfinished rotation.
    pub made_key: Option<String>,
    /// Of every version with a label it is known which key it holds, so that a key
    /// which is none of them is in none of them.
    pub read: bool,
}

/// What a version of a secret holds.
#[derive(Clone, Debug)]
pub enum SecretContent<T = Credential> {
    /// There is no version, or it cannot be read because the secret awaits deletion.
    Absent,
    /// A version that cannot be decrypted.
    Sealed,
    /// A version with its content.
    Held(Content<T>),
}

/// An administrator's secret, seen from outside.
#[derive(Clone, Debug)]
pub enum Administrator {
    /// There is no such secret.
    Missing,
    /// It awaits deletion, or has no value.
    Unusable(String),
    /// It holds something.
    Usable {
        /// Its full ARN.
        arn: String,
    },
}

/// A profile whose key bootstrap adopts.
#[derive(Clone, Debug)]
pub enum Profile {
    /// It cannot be used, and why.
    Unusable(String),
    /// It holds a key that works.
    Usable {
        /// The access key ID.
        id: String,
        /// Who the key's holder is.
        holder: String,
    },
}

/// What a key is to its secret, and what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// What it is.
    pub role: KeyRole,
    /// The staging label of the version that names it. A principal that may write the secret
    /// can make a version name any key. Nothing if IAM's own record says so, or if nothing
    /// does.
    pub label: Option<&'static str>,
}

impl ObservedSecret {
    /// Returns a secret of whose versions none was read.
    pub const fn unread(secret: Secret) -> Self {
        Self {
            secret,
            current: SecretContent::Absent,
            current_since: None,
            previous_key: None,
            before_key: None,
            pending_key: None,
            made_key: None,
            read: false,
        }
    }

    /// Returns the complete credential, where there is one.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.current {
            SecretContent::Held(Content::Complete(credential)) => Some(credential),
            _ => None,
        }
    }

    /// Returns whether it holds no key, whole or in part: it is as the stack made it.
    pub fn holds_no_key(&self) -> bool {
        match &self.current {
            SecretContent::Absent => self.secret.versions.is_empty(),
            SecretContent::Held(Content::Incomplete(missing)) => {
                missing.contains(&value::ACCESS_KEY) && missing.contains(&value::SECRET_KEY)
            }
            SecretContent::Held(_) | SecretContent::Sealed => false,
        }
    }

    /// Returns whether it awaits deletion.
    pub fn is_deleted(&self) -> bool {
        self.secret.deleted.is_some()
    }

    /// Returns when the current key took the place of the one before: when the last
    /// rotation ended, or when somebody stored a value by hand since.
    pub fn replaced(&self) -> Option<Timestamp> {
        self.secret.last_rotated.max(self.current_since)
    }
}

impl ObservedEntry {
    /// Returns the complete credential of the secret, where there is one.
    pub fn credential(&self) -> Option<&Credential> {
        self.secret.as_ref().and_then(ObservedSecret::credential)
    }

    /// Returns the key that the secret holds, where the user's list has it not.
    pub fn lost_key(&self) -> Option<&str> {
        let current = self.credential()?.accesskey.as_str();
        let listed = self.keys.iter().any(|key| key.id == current);
        (!listed).then_some(current)
    }

    /// Returns what a key is to the secret. By ID and staging label, never by age.
    pub fn role_of(&self, key: &Key) -> KeyRole {
        self.claim_of(key).role
    }

    /// Returns what a key is to the secret, and what says so.
    pub fn claim_of(&self, key: &Key) -> KeyClaim {
        let claim = |role, label| KeyClaim { role, label };
        let Some(seen) = &self.secret else {
            return claim(KeyRole::Unknown, None);
        };
        let id = key.id.as_str();
        let is = |held: &Option<String>| held.as_deref() == Some(id);
        if seen.credential().is_some_and(|held| held.accesskey == *id) {
            claim(KeyRole::Current, Some(CURRENT))
        } else if is(&seen.pending_key) {
            claim(KeyRole::Pending, Some(PENDING))
        } else if self.abandoned() == Some(id) {
            claim(KeyRole::Pending, None)
        } else if is(&seen.previous_key) {
            claim(KeyRole::Previous, Some(PREVIOUS))
        } else if is(&seen.before_key) {
            claim(KeyRole::Previous, Some(BEFORE))
        } else if is(&seen.made_key) {
            claim(KeyRole::Pending, Some(MADE))
        } else if let Some(user) = &self.user
            && seen.credential().is_some()
            && seen.read
            && recorded_keys::is_orphan(user, key)
        {
            claim(KeyRole::Pending, None)
        } else if let Some(user) = &self.user
            && seen.credential().is_some()
            && seen.read
            && recorded_keys::is_recorded(user, id)
        {
            // It was made for the secret, and whatever version held it is gone.
            claim(KeyRole::Previous, None)
        } else {
            claim(KeyRole::Unknown, None)
        }
    }

    /// Returns the key of a rotation that is being given up, as IAM has it.
    pub fn abandoned(&self) -> Option<&str> {
        let tags = &self.user.as_ref()?.tags;
        tags.get(ABANDONED_TAG).map(String::as_str)
    }

    /// Returns the keys that the secret does not know.
    pub fn foreign_keys(&self) -> Vec<&Key> {
        let foreign = |key: &&Key| self.role_of(key) == KeyRole::Unknown;
        self.keys.iter().filter(foreign).collect()
    }

    /// Returns whether the secret belongs to the stack.
    pub fn is_in(&self, resources: &[StackResource]) -> bool {
        let secret = self.secret.as_ref();
        secret.is_some_and(|held| holds(resources, &held.secret))
    }
}

/// Returns whether a secret is among a stack's resources.
pub(super) fn holds(resources: &[StackResource], secret: &Secret) -> bool {
    resources.iter().any(|resource| {
        resource.kind == "AWS::SecretsManager::Secret"
            && (resource.physical_id == secret.arn || resource.physical_id == secret.name)
    })
}
