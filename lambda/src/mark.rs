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
use std::time::Duration;

use crate::decide::{AccessKeyId, CURRENT, PENDING, PREVIOUS, Stages, VersionId};
use crate::moment::Moment;

/// The label of the version that stores the key that was made last.
pub const MADE: &str = "KEYROTA_MADE";

/// The IAM user's tag that records when a key was about to be made.
pub const MAKING: &str = "keyrota:making";

/// The IAM user's tag that records the keys that were made or adopted.
pub const KEYS: &str = "keyrota:keys";

/// The most times or IDs that a tag holds. A tag's value has at most 256 characters. A
/// user has two keys, and one more time stays for each process that never learnt
/// whether it made a key.
const MOST: usize = 8;

/// How long after an intent its key may be made: five tries of a call that is
/// given up after five seconds, with the waits between them, and the same again.
const LATEST: Duration = Duration::from_secs(60);

/// How far IAM's clock may lag behind the function's, with the fraction of a
/// second that IAM does not tell.
const SKEW: Duration = Duration::from_secs(5);

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
        let words = |tag| tags.get(tag).into_iter().flat_map(|value| value.split(' '));
        Self {
            intents: words(MAKING)
                .filter_map(|word| word.parse().ok().map(Moment))
                .collect(),
            keys: words(KEYS).filter_map(AccessKeyId::parse).collect(),
        }
    }

    /// Returns the value of [`MAKING`] with one more time.
    pub fn with_intent(&self, at: Moment) -> String {
        with(
            self.intents.iter().map(|at| at.0.to_string()),
            at.0.to_string(),
        )
    }

    /// Returns the value of [`KEYS`] with one more key.
    pub fn with_key(&self, key: &AccessKeyId) -> String {
        with(self.keys.iter().map(ToString::to_string), key.to_string())
    }
}

/// Joins words and one more, without the oldest where there are too many.
fn with(words: impl Iterator<Item = String>, more: String) -> String {
    let mut words: Vec<String> = words.filter(|word| *word != more).collect();
    words.push(more);
    words.split_off(words.len().saturating_sub(MOST)).join(" ")
}

/// Whether a key was made when a run of the rotation said that it would make
/// one. A key without a time was not.
pub fn covers(intents: &[Moment], created: Option<Moment>) -> bool {
    let Some(created) = created else {
        return false;
    };
    intents
        .iter()
        .any(|at| created.since(*at) <= LATEST && at.since(created) <= SKEW)
}

/// Returns the version of the key that was made last, where none of AWS's own
/// labels tells of it: its rotation was cancelled.
pub fn forgotten(stages: &Stages) -> Option<&VersionId> {
    let (version, _) = stages.iter().find(|(_, labels)| {
        labels.contains(MADE)
            && ![CURRENT, PENDING, PREVIOUS]
                .iter()
                .any(|label| labels.contains(*label))
    })?;
    Some(version)
}
