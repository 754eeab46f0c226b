//! Faults of the stack itself.

use jiff::{SignedDuration, Timestamp};

use super::fault::{STACK_BUSY, STACK_FAILED, STACK_MISSING, STACK_NOT_OURS, STACK_ROLLED_BACK};
use super::{Diagnosis, Examined, some};
use crate::model::Model;
use crate::plan::check_owner;
use crate::port::Stack;

/// An operation takes minutes. The deletion of a function in a VPC may take twenty.
const LONG: SignedDuration = SignedDuration::from_hours(1);

/// Returns whether a stack has outputs.
pub(super) fn has_outputs(stack: &Stack) -> bool {
    !stack.status.is_review() && !stack.outputs.is_empty()
}

/// Returns the faults of the stack.
pub(super) fn diagnose(model: &Model, examined: &Examined<'_>, now: Timestamp) -> Vec<Diagnosis> {
    let subject = format!("stack {}", model.stack);
    let Some(stack) = examined.stack.as_ref().filter(|it| !it.status.is_review()) else {
        return vec![missing(subject, examined)];
    };
    let name = &stack.name;
    if let Some(finding) = check_owner(model, stack, &[]) {
        let remedy = finding.hint.unwrap_or_default();
        let evidence = format!("{} does not have the tag of this stack", stack.id);
        return vec![STACK_NOT_OURS.seen(subject, evidence, remedy)];
    }
    let status = stack.status.as_str();
    let since = stack.since.map_or(String::new(), |at| {
        format!(", and its last operation started at {at:.0}")
    });
    let reason = stack
        .reason
        .as_deref()
        .map_or(String::new(), |reason| format!(": {reason}"));
    let evidence = format!("its status is {status}{since}{reason}");
    let found = if stack.status.is_busy() {
        let long = stack.since.is_none_or(|at| now.duration_since(at) > LONG);
        (long || !has_outputs(stack)).then(|| {
            let remedy = format!(
                "`aws cloudformation describe-stack-events --stack-name {name}` shows what it is waiting for"
            );
            STACK_BUSY.seen(subject, evidence, remedy)
        })
    } else if status == "UPDATE_ROLLBACK_FAILED" {
        let remedy = format!(
            "fix the cause, then run `aws cloudformation continue-update-rollback --stack-name {name}`"
        );
        Some(STACK_FAILED.seen(subject, evidence, remedy))
    } else if !stack.status.is_healthy() {
        let remedy = "delete the stack with `keyrota teardown`, then run `keyrota bootstrap`";
        Some(STACK_FAILED.seen(subject, evidence, remedy))
    } else if !stack.status.succeeded() && status.contains("ROLLBACK") {
        let remedy = "fix the cause, then run `keyrota bootstrap` to deploy again";
        Some(STACK_ROLLED_BACK.seen(subject, evidence, remedy))
    } else {
        None
    };
    found.into_iter().collect()
}

fn missing(subject: String, examined: &Examined<'_>) -> Diagnosis {
    let secrets = examined.entries.iter().filter_map(|it| it.seen.secret());
    let left: Vec<&str> = secrets.map(|secret| secret.name.as_str()).collect();
    let region = &examined.region;
    let evidence = match left.as_slice() {
        [] => format!("the stack does not exist in {region}"),
        left => format!(
            "the stack does not exist in {region}, but secrets of an earlier deployment do: {}",
            some(left)
        ),
    };
    let remedy = match left.is_empty() {
        true => "run `keyrota bootstrap` to deploy it",
        false => {
            "delete what is left over with `keyrota teardown`, then run `keyrota bootstrap`; deleted secrets can be restored for 30 days"
        }
    };
    STACK_MISSING.seen(subject, evidence, remedy)
}
