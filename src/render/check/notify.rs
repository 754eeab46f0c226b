//! Rules about the clients that are notified of promotions.

use std::collections::HashSet;

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use crate::render::resolve::{items, literal, target};
use crate::render::tree::Value;

pub(super) const THEME: Theme = Theme {
    title: "Clients",
    rules: &[Rule {
        id: "unnotified-target",
        level: Level::Error,
        title: "A rule notifies each target in `notify` of each promotion",
        why: "Clients of a target that is not notified keep a credential that stops working.",
        remedy: "keep the rules of keyrota's template `notify`",
        source: "AWS Secrets Manager User Guide, secret-event-notifications",
        check: Some(told),
    }],
};

fn told(stack: &Stack<'_>, found: &mut RuleFindings) {
    let mut told: HashSet<(&str, &str)> = HashSet::new();
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
        let targets = items(rule.get("Targets")).filter_map(|one| literal(one.get("Arn")?));
        let targets: Vec<&str> = targets.collect();
        for secret in items(pattern.get("resources")).filter_map(target) {
            told.extend(targets.iter().map(|arn| (secret, *arn)));
        }
    }
    for entry in &stack.entries {
        let Some(secret) = entry.secret else {
            continue;
        };
        for wanted in &entry.served.notify {
            if !told.contains(&(secret.id, wanted.arn.as_str())) {
                let message = format!("no rule notifies {} of its promotions", wanted.arn);
                found.add(secret.id, message);
            }
        }
    }
}

/// Returns whether a pattern matches exactly one value of a field.
fn is(pattern: Option<&Value>, value: &str) -> bool {
    items(pattern).map(literal).eq([Some(value)])
}
