//! The record of which keys were reported as leaked: the tag `keyrota:leaked` of the IAM user.
//!
//! It is written before the first change, so a later run knows which key the first one meant, even
//! if AWSCURRENT contains the new key already. A principal that may only write the secret cannot
//! write the tag.
//!
//! The value has one word for each key, `KEY=SECONDS`: the time of the first report, in seconds since
//! 1970. Words that do not match this grammar are skipped.

use jiff::{SignedDuration, Timestamp};
use keyrota_contract::value::is_access_key_id;

use crate::port::{Key, User};

pub use keyrota_contract::tag::LEAKED as LEAKED_TAG;

/// How long after a report a command without `--key` is taken for a repetition of the command that
/// made the report. Longer than any response takes, and than a person needs to repeat it.
pub const REPORT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The longest value of a tag ("Tagging IAM resources" in the IAM User Guide).
const LONGEST: usize = 256;

/// A key that was reported as leaked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedLeak {
    /// The access key ID.
    pub key: String,
    /// When it was first reported.
    pub at: Timestamp,
}

impl ReportedLeak {
    /// Returns whether the report is so recent that a command without `--key` may repeat it. The
    /// clocks of two machines may differ.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() <= REPORT_WINDOW
    }

    fn read(word: &str) -> Option<Self> {
        let (key, seconds) = word.split_once('=')?;
        let at = Timestamp::from_second(seconds.parse().ok()?).ok()?;
        is_access_key_id(key).then(|| Self {
            key: key.to_owned(),
            at,
        })
    }

    fn to_word(&self) -> String {
        format!("{}={}", self.key, self.at.as_second())
    }
}

/// Returns the keys of the user that were reported as leaked, the oldest report first.
pub fn reported_leaks(user: &User) -> Vec<ReportedLeak> {
    let value = user.tags.get(LEAKED_TAG).map(String::as_str);
    let words = value.unwrap_or_default().split(' ');
    let mut found: Vec<ReportedLeak> = words.filter_map(ReportedLeak::read).collect();
    found.sort_by_key(|leak| leak.at);
    found
}

/// Returns the tag's value with a report of a key at a moment. A recent report of the same key keeps
/// its time. Old reports of keys that do not exist any more are dropped.
pub fn with_leak(user: &User, keys: &[Key], key: &str, now: Timestamp) -> String {
    let matters = |leak: &ReportedLeak| {
        leak.is_recent(now) || keys.iter().any(|listed| listed.id == leak.key)
    };
    let mut leaks = reported_leaks(user);
    leaks.retain(matters);
    match leaks.iter_mut().find(|leak| leak.key == key) {
        Some(leak) if leak.is_recent(now) => {}
        Some(leak) => leak.at = now,
        None => leaks.push(ReportedLeak {
            key: key.to_owned(),
            at: now,
        }),
    }
    leaks.sort_by_key(|leak| leak.at);
    let mut words: Vec<String> = leaks.iter().map(ReportedLeak::to_word).collect();
    while words.len() > 1 && words.join(" ").len() > LONGEST {
        words.remove(0);
    }
    words.join(" ")
}
