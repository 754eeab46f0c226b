//! The roles that a user may have assumed. A session of a role does not end with the key that
//! requested it, and the policies of the user do not apply to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::sessions::{DeniedSessions, deny_sessions_policy};
use crate::port::TrailEvent;

/// The action that returns a session of a role.
const ASSUME: &str = "sts:AssumeRole";

/// A role, or a pattern for roles, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleUse {
    /// The ARN, or a pattern with wildcards from a policy.
    pub role: String,
    /// When the key last assumed the role, if CloudTrail shows that it did.
    pub assumed: Option<Timestamp>,
}

/// Returns the roles that CloudTrail shows a key assumed, each with the last time.
pub fn assumed_roles<'a>(events: impl IntoIterator<Item = &'a TrailEvent>) -> Vec<RoleUse> {
    let mut roles: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for event in events {
        if let Some(role) = event
            .role
            .as_deref()
            .filter(|_| event.action == "AssumeRole")
        {
            let last = roles.entry(role).or_insert(event.at);
            *last = event.at.max(*last);
        }
    }
    let uses = roles.into_iter().map(|(role, at)| RoleUse {
        role: role.to_owned(),
        assumed: Some(at),
    });
    uses.collect()
}

/// Returns the roles that a policy allows its user to assume: ARNs, or patterns. Conditions and
/// denials are ignored, so a role may be listed that the user could not assume.
pub fn assumable_roles(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let mut roles = Vec::new();
    for statement in each(&document["Statement"]) {
        if statement["Effect"] != "Allow" || !allows_assume(statement) {
            continue;
        }
        match &statement["Resource"] {
            // `NotResource` allows all others.
            Value::Null => roles.push("*".to_owned()),
            resources => roles.extend(
                each(resources)
                    .filter_map(Value::as_str)
                    .filter(|resource| *resource == "*" || resource.contains(":role"))
                    .map(str::to_owned),
            ),
        }
    }
    roles.sort();
    roles.dedup();
    roles
}

fn allows_assume(statement: &Value) -> bool {
    let matched = |actions: &Value| {
        let mut actions = each(actions).filter_map(Value::as_str);
        actions.any(|action| matches(&action.to_ascii_lowercase(), &ASSUME.to_ascii_lowercase()))
    };
    match &statement["NotAction"] {
        Value::Null => matched(&statement["Action"]),
        others => !matched(others),
    }
}

/// Returns the elements of a list, or the one value that stands for a list of one.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.as_array().map(Vec::as_slice);
    list.unwrap_or(std::slice::from_ref(value)).iter()
}

/// Returns whether a text matches a pattern with `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            (0..=text.len()).any(|skipped| matches(rest, &text[skipped..]))
        }
        Some('?') => !text.is_empty() && matches(&pattern[1..], &text[1..]),
        Some(one) => {
            let rest = text.strip_prefix(one);
            rest.is_some_and(|rest| matches(&pattern[one.len_utf8()..], rest))
        }
    }
}

/// Returns how to revoke the sessions of a role that were issued before a moment: what the IAM
/// console does as "Revoke active sessions"
/// ([documented](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html)).
pub fn revoke_command(role: &str, account: &str, now: Timestamp) -> String {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let name = role.rsplit('/').next().unwrap_or_default();
    match parts[..] {
        [_, _, _, _, owner, _] if role.contains(['*', '?']) => match owner == account {
            true => format!("revoke the active sessions of each role that matches {role}"),
            false => format!(
                "revoke the active sessions of each role that matches {role}, in its account"
            ),
        },
        [_, _, _, _, owner, _] if owner == account => format!(
            "aws iam put-role-policy --role-name {name} --policy-name AWSRevokeOlderSessions --policy-document '{}'",
            deny_sessions_policy(DeniedSessions::until(now))
        ),
        [_, _, _, _, owner, _] => {
            format!("ask the account {owner} to revoke the active sessions of its role {name}")
        }
        _ => {
            "revoke the active sessions of each role that trusts the account or the user".to_owned()
        }
    }
}
