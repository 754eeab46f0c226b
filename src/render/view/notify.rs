//! The rules that notify clients of promotions, as the template sees them. Entries with the same
//! targets share a rule, as far as its pattern has room for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::rule::{EVENT_PATTERN_ROOM, numbered};
use crate::model::{Entry, EventTarget, Model, TargetKind};
use crate::render::name;
use crate::render::resolve::Resolver;

/// Returns the rules with their permissions, and the event buses.
pub fn notify(model: &Model, longest: &Resolver) -> Json {
    let mut groups: BTreeMap<&[EventTarget], Vec<&Entry>> = BTreeMap::new();
    for entry in model.entries.iter().filter(|it| !it.notify.is_empty()) {
        groups.entry(&entry.notify).or_default().push(entry);
    }
    let mut rules = Vec::new();
    let mut permissions = Vec::new();
    for (targets, mut entries) in groups {
        entries.sort_by_key(|entry| &entry.secret);
        let base = name::notify_rule_logical_id(targets);
        for (index, secrets) in parts(&entries, longest).into_iter().enumerate() {
            let id = numbered(&base, index);
            permissions.extend(
                targets
                    .iter()
                    .filter(|one| one.kind == TargetKind::Function)
                    .map(|function| {
                        json!({
                            "id": name::notify_permission_logical_id(&id, function),
                            "rule": id,
                            "function": function.arn.as_str(),
                        })
                    }),
            );
            rules.push(json!({
                "id": id,
                "secrets": secrets,
                "targets": targets.iter().map(target).collect::<Vec<_>>(),
            }));
        }
    }
    let buses: BTreeSet<&str> = { model.entries.iter() }
        .flat_map(|entry| &entry.notify)
        .filter(|target| target.kind == TargetKind::Bus)
        .map(|target| target.arn.as_str())
        .collect();
    json!({ "rules": rules, "permissions": permissions, "buses": buses })
}

/// Splits the secrets of a group so that each part fits in a pattern.
fn parts(entries: &[&Entry], longest: &Resolver) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut size = EVENT_PATTERN_ROOM;
    for entry in entries {
        // Two quotation marks and a comma.
        let length = longest.secret_arn(entry.secret.as_str()).len() + 3;
        if size + length > EVENT_PATTERN_ROOM {
            parts.push(Vec::new());
            size = 0;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(name::secret_logical_id(entry));
        }
    }
    parts
}

fn target(target: &EventTarget) -> Json {
    json!({
        "name": name::target_id(target),
        "arn": target.arn.as_str(),
        "fifo": target.kind == TargetKind::FifoQueue,
        "bus": target.kind == TargetKind::Bus,
    })
}
