//! What changed between two reports.

use super::{KeyReport, SecretReport, StackReport, StatusReport};

/// Returns what differs between an earlier report and a later one, a sentence each. Uses of keys
/// and due times are not reported.
pub fn status_changes(before: &StatusReport, after: &StatusReport) -> Vec<String> {
    let mut changes = stacks(&before.all_stacks(), &after.all_stacks());
    for secret in &after.secrets {
        let mut earlier = before.secrets.iter();
        match earlier.find(|held| held.name == secret.name) {
            Some(earlier) => {
                let told = of_secret(earlier, secret);
                changes.extend(told.iter().map(|told| format!("{}: {told}", secret.name)));
            }
            None => changes.push(format!("{}: {}", secret.name, state(secret))),
        }
    }
    changes
}

fn stacks(before: &[&StackReport], after: &[&StackReport]) -> Vec<String> {
    let mut changes = Vec::new();
    for stack in after {
        let was = before.iter().find(|held| held.name == stack.name);
        if was.is_none_or(|was| was.status != stack.status) {
            changes.push(format!("stack {}: {}", stack.name, stack.status));
        }
    }
    for stack in before {
        if !after.iter().any(|held| held.name == stack.name) {
            changes.push(format!("stack {}: not deployed", stack.name));
        }
    }
    changes
}

fn of_secret(before: &SecretReport, after: &SecretReport) -> Vec<String> {
    let mut changes = Vec::new();
    if (before.state, &before.reason) != (after.state, &after.reason) {
        changes.push(state(after));
    }
    if before.last_rotated != after.last_rotated
        && let Some(at) = after.last_rotated
    {
        changes.push(format!("rotated at {at:.0}"));
    }
    if before.rotation_enabled != after.rotation_enabled {
        let what = if after.rotation_enabled { "on" } else { "off" };
        changes.push(format!("rotation is {what}"));
    }
    for key in &after.keys {
        let was = before.keys.iter().find(|held| held.id == key.id);
        match was.map(describe) {
            None => changes.push(format!("the key {} is new: {}", key.id, describe(key))),
            Some(was) if was != describe(key) => changes.push(format!(
                "the key {} is {}; it was {was}",
                key.id,
                describe(key)
            )),
            Some(_) => {}
        }
    }
    for key in &before.keys {
        if !after.keys.iter().any(|held| held.id == key.id) {
            changes.push(format!("the key {} is deleted", key.id));
        }
    }
    if before.tags != after.tags {
        changes.push(match after.tags.is_empty() {
            true => "its tags are those of the manifest".to_owned(),
            false => "its tags differ from the manifest".to_owned(),
        });
    }
    for replica in &after.replicas {
        let mut earlier = before.replicas.iter();
        let was = earlier.find(|held| held.region == replica.region);
        if was.is_none_or(|was| was.status != replica.status) {
            let status = replica.status.map(|status| status.to_string());
            let status = status.unwrap_or_else(|| "missing".to_owned());
            changes.push(format!("its replica in {} is {status}", replica.region));
        }
    }
    changes
}

fn state(secret: &SecretReport) -> String {
    match &secret.reason {
        Some(reason) => format!("{}: {reason}", secret.state),
        None => secret.state.to_string(),
    }
}

fn describe(key: &KeyReport) -> String {
    format!("{}, {}", key.role, key.status.to_lowercase())
}
