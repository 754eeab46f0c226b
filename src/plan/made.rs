//! Which keys an unfinished rotation made. An access key carries no description, so the
//! function records its intent before it makes one: see `mark.rs` there.

use jiff::{SignedDuration, Timestamp};

use crate::port::{Key, User};

/// The label that the function puts, beside AWSPENDING, on the version in which it
/// stores a new key. It stays where that rotation does not end. Everybody who may move
/// the secret's labels can write it, so it proves nothing.
pub const MADE: &str = "KEYROTA_MADE";

pub use crate::render::{KEYS_TAG, MAKING_TAG};

/// How long after such a moment the key may have been made.
const LATEST: SignedDuration = SignedDuration::from_secs(60);
/// How far IAM's clock may lag behind the function's.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// The most IDs that the tag holds: its value has at most 256 characters.
const MOST: usize = 8;

/// Returns whether it is recorded on the user that a key was made or adopted for the
/// secret. Nobody can write that who may only write the secret.
pub(super) fn is_recorded(user: &User, key: &str) -> bool {
    let mut ids = user
        .tags
        .get(KEYS_TAG)
        .into_iter()
        .flat_map(|ids| ids.split(' '));
    ids.any(|id| id == key)
}

/// Returns the tag's value with one more key, without the oldest where there are too
/// many.
pub fn with_key(user: &User, key: &str) -> String {
    let ids = user
        .tags
        .get(KEYS_TAG)
        .into_iter()
        .flat_map(|ids| ids.split(' '));
    let mut ids: Vec<&str> = ids.filter(|id| !id.is_empty() && *id != key).collect();
    ids.push(key);
    ids[ids.len().saturating_sub(MOST)..].join(" ")
}

/// Returns whether a key that no version names must come from a rotation that ended
/// before it could store the key: it was made when one had recorded that it would, and
/// it was never used.
pub(super) fn is_orphan(user: &User, key: &Key) -> bool {
    let (Some(created), None) = (key.created, key.last_used) else {
        return false;
    };
    let covers = |moment: Timestamp| {
        let after = created.duration_since(moment);
        after <= LATEST && after >= -SKEW
    };
    let moments = user.tags.get(MAKING_TAG).into_iter();
    let mut moments = moments
        .flat_map(|tag| tag.split_whitespace())
        .filter_map(|moment| Timestamp::from_second(moment.parse().ok()?).ok());
    moments.any(covers)
}
