//! The observed state of an access key's entry, as plain data.

use jiff::Timestamp;
use keyrota_contract::value;

use crate::model::{AccessKey, Content, Credential, EntryOf, Names, RotateAs};
use crate::port::{CURRENT, EncryptionKey, Key, PENDING, PREVIOUS, Secret, User};

use super::{
    ABANDONED_TAG, Administrator, BEFORE, FIRST, FirstKey, HeldSecret, KeyRole, LastRotation,
    Lookup, MADE, REPLACED, SecretContent, Seeding, recorded_keys,
};

/// The observed state of an access key's entry.
#[derive(Clone, Debug)]
pub struct ObservedAccessKey {
    /// The IAM user's name.
    pub user_name: String,
    /// The secret's name.
    pub secret_name: String,
    /// The names of the fields of the secret's value.
    pub names: Names,
    /// The user, if it exists.
    pub user: Option<User>,
    /// The user's keys.
    pub keys: Vec<Key>,
    /// The secret, if it exists.
    pub secret: Option<ObservedSecret>,
    /// The customer managed key that the manifest names, if it names one.
    pub encryption_key: Option<Lookup<EncryptionKey>>,
    /// The administrator's secret, if the manifest names one.
    pub administrator: Option<Administrator>,
    /// The key that bootstrap adopts, if any.
    pub first_key: Option<FirstKey>,
}

/// A secret and the contents of its versions.
#[derive(Clone, Debug)]
pub struct ObservedSecret {
    /// What Secrets Manager reports about it.
    pub secret: Secret,
    /// The content of AWSCURRENT.
    pub current: SecretContent,
    /// When the version with AWSCURRENT was created.
    pub current_since: Option<Timestamp>,
    /// The ID of the key in AWSPREVIOUS.
    pub previous_key: Option<String>,
    /// The ID of the key in the version with the label [`BEFORE`](super::BEFORE).
    pub before_key: Option<String>,
    /// The ID of the key in the version with the label [`REPLACED`](super::REPLACED), if the version
    /// has none of the other labels. Someone has stored a value by hand, which moves AWSPREVIOUS.
    pub replaced_key: Option<String>,
    /// The ID of the key in AWSPENDING, if that label is not on the AWSCURRENT version.
    pub pending_key: Option<String>,
    /// The ID of the key in the version with the label [`MADE`](super::MADE), if the version has
    /// none of the other labels. An unfinished rotation leaves such a version.
    pub made_key: Option<String>,
    /// The ID of the key in the version with the label [`FIRST`](super::FIRST), if the version has
    /// none of the labels of a rotation. A command stores it and has not made it current yet.
    pub staged_key: Option<String>,
    /// Whether the key of every labelled version is known. If so, a key that matches none of them
    /// is in no version.
    pub read: bool,
}

/// The role of a key in its secret, and the evidence for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// The role.
    pub role: KeyRole,
    /// The staging label of the version that names the key. A principal that may write the secret
    /// can make a version name any key. `None` if IAM's own record is the evidence, or if there is
    /// none.
    pub label: Option<&'static str>,
}

impl ObservedSecret {
    /// Returns a secret whose versions have not been read.
    pub const fn unread(secret: Secret) -> Self {
        Self {
            secret,
            current: SecretContent::Absent,
            current_since: None,
            previous_key: None,
            before_key: None,
            replaced_key: None,
            pending_key: None,
            made_key: None,
            staged_key: None,
            read: false,
        }
    }

    /// Returns the complete credential, if there is one.
    pub fn credential(&self) -> Option<&Credential> {
        self.current.complete().ok()
    }

    /// Returns the state that does not depend on the kind of credential.
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

    /// Returns whether the current key replaced another one, or a rotation created it.
    fn is_replaced(&self) -> bool {
        let Some(credential) = self.credential() else {
            return false;
        };
        let current = self.secret.version_with(CURRENT);
        let made = current.is_some() && self.secret.version_with(MADE) == current;
        let previous = self.previous_key.as_deref();
        let is_other = |key: Option<&str>| key.is_some_and(|key| credential.accesskey != *key);
        made || is_other(previous) || is_other(self.replaced_key.as_deref())
    }

    /// Returns whether the secret contains no part of a key, as when the stack created it.
    fn holds_no_key(&self) -> bool {
        match &self.current {
            SecretContent::Absent => self.secret.versions.is_empty(),
            SecretContent::Held(Content::Incomplete(missing)) => {
                missing.contains(&value::ACCESS_KEY) && missing.contains(&value::SECRET_KEY)
            }
            SecretContent::Held(_) | SecretContent::Sealed => false,
        }
    }

