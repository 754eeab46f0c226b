//! Findings about the targets in `notify`. They belong to someone else: keyrota adds a statement
//! to the policy of a function, and never changes the policy of a topic, a queue, or a key.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::Lookup;
use crate::model::{AccountId, EventTarget, Finding, Model, Region, TARGET_ELSEWHERE, TargetKind};
use crate::port::{Receiver, StackResource};
use crate::render::{
    Admission, admits, events_statement, lets_service, notify_rule_logical_id, target_statement,
};

/// The observed state of a target.
#[derive(Clone, Debug)]
pub struct ObservedTarget<'model> {
    /// The target.
    pub target: &'model EventTarget,
    /// Whether it exists. A topic or a queue comes with its policy.
    pub found: Lookup<Option<Receiver>>,
    /// The policy of the customer managed key that encrypts it, if there is one.
    pub key_policy: Option<Lookup<String>>,
}

/// The location of a stack, whose rules deliver to the targets.
#[derive(Clone, Copy, Debug)]
pub struct RuleOrigin<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The Region.
    pub region: &'a Region,
    /// The resources that the stack has already.
    pub resources: &'a [StackResource],
}

/// Returns the targets of a manifest that rules of an account and a Region can have, each once, and
/// the findings of the others.
pub fn targets<'model>(
    model: &'model Model,
    account: &AccountId,
    region: &Region,
) -> (Vec<&'model EventTarget>, Vec<Finding>) {
    let mut targets: Vec<&EventTarget> = Vec::new();
    let mut findings = Vec::new();
    for target in model.entries.iter().flat_map(|entry| &entry.notify) {
        if targets.contains(&target) {
            continue;
        }
        match target.refusal(Some(region.as_str()), Some(account.as_str())) {
            None => targets.push(target),
            Some(why) => {
                let finding = Finding::error("target-elsewhere", path(target), why);
                let finding = finding.hint(TARGET_ELSEWHERE);
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
    }
    (targets, findings)
}

/// Returns the managed alias of a service, with which EventBridge cannot encrypt.
fn managed(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Topic => "alias/aws/sns",
        _ => "alias/aws/sqs",
    }
}

/// Returns the key of a receiver whose policy can be read: not one of AWS, and not an alias, which
/// `kms:GetKeyPolicy` does not accept.
pub fn readable_key(receiver: &Receiver) -> Option<&str> {
    let key = receiver.kms_key.as_deref()?;
    (!key.contains("alias/")).then_some(key)
}

/// Returns what is wrong with a target.
pub fn check_target(
    model: &Model,
    origin: RuleOrigin<'_>,
    seen: &ObservedTarget<'_>,
) -> Vec<Finding> {
    let ObservedTarget { target, found, .. } = seen;
    let receiver = match found {
        Lookup::Missing => return vec![missing(target)],
        Lookup::Denied(why) => {
            let needs = match target_statement(target, origin.account, origin.region) {
                Some(statement) => format!("; its policy needs this statement: {statement}"),
                None => String::new(),
            };
            let message = format!("cannot look at the {target}: {why}{needs}");
            return vec![Finding::warning(
                "target-not-looked-up",
                path(target),
                message,
            )];
        }
        Lookup::Found(None) => return Vec::new(),
        Lookup::Found(Some(receiver)) => receiver,
    };
    let mut findings = Vec::new();
    findings.extend(check_policy(model, origin, target, receiver));
    findings.extend(check_key(target, receiver, seen.key_policy.as_ref()));
    if target.kind == TargetKind::FifoQueue && !receiver.deduplicates {
        let message = format!(
            "the {target} has no content-based deduplication, which EventBridge requires of a FIFO queue"
        );
        findings.push(
            Finding::error("target-deduplication", path(target), message)
                .hint("turn on ContentBasedDeduplication for the queue"),
        );
    }
    findings
}

fn missing(target: &EventTarget) -> Finding {
    let message = format!("the {target} does not exist, so EventBridge cannot deliver to it");
    Finding::error("no-target", path(target), message).hint(format!(
        "create the {}, or correct `notify` in the manifest",
        target.kind.noun()
    ))
}

fn check_policy(
    model: &Model,
    origin: RuleOrigin<'_>,
    target: &EventTarget,
    receiver: &Receiver,
) -> Option<Finding> {
    const KIND: &str = "target-policy";
    let RuleOrigin {
        account,
        region,
        resources,
    } = origin;
    let statement = target_statement(target, account, region)?;
    let rules = rules(model, target, resources);
    let admission = match &receiver.policy {
        None => Admission::Refused("it has no policy".to_owned()),
        Some(policy) => admits(policy, target, account, region, &rules),
    };
    match admission {
        Admission::Admitted => None,
        Admission::Refused(why) => {
            let message = format!("the policy of the {target} does not admit EventBridge: {why}");
            let hint = match &receiver.policy {
                Some(_) => format!("add this statement to the policy: {statement}"),
                None => format!(
                    "give the {} this policy: {}",
                    target.kind.noun(),
                    json!({ "Version": "2012-10-17", "Statement": [statement] })
                ),
            };
            Some(Finding::error(KIND, path(target), message).hint(hint))
        }
        Admission::Unknown(why) => {
            let message = format!(
                "cannot tell whether the policy of the {target} admits EventBridge: {why}; it needs a statement such as this one: {statement}"
            );
            Some(Finding::warning(KIND, path(target), message))
        }
    }
}

/// Returns the names of the rules that deliver to a target: of those that the stack has, or else one such
/// as CloudFormation will choose. The logical ID of a rule follows from its targets, so a rule whose
/// targets change is a new one.
fn rules(model: &Model, target: &EventTarget, resources: &[StackResource]) -> Vec<String> {
    let wanted: BTreeSet<String> = { model.entries.iter() }
        .filter(|entry| entry.notify.contains(target))
        .map(|entry| notify_rule_logical_id(&entry.notify))
        .collect();
    let of_rule = |id: &String| {
        // A rule whose pattern is full has a successor, whose ID has a number at the end.
        let held: Vec<String> = { resources.iter() }
            .filter(|one| one.kind == "AWS::Events::Rule" && !one.physical_id.is_empty())
            .filter(|one| one.logical_id.starts_with(id.as_str()))
            .filter(|one| !one.status.starts_with("DELETE_"))
            .map(|one| one.physical_id.clone())
            .collect();
        match held.is_empty() {
            true => vec![format!("{}-{id}-000000000000", model.stack)],
            false => held,
        }
    };
    wanted.iter().flat_map(of_rule).collect()
}

/// SNS Developer Guide, *sns-key-management*, and SQS Developer Guide, *sqs-key-management*: the
/// policy of a key that AWS manages cannot be changed, and does not admit other services.
fn check_key(
    target: &EventTarget,
    receiver: &Receiver,
    policy: Option<&Lookup<String>>,
) -> Option<Finding> {
    const KIND: &str = "target-key";
    let key = receiver.kms_key.as_deref()?;
    let statement = events_statement();
    if key.ends_with(managed(target.kind)) {
        let message = format!(
            "the {target} is encrypted with {}, which EventBridge cannot use",
            managed(target.kind)
        );
        return Some(Finding::error(KIND, path(target), message).hint(format!(
            "encrypt it with a customer managed key whose policy has this statement, or without a KMS key: {statement}"
        )));
    }
    let unknown = |why: &str| {
        let message = format!(
            "cannot tell whether the policy of the KMS key {key}, which encrypts the {target}, admits EventBridge: {why}; it needs this statement: {statement}"
        );
        Some(Finding::warning(KIND, path(target), message))
    };
    match policy {
        None => unknown("the target names the key by an alias"),
        Some(Lookup::Missing) => unknown("the key does not exist in this account"),
        Some(Lookup::Denied(why)) => unknown(&why.to_string()),
        Some(Lookup::Found(text)) => match lets_service(text, "events.amazonaws.com") {
            Some(true) => None,
            Some(false) => {
                let message = format!(
                    "the policy of the KMS key {key}, which encrypts the {target}, does not let EventBridge use it"
                );
                let hint = format!(
                    "add this statement to the key policy, or, if AWS manages the key, encrypt the {} with a customer managed key whose policy has it: {statement}",
                    target.kind.noun()
                );
                Some(Finding::error(KIND, path(target), message).hint(hint))
            }
            None => unknown("the policy cannot be read"),
        },
    }
}

fn path(target: &EventTarget) -> String {
    format!("notify {}", target.arn)
}
