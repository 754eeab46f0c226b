//! Faults of a secret and its rotation that do not depend on its content.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fault::{
    KMS_KEY, NEVER_ROTATED, ROTATION_DIFFERS, ROTATION_OFF, ROTATION_OVERDUE, ROTATION_UNFINISHED,
    SECRET_DELETED, SECRET_MISSING, SECRET_NOT_IN_STACK, TAGS_CHANGED,
};
use super::{Diagnosis, Examination, Fix, Scope};
use crate::model::{Duration, Entry, KmsKey, Schedule, SecretName};
use crate::plan::preflight::check_kms_key;
use crate::plan::status::{State, overdue};
use crate::plan::{
    ABANDONED_TAG, HeldSecret, LastRotation, Lookup, outstanding_rotation, tag_differences,
};
use crate::port::{EncryptionKey, Rotation, Secret};
use crate::render;

/// Which fixes of a secret's rotation need no person.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AllowedFixes {
    /// Resume an unfinished rotation.
    pub(super) resume: bool,
    /// Enable the schedule, which makes the function test its configuration.
    pub(super) schedule: bool,
    /// Start a rotation.
    pub(super) rotate: bool,
}

/// Returns the secret, or the faults that prevent its diagnosis.
pub(super) fn present<'a>(
    scope: &Scope<'_>,
    entry: &Entry,
    secret: Option<&'a Secret>,
) -> Result<&'a Secret, Diagnosis> {
    let name = &entry.secret;
    let made = scope.stack.outputs.get(&render::secret_output(entry));
    let Some(secret) = secret else {
        let (evidence, remedy) = match made {
            None => (
                "it is neither in the account nor in the deployed stack".to_owned(),
                "run `keyrota bootstrap` to update the stack from the manifest".to_owned(),
            ),
            Some(arn) => (
                format!("the stack created {arn}, which no longer exists"),
                "run `keyrota bootstrap`, which asks whether to create another secret with another ARN"
                    .to_owned(),
            ),
        };
        return Err(SECRET_MISSING.of(name, evidence, remedy));
    };
    let ours = made.is_some_and(|arn| *arn == secret.arn);
    if let Some(deleted) = secret.deleted {
        let evidence = format!("it was scheduled for deletion at {deleted:.0}");
        let remedy = format!("restore it: `aws secretsmanager restore-secret --secret-id {name}`");
        let found = SECRET_DELETED.of(name, evidence, remedy);
        return Err(found.fixed_by(Fix::Restore, ours));
    }
    if !ours {
        let evidence = match made {
            None => format!(
                "the stack created no such secret, but {} exists",
                secret.arn
            ),
            Some(made) => format!("the stack created {made}, but {} exists", secret.arn),
        };
        let remedy = format!(
            "choose another name than `{name}` with `secret:`, then run `keyrota bootstrap`"
        );
        return Err(SECRET_NOT_IN_STACK.of(name, evidence, remedy));
    }
    Ok(secret)
}

/// Returns the diagnosis if the secret's tags differ from the expected ones.
pub(super) fn tags(
    name: &SecretName,
    expected: &BTreeMap<String, String>,
    secret: &Secret,
) -> Option<Diagnosis> {
    let differences = tag_differences(expected, secret);
    if differences.is_empty() {
        return None;
    }
    let evidence: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let remedy = "run `keyrota bootstrap` to restore them, and find out who can tag this secret";
    let found = TAGS_CHANGED.of(name, evidence.join("; "), remedy);
    Some(found.fixed_by(Fix::Revert, true))
}

/// Returns the diagnosis of the customer managed key that the manifest names.
pub(super) fn encryption_key(
    name: &SecretName,
    wanted: &KmsKey,
    seen: Option<&Lookup<EncryptionKey>>,
) -> Option<Diagnosis> {
    let (KmsKey::Existing(arn), Some(key)) = (wanted, seen) else {
        return None;
    };
    let evidence = check_kms_key(arn, key)?;
    let remedy = match key {
        Lookup::Missing => {
            "specify a key of this account and Region with `kms_key:`, then run `keyrota bootstrap`"
                .to_owned()
        }
        Lookup::Found(_) | Lookup::Denied(_) => format!(
            "cancel the deletion with `aws kms cancel-key-deletion --key-id {arn}`, and enable the key with `aws kms enable-key --key-id {arn}`"
        ),
    };
    Some(KMS_KEY.of(name, evidence, remedy))
}

/// Returns the rotation configuration that an entry's secret should have, with the stack's function
/// for it.
pub fn wanted_rotation(entry: &Entry, function: Option<&str>) -> Rotation {
    Rotation {
        function: function.map(str::to_owned),
        schedule: Some(entry.schedule.to_string()),
        window: entry.window.map(|window| window.to_string()),
    }
}

