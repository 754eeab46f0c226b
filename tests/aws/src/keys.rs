//! IAM's rules for the access keys of one user.
//!
//! Sources: "IAM and AWS STS quotas" in the IAM User Guide, `CreateAccessKey` in the IAM API
//! reference.

use crate::Refusal;

/// The number of access keys that a user may have, active or not.
pub const MOST_KEYS: usize = 2;

/// Checks whether a user with this number of keys can have another. `None` is a user that does
/// not exist.
///
/// # Errors
///
/// Refuses a third key, and a user that does not exist.
pub fn room(keys: Option<usize>) -> Result<(), Refusal> {
    match keys {
        None => Err(Refusal::NoSuchEntity),
        Some(count) if count >= MOST_KEYS => Err(Refusal::LimitExceeded),
        Some(_) => Ok(()),
    }
}
