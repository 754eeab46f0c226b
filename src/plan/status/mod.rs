//! The state of each credential, decided from what was observed.

mod change;
mod function;
mod report;

use jiff::{SignedDuration, Timestamp};

use super::{
    HeldSecret, KeyClaim, LastRotation, ObservedAccessKey, ObservedDatabase, ObservedEntry,
    ObservedService, OutstandingRotation, RemovalTimes, UnfinishedRotation, is_of_stack_set,
    outstanding_rotation, removal_times,
};
use crate::model::{Database, Entry, EntryOf, FirstRotation, OldKey, RotateAs, Service};
use crate::port::{CURRENT, Key, Secret};
use crate::render::OLD_KEY_TAG;

pub use change::status_changes;
pub use function::{FunctionReport, deployed_functions};
pub use report::{
    CredentialKind, KeyReport, KeyRole, SecretReport, StackReport, State, StatusReport,
};

/// How long after its due time a rotation counts as overdue.
const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Returns the state of an entry at a moment, without the secret's tags. Nothing is known about an
/// unfinished rotation.
pub fn report(seen: &ObservedEntry<'_>, now: Timestamp) -> SecretReport {
    report_unfinished(seen, None, now)
}

/// Returns the state of an entry at a moment, without the secret's tags. `unfinished` is its rotation
/// that has not ended.
pub fn report_unfinished(
    seen: &ObservedEntry<'_>,
    unfinished: Option<&UnfinishedRotation>,
    now: Timestamp,
) -> SecretReport {
    let entry = seen.entry();
    let secret = seen.secret();
    let state = state(seen, unfinished, now);
    let keys = match seen {
        ObservedEntry::AccessKey(_, seen) => {
            let is_self = entry.rotate_as == RotateAs::Itself;
            let keys = seen.keys.iter();
            let keys = keys.map(|key| report_key(key, seen, now, is_self));
            keys.collect()
        }
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => Vec::new(),
    };
    let last_rotated = seen.held().and_then(|held| held.rotation.at());
    let first = seen
        .held()
        .and_then(|held| outstanding_rotation(entry, held.secret, held.rotation, now));
    let first = match seen.sets_first_password() {
        true => first.map(|first| first.without_password(entry)),
        false => first,
    };
    SecretReport {
        username: seen.user_name().to_owned(),
        last_proven: last_proven(seen),
        first_rotation: first,
        ..SecretReport::new(entry, secret, state, last_rotated, keys)
    }
}

/// Returns when the rotation that made the current credential current has authenticated with it:
/// right before it ended. A version that was stored later is another credential.
fn last_proven(seen: &ObservedEntry<'_>) -> Option<Timestamp> {
    let since = match seen {
        ObservedEntry::AccessKey(_, seen) => seen.secret.as_ref()?.current_since?,
        ObservedEntry::Database(_, seen) => seen.secret.as_ref()?.current_since?,
        ObservedEntry::Service(_, seen) => seen.secret.as_ref()?.current_since?,
    };
    seen.secret()?.last_rotated.filter(|ended| since <= *ended)
}

/// The fields that depend on the values of a secret with keys: the role of a key determines when it
/// is removed.
const KEYS_UNKNOWN: [&str; 5] = [
    "keys.role",
    "keys.deactivates",
    "keys.deletes",
    "keys.held",
    "keys.held_because",
];

/// Returns the state of an entry without the values of its secret. Nothing unknown is assumed to be
/// good.
pub fn report_without_values(
    entry: &Entry,
    secret: Option<&Secret>,
    keys: &[Key],
    unfinished: Option<&UnfinishedRotation>,
    now: Timestamp,
) -> SecretReport {
    let (state, reason) = state_without_values(entry, secret, keys, unfinished, now);
    let mut unknown = Vec::new();
    if state == State::Unknown {
        unknown.push("state");
    }
    // When the current version was stored is read together with its value.
    if secret.is_some() {
        unknown.push("last_proven");
    }
    // The value names the user of two that is current.
    let database = entry.as_database();
    if secret.is_some() && database.is_some_and(|it| it.kind.alternate.is_some()) {
        unknown.push("username");
    }
    // Secrets Manager reports the date only while rotation is enabled (`API_DescribeSecret`).
    if secret.is_some_and(|secret| secret.last_rotated.is_none() && !secret.rotation_enabled) {
        unknown.push("last_rotated");
    }
    if !keys.is_empty() {
        unknown.extend(KEYS_UNKNOWN);
    }
    let last_rotated = secret.and_then(|secret| secret.last_rotated);
    let first_rotation = secret
        .and_then(|secret| outstanding_rotation(entry, secret, last_rotation(entry, secret), now));
    let keys = keys.iter();
    let keys = keys.map(|key| KeyReport::new(key, KeyRole::Unknown, RemovalTimes::default()));
    SecretReport {
        unknown,
        first_rotation,
        ..SecretReport::new(entry, secret, (state, reason), last_rotated, keys.collect())
    }
}

