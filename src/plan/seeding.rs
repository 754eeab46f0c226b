//! The making of a first key, as it is recorded on the IAM user while it goes on.
//!
//! Making a key and storing it are two calls, and a key carries no description.
//! Which keys existed before, and when, is all that tells a key of ours from
//! everybody else's once a run was interrupted between the two. The record is a tag of
//! the user and not of the secret, since a principal that may tag the secret could
//! write there that any key of the user is ours to delete.

use jiff::{SignedDuration, Timestamp};

use super::ObservedAccessKey;
use crate::port::Key;

pub use keyrota_contract::label::BEFORE;
pub use keyrota_contract::tag::{ABANDONED as ABANDONED_TAG, SEEDING as SEEDING_TAG};

/// How far from the tag's moment a key of ours can have been made. AWS refuses
/// requests whose clock is more than 15 minutes off ("Signature Version 4 signing
/// process"), and the key is made right after the tag is written.
const NEAR: SignedDuration = SignedDuration::from_mins(20);

/// A first key is being made, or an interrupted run was about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeding {
    /// When that began.
    pub began: Timestamp,
    /// The IDs of the keys that were there before.
    pub before: Vec<String>,
}

impl Seeding {
    /// Reads what an interrupted run recorded on the user.
    pub fn of(seen: &ObservedAccessKey) -> Option<Self> {
        Self::read(seen.user.as_ref()?.tags.get(SEEDING_TAG)?)
    }

    /// Reads what an interrupted run of an earlier version wrote on the secret. Others
    /// can write that too: it may be told, and nothing may be done because of it.
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

    /// Returns whether the interrupted run must have made a key: it was not there
    /// before, came into being right after, and nobody ever used it.
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
