//! Faults of the targets in `notify`, which do not belong to the stack.

use super::Diagnosis;
use super::fault::{NOTIFY_TARGET, NOTIFY_UNCHECKED};
use crate::model::{EventTarget, Finding, Model};
use crate::plan::{Lookup, ObservedTarget};

/// A target in `notify` with what the checks before a deployment find about it now.
#[derive(Clone, Debug)]
pub struct CheckedTarget<'model> {
    /// The target as it was found.
    pub seen: ObservedTarget<'model>,
    /// The findings of [`crate::plan::check_target`].
    pub findings: Vec<Finding>,
}

impl CheckedTarget<'_> {
    /// Returns what is not known about the target, although the caller may look at it. It is no
    /// fault, because the caller cannot do anything about it.
    pub fn unknown(&self) -> impl Iterator<Item = &Finding> {
        let is_denied = matches!(self.seen.found, Lookup::Denied(_));
        let warnings = self.findings.iter().filter(|one| !one.is_error());
        warnings.filter(move |_| !is_denied)
    }
}

/// Returns the faults of the targets in `notify`.
pub fn diagnose_targets(model: &Model, targets: &[CheckedTarget<'_>]) -> Vec<Diagnosis> {
    let found = targets.iter().flat_map(|checked| of(model, checked));
    found.collect()
}

fn of(model: &Model, checked: &CheckedTarget<'_>) -> Vec<Diagnosis> {
    let CheckedTarget { seen, findings } = checked;
    let subject = seen.target.to_string();
    let secrets = notifying(model, seen.target);
    if let Lookup::Denied(why) = &seen.found {
        let evidence = format!("cannot look at it: {why}; promotions of {secrets} notify it");
        let remedy = "attach the statements `DetectDrift…` of deployer-policy.json, which `keyrota generate` writes, to the caller; then run `keyrota doctor` again";
        return vec![NOTIFY_UNCHECKED.seen(subject, evidence, remedy)];
    }
    // One target may have several, and a fault is known by its ID and its subject.
    let errors: Vec<&Finding> = findings.iter().filter(|one| one.is_error()).collect();
    if errors.is_empty() {
        return Vec::new();
    }
    let messages: Vec<&str> = errors.iter().map(|one| one.message.as_str()).collect();
    let hints: Vec<&str> = errors
        .iter()
        .filter_map(|one| one.hint.as_deref())
        .collect();
    let evidence = format!(
        "{}; promotions of {secrets} do not reach it",
        messages.join("; ")
    );
    vec![NOTIFY_TARGET.seen(subject, evidence, hints.join("; "))]
}

/// Returns the first few secrets whose promotions notify a target, and how many more there are.
fn notifying(model: &Model, target: &EventTarget) -> String {
    let entries = model.entries.iter();
    let entries = entries.filter(|entry| entry.notify.contains(target));
    let names: Vec<&str> = entries.map(|entry| entry.secret.as_str()).collect();
    super::some(&names)
}