/// Returns the faults of a secret's rotation. `note` is added to the evidence of faults whose fix
/// starts a rotation.
pub(super) fn rotation(
    scope: &Scope<'_>,
    examination: &Examination<'_>,
    held: HeldSecret<'_>,
    may: AllowedFixes,
    note: Option<&str>,
) -> Vec<Diagnosis> {
    let secret = held.secret;
    let entry = examination.seen.entry();
    let name = &entry.secret;
    let wanted = wanted_rotation(entry, scope.function(entry));
    let noted = |evidence: String| match note {
        Some(note) => format!("{evidence}; {note}"),
        None => evidence,
    };
    // Secrets Manager refuses every request about rotation until it has ended (`API_RotateSecret`).
    let is_free = examination.under_way.is_none();
    let first = outstanding_rotation(entry, secret, held.rotation, scope.now);
    let is_held_back = first.is_some_and(|first| first.is_held_back());
    let mut found = Vec::new();
    let began = began(secret, examination);
    let is_unfinished = began.is_some();
    if let Some(evidence) = began {
        let evidence = format!("{evidence}; {}", rotated(held.rotation));
        let remedy = format!(
            "fix the cause, then run `keyrota rotate {name}` to complete it, or `keyrota bootstrap` if you have changed the manifest, which the function knows only after a deployment"
        );
        let fault = ROTATION_UNFINISHED.of(name, noted(evidence), remedy);
        found.push(fault.fixed_by(Fix::Resume, may.resume));
    }
    if !secret.rotation_enabled && !is_held_back {
        let evidence = format!(
            "RotationEnabled is false; it was {}; {}",
            describe(&secret.rotation),
            rotated(held.rotation)
        );
        let remedy = format!(
            "run `keyrota doctor --fix` to set {}, unless rotation was disabled on purpose",
            entry.schedule
        );
        let fault = ROTATION_OFF.of(name, evidence, remedy);
        found.push(fault.fixed_by(
            Fix::Schedule,
            may.schedule && is_free && wanted.function.is_some(),
        ));
    } else if secret.rotation_enabled && differs(entry, &wanted, &secret.rotation) {
        let evidence = format!(
            "it is {}; the manifest specifies {}",
            describe(&secret.rotation),
            describe(&wanted)
        );
        let remedy = "run `keyrota bootstrap` if the manifest was changed; otherwise, run `keyrota doctor --fix` to set it as in the manifest";
        let fault = ROTATION_DIFFERS.of(name, evidence, remedy);
        found.push(fault.fixed_by(
            Fix::Schedule,
            may.schedule && is_free && wanted.function.is_some(),
        ));
    }
    if is_unfinished {
        return found;
    }
    let is_overdue = || overdue(entry, held, scope.now).0 == State::Overdue;
    if held.rotation.is_never() && !is_held_back {
        let evidence = "Secrets Manager has not recorded a successful rotation, and no other key or password was current before";
        let remedy = format!("move the clients to the secret, then run `keyrota rotate {name}`");
        found.push(NEVER_ROTATED.of(name, evidence, remedy));
    } else if secret.rotation_enabled && is_overdue() {
        let evidence = format!("{}; {}", due(secret.next_rotation), rotated(held.rotation));
        let remedy = format!("run `keyrota rotate {name}`");
        let fault = ROTATION_OVERDUE.of(name, noted(evidence), remedy);
        // Only a person decides that a password that clients may use is replaced.
        found.push(fault.fixed_by(Fix::Rotate, may.rotate && is_free && !is_held_back));
    }
    found
}

/// Returns what an unfinished rotation left: its version, or the key of an abandoned rotation.
fn began(secret: &Secret, examination: &Examination<'_>) -> Option<String> {
    if examination.under_way.is_none()
        && let Some(version) = secret.unfinished()
    {
        let said = match &examination.reported {
            Some(reason) => format!("the function's log contains: {reason}"),
            None => "the function's log of the last day does not mention it".to_owned(),
        };
        return Some(format!(
            "AWSPENDING is on version {version}, and AWSCURRENT is not; {said}"
        ));
    }
    let key = examination.seen.abandoned()?;
    Some(format!(
        "the user's tag {ABANDONED_TAG} names {key}, the key of an abandoned rotation that was not completely undone"
    ))
}

/// Returns whether a secret's rotation configuration differs from the wanted one. If the manifest
/// leaves the window to Secrets Manager, it may be reported or not.
pub(in crate::plan) fn differs(entry: &Entry, wanted: &Rotation, held: &Rotation) -> bool {
    let schedule = held.schedule.as_deref().map(Schedule::parse);
    let schedule = schedule.and_then(Result::ok);
    let same_schedule = schedule.is_some_and(|held| held.calendar() == entry.schedule.calendar());
    let window = held.window.as_deref().map(Duration::parse);
    let window = window.and_then(Result::ok);
    let same_window = entry.window.is_none() || window == entry.window;
    let same_function = wanted.function.is_none() || held.function == wanted.function;
    !(same_schedule && same_window && same_function)
}

/// Describes a secret's rotation configuration.
fn describe(rotation: &Rotation) -> String {
    let schedule = rotation.schedule.as_deref();
    let window = rotation
        .window
        .as_deref()
        .map_or(String::new(), |window| format!(" within {window}"));
    let function = rotation
        .function
        .as_deref()
        .map_or(String::new(), |arn| format!(" by {arn}"));
    format!("{}{window}{function}", schedule.unwrap_or("on no schedule"))
}

fn rotated(rotation: LastRotation) -> String {
    match rotation {
        LastRotation::At(at) => format!("it was last rotated at {at:.0}"),
        LastRotation::Undated => "it has rotated at an unknown time".to_owned(),
        LastRotation::Never => "it has never rotated".to_owned(),
    }
}

fn due(next: Option<Timestamp>) -> String {
    next.map_or_else(
        || "no rotation is due".to_owned(),
        |at| format!("a rotation was due by {at:.0}"),
    )
}
