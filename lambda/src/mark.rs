//! What the function writes down before it makes a key, so that a key whose
//! secret was lost with the process that made it can be told from one that
//! somebody else made. Pure.
//!
//! Access keys carry no description, and `CreateAccessKey` cannot be undone by
//! a process that is no more. The one thing of ours that lasts and that the
//! function may change is the secret, and staging labels are the part of it
//! that no client reads. So, besides AWS's own three, there are two:
//!
//! | label | on | says |
//! | --- | --- | --- |
//! | `KEYROTA_MAKING_` and a time | the AWSCURRENT version of that time | a key is made about now, beside AWSCURRENT's and no other |
//! | `KEYROTA_MADE` | the version that stores the key made last | that version's key is ours, even if its rotation was cancelled |
//!
//! A label sits on one version, and a secret has room for twenty. Intents are
//! taken away when the version that stores their key becomes AWSCURRENT: IAM
//! would not have made that key while one of another intent was there.
//!
//! Sources: "Secrets Manager quotas" in the Secrets Manager User Guide,
//! `PutSecretValue` and `UpdateSecretVersionStage` in its API reference.

use std::time::Duration;

use crate::decide::{CURRENT, PENDING, PREVIOUS, Stages, VersionId};
use crate::moment::Moment;

/// The label of the version that stores the key that was made last.
pub const MADE: &str = "KEYROTA_MADE";

const MAKING: &str = "KEYROTA_MAKING_";

/// How long after an intent its key may be made: five tries of a call that is
/// given up after five seconds, with the waits between them, and the same again.
const LATEST: Duration = Duration::from_secs(60);

/// How far IAM's clock may lag behind the function's, with the fraction of a
/// second that IAM does not tell.
const SKEW: Duration = Duration::from_secs(5);

/// An intent that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The whole label.
    pub label: String,
    /// The version that carries it.
    pub version: VersionId,
    at: Moment,
}

/// Returns the label that says that a key is made at a moment.
pub fn label(at: Moment) -> String {
    format!("{MAKING}{}", at.0)
}

/// Returns the intents that a secret's labels tell of, in the order of their age.
pub fn intents(stages: &Stages) -> Vec<Intent> {
    let mut intents = Vec::new();
    for (version, labels) in stages {
        for label in labels {
            let at = label.strip_prefix(MAKING).and_then(|at| at.parse().ok());
            intents.extend(at.map(|at| Intent {
                label: label.clone(),
                version: version.clone(),
                at: Moment(at),
            }));
        }
    }
    intents.sort_by_key(|intent| intent.at);
    intents
}

/// Whether a key was made when a run of the rotation said that it would make
/// one. A key without a time was not.
pub fn covers(intents: &[Intent], created: Option<Moment>) -> bool {
    let Some(created) = created else {
        return false;
    };
    intents
        .iter()
        .any(|intent| created.since(intent.at) <= LATEST && intent.at.since(created) <= SKEW)
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
