//! Rules about the clients that are notified of promotions.

use std::collections::HashMap;

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::{Stack, holders};
use crate::model::{EventTarget, TargetKind};
use crate::render::document::DocumentKind;
use crate::render::resolve::{items, literal, target as referred};
use crate::render::statement::Principal;
use crate::render::tree::Value;

/// The service that delivers.
const SERVICE: &str = "events.amazonaws.com";

pub(super) const THEME: Theme = Theme {
    title: "Clients",
    rules: &[Rule {
        id: "unnotified-target",
        level: Level::Error,
        title: "A rule notifies each target in `notify` of each promotion",
        why: "Clients of a target that is not notified keep a credential that stops working.",
        remedy: "keep the rules, permissions, and role of keyrota's template `notify`",
        source: "AWS Secrets Manager User Guide, secret-event-notifications",
        check: Some(check_notified),
    }],
};

/// A target of a rule, which the rule notifies of the promotions of a secret.
struct Delivery<'stack> {
    rule: &'stack str,
    target: &'stack Value,
}

fn check_notified(stack: &Stack<'_>, found: &mut RuleFindings) {
    let deliveries = deliveries(stack);
    for entry in &stack.entries {
        let Some(secret) = entry.secret else {
            continue;
        };
        for wanted in &entry.served.notify {
            let key = (secret.id, wanted.arn.as_str());
            let deliveries = deliveries.get(&key).map_or(&[][..], Vec::as_slice);
            let mut obstacles = deliveries.iter().map(|one| obstacle(stack, one, wanted));
            let message = match obstacles.next() {
                None => Some(format!("no rule notifies {} of its promotions", wanted.arn)),
                Some(first) => first.filter(|_| obstacles.all(|one| one.is_some())),
            };
            if let Some(message) = message {
                found.add(secret.id, message);
            }
        }
    }
}

/// Returns the targets of the rules that pass promotions on, by the secret and the target's ARN.
fn deliveries<'stack>(
    stack: &'stack Stack<'_>,
) -> HashMap<(&'stack str, &'stack str), Vec<Delivery<'stack>>> {
    let mut deliveries: HashMap<_, Vec<_>> = HashMap::new();
    for rule in stack.template.of_type("AWS::Events::Rule") {
        let Some(pattern) = rule.get("EventPattern") else {
            continue;
        };
        let label = pattern.get("detail").and_then(|it| it.get("labelUpdated"));
        let is_promotion = is(pattern.get("detail-type"), "Secret Label Updated")
            && is(pattern.get("source"), "aws.secretsmanager")
            && is(label, "AWSCURRENT");
        if !is_promotion || rule.text("State") != Some("ENABLED") {
            continue;
        }
        for secret in items(pattern.get("resources")).filter_map(referred) {
            for target in items(rule.get("Targets")) {
                if let Some(arn) = target.get("Arn").and_then(literal) {
                    let delivery = Delivery {
                        rule: rule.id,
                        target,
                    };
                    deliveries.entry((secret, arn)).or_default().push(delivery);
                }
            }
        }
    }
    deliveries
}

/// Returns why EventBridge would not deliver to a target of a rule, as far as the stack decides it.
fn obstacle(stack: &Stack<'_>, delivery: &Delivery<'_>, wanted: &EventTarget) -> Option<String> {
    let Delivery { rule, target } = delivery;
    let arn = wanted.arn.as_str();
    match wanted.kind {
        TargetKind::Topic | TargetKind::Queue => None,
        TargetKind::FifoQueue => {
            let group = { target.get("SqsParameters") }.and_then(|it| it.get("MessageGroupId"));
            (group.is_none()).then(|| format!("the rule {rule} has no MessageGroupId for {arn}"))
        }
        TargetKind::Function => (!may_invoke(stack, rule, arn))
            .then(|| format!("no AWS::Lambda::Permission lets the rule {rule} invoke {arn}")),
        TargetKind::Bus => {
            let role = target.get("RoleArn").and_then(referred);
            (!role.is_some_and(|role| may_send(stack, role, arn)))
                .then(|| format!("the rule {rule} has no role that may send events to {arn}"))
        }
    }
}

/// Returns whether the stack lets a rule invoke a function.
fn may_invoke(stack: &Stack<'_>, rule: &str, function: &str) -> bool {
    let mut permissions = stack.template.of_type("AWS::Lambda::Permission");
    permissions.any(|permission| {
        permission.text("Action") == Some("lambda:InvokeFunction")
            && permission.text("FunctionName") == Some(function)
            && permission.text("Principal") == Some(SERVICE)
            && permission.get("SourceArn").and_then(referred) == Some(rule)
    })
}

/// Returns whether a role of the stack trusts EventBridge, and may send events to an event bus.
fn may_send(stack: &Stack<'_>, role: &str, bus: &str) -> bool {
    let trusts = stack.allowing(&[DocumentKind::Trust]).any(|statement| {
        statement.document.resource == role
            && statement.does("sts:AssumeRole")
            && statement
                .principals
                .contains(&Principal::Service(SERVICE.to_owned()))
    });
    let is_allowed =
        { stack.allowing(&[DocumentKind::RoleInline, DocumentKind::Managed]) }.any(|statement| {
            let policy = stack.template.resource(&statement.document.resource);
            policy.is_some_and(|policy| policy.id == role || holders(policy).any(|it| it == role))
                && statement.does("events:PutEvents")
                && statement.resources.iter().any(|resource| resource == bus)
        });
    trusts && is_allowed
}

/// Returns whether a pattern matches exactly one value of a field.
fn is(pattern: Option<&Value>, value: &str) -> bool {
    items(pattern).map(literal).eq([Some(value)])
}
