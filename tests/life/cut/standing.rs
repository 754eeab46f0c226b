//! What the account holds of one credential.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::world::World;

/// The user's keys, and which version of the secret names which.
pub struct Standing {
    /// The version that each staging label is on.
    pub labels: BTreeMap<String, String>,
    /// The key that each version with a label names.
    pub named: BTreeMap<String, String>,
    /// Each key of the user, and whether it is active.
    pub keys: BTreeMap<String, bool>,
}

impl Standing {
    /// Looks.
    pub async fn of(world: &World, secret: &str, user: &str) -> Self {
        let keys = world.keys(user).await.expect("the user");
        let labels = world.secret(secret).await.expect("the secret").labels;
        let mut named = BTreeMap::new();
        for (label, version) in &labels {
            if !named.contains_key(version)
                && let Some(key) = world.key_in(secret, label).await
            {
                named.insert(version.clone(), key.id);
            }
        }
        Self {
            labels,
            named,
            keys,
        }
    }

    /// Returns the key that a label's version names.
    pub fn key(&self, label: &str) -> Option<&str> {
        let named = self.named.get(self.labels.get(label)?);
        named.map(String::as_str)
    }

    /// Returns the keys that no version names.
    pub fn strays(&self) -> BTreeSet<&str> {
        let keys = self.keys.keys().filter(|id| {
            let mut named = self.named.values();
            !named.any(|named| named == *id)
        });
        keys.map(String::as_str).collect()
    }
}

/// Names keys; a version is not named, since its ID is a token.
impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels.keys() {
            let key = self.key(label).unwrap_or("nothing");
            write!(formatter, "{label} is {key}, ")?;
        }
        write!(formatter, "keys {:?}", self.keys)
    }
}