fn state_without_values(
    entry: &Entry,
    secret: Option<&Secret>,
    keys: &[Key],
    unfinished: Option<&UnfinishedRotation>,
    now: Timestamp,
) -> (State, Option<String>) {
    let because = |state, reason: &str| (state, Some(reason.to_owned()));
    let secret = match secret {
        None => return because(State::Missing, "the secret does not exist"),
        Some(secret) if secret.deleted.is_some() => {
            return because(State::Missing, "it is scheduled for deletion");
        }
        Some(secret) => secret,
    };
    if secret.version_with(CURRENT).is_none() {
        return because(State::Broken, "it has no value");
    }
    let is_new = last_rotation(entry, secret).is_never() && is_of_stack_set(secret);
    if is_new && entry.as_access_key().is_some() && keys.is_empty() {
        let reason = match entry.has_first_key_by_rotation() {
            true => "the user has no key yet: the next rotation creates it",
            false => "the user has no key yet: run `keyrota bootstrap` in this account",
        };
        return because(State::NeverRotated, reason);
    }
    if entry.as_access_key().is_some() && !keys.iter().any(|key| key.active) {
        return because(State::Broken, "the user has no active key");
    }
    let rotation = last_rotation(entry, secret);
    match rotation_state(entry, secret, rotation, unfinished, now) {
        (State::Ok, under_way) => {
            let unknown = "whether the credential works is not known without its value";
            let under_way = under_way.map(|under_way| format!("{under_way}; {unknown}"));
            because(State::Unknown, under_way.as_deref().unwrap_or(unknown))
        }
        known => known,
    }
}

/// Returns when a secret last rotated, as far as that is known without its values. While rotation
/// is disabled, Secrets Manager does not report whether one has succeeded. A secret to which no
/// function was ever attached, because nobody has requested its first rotation, had none.
fn last_rotation(entry: &Entry, secret: &Secret) -> LastRotation {
    let is_unrequested =
        entry.first_rotation == FirstRotation::OnRequest && secret.rotation.function.is_none();
    match secret.last_rotated {
        Some(at) => LastRotation::At(at),
        None if secret.rotation_enabled || is_unrequested => LastRotation::Never,
        None => LastRotation::Undated,
    }
}

fn report_key(key: &Key, seen: &ObservedAccessKey, now: Timestamp, is_self: bool) -> KeyReport {
    let KeyClaim { role, label } = seen.claim_of(key);
    let removal_times = match &seen.secret {
        // The sweep finds old keys by labels, and the next rotation finds this one.
        Some(held) if role == KeyRole::Previous && label.is_none() => RemovalTimes {
            deletes: held.secret.next_rotation,
            ..RemovalTimes::default()
        },
        // The function follows the secret's tags, even if the manifest has changed since. A stack
        // from before this tag existed keeps the key.
        Some(held) if role == KeyRole::Previous => {
            let tag = held.secret.tags.get(OLD_KEY_TAG);
            let old_key = tag.and_then(|tag| OldKey::from_tag(tag));
            let old_key = old_key.unwrap_or(OldKey::UntilNextRotation);
            removal_times(
                old_key,
                key,
                held.replaced(),
                held.secret.next_rotation,
                now,
                is_self,
            )
        }
        _ => RemovalTimes::default(),
    };
    KeyReport::new(key, role, removal_times)
}

fn state(
    seen: &ObservedEntry<'_>,
    unfinished: Option<&UnfinishedRotation>,
    now: Timestamp,
) -> (State, Option<String>) {
    let because = |state, reason: &str| (state, Some(reason.to_owned()));
    let held = match seen.held() {
        None => return because(State::Missing, "the secret does not exist"),
        Some(held) if held.secret.deleted.is_some() => {
            return because(State::Missing, "it is scheduled for deletion");
        }
        Some(held) => held,
    };
    // The stack of a StackSet begins without a credential, and is not broken for that.
    if held.is_unused && held.rotation.is_never() && is_of_stack_set(held.secret) {
        let reason = match seen.gets_first_credential() {
            true => format!(
                "it has no credential yet: the next rotation creates it; to start it now, run `keyrota rotate {}` in this account",
                seen.entry().secret
            ),
            false => "it has no credential yet: run `keyrota bootstrap` in this account, which stores the first one".to_owned(),
        };
        return (State::NeverRotated, Some(reason));
    }
    let broken = match seen {
        ObservedEntry::AccessKey(_, seen) => why_key_is_broken(seen),
        ObservedEntry::Database(entry, seen) => why_login_is_broken(*entry, seen),
        ObservedEntry::Service(entry, seen) => why_service_is_broken(*entry, seen),
    };
    match broken {
        Some(reason) => (State::Broken, Some(reason)),
        None => rotation_state(seen.entry(), held.secret, held.rotation, unfinished, now),
    }
}

