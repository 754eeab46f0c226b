//! The deployer's policy and its parts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// The prefixes of the commands' Sids.
pub const PARTS: [&str; 7] = [
    "Plan",
    "Bootstrap",
    "Rotate",
    "Status",
    "StatusWithoutValues",
    "Doctor",
    "Teardown",
];

/// A policy, or a part of one.
#[derive(Clone, Debug)]
pub struct Policy(Vec<Value>);

impl Policy {
    /// Parses a policy.
    pub fn read(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).expect("JSON");
        Self(
            document["Statement"]
                .as_array()
                .expect("statements")
                .clone(),
        )
    }

    /// Returns the statements of a command.
    pub fn part(&self, part: &str) -> Self {
        // One prefix is the beginning of another, so the longest decides.
        let owner = |sid: &str| {
            let parts = PARTS.into_iter().filter(|part| sid.starts_with(part));
            parts.max_by_key(|part| part.len())
        };
        let mine = |it: &&Value| it["Sid"].as_str().and_then(owner) == Some(part);
        Self(self.0.iter().filter(mine).cloned().collect())
    }

    /// Returns the actions that it allows on any resource.
    pub fn actions(&self) -> BTreeSet<String> {
        let actions = self.0.iter().filter_map(|it| it["Action"].as_array());
        let text = |action: &Value| action.as_str().expect("an action").to_owned();
        actions.flatten().map(text).collect()
    }

    /// Returns the policy without some actions.
    pub fn without(&self, missing: &[&str]) -> Self {
        let mut statements = self.0.clone();
        for statement in &mut statements {
            let actions = statement["Action"].as_array_mut().expect("actions");
            actions.retain(|it| !missing.contains(&it.as_str().expect("an action")));
        }
        statements.retain(|it| it["Action"].as_array().is_some_and(|it| !it.is_empty()));
        Self(statements)
    }

    /// Returns the policy with an action denied on some resources.
    pub fn denying(&self, (action, resource): (&str, &str)) -> Self {
        let mut statements = self.0.clone();
        statements.push(json!({
            "Sid": "Denied", "Effect": "Deny", "Action": [action], "Resource": [resource],
        }));
        Self(statements)
    }

    /// Returns the document.
    pub fn to_text(&self) -> String {
        json!({ "Version": "2012-10-17", "Statement": self.0 }).to_string()
    }
}
