//! The state of each credential.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{ByKind, Database, Duration, Entry, EntryOf, OldKey, longest_active};
use crate::port::{CURRENT, Key, Secret, Stack};
use crate::render::OLD_KEY_TAG;

use super::{
    HeldSecret, LastRotation, ObservedAccessKey, ObservedDatabase, ObservedEntry, RemovalTimes,
    TagDifference, removal_times, tag_differences,
};

/// How long after its due time a rotation counts as overdue.
const GRACE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The result of `keyrota status`.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// The stack, or `None` if it is not deployed. The first one if there are several.
    pub stack: Option<StackReport>,
    /// All deployed stacks, if the entries need several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackReport>,
    /// The secrets.
    pub secrets: Vec<SecretReport>,
}

impl SecretReport {
    /// Adds the differences between the secret's tags and those that the stack writes.
    #[must_use]
    pub fn with_tags(self, expected: &BTreeMap<String, String>, secret: Option<&Secret>) -> Self {
        let tags = secret.map(|secret| tag_differences(expected, secret));
        Self {
            tags: tags.unwrap_or_default(),
            ..self
        }
    }

    /// Returns whether no known state needs a person.
    pub fn is_fine(&self) -> bool {
        matches!(self.state, State::Ok | State::Unknown) && self.tags.is_empty()
    }
}

impl StatusReport {
    /// Returns the report of several stacks.
    pub fn of_all(reports: Vec<Self>) -> Self {
        let several = reports.len() > 1;
        let mut all = Self {
            stack: reports.first().and_then(|first| first.stack.clone()),
            stacks: Vec::new(),
            secrets: Vec::new(),
        };
        for report in reports {
            all.stacks.extend(report.stack.filter(|_| several));
            all.secrets.extend(report.secrets);
        }
        all
    }
}

/// The stack in a report.
#[derive(Clone, Debug, Serialize)]
pub struct StackReport {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// CloudFormation's stack status.
    pub status: String,
}

impl From<&Stack> for StackReport {
    fn from(stack: &Stack) -> Self {
        Self {
            name: stack.name.clone(),
            id: stack.id.clone(),
            status: stack.status.as_str().to_owned(),
        }
    }
}

/// A secret in a report.
#[derive(Clone, Debug, Serialize)]
pub struct SecretReport {
    /// Its name.
    pub name: String,
    /// Its ARN, if it exists.
    pub arn: Option<String>,
    /// The kind of its credential.
    pub kind: CredentialKind,
    /// The name of the IAM user or of the database user.
    pub username: String,
    /// Its state.
    pub state: State,
    /// The reason for any state other than `ok`.
    pub reason: Option<String>,
    /// The schedule expression in the manifest.
    pub schedule: String,
    /// Whether rotation is enabled.
    pub rotation_enabled: bool,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// When the next one is due.
    pub next_rotation: Option<Timestamp>,
    /// The longest time that a key can be active under the manifest's schedule and `old_key`, if no
    /// rotation is late. `None` for a password.
    #[serde(rename = "max_key_age_seconds", serialize_with = "seconds")]
    pub max_key_age: Option<Duration>,
    /// The user's keys.
    pub keys: Vec<KeyReport>,
    /// The tags of the secret that differ from the manifest's.
    #[serde(rename = "tag_differences")]
    pub tags: Vec<TagDifference>,
    /// The fields that are unknown because no value was read. Their contents have no meaning.
    #[serde(rename = "unknown_fields")]
    pub unknown: Vec<&'static str>,
}

