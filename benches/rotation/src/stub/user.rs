//! An IAM user's access keys.

use std::collections::BTreeMap;
use std::time::Duration;

use super::refusal::Refusal;
use crate::moment::Moment;

/// The maximum number of keys of a user, active or not.
///
/// Source: "IAM and AWS STS quotas" in the IAM User Guide.
const KEYS_PER_USER: usize = 2;

/// An access key.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: String,
    pub secret: String,
    pub active: bool,
    pub created: Moment,
    /// The number of calls that were signed with it.
    pub uses: u64,
}

/// A user with its keys, the oldest first.
#[derive(Debug)]
pub struct User {
    pub name: String,
    keys: Vec<Key>,
    made: u64,
    tags: BTreeMap<String, String>,
}

impl User {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            keys: Vec::new(),
            made: 0,
            tags: BTreeMap::new(),
        }
    }

    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Returns the user's tags.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// Sets a tag.
    pub fn tag(&mut self, key: &str, value: &str) {
        self.tags.insert(key.to_owned(), value.to_owned());
    }

    /// Removes a tag.
    pub fn untag(&mut self, key: &str) {
        self.tags.remove(key);
    }

    /// Moves the history back in time.
    pub fn age(&mut self, by: Duration) {
        for key in &mut self.keys {
            key.created = key.created.before(by);
        }
    }

    /// Records that a call is signed with a key, and returns whether the signature is valid:
    /// the key is the user's and active.
    pub fn signs(&mut self, id: &str) -> bool {
        let key = self.keys.iter_mut().find(|key| key.id == id && key.active);
        match key {
            Some(key) => {
                key.uses += 1;
                true
            }
            None => false,
        }
    }

    /// Creates a key.
    ///
    /// # Errors
    ///
    /// Refuses a third one.
    pub fn create(&mut self) -> Result<Key, Refusal> {
        if self.keys.len() == KEYS_PER_USER {
            return Err(Refusal::new("LimitExceeded", "two keys are the most"));
        }
        self.made += 1;
        let key = Key {
            id: format!("AKIA{:016}", self.made),
            secret: format!("stub/{:035}", self.made),
            active: true,
            created: Moment::now(),
            uses: 0,
        };
        self.keys.push(key.clone());
        Ok(key)
    }

    /// Activates or deactivates a key.
    ///
    /// # Errors
    ///
    /// Refuses if there is no such key.
    pub fn set_active(&mut self, id: &str, active: bool) -> Result<(), Refusal> {
        self.find(id)?.active = active;
        Ok(())
    }

    /// Deletes a key.
    ///
    /// # Errors
    ///
    /// Refuses if there is no such key.
    pub fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        self.find(id)?;
        self.keys.retain(|key| key.id != id);
        Ok(())
    }

    fn find(&mut self, id: &str) -> Result<&mut Key, Refusal> {
        self.keys
            .iter_mut()
            .find(|key| key.id == id)
            .ok_or_else(|| Refusal::new("NoSuchEntity", "the user has no such key"))
    }
}
