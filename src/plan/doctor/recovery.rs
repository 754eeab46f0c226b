//! What can be done about a credential that does not work.
//!
//! The advice is what `--fix` does, so it names the version to go back to, and the key that makes room
//! for a new one. `run/recover` decides again before each step, with the same functions.

use super::Fix;
use crate::model::{AccessKey, Content, Database, EntryOf};
use crate::plan::{
    Administrator, KeyRole, MADE, ObservedAccessKey, ObservedDatabase, SETTING, SPENT,
    SPENT_ON_REQUEST, SecretContent, Seeding, Slot, Spent, is_recorded_key, reported_leaks, slot,
    taken,
};
use crate::port::{CURRENT, Key, PENDING, PREVIOUS, Secret};

/// What to do about a credential that does not work, and whether `--fix` does it.
pub(super) struct Advice {
    pub(super) remedy: String,
    /// What `--fix` does, after "this".
    pub(super) action: Option<String>,
    pub(super) fix: Option<Fix>,
}

impl Advice {
    /// Returns what a person must do.
    pub(super) fn person(remedy: String) -> Self {
        Self {
            remedy,
            action: None,
            fix: None,
        }
    }

    fn fix(action: String, fix: Fix) -> Self {
        Self {
            remedy: format!("run `keyrota doctor --fix`, which {action}"),
            action: Some(action),
            fix: Some(fix),
        }
    }
}

/// Returns whether a value that clients cannot use may be replaced. If an access key may be in a field
/// with another name, clients may read it there.
pub(super) fn is_damaged<T>(content: &SecretContent<T>) -> bool {
    match content {
        SecretContent::Sealed
        | SecretContent::Held(Content::Complete(_) | Content::Ambiguous(_) | Content::Misnamed) => {
            false
        }
        SecretContent::Absent
        | SecretContent::Held(Content::Incomplete(_) | Content::Malformed(_) | Content::Foreign) => {
            true
        }
    }
}

/// Returns what can be done about an access key that does not work.
pub(super) fn key(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey, fix: Fix) -> Advice {
    let accepted: &[Spent] = match fix {
        Fix::ReplaceInactive => &SPENT_ON_REQUEST,
        _ => &SPENT,
    };
    let back = earlier_key(seen).map(|(label, key)| {
        format!("makes the version with {label} current if its key {key} authenticates")
    });
    let user = &entry.kind.user;
    let interrupted = interrupted_keys(entry, seen);
    let deletions: Vec<String> = interrupted
        .lost
        .iter()
        .map(|key| {
            format!(
                "deletes the key {}, which an interrupted command created and did not store, ",
                key.id
            )
        })
        .collect();
    let create = format!(
        "{}creates a new key of `{user}` with your credentials, and makes it current once it authenticates",
        deletions.concat()
    );
    let remaining = ObservedAccessKey {
        keys: interrupted.others,
        ..seen.clone()
    };
    let room = slot(&remaining, entry.kind.create_user, accepted);
    let new = match (&room, &interrupted.staged) {
        _ if seen.origin(entry).is_none() => None,
        (_, Some(key)) => Some(format!(
            "makes the key {}, which an interrupted command stored, current once it authenticates",
            key.id
        )),
        (Slot::Free, None) => Some(create),
        (Slot::Spent(key, why), None) => Some(format!(
            "deletes the key {}, which {}, {create}",
            key.id,
            why.reason()
        )),
        (Slot::Taken(_), None) => None,
    };
    match (back, new, room) {
        (Some(back), Some(new), _) => Advice::fix(format!("{back}, and otherwise {new}"), fix),
        (Some(back), None, _) => Advice::fix(back, fix),
        (None, Some(new), _) => Advice::fix(new, fix),
        (None, None, Slot::Taken(keys)) => Advice::person(format!(
            "{}; then run `keyrota doctor --fix`, which creates a new key",
            taken(user.as_str(), &keys)
        )),
        (None, None, Slot::Free | Slot::Spent(..)) => Advice::person(format!(
            "correct the administrator's secret, then run `keyrota doctor --fix`, which {create}",
            create = format_args!("creates a new key of `{user}`")
        )),
    }
}

/// The keys of a user, by what an interrupted command did with them.
struct InterruptedKeys {
    /// The command created these keys and did not store them. The next command deletes them.
    lost: Vec<Key>,
    /// The command stored this key and did not make it current. The next command continues with it.
    staged: Option<Key>,
    others: Vec<Key>,
}