impl SecretReport {
    /// Returns the report of an entry without differences of tags and unknown fields.
    fn new(
        entry: &Entry,
        secret: Option<&Secret>,
        (state, reason): (State, Option<String>),
        last_rotated: Option<Timestamp>,
        keys: Vec<KeyReport>,
    ) -> Self {
        let key_age = || longest_active(&entry.schedule, entry.window, entry.old_key);
        let (kind, max_key_age) = match entry.by_kind() {
            ByKind::AccessKey(_) => (CredentialKind::AccessKey, Some(key_age())),
            ByKind::Database(_) => (CredentialKind::Database, None),
        };
        Self {
            name: entry.secret.to_string(),
            arn: secret.map(|secret| secret.arn.clone()),
            kind,
            username: entry.user_name().to_owned(),
            state,
            reason,
            schedule: entry.schedule.to_string(),
            rotation_enabled: secret.is_some_and(|secret| secret.rotation_enabled),
            last_rotated,
            next_rotation: secret.and_then(|secret| secret.next_rotation),
            max_key_age,
            keys,
            tags: Vec::new(),
            unknown: Vec::new(),
        }
    }
}

fn seconds<S: serde::Serializer>(age: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    age.map(Duration::as_seconds).serialize(to)
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// An IAM user's access key.
    AccessKey,
    /// The password of a database's user.
    Database,
}

/// A key in a report.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    /// The access key ID.
    pub id: String,
    /// `Active` or `Inactive`.
    pub status: &'static str,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
    /// Its role in the secret.
    pub role: KeyRole,
    /// When it will be deactivated if nothing changes. If the key is held because a client uses it,
    /// when that hold ends.
    pub deactivates: Option<Timestamp>,
    /// When it will be deleted if nothing changes.
    pub deletes: Option<Timestamp>,
    /// Whether it is past its removal time and remains because a client uses it.
    pub held: bool,
}

impl KeyReport {
    fn new(key: &Key, role: KeyRole, removal: RemovalTimes) -> Self {
        Self {
            id: key.id.clone(),
            status: if key.active { "Active" } else { "Inactive" },
            created: key.created,
            last_used: key.last_used,
            role,
            deactivates: removal.deactivates,
            deletes: removal.deletes,
            held: removal.held,
        }
    }
}

/// The role of a key in its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// It is in AWSCURRENT.
    Current,
    /// An unfinished rotation created it, whether or not it could be stored.
    Pending,
    /// It is in AWSPREVIOUS.
    Previous,
    /// It is in no version of the secret.
    Unknown,
}

/// The state of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works and rotates.
    Ok,
    /// It works, and no rotation has succeeded yet.
    NeverRotated,
    /// A rotation was due more than seven days ago, or rotation is not scheduled.
    Overdue,
    /// A rotation started and has not ended.
    Stuck,
    /// The current credential does not work.
    Broken,
    /// The secret does not exist.
    Missing,
    /// No fault is known, but the value was not read, so the credential may not work.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::NeverRotated => "never rotated",
            Self::Overdue => "overdue",
            Self::Stuck => "stuck",
            Self::Broken => "broken",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        })
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Previous => "previous",
            Self::Unknown => "unknown",
        })
    }
}

/// Returns the state of an entry at a moment, without the secret's tags.
pub fn report(seen: &ObservedEntry<'_>, now: Timestamp) -> SecretReport {
    let entry = seen.entry();
    let secret = seen.secret();
    let state = state(seen, now);
    let keys = match seen {
        ObservedEntry::AccessKey(_, seen) => {
            let keys = seen.keys.iter().map(|key| report_key(key, seen, now));
            keys.collect()
        }
        ObservedEntry::Database(..) => Vec::new(),
    };
    let last_rotated = seen.held().and_then(|held| held.rotation.at());
    SecretReport::new(entry, secret, state, last_rotated, keys)
}

/// The fields that depend on the values of a secret with keys: the role of a key determines when it
/// is removed.
const KEYS_UNKNOWN: [&str; 4] = ["keys.role", "keys.deactivates", "keys.deletes", "keys.held"];

