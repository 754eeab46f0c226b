//! The users of a new manifest: those whose keys should rotate.

use std::collections::{BTreeMap, BTreeSet};

use super::holder::SecretMatch;
use super::verdict::Verdict;
use super::{Survey, SurveyedKey};
use crate::model::{DraftEntry, IamPath, SecretName, UserName};

/// The entries of a new manifest.
#[derive(Clone, Debug, Default)]
pub struct ManifestSelection {
    /// An entry for each user with an active key that should rotate.
    pub entries: Vec<DraftEntry>,
    /// The users with such a key that are left out, each with the reason.
    pub left_out: Vec<(String, String)>,
}

/// Returns the entries for the keys that should rotate. Users whose key a keyrota stack holds are
/// left out.
pub fn select(survey: &Survey) -> ManifestSelection {
    let mut users: BTreeMap<&str, Vec<&SurveyedKey>> = BTreeMap::new();
    for key in survey.keys.iter().filter(|key| !key.is_root()) {
        users.entry(&key.user).or_default().push(key);
    }
    let mut selection = ManifestSelection::default();
    let mut adopted = BTreeSet::new();
    for (name, keys) in users {
        let rotates = |key: &SurveyedKey| key.is_active() && key.verdict == Verdict::Rotate;
        if !keys.iter().any(|key| rotates(key)) {
            continue;
        }
        let mut leave_out = |why: String| selection.left_out.push((name.to_owned(), why));
        if let Some(stack) = keys.iter().find_map(|key| managed_by(key)) {
            leave_out(format!("the stack {stack} has its key"));
            continue;
        }
        let user = match UserName::parse(name) {
            Ok(user) => user,
            Err(why) => {
                leave_out(why);
                continue;
            }
        };
        let path = match IamPath::parse(keys[0].path.as_deref().unwrap_or("/")) {
            Ok(path) => path,
            Err(why) => {
                leave_out(why);
                continue;
            }
        };
        let holder = keys.iter().find_map(|key| held_by(key));
        selection.entries.push(DraftEntry {
            user,
            path: Some(path).filter(|path| !path.is_root()),
            // A secret belongs to one entry.
            holder: holder.filter(|secret| adopted.insert(secret.clone())),
        });
    }
    selection
}

/// Returns the keyrota stack that has a key.
fn managed_by(key: &SurveyedKey) -> Option<&str> {
    match key.secret_matched_by {
        Some(SecretMatch::KeyId | SecretMatch::Tags) => key.keyrota_stack.as_deref(),
        _ => None,
    }
}

/// Returns the secret whose value has the key, if a manifest can name it.
fn held_by(key: &SurveyedKey) -> Option<SecretName> {
    let held = key.secret_matched_by == Some(SecretMatch::KeyId);
    let name = key.secret.as_deref().filter(|_| held && key.is_active())?;
    SecretName::parse(name).ok()
}
