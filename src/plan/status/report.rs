//! The report of the stack and its credentials, as `keyrota status` shows it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::FunctionReport;
use crate::model::{ByKind, Duration, Entry, longest_active, longest_interval};
use crate::plan::replica::{ReplicaReport, replicas};
use crate::plan::{
    DoctorFinding, Drift, HoldReason, OutstandingRotation, RemovalTimes, TagDifference,
    tag_differences,
};
use crate::port::{Key, Secret, Stack};

/// The result of `keyrota status`.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// The stack, or `None` if it is not deployed. The first one if there are several.
    pub stack: Option<StackReport>,
    /// All deployed stacks, if the entries need several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackReport>,
    /// The deployed functions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionReport>,
    /// The secrets.
    pub secrets: Vec<SecretReport>,
    /// What `--check` found besides, in the form of `keyrota doctor`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<DoctorFinding>,
    /// How the resources differ from what was deployed. `None` if they were not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
    /// What could not be compared because a call failed, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift_unchecked: Vec<String>,
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
        let is_held_back = self.state == State::NeverRotated
            && (self.first_rotation.as_ref()).is_some_and(OutstandingRotation::is_held_back);
        (matches!(self.state, State::Ok | State::Unknown) || is_held_back)
            && self.tags.is_empty()
            && self.replicas.iter().all(|replica| replica.fault.is_none())
    }
}

impl StatusReport {
    /// Returns every deployed stack.
    pub fn all_stacks(&self) -> Vec<&StackReport> {
        match self.stacks.is_empty() {
            true => self.stack.iter().collect(),
            false => self.stacks.iter().collect(),
        }
    }

    /// Returns whether no resource is known to differ from what was deployed, and each was compared
    /// if that was asked for.
    pub fn is_in_sync(&self) -> bool {
        self.drift.as_ref().is_none_or(Vec::is_empty) && self.drift_unchecked.is_empty()
    }

    /// Returns the report of several stacks.
    pub fn of_all(reports: Vec<Self>) -> Self {
        let several = reports.len() > 1;
        let mut all = Self {
            stack: reports.first().and_then(|first| first.stack.clone()),
            stacks: Vec::new(),
            functions: Vec::new(),
            secrets: Vec::new(),
            findings: Vec::new(),
            drift: None,
            drift_unchecked: Vec::new(),
        };
        for report in reports {
            all.stacks.extend(report.stack.filter(|_| several));
            all.functions.extend(report.functions);
            all.secrets.extend(report.secrets);
            all.findings.extend(report.findings);
            if let Some(drift) = report.drift {
                all.drift.get_or_insert_default().extend(drift);
            }
            all.drift_unchecked.extend(report.drift_unchecked);
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
    /// The name of the IAM user or of the database user. If two users alternate, it is the one that is
    /// current.
    pub username: String,
    /// Its state.
    pub state: State,
    /// The reason for any state other than `ok`, or that a rotation is under way.
    pub reason: Option<String>,
    /// The schedule expression in the manifest.
    pub schedule: String,
    /// Whether rotation is enabled.
    pub rotation_enabled: bool,
    /// The first rotation, if none has succeeded yet and one will take place.
    pub first_rotation: Option<OutstandingRotation>,
    /// When a rotation last succeeded.
    pub last_rotated: Option<Timestamp>,
    /// When the current credential was last seen to authenticate: by the rotation that made it
    /// current, or by this command's rehearsal. `None` if nothing is known since it was stored.
    pub last_proven: Option<Timestamp>,
    /// When the next one is due.
    pub next_rotation: Option<Timestamp>,
    /// The longest time that a key can be active under the manifest's schedule and `old_key`, if no
    /// rotation is late. `None` for a password.
    #[serde(rename = "max_key_age_seconds", serialize_with = "seconds")]
    pub max_key_age: Option<Duration>,
    /// The longest interval at which a host that follows the secret with its own key must check it,
    /// under the manifest's schedule and `old_key`. `None` if the user may not read its own secret.
    #[serde(rename = "longest_follow_interval_seconds", serialize_with = "seconds")]
    pub follow_interval: Option<Duration>,
    /// The user's keys.
    pub keys: Vec<KeyReport>,
    /// The tags of the secret that differ from the manifest's.
    #[serde(rename = "tag_differences")]
    pub tags: Vec<TagDifference>,
    /// The replicas in other Regions.
    pub replicas: Vec<ReplicaReport>,
    /// The fields that are unknown because no value was read. Their contents have no meaning.
    #[serde(rename = "unknown_fields")]
    pub unknown: Vec<&'static str>,
}

impl SecretReport {
    /// Returns the report of an entry without differences of tags and unknown fields.
    pub(super) fn new(
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
            ByKind::Service(_) => (CredentialKind::Service, None),
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
            first_rotation: None,
            last_rotated,
            last_proven: None,
            next_rotation: secret.and_then(|secret| secret.next_rotation),
            max_key_age,
            follow_interval: longest_interval(&entry.schedule, entry.window, entry.old_key)
                .filter(|_| entry.reads_itself),
            keys,
            tags: Vec::new(),
            replicas: secret.map_or_else(Vec::new, |secret| replicas(entry, secret)),
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
    /// The password of a service's user.
    Service,
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
    /// When it will be deactivated if nothing changes. If the key is held, when that hold ends. A
    /// key that a client uses is held until `force_after` ends.
    pub deactivates: Option<Timestamp>,
    /// When it will be deleted if nothing changes.
    pub deletes: Option<Timestamp>,
    /// Whether it is past its removal time and remains because a client uses it, or may use it.
    pub held: bool,
    /// Why it is held.
    pub held_because: Option<HoldReason>,
}

impl KeyReport {
    pub(super) fn new(key: &Key, role: KeyRole, removal: RemovalTimes) -> Self {
        Self {
            id: key.id.clone(),
            status: if key.active { "Active" } else { "Inactive" },
            created: key.created,
            last_used: key.last_used,
            role,
            deactivates: removal.deactivates,
            deletes: removal.deletes,
            held: removal.held.is_some(),
            held_because: removal.held,
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
    /// A rotation started, and does not end by itself.
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