/// Returns why the key in AWSCURRENT does not work, according to IAM and the value.
fn why_key_is_broken(seen: &ObservedAccessKey) -> Option<String> {
    let credential = match seen.secret.as_ref()?.current.complete() {
        Ok(credential) => credential,
        Err(reason) => return Some(reason),
    };
    let id = &credential.accesskey;
    if !credential.may_be_of(&seen.user_name) {
        return Some(format!("its value is for {}", credential.names_user()));
    }
    match seen.keys.iter().find(|key| key.id == *id) {
        None => Some(format!("the user has no key {id}")),
        Some(key) if !key.active => Some(format!("the key {id} is inactive")),
        Some(_) => None,
    }
}

/// Returns why the login in AWSCURRENT does not work, according to the value.
fn why_login_is_broken(entry: EntryOf<'_, Database>, seen: &ObservedDatabase) -> Option<String> {
    let login = match seen.secret.as_ref()?.current.complete() {
        Ok(login) => login,
        Err(reason) => return Some(reason),
    };
    if !entry.kind.has_user(&login.username) {
        return Some("its value names another user".to_owned());
    }
    (login.engine != entry.kind.engine).then(|| format!("its value is for {}", login.engine.name()))
}

/// Returns why the login in AWSCURRENT is not one of the entry's user.
fn why_service_is_broken(entry: EntryOf<'_, Service>, seen: &ObservedService) -> Option<String> {
    match seen.secret.as_ref()?.current.complete() {
        Ok(login) if login.username == entry.kind.username => None,
        Ok(_) => Some("its value names another user".to_owned()),
        Err(reason) => Some(reason),
    }
}

/// Returns the state of a secret's rotation, if its credential works.
pub(super) fn overdue(
    entry: &Entry,
    held: HeldSecret<'_>,
    now: Timestamp,
) -> (State, Option<String>) {
    rotation_state(entry, held.secret, held.rotation, None, now)
}

fn rotation_state(
    entry: &Entry,
    secret: &Secret,
    rotation: LastRotation,
    unfinished: Option<&UnfinishedRotation>,
    now: Timestamp,
) -> (State, Option<String>) {
    let because = |state, reason: String| (state, Some(reason));
    let under_way = unfinished.and_then(|unfinished| unfinished.under_way(now));
    if secret.unfinished().is_some() && under_way.is_none() {
        let reported = unfinished.and_then(|unfinished| unfinished.reported.as_ref());
        let reported = reported.map_or(String::new(), |it| format!(": {it}"));
        let resume = "`keyrota doctor` has the remedy, and `keyrota rotate` resumes it";
        return because(
            State::Stuck,
            format!("a rotation started and did not end{reported}; {resume}"),
        );
    }
    let under_way =
        under_way.map(|since| format!("a rotation started at {since:.0} and is under way"));
    let due = secret.next_rotation.filter(|_| secret.rotation_enabled);
    let expired = |due: &Timestamp| due.checked_add(GRACE).is_ok_and(|expired| expired < now);
    let missed = due
        .filter(expired)
        .map(|due| format!("a rotation was due by {due:.0}"));
    if rotation.is_never() {
        let first = outstanding_rotation(entry, secret, rotation, now);
        let first = first.filter(OutstandingRotation::is_held_back);
        return match (first, missed) {
            (Some(_), Some(missed)) => because(State::Overdue, missed),
            (Some(first), None) => because(State::NeverRotated, first.to_string()),
            (None, _) => because(
                State::NeverRotated,
                under_way.unwrap_or_else(|| "no rotation has succeeded yet".into()),
            ),
        };
    }
    if !secret.rotation_enabled {
        return because(State::Overdue, "no rotation is scheduled".into());
    }
    match missed {
        Some(missed) => because(State::Overdue, missed),
        None => (State::Ok, under_way),
    }
}