    /// Returns whether the secret is scheduled for deletion.
    pub fn is_deleted(&self) -> bool {
        self.secret.deleted.is_some()
    }

    /// Returns when the current key replaced the previous one: at the end of the last rotation, or
    /// when someone stored another key manually after it.
    pub fn replaced(&self) -> Option<Timestamp> {
        match self.is_stored_again() && self.replaced_key.is_some() {
            true => self.secret.last_rotated.or(self.current_since),
            false => self.secret.last_rotated.max(self.current_since),
        }
    }

    /// Returns whether AWSPREVIOUS, if it contains a key, contains the current one: someone has stored
    /// it again with other fields.
    fn is_stored_again(&self) -> bool {
        let current = self.credential().map(|current| current.accesskey.as_str());
        self.previous_key.is_none() || self.previous_key.as_deref() == current
    }
}

impl ObservedAccessKey {
    /// Returns the complete credential of the secret, if there is one.
    pub fn credential(&self) -> Option<&Credential> {
        self.secret.as_ref().and_then(ObservedSecret::credential)
    }

    /// Returns the ARN of the secret whose key signs the IAM calls, or `None` if the
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

    /// Returns the ID of the key in the secret if the user's list does not contain it.
    pub fn lost_key(&self) -> Option<&str> {
        let current = self.credential()?.accesskey.as_str();
        let listed = self.keys.iter().any(|key| key.id == current);
        (!listed).then_some(current)
    }

    /// Returns whether the key in the secret is missing from the user's list, and the user has no
    /// active key, except one that an interrupted run created and did not make current.
    pub fn is_retired(&self) -> bool {
        let seeding = Seeding::of(self);
        let staged = self
            .secret
            .as_ref()
            .and_then(|held| held.staged_key.as_ref());
        let is_left = |key: &Key| {
            staged == Some(&key.id) || seeding.as_ref().is_some_and(|seeding| seeding.made(key))
        };
        let mut keys = self.keys.iter();
        self.lost_key().is_some() && !keys.any(|key| key.active && !is_left(key))
    }

    /// Returns the IDs of the user's keys: those in the user's list and, if the list lacks the
    /// current or the pending key, those that the versions name. Such a list may be older than the
    /// versions, because IAM is eventually consistent.
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
        let others = [
            &held.previous_key,
            &held.before_key,
            &held.replaced_key,
            &held.made_key,
            &held.staged_key,
        ];
        let others = others.map(|id| id.as_deref());
        for id in [current, pending].into_iter().chain(others).flatten() {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// Returns the role of a key in the secret, based on IDs and staging labels, never on age.
    pub fn role_of(&self, key: &Key) -> KeyRole {
        self.claim_of(key).role
    }

    /// Returns the role of a key in the secret, and the evidence for it.
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
        } else if is(&seen.replaced_key) && seen.is_stored_again() {
            claim(KeyRole::Previous, Some(REPLACED))
        } else if is(&seen.made_key) {
            claim(KeyRole::Pending, Some(MADE))
        } else if is(&seen.staged_key) {
            claim(KeyRole::Pending, Some(FIRST))
        } else if let Some(user) = &self.user
            && seen.credential().is_some()
            && seen.read
            && recorded_keys::is_orphan(user, key)
        {
            claim(KeyRole::Pending, None)
        } else if let Some(user) = &self.user
            && seen.credential().is_some()
            && (seen.read || seen.secret.unfinished().is_none())
            && recorded_keys::is_recorded(user, id)
        {
            // The key was created for the secret, and the version that contained it no longer
            // exists or cannot be read. It is not a pending key: no rotation is unfinished.
            claim(KeyRole::Previous, None)
        } else {
            claim(KeyRole::Unknown, None)
        }
    }

    /// Returns the ID of the key of an abandoned rotation, if IAM still has the key.
    pub fn abandoned(&self) -> Option<&str> {
        let tags = &self.user.as_ref()?.tags;
        tags.get(ABANDONED_TAG).map(String::as_str)
    }

    /// Returns the keys that are in no version of the secret.
    pub fn foreign_keys(&self) -> Vec<&Key> {
        let foreign = |key: &&Key| self.role_of(key) == KeyRole::Unknown;
        self.keys.iter().filter(foreign).collect()
    }
}
