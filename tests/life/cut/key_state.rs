//! What the account holds of one credential.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::environment::TestEnvironment;

/// The user's keys, and which version of the secret names which.
#[derive(Clone, Default)]
pub struct KeyState {
    /// The version that each staging label is on.
    pub labels: BTreeMap<String, String>,
    /// The key that each version with a label names.
    pub named: BTreeMap<String, String>,
    /// Each key of the user, and whether it is active.
    pub keys: BTreeMap<String, bool>,
}

impl KeyState {
    /// Looks again. What a version names, it names for good.
    pub async fn anew(&self, test: &TestEnvironment, secret: &str, user: &str) -> Self {
        let keys = test.keys(user).await.expect("the user");
        let labels = test.secret(secret).await.expect("the secret").labels;
        let mut named = BTreeMap::new();
        for (label, version) in &labels {
            if named.contains_key(version) {
                continue;
            }
            let key = match self.named.get(version) {
                Some(key) => Some(key.clone()),
                None => test.key_in(secret, label).await.map(|key| key.id),
            };
            named.extend(key.map(|key| (version.clone(), key)));
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
impl fmt::Display for KeyState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels.keys() {
            let key = self.key(label).unwrap_or("nothing");
            write!(formatter, "{label} is {key}, ")?;
        }
        write!(formatter, "keys {:?}", self.keys)
    }
}
