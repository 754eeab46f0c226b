//! The function's records on the IAM user about the keys that it creates. Pure.
//!
//! Access keys carry no description. The function sets two tags on the user to distinguish its
//! own keys from other people's. Principals that may write the secret cannot write these tags,
//! but they could forge a label on the secret or a key's ID in its value.
//!
//! | tag | value | meaning |
//! | --- | --- | --- |
//! | `keyrota:making` | times, in seconds since 1970 | a key is about to be created at that time. A key that was created then and whose secret access key is not stored was lost with the process that created it |
//! | `keyrota:keys` | IDs of keys | these keys were created or adopted for this secret |
//!
//! The first tag is set before `CreateAccessKey`, and removed when the version that stores the
//! key becomes AWSCURRENT. If processes died, it contains several times. The second tag is set
//! while the new key is stored.
//!
//! Nothing is recorded for a user that the stack created: each of its keys belongs to the
//! stack, and its tags stay as the template defines them.
//!
//! Staging labels remain. `KEYROTA_MADE` is on the version that stores the key that was
//! created last. It shows where to look for the key of a cancelled rotation, and proves
//! nothing. `KEYROTA_REPLACED` is on the version whose key was replaced last, and shows where to
//! look for it after someone stored a value by hand. Another one, `KEYROTA_CLEARING`, is set while
//! a key that seems lost is deleted. It stops a rotation. These two prove nothing either.
//!
//! Sources: "Tagging IAM users" in the IAM User Guide, "Secrets Manager quotas" in the
//! Secrets Manager User Guide.

use std::collections::BTreeMap;

use keyrota_contract::record;
use keyrota_function_base::stage::carrier_alone;

use crate::decide::{AccessKeyId, Stages, VersionId};
use crate::moment::Moment;

pub use keyrota_contract::label::{CLEARING, MADE, REPLACED};
pub use keyrota_contract::tag::{KEYS, MAKING};

/// What is recorded on the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The times at which keys were about to be created, the oldest first.
    pub intents: Vec<Moment>,
    /// The keys that were created or adopted, the oldest first.
    pub keys: Vec<AccessKeyId>,
}

impl Record {
    /// Parses the user's tags. Invalid words are ignored, so they prove nothing.
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

/// Returns whether a key was created when a run of the rotation had recorded that it was about
/// to create one. The result is `false` for a key whose time of creation is unknown.
pub fn covers(intents: &[Moment], created: Option<Moment>) -> bool {
    let Some(created) = created else {
        return false;
    };
    intents.iter().any(|at| record::covers(at.0, created.0))
}

/// Returns the version whose key was replaced last, if it carries none of AWS's own labels because
/// someone has stored a value by hand since.
pub fn replaced(stages: &Stages) -> Option<&VersionId> {
    carrier_alone(stages, REPLACED)
}

/// Returns the version of the key that was created last, if it carries none of AWS's own labels
/// because its rotation was cancelled.
pub fn forgotten(stages: &Stages) -> Option<&VersionId> {
    carrier_alone(stages, MADE)
}
