//! What was seen of an access key's entry, as plain data.

use jiff::Timestamp;
use keyrota_contract::value;

use crate::model::{AccessKey, Content, Credential, EntryOf, RotateAs};
use crate::port::{CURRENT, EncryptionKey, Key, PENDING, PREVIOUS, Secret, User};

use super::{
    ABANDONED_TAG, Administrator, BEFORE, HeldSecret, KeyRole, LastRotation, Lookup, MADE,
    SecretContent, recorded_keys,
};

/// What was seen of the entry of an access key.
#[derive(Clone, Debug)]
pub struct ObservedAccessKey {
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
    /// The customer managed key that the manifest names, if it names one.
    pub encryption_key: Option<Lookup<EncryptionKey>>,
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
        self.current.complete().ok()
    }

    /// Returns what does not depend on what it holds.
    pub fn held(&self) -> HeldSecret<'_> {
        HeldSecret {
            secret: &self.secret,
            is_complete: self.credential().is_some(),
            is_sealed: matches!(self.current, SecretContent::Sealed),
            is_unused: self.holds_no_key(),
            has_pending_value: self.pending_key.is_some(),
            rotation: LastRotation::of(&self.secret, self.is_replaced(), self.current_since),
        }
    }

    /// Returns whether the current key replaced another one, or a rotation made it.
    fn is_replaced(&self) -> bool {
        let Some(credential) = self.credential() else {
            return false;
        };
        let current = self.secret.version_with(CURRENT);
        let made = current.is_some() && self.secret.version_with(MADE) == current;
        let previous = self.previous_key.as_deref();
        made || previous.is_some_and(|previous| credential.accesskey != *previous)
    }

    /// Returns whether it holds no key, whole or in part: it is as the stack made it.
    fn holds_no_key(&self) -> bool {
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

impl ObservedAccessKey {
    /// Returns the complete credential of the secret, where there is one.
    pub fn credential(&self) -> Option<&Credential> {
        self.secret.as_ref().and_then(ObservedSecret::credential)
    }

    /// Returns the ARN of the secret whose key makes the IAM calls; nothing where the
    /// administrator's secret cannot be used.
    pub fn origin<'a>(&'a self, entry: EntryOf<'a, AccessKey>) -> Option<&'a str> {
        match (&entry.entry().rotate_as, &self.administrator) {
            (RotateAs::Itself | RotateAs::Role, _) => {
                self.secret.as_ref().map(|held| held.secret.arn.as_str())
            }
            (RotateAs::Administrator(name), Some(administrator)) => administrator.arn(name),
            (RotateAs::Administrator(_), None) => None,
        }
    }

    /// Returns the key that the secret holds, where the user's list has it not.
    pub fn lost_key(&self) -> Option<&str> {
        let current = self.credential()?.accesskey.as_str();
        let listed = self.keys.iter().any(|key| key.id == current);
        (!listed).then_some(current)
    }

    /// Returns the IDs of the user's keys: those in its list, and, where the list lacks the key
    /// that is current or pending, so that it may be older than the versions, those that the
    /// versions name. IAM is eventually consistent.
    pub fn all_key_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        let Some(held) = &self.secret else {
            return ids;
        };
        let current = held.credential().map(|current| current.accesskey.as_str());
        let pending = held.pending_key.as_deref();
        let is_unlisted = |id: &str| !ids.contains(&id);
        if ![current, pending].into_iter().flatten().any(is_unlisted) {
            return ids;
        }
        let others = [&held.previous_key, &held.before_key, &held.made_key];
        let others = others.map(|id| id.as_deref());
        for id in [current, pending].into_iter().chain(others).flatten() {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
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
}
