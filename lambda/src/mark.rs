//! What the function records on the IAM user about the keys that it makes. Pure.
//!
//! Access keys carry no description. So that its own keys can be told from those that
//! somebody else made, the function sets two tags on the user. Principals that may write
//! the secret cannot write them; a label on the secret, or a key's ID in its value, they
//! could forge.
//!
//! | tag | value | says |
//! | --- | --- | --- |
//! | `keyrota:making` | times, in seconds since 1970 | a key is made about then: one that was made then, whose secret part is nowhere, was lost with the process that made it |
//! | `keyrota:keys` | IDs of keys | these keys were made, or adopted, for this secret |
//!
//! The first is set before `CreateAccessKey`, and removed when the version that stores
//! the key becomes AWSCURRENT. Where processes died, it holds several times. The second
//! is set while the new key is stored.
//!
//! Nothing is recorded for a user that the stack created: each of its keys is the
//! stack's, and its tags stay as the template has them.
//!
//! One staging label remains, `KEYROTA_MADE`, on the version that stores the key that
//! was made last. It says where to look for the key of a rotation that was cancelled,
//! and proves nothing.
//!
//! Sources: "Tagging IAM users" in the IAM User Guide, "Secrets Manager quotas" in the
//! Secrets Manager User Guide.

use std::collections::BTreeMap;

use keyrota_contract::record;
use keyrota_function_base::stage::carrier_alone;

use crate::decide::{AccessKeyId, Stages, VersionId};
use crate::moment::Moment;

pub use keyrota_contract::label::MADE;
pub use keyrota_contract::tag::{KEYS, MAKING};

/// What is recorded on the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When keys were about to be made, the oldest first.
    pub intents: Vec<Moment>,
    /// The keys that were made or adopted, the oldest first.
    pub keys: Vec<AccessKeyId>,
}

impl Record {
    /// Reads the user's tags. What makes no sense is left out: it then proves nothing.
    pub fn read(tags: &BTreeMap<String, String>) -> Self {
        let value = |tag| tags.get(tag).map(String::as_str).unwrap_or_default();
        Self {
            intents: record::times(value(MAKING)).map(Moment).collect(),
            keys: record::keys(value(KEYS))
                .filter_map(AccessKeyId::parse)
                .collect(),
        }
    }

    /// Returns the value of [`MAKING`] with one more time.
    pub fn with_intent(&self, at: Moment) -> String {
        let intents = self.intents.iter().map(|at| at.0.to_string());
        record::with(intents, at.0.to_string())
    }

    /// Returns the value of [`KEYS`] with one more key.
    pub fn with_key(&self, key: &AccessKeyId) -> String {
        record::with(self.keys.iter().map(ToString::to_string), key.to_string())
    }
}

/// Whether a key was made when a run of the rotation said that it would make
/// one. A key without a time was not.
pub fn covers(intents: &[Moment], created: Option<Moment>) -> bool {
    let Some(created) = created else {
        return false;
    };
    intents.iter().any(|at| record::covers(at.0, created.0))
}

/// Returns the version of the key that was made last, where none of AWS's own
/// labels tells of it: its rotation was cancelled.
pub fn forgotten(stages: &Stages) -> Option<&VersionId> {
    carrier_alone(stages, MADE)
}
