//! Which access key of a user makes room for a new one. IAM lets a user have two keys, active or
//! not.
//!
//! The function decides the same before each rotation (`lambda/src/decide.rs`), but there AWSCURRENT's
//! key is known to work. Here it may be deleted, inactive, or unknown, because the value is damaged.
//! So a key is deleted only if no client can be using it, or if it was replaced and is keyrota's by a
//! record that a writer of the secret cannot forge. The caller says which of these reasons it accepts.

use super::recorded_keys::{is_orphan, is_recorded};
use super::{KeyRole, ObservedAccessKey, ObservedSecret, deletion_of, last_use};
use crate::port::Key;

/// The number of keys that IAM lets a user have ("IAM and AWS STS quotas" in the IAM User Guide).
pub const KEYS_PER_USER: usize = 2;

/// Why a key may be deleted to make room for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It is inactive, and is not AWSCURRENT's key, so no client works with it.
    Inactive,
    /// A rotation was interrupted before it stored the key, so nobody has its secret access key.
    Lost,
    /// It is AWSPREVIOUS's key, which the next rotation would delete, and was not used since it was
    /// replaced.
    Previous,
    /// The same, but it was used since it was replaced.
    PreviousInUse,
    /// It is AWSCURRENT's key, and someone has deactivated it.
    InactiveCurrent,
}

/// Whether a user has room for another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// There is room.
    Free,
    /// There is room once this key is deleted.
    Spent(Key, Spent),
    /// Each of these keys may be in use.
    Taken(Vec<Key>),
}

impl Spent {
    /// In the order in which a key is chosen.
    const ALL: [Self; 5] = [
        Self::Inactive,
        Self::Lost,
        Self::Previous,
        Self::PreviousInUse,
        Self::InactiveCurrent,
    ];

    /// Returns why the key may be deleted, after "which".
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Inactive => "is inactive",
            Self::Lost => "an interrupted rotation created and did not store",
            Self::Previous => "was replaced by the current key and not used since",
            Self::PreviousInUse => "was replaced by the current key",
            Self::InactiveCurrent => "is the inactive key in AWSCURRENT",
        }
    }
}

/// The keys that make room for a key that replaces one that does not work. A previous key that is
/// active is not among them: either it works, and its version becomes current again, or only its
/// clients know its secret access key.
pub const SPENT: [Spent; 2] = [Spent::Inactive, Spent::Lost];

/// The same if a person has agreed to replace an inactive current key.
pub const SPENT_ON_REQUEST: [Spent; 3] = [Spent::Inactive, Spent::Lost, Spent::InactiveCurrent];

/// Describes the keys that take both slots, and says how to free one.
pub fn taken(user: &str, keys: &[Key]) -> String {
    let told = |key: &Key| {
        let state = if key.active { "active" } else { "inactive" };
        let made = key
            .created
            .map_or(String::new(), |at| format!(", created {at:.0}"));
        format!("{} ({state}{made}, {})", key.id, last_use(key))
    };
    let command = |key: &Key| format!("`{}`", deletion_of(user, &key.id));
    let told: Vec<String> = keys.iter().map(told).collect();
    let commands: Vec<String> = keys.iter().map(command).collect();
    format!(
        "both of its key slots are taken, by {}; delete the key that no client uses, with {}",
        told.join(" and "),
        commands.join(" or ")
    )
}

/// Returns whether a user has room for another key, or which key makes room for one. `owns_user`
/// says that the stack created the user, so that each of its keys is the stack's.
pub fn slot(seen: &ObservedAccessKey, owns_user: bool, accepted: &[Spent]) -> Slot {
    if seen.keys.len() < KEYS_PER_USER {
        return Slot::Free;
    }
    let known: Vec<(&Key, Option<Spent>)> = seen
        .keys
        .iter()
        .map(|key| (key, spent(seen, owns_user, key)))
        .collect();
    let mut reasons = Spent::ALL.into_iter().filter(|it| accepted.contains(it));
    let chosen = reasons.find_map(|reason| {
        let held = known.iter().find(|(_, spent)| *spent == Some(reason))?;
        Some(Slot::Spent(held.0.clone(), reason))
    });
    chosen.unwrap_or_else(|| Slot::Taken(seen.keys.clone()))
}

/// Returns why a key may be deleted.
fn spent(seen: &ObservedAccessKey, owns_user: bool, key: &Key) -> Option<Spent> {
    let held = seen.secret.as_ref()?;
    let is_current = seen.role_of(key) == KeyRole::Current;
    if !key.active {
        return Some(match is_current {
            true => Spent::InactiveCurrent,
            false => Spent::Inactive,
        });
    }
    if is_current || is_awaited(held, &key.id) {
        return None;
    }
    // Nothing shows that clients do not use this key, unless AWSCURRENT names another one of the user.
    // A principal that may write the secret can make it name a key that does not exist.
    let current = seen
        .credential()
        .filter(|held| held.may_be_of(&seen.user_name))?;
    seen.keys.iter().find(|key| key.id == current.accesskey)?;
    let is_lost = match owns_user {
        true => seen.role_of(key) == KeyRole::Unknown && key.last_used.is_none(),
        false => seen.user.as_ref().is_some_and(|user| is_orphan(user, key)),
    };
    if is_lost && held.read {
        return Some(Spent::Lost);
    }
    let is_replaced = seen.role_of(key) == KeyRole::Previous && is_ours(seen, owns_user, key);
    is_replaced.then(|| match is_used_since(held, key) {
        true => Spent::PreviousInUse,
        false => Spent::Previous,
    })
}

/// Returns whether an unfinished rotation, or a command that stores a new key, may still make this
/// key the current one.
fn is_awaited(held: &ObservedSecret, id: &str) -> bool {
    [&held.pending_key, &held.staged_key]
        .into_iter()
        .any(|key| key.as_deref() == Some(id))
}

/// Returns whether a key is keyrota's, by evidence that a writer of the secret cannot forge.
fn is_ours(seen: &ObservedAccessKey, owns_user: bool, key: &Key) -> bool {
    owns_user
        || seen
            .user
            .as_ref()
            .is_some_and(|user| is_recorded(user, &key.id))
}

fn is_used_since(held: &ObservedSecret, key: &Key) -> bool {
    let replaced = held.replaced();
    key.last_used
        .is_some_and(|used| replaced.is_none_or(|replaced| used > replaced))
}
