//! Faults of the stack's resources: what differs from what was deployed.

use std::collections::BTreeSet;

use super::fault::{DRIFT_UNCHECKED, RESOURCE_CHANGED, RESOURCE_GONE};
use super::{Diagnosis, Examined, Fix};
use crate::model::{Entry, Model};
use crate::plan::drift::{
    DriftChange, DriftedResource, Repair, SCHEDULE, SECRET, SECRET_POLICY, StackDrift,
    is_comparable, repair_of,
};
use crate::port::Stack;
use crate::render;

/// The faults of a secret that hide everything else about it.
const HIDING: [&str; 3] = ["secret-missing", "secret-deleted", "secret-not-in-stack"];

const USER: &str = "AWS::IAM::User";
const ROLE: &str = "AWS::IAM::Role";

/// Returns the faults of the resources, except those that `found` already has.
pub(super) fn diagnose(
    model: &Model,
    examined: &Examined<'_>,
    found: &[Diagnosis],
) -> Vec<Diagnosis> {
    let drift = &examined.drift;
    let mut faults: Vec<Diagnosis> = drift
        .by_resource()
        .filter(|resource| !is_told(model, &resource[0], found))
        .map(|resource| of(model, resource))
        .collect();
    let obstacles = drift.obstacles();
    if !obstacles.is_empty() {
        let is_ready = |stack: &Stack| is_comparable(&stack.status);
        let remedy = if examined.stack.as_ref().is_none_or(is_ready) {
            "attach the statements `DetectDrift…` of deployer-policy.json, which `keyrota generate` writes, to the caller; then run `keyrota doctor` again"
        } else {
            "wait until the operation on the stack has ended, or repair the stack if it has failed; then run `keyrota doctor` again"
        };
        let subject = format!("stack {}", model.stack);
        faults.push(DRIFT_UNCHECKED.seen(subject, obstacles.join("; "), remedy));
    }
    faults
}

/// Returns how a finding names a resource of the stack.
pub fn resource_subject(logical_id: &str, model: &Model) -> String {
    format!("resource {logical_id} of stack {}", model.stack)
}

/// Returns the logical IDs of the resources that differ in a way that these diagnoses do not say, so
/// that nobody who has seen them can have agreed to restore them.
pub fn unseen(model: &Model, drift: &StackDrift, seen: &[Diagnosis]) -> BTreeSet<String> {
    // Nothing was known of the settings of a secret that was gone.
    let seen = seen.iter().filter(|held| !HIDING.contains(&held.fault.id));
    let seen: Vec<Diagnosis> = seen.cloned().collect();
    let is_seen = |resource: &[DriftedResource]| {
        let now = of(model, resource);
        let is_it = |held: &Diagnosis| held.is_same(&now) && held.evidence == now.evidence;
        seen.iter().any(is_it) || is_told(model, &resource[0], &seen)
    };
    let unseen = drift.by_resource().filter(|resource| !is_seen(resource));
    unseen
        .map(|resource| resource[0].logical_id.clone())
        .collect()
}

/// Returns the fault of a resource, with each of its differences.
fn of(model: &Model, differences: &[DriftedResource]) -> Diagnosis {
    let resource = &differences[0];
    let DriftedResource {
        logical_id,
        kind,
        physical_id,
        change,
        ..
    } = resource;
    let fault = match change {
        DriftChange::Gone => &RESOURCE_GONE,
        _ => &RESOURCE_CHANGED,
    };
    let purpose = resource.purpose();
    let evidence = match change {
        DriftChange::Gone => format!("{logical_id}, {kind} {physical_id}, does not exist{purpose}"),
        _ => format!(
            "{logical_id}, {kind} {physical_id}: {}{purpose}",
            differences
                .iter()
                .flat_map(DriftedResource::differences)
                .collect::<Vec<_>>()
                .join("; ")
        ),
    };
    let (remedy, is_fixed) = match repair_of(resource) {
        Repair::Recreate => (
            "run `keyrota bootstrap`, which asks whether to create another secret",
            false,
        ),
        Repair::EnableRotation => ("run `keyrota doctor --fix`, which enables rotation", false),
        _ => (
            "run `keyrota doctor --fix` or `keyrota bootstrap`, which restores it, and find out who changed it",
            true,
        ),
    };
    // The key policy of a KMS key that the stack creates refers to the role, and secrets to the key.
    let remedy = match (kind.as_str(), change) {
        (ROLE, DriftChange::Gone) => format!(
            "{remedy}; if that is refused because of a secret, create the role with `aws iam create-role --role-name {physical_id}`, for lambda.amazonaws.com and with the path in the template, and run `keyrota doctor --fix` again"
        ),
        _ => remedy.to_owned(),
    };
    let subject = resource_subject(logical_id, model);
    let found = fault.seen(subject, evidence, remedy);
    found.fixed_by(Fix::Revert, is_fixed)
}

/// Returns whether another fault already reports a resource's difference. One that concerns an
/// entry's secret hides what cannot be known without it.
fn is_told(model: &Model, resource: &DriftedResource, found: &[Diagnosis]) -> bool {
    let has = |entry: &Entry, ids: &[&str]| {
        found
            .iter()
            .any(|it| it.secret.as_ref() == Some(&entry.secret) && ids.contains(&it.fault.id))
    };
    let id = resource.logical_id.as_str();
    match resource.kind.as_str() {
        SECRET => {
            let mut entries = model.entries.iter();
            let entry = entries.find(|entry| render::secret_logical_id(entry) == id);
            entry.is_some_and(|entry| has(entry, &HIDING))
        }
        SCHEDULE => {
            let mut entries = model.entries.iter();
            let entry = entries.find(|entry| render::schedule_logical_id(entry) == id);
            entry.is_some_and(|entry| {
                has(entry, &HIDING) || has(entry, &["rotation-off", "rotation-differs"])
            })
        }
        SECRET_POLICY => {
            let mut entries = model.entries.iter();
            let entry = entries.find(|entry| render::readers_logical_id(entry) == id);
            entry.is_some_and(|entry| has(entry, &HIDING))
        }
        USER => {
            let mut entries = model.access_keys();
            let entry = entries.find(|entry| render::user_logical_id(entry.kind) == id);
            let is_path = |texts: &[String]| texts.iter().all(|text| text.starts_with("`/Path`"));
            entry.is_some_and(|entry| match &resource.change {
                DriftChange::Gone => has(entry.entry(), &["user-missing"]),
                DriftChange::Changed(texts) => {
                    is_path(texts) && has(entry.entry(), &["user-path-differs"])
                }
                _ => false,
            })
        }
        _ => false,
    }
}
