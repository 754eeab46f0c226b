//! The deployer's policy and its parts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// The prefixes of the commands' Sids.
pub const PARTS: [&str; 10] = [
    "Plan",
    "Bootstrap",
    "Rotate",
    "Status",
    "StatusWithoutValues",
    "Doctor",
    "Recover",
    "RespondToLeak",
    "Teardown",
    DRIFT,
];

/// The part that the commands which detect drift share.
pub const DRIFT: &str = "DetectDrift";

/// The parts whose commands detect drift.
const DETECTING: [&str; 5] = [
    "Plan",
    "Bootstrap",
    "Status",
    "StatusWithoutValues",
    "Doctor",
];

/// A policy, or a part of one.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Value>,
    /// Statements of other parts.
    beside: Vec<Value>,
}

impl Policy {
    /// Parses a policy.
    pub fn read(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let statements = document["Statement"].as_array().expect("statements");
        Self::of(statements.clone())
    }

    const fn of(statements: Vec<Value>) -> Self {
        Self {
            statements,
            beside: Vec::new(),
        }
    }

    /// Returns the statements of a command, beside those of another part and of what both need,
    /// which stay as they are.
    pub fn sufficient(&self, part: &str, beside: &str) -> Self {
        let mut others = self.part(beside).statements;
        let detects = [part, beside].iter().any(|it| DETECTING.contains(it));
        if detects && part != DRIFT {
            others.extend(self.part(DRIFT).statements);
        }
        Self {
            beside: others,
            ..self.part(part)
        }
    }

    /// Returns the statements of a command.
    pub fn part(&self, part: &str) -> Self {
        // One prefix is the beginning of another, so the longest decides.
        let owner = |sid: &str| {
            let parts = PARTS.into_iter().filter(|part| sid.starts_with(part));
            parts.max_by_key(|part| part.len())
        };
        let mine = |it: &&Value| it["Sid"].as_str().and_then(owner) == Some(part);
        Self::of(self.statements.iter().filter(mine).cloned().collect())
    }

    /// Returns the actions that it allows on any resource.
    pub fn actions(&self) -> BTreeSet<String> {
        let actions = self
            .statements
            .iter()
            .filter_map(|it| it["Action"].as_array());
        let text = |action: &Value| action.as_str().expect("an action").to_owned();
        actions.flatten().map(text).collect()
    }

    /// Returns the policy without some actions. Other parts may grant them too.
    pub fn without(&self, missing: &[&str]) -> Self {
        Self {
            statements: lacking(&self.statements, missing),
            beside: lacking(&self.beside, missing),
        }
    }

    /// Returns the policy with an action denied on some resources.
    pub fn denying(&self, (action, resource): (&str, &str)) -> Self {
        let mut statements = self.statements.clone();
        statements.push(json!({
            "Sid": "Denied", "Effect": "Deny", "Action": [action], "Resource": [resource],
        }));
        Self {
            statements,
            beside: self.beside.clone(),
        }
    }

    /// Returns the document.
    pub fn to_text(&self) -> String {
        let all: Vec<&Value> = self.statements.iter().chain(&self.beside).collect();
        json!({ "Version": "2012-10-17", "Statement": all }).to_string()
    }
}

/// Returns statements without some actions.
fn lacking(statements: &[Value], missing: &[&str]) -> Vec<Value> {
    let mut statements = statements.to_vec();
    for statement in &mut statements {
        let actions = statement["Action"].as_array_mut().expect("actions");
        actions.retain(|it| !missing.contains(&it.as_str().expect("an action")));
    }
    statements.retain(|it| it["Action"].as_array().is_some_and(|it| !it.is_empty()));
    statements
}
