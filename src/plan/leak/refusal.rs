//! Why nothing is done about a leaked key.

use crate::plan::{deletion_of, last_use};
use crate::port::Key;

/// Why a response to a leaked key does not begin or continue. The text follows "cannot replace the
/// leaked key of SECRET: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeakRefusal {
    /// The IAM user does not exist.
    #[error("the user {user} does not exist, so its keys cannot be used")]
    NoUser {
        /// The user.
        user: String,
    },
    /// The named key is not one of the user's.
    #[error(
        "{key} is not a key of {user}: {keys}; to find its user: aws iam get-access-key-last-used --access-key-id {key}"
    )]
    NotOfUser {
        /// The key.
        key: String,
        /// The user.
        user: String,
        /// The user's keys.
        keys: String,
    },
    /// AWSCURRENT names no key, and the command names none either.
    #[error(
        "AWSCURRENT does not say which key leaked: {reason}; name the leaked key with --key: {keys}"
    )]
    NoCurrentKey {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
        /// The user's keys.
        keys: String,
    },
    /// A key was reported as leaked earlier and still exists, and nothing shows that the command means
    /// the same key.
    #[error(
        "it is ambiguous which key is meant: of the keys of {user}, {reported} was reported as leaked and still exists; name the leaked key: {choices}; {keys}"
    )]
    Ambiguous {
        /// The user.
        user: String,
        /// The reported keys.
        reported: String,
        /// The possible arguments, each with its meaning.
        choices: String,
        /// The user's keys.
        keys: String,
    },
    /// An active key that is not keyrota's has the other place.
    #[error("{user} has no room for a new key, and the key {} is not keyrota's ({}), so it is not touched; if nothing needs it, free its place with one of these, then run this command again: {}", .key.id, key_details(.key), free_commands(.user, .key))]
    NoRoom {
        /// The user.
        user: String,
        /// The key.
        key: Key,
    },
    /// A key that was reported as leaked takes the other slot.
    #[error("{user} has no room for a new key, and the key {} was reported as leaked ({}), so it is kept for the investigation; to delete it, run this command again with --delete-old-key, which also deletes {leaked} in the end, or run `{}` and then this command again", .key.id, key_details(.key), deletion_of(.user, &.key.id))]
    ReportedInTheWay {
        /// The user.
        user: String,
        /// The key that has the place.
        key: Key,
        /// The key that leaked now.
        leaked: String,
    },
    /// Nothing proves that the key in AWSCURRENT is keyrota's.
    #[error(
        "AWSCURRENT names the key {key}, but {reason}, so the value may be forged; if that key leaked, name it with --key {key}"
    )]
    Unproven {
        /// The key.
        key: String,
        /// Why it is not proven.
        reason: String,
    },
    /// The key in AWSCURRENT, which clients need after the leaked key is gone, does not work.
    #[error(
        "without the leaked key {key}, clients would have no key that works, because {reason}; repair the secret first with `keyrota doctor --fix` or `keyrota rotate --restore-previous {secret}`; to deactivate the leaked key in any case: {command}"
    )]
    NoReplacement {
        /// The leaked key.
        key: String,
        /// The secret.
        secret: String,
        /// Why AWSCURRENT's key does not work.
        reason: String,
        /// The command that deactivates the leaked key.
        command: String,
    },
    /// The situation is not the one that was confirmed.
    #[error("the keys of {user} have changed since the confirmation; run the command again")]
    Changed {
        /// The user.
        user: String,
    },
}

/// Returns a key's status and dates.
pub fn key_details(key: &Key) -> String {
    let status = if key.active { "active" } else { "inactive" };
    let made = key
        .created
        .map_or(String::new(), |at| format!("created {at:.0}, "));
    format!("{status}, {made}{}", last_use(key))
}

/// Returns the AWS CLI command that deactivates a key.
pub(super) fn deactivation_of(user: &str, id: &str) -> String {
    format!("aws iam update-access-key --status Inactive --user-name {user} --access-key-id {id}")
}

/// Returns the commands that free the place of a key. An inactive key still has a place, but keyrota
/// deletes it then.
fn free_commands(user: &str, key: &Key) -> String {
    format!(
        "`{}` (keyrota then deletes it), or `{}`",
        deactivation_of(user, &key.id),
        deletion_of(user, &key.id)
    )
}
