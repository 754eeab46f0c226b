//! The creation of a first key, as recorded on the IAM user during the creation.
//!
//! Creating a key and storing it are two calls, and a key has no description. If a run is
//! interrupted between the two, only the record of which keys existed before, and when,
//! distinguishes its key from all others. The record is a tag of the user, not of the secret: a
//! principal that may tag the secret could otherwise claim any key of the user for deletion.

use jiff::{SignedDuration, Timestamp};

use super::ObservedAccessKey;
use crate::port::Key;

pub use keyrota_contract::label::BEFORE;
pub use keyrota_contract::tag::{ABANDONED as ABANDONED_TAG, SEEDING as SEEDING_TAG};

/// The longest time between the tag's time and the creation of the key. AWS refuses requests whose
/// clock is more than 15 minutes off ("Signature Version 4 signing process"), and the key is
/// created right after the tag is written.
const NEAR: SignedDuration = SignedDuration::from_mins(20);

/// A first key is being created, or an interrupted run was about to create it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeding {
    /// When the creation began.
    pub began: Timestamp,
    /// The IDs of the keys that existed before.
    pub before: Vec<String>,
}

impl Seeding {
    /// Reads the record of an interrupted run from the user.
    pub fn of(seen: &ObservedAccessKey) -> Option<Self> {
        Self::read(seen.user.as_ref()?.tags.get(SEEDING_TAG)?)
    }

    /// Reads the record of an interrupted run of an earlier version from the secret. Other
    /// principals can write it too, so it may be reported, but no action may depend on it.
    pub fn claimed(seen: &ObservedAccessKey) -> Option<Self> {
        Self::read(seen.secret.as_ref()?.secret.tags.get(SEEDING_TAG)?)
    }

    fn read(tag: &str) -> Option<Self> {
        let mut words = tag.split_whitespace();
        Some(Self {
            began: words.next()?.parse().ok()?,
            before: words.map(str::to_owned).collect(),
        })
    }

    /// Returns the tag's value.
    pub fn to_tag(&self) -> String {
        let mut words = vec![format!("{:.0}", self.began)];
        words.extend(self.before.iter().cloned());
        words.join(" ")
    }

    /// Returns whether the interrupted run must have created the key: the key did not exist before,
    /// was created right after, and was never used.
    pub fn made(&self, key: &Key) -> bool {
        let near = |created: Timestamp| created.duration_since(self.began).abs() <= NEAR;
        !self.before.contains(&key.id) && key.last_used.is_none() && key.created.is_some_and(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_for_ours_only_near_the_moment() {
        let began: Timestamp = "2026-11-02T09:00:00Z".parse().unwrap();
        let seeding = Seeding {
            began,
            before: vec!["AKIAOLD".to_owned()],
        };
        assert_eq!(seeding.to_tag(), "2026-11-02T09:00:00Z AKIAOLD");
        let key = |id: &str, minutes: i64| Key {
            id: id.to_owned(),
            active: true,
            created: Some(began + SignedDuration::from_mins(minutes)),
            last_used: None,
            used_in: None,
        };
        assert!(seeding.made(&key("AKIANEW", 0)));
        assert!(seeding.made(&key("AKIANEW", -15)));
        assert!(!seeding.made(&key("AKIAOLD", 0)));
        assert!(!seeding.made(&key("AKIANEW", 60)));
        let used = Key {
            last_used: Some(began),
            ..key("AKIANEW", 0)
        };
        assert!(!seeding.made(&used));
        let undated = Key {
            created: None,
            ..key("AKIANEW", 0)
        };
        assert!(!seeding.made(&undated));
    }
}
