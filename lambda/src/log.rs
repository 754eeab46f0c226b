//! The log fields for access keys, besides those that every function has.

use keyrota_function_base::log::{self, Details};
use serde_json::Value;

pub use keyrota_function_base::log::Level;

use crate::decide::AccessKeyId;
use crate::error::Error;
use crate::key::LastUsed;

/// The maximum length, in characters, of a name from AWS that the log repeats.
const LONGEST_WORD: usize = 64;

/// A decision to record.
pub type Note = log::Note<KeyDetails>;

/// Writes the lines of one request.
pub type Lines<W> = log::Lines<W, KeyDetails, Error>;

/// The fields of a note about access keys. They are an allow-list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDetails {
    /// The keys that the note is about.
    pub keys: Vec<AccessKeyId>,
    /// The last request that the key signed.
    pub last_used: Option<LastUsed>,
}

impl Details for KeyDetails {
    type Subject = AccessKeyId;

    fn add(&mut self, key: &AccessKeyId) {
        self.keys.push(key.clone());
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let mut fields = Vec::new();
        if !self.keys.is_empty() {
            let ids = self.keys.iter().map(AccessKeyId::as_str);
            fields.push(("accessKeyIds", ids.collect()));
        }
        if let Some(used) = &self.last_used {
            fields.push(("lastUsed", Value::from(used.at.to_string())));
            fields.push(("lastUsedService", Value::from(word(&used.service))));
            fields.push(("lastUsedRegion", Value::from(word(&used.region))));
        }
        fields
    }
}

/// Returns a name from AWS, such as a service's, as far as its characters are allowed in a
/// name.
fn word(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || ".-_ ".contains(*letter))
        .take(LONGEST_WORD)
        .collect()
}