/// Returns the state of an entry without the values of its secret. Nothing unknown is assumed to be
/// good.
pub fn report_without_values(
    entry: &Entry,
    secret: Option<&Secret>,
    keys: &[Key],
    now: Timestamp,
) -> SecretReport {
    let (state, reason) = state_without_values(entry, secret, keys, now);
    let mut unknown = Vec::new();
    if state == State::Unknown {
        unknown.push("state");
    }
    // Secrets Manager reports the date only while rotation is enabled (`API_DescribeSecret`).
    if secret.is_some_and(|secret| secret.last_rotated.is_none() && !secret.rotation_enabled) {
        unknown.push("last_rotated");
    }
    if !keys.is_empty() {
        unknown.extend(KEYS_UNKNOWN);
    }
    let last_rotated = secret.and_then(|secret| secret.last_rotated);
    let keys = keys.iter();
    let keys = keys.map(|key| KeyReport::new(key, KeyRole::Unknown, RemovalTimes::default()));
    SecretReport {
        unknown,
        ..SecretReport::new(entry, secret, (state, reason), last_rotated, keys.collect())
    }
}

fn state_without_values(
    entry: &Entry,
    secret: Option<&Secret>,
    keys: &[Key],
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
    if entry.as_access_key().is_some() && !keys.iter().any(|key| key.active) {
        return because(State::Broken, "the user has no active key");
    }
    // While rotation is disabled, Secrets Manager does not report whether one has succeeded.
    let rotation = match secret.last_rotated {
        Some(at) => LastRotation::At(at),
        None if secret.rotation_enabled => LastRotation::Never,
        None => LastRotation::Undated,
    };
    match rotation_state(secret, rotation, now) {
        (State::Ok, _) => because(
            State::Unknown,
            "whether the credential works is not known without its value",
        ),
        known => known,
    }
}

fn report_key(key: &Key, seen: &ObservedAccessKey, now: Timestamp) -> KeyReport {
    let role = seen.role_of(key);
    let removal_times = match &seen.secret {
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
            )
        }
        _ => RemovalTimes::default(),
    };
    KeyReport::new(key, role, removal_times)
}

fn state(seen: &ObservedEntry<'_>, now: Timestamp) -> (State, Option<String>) {
    let because = |state, reason: &str| (state, Some(reason.to_owned()));
    let held = match seen.held() {
        None => return because(State::Missing, "the secret does not exist"),
        Some(held) if held.secret.deleted.is_some() => {
            return because(State::Missing, "it is scheduled for deletion");
        }
        Some(held) => held,
    };
    let broken = match seen {
        ObservedEntry::AccessKey(_, seen) => why_key_is_broken(seen),
        ObservedEntry::Database(entry, seen) => why_login_is_broken(*entry, seen),
    };
    match broken {
        Some(reason) => (State::Broken, Some(reason)),
        None => overdue(held, now),
    }
}

/// Returns why the key in AWSCURRENT does not work, according to IAM and the value.
fn why_key_is_broken(seen: &ObservedAccessKey) -> Option<String> {
    let credential = match seen.secret.as_ref()?.current.complete() {
        Ok(credential) => credential,
        Err(reason) => return Some(reason),
    };
    let id = &credential.accesskey;
    if credential.username != seen.user_name {
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
    if login.username != entry.kind.username {
        return Some("its value names another user".to_owned());
    }
    (login.engine != entry.kind.engine).then(|| format!("its value is for {}", login.engine.name()))
}

/// Returns the state of a secret's rotation, if its credential works.
pub(super) fn overdue(held: HeldSecret<'_>, now: Timestamp) -> (State, Option<String>) {
    rotation_state(held.secret, held.rotation, now)
}

fn rotation_state(
    secret: &Secret,
    rotation: LastRotation,
    now: Timestamp,
) -> (State, Option<String>) {
    let because = |state, reason: String| (state, Some(reason));
    if secret.unfinished().is_some() {
        return because(
            State::Stuck,
            "a rotation is unfinished; `keyrota rotate` completes it".into(),
        );
    }
    if rotation.is_never() {
        return because(State::NeverRotated, "no rotation has succeeded yet".into());
    }
    if !secret.rotation_enabled {
        return because(State::Overdue, "no rotation is scheduled".into());
    }
    if let Some(due) = secret.next_rotation
        && due.checked_add(GRACE).is_ok_and(|expired| expired < now)
    {
        return because(State::Overdue, format!("a rotation was due by {due:.0}"));
    }
    (State::Ok, None)
}
