//! Which keys an unfinished rotation created. An access key has no description, so the function
//! records its intent before it creates a key: see `keyrota_contract::record`.

pub use keyrota_contract::label::{MADE, REPLACED};
use keyrota_contract::record;
pub use keyrota_contract::tag::{KEYS as KEYS_TAG, MAKING as MAKING_TAG};

use crate::port::{Key, User};

/// Returns the value of a tag of the user, or an empty string if there is no such tag.
fn value<'user>(user: &'user User, tag: &str) -> &'user str {
    user.tags.get(tag).map(String::as_str).unwrap_or_default()
}

/// Returns whether the user's tags record that a key was created or adopted for the secret. A
/// principal that may only write the secret cannot write this record.
pub fn is_recorded(user: &User, key: &str) -> bool {
    record::keys(value(user, KEYS_TAG)).any(|id| id == key)
}

/// Returns the tag's value with another key, without the oldest if there are too many.
pub fn with_key(user: &User, key: &str) -> String {
    let keys = record::keys(value(user, KEYS_TAG)).map(str::to_owned);
    record::with(keys, key.to_owned())
}

/// Returns whether a key that no version names must come from a rotation that ended before it
/// stored the key: a rotation had recorded its intent when the key was created, and the key was
/// never used.
pub(super) fn is_orphan(user: &User, key: &Key) -> bool {
    let (Some(created), None) = (key.created, key.last_used) else {
        return false;
    };
    let mut times = record::times(value(user, MAKING_TAG));
    times.any(|time| record::covers(time, created.as_second()))
}
