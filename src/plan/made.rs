//! Which keys an unfinished rotation made. A key carries no description, so the
//! function puts staging labels of its own on the secret's versions.

use crate::port::{CURRENT, Key, Secret};

/// The label that the function puts on the AWSCURRENT version before it makes a
/// key, where the user has no other key then.
pub const MAKING: &str = "KEYROTA_MAKING";

/// The label that the function puts, beside AWSPENDING, on the version that it
/// stores a new key in.
pub const MADE: &str = "KEYROTA_MADE";

/// Returns whether a key that no version names must come of a rotation that died
/// before it could store the key: one was about to make it, none has stored one
/// since, and nobody ever used it.
pub(super) fn is_orphan(secret: &Secret, key: &Key) -> bool {
    let current = secret.version_with(CURRENT);
    let made = secret.version_with(MADE);
    key.last_used.is_none()
        && current.is_some()
        && secret.version_with(MAKING) == current
        && (made.is_none() || made == current)
}