/// Returns which keys an interrupted command created. They take no slot from a new key.
///
/// A principal that may only write the secret can store a version that names any key, so a stored key
/// must be recorded on the user, unless the stack created the user.
fn interrupted_keys(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> InterruptedKeys {
    let staged = seen
        .secret
        .as_ref()
        .and_then(|held| held.staged_key.as_deref());
    let leaks = seen.user.as_ref().map(reported_leaks).unwrap_or_default();
    let is_ours = |id: &str| {
        let user = seen.user.as_ref();
        entry.kind.create_user || user.is_some_and(|user| is_recorded_key(user, id))
    };
    let is_staged = |key: &Key| {
        staged == Some(key.id.as_str())
            && key.active
            && is_ours(&key.id)
            && !leaks.iter().any(|leak| leak.key == key.id)
    };
    let seeding = Seeding::of(seen);
    let is_made = |key: &Key| seeding.as_ref().is_some_and(|seeding| seeding.made(key));
    let (staged, rest): (Vec<Key>, Vec<Key>) = seen.keys.iter().cloned().partition(is_staged);
    let (lost, others) = rest.into_iter().partition(is_made);
    InterruptedKeys {
        lost,
        staged: staged.into_iter().next(),
        others,
    }
}

/// Returns the label of the version to go back to, with the ID of its key. A key that was reported as
/// leaked never becomes current again.
fn earlier_key(seen: &ObservedAccessKey) -> Option<(&'static str, &str)> {
    let held = seen.secret.as_ref()?;
    let is_unfinished = held.secret.unfinished().is_some();
    let versions = [
        (PREVIOUS, held.previous_key.as_deref(), !is_unfinished),
        (PENDING, held.pending_key.as_deref(), is_unfinished),
        (MADE, held.made_key.as_deref(), !is_unfinished),
    ];
    let leaks = seen.user.as_ref().map(reported_leaks).unwrap_or_default();
    let is_leaked = |id: &str| leaks.iter().any(|leak| leak.key == id);
    let is_active = |id: &str| seen.keys.iter().any(|key| key.id == id && key.active);
    versions.into_iter().find_map(|(label, key, may)| {
        let key = key.filter(|key| may && is_active(key) && !is_leaked(key))?;
        Some((label, key))
    })
}

/// Returns whether the secret has contained a key before, so that a value without one is damaged. A
/// first key that the manifest adopts is stored by `bootstrap`.
pub(super) fn had_key(seen: &ObservedAccessKey) -> bool {
    let Some(held) = &seen.secret else {
        return false;
    };
    let named = [&held.previous_key, &held.pending_key, &held.made_key];
    held.secret.last_rotated.is_some() || named.into_iter().any(Option::is_some)
}

/// Returns what can be done about a login that does not work. `store` is what a person can do.
pub(super) fn login(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    has_function: bool,
    store: String,
) -> Advice {
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let has = |label: &str| {
        secret.is_some_and(|secret| {
            let version = secret.version_with(label);
            version.is_some() && version != secret.version_with(CURRENT)
        })
    };
    let may_go_back = secret.is_some_and(|secret| secret.unfinished().is_none());
    let back = (may_go_back && (has(PREVIOUS) || has(SETTING)))
        .then_some("makes an earlier version current if the server accepts its password");
    let is_usable =
        |administrator: &Administrator| !matches!(administrator, Administrator::Unusable(_));
    let administrator = seen.administrator.as_ref().filter(|it| is_usable(it));
    let new = administrator
        .and(entry.administrator())
        .map(|_| match entry.kind.alternate {
            Some(_) => "rotates the secret, in which the administrator prepares the other user",
            None => "rotates the secret, in which the administrator sets a new password",
        });
    match (back, new) {
        _ if !has_function => Advice::person(store),
        (Some(back), Some(new)) => {
            Advice::fix(format!("{back}, and otherwise {new}"), Fix::Recover)
        }
        (None, Some(new)) => Advice::fix(new.to_owned(), Fix::Recover),
        (Some(back), None) => {
            let advice = Advice::fix(back.to_owned(), Fix::Recover);
            Advice {
                remedy: format!("{}; if the server accepts none, {store}", advice.remedy),
                ..advice
            }
        }
        (None, None) => Advice::person(store),
    }
}

/// Returns what can be done about a login to a service that does not work. `store` is what a person can
/// do.
pub(super) fn service(secret: Option<&Secret>, has_function: bool, store: String) -> Advice {
    let has = |label: &str| {
        secret.is_some_and(|secret| {
            let version = secret.version_with(label);
            version.is_some() && version != secret.version_with(CURRENT)
        })
    };
    let may_go_back = secret.is_some_and(|secret| secret.unfinished().is_none());
    if !has_function || !may_go_back || !(has(PREVIOUS) || has(SETTING)) {
        return Advice::person(store);
    }
    let back = "makes an earlier version current if the service accepts its password";
    let advice = Advice::fix(back.to_owned(), Fix::Recover);
    Advice {
        remedy: format!("{}; if the service accepts none, {store}", advice.remedy),
        ..advice
    }
}

/// Returns whether a key is one that an interrupted command created, and will delete.
pub(super) fn is_left_over(seen: &ObservedAccessKey, key: &Key) -> bool {
    seen.role_of(key) == KeyRole::Unknown
        && Seeding::of(seen).is_some_and(|seeding| seeding.made(key))
}
