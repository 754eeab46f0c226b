//! What a person or pipeline needs that runs `plan`, `bootstrap`, `rotate`,
//! `status`, `doctor` and `teardown`, and no more.
//!
//! Every statement belongs to one command, whose name its Sid begins with: those of
//! a command are a policy that is enough for it. Most of what a command needs
//! stands in one statement; another is added where IAM wants other conditions, or
//! where an action would come to meet a resource that it is not for.
//!
//! CloudFormation acts with the caller's credentials, so that the calls of its
//! resource types (the `handlers` of their schemas) are among them. A test takes
//! each action away and sees the command fail.

mod alarm;
mod function;
mod iam;
mod parts;
mod secret;
mod stack;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Rendered;
use super::document::Kind;
use super::policy::{Policy, Statement};
use super::resolve::World;
use crate::model::{AccessKey, EntryOf, Model};

pub use parts::parts;

/// Up to here a stack's name is whole in the names that CloudFormation makes.
const WHOLE: usize = 24;

/// A command that calls AWS in the deployer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Plan,
    Bootstrap,
    Rotate,
    Status,
    Doctor,
    Teardown,
}

impl Command {
    const ALL: [Self; 6] = [
        Self::Plan,
        Self::Bootstrap,
        Self::Rotate,
        Self::Status,
        Self::Doctor,
        Self::Teardown,
    ];

    /// Returns what its statements' Sids begin with.
    const fn name(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Bootstrap => "Bootstrap",
            Self::Rotate => "Rotate",
            Self::Status => "Status",
            Self::Doctor => "Doctor",
            Self::Teardown => "Teardown",
        }
    }
}

/// An action, with the commands that need it.
type Action = (&'static str, &'static [Command]);

/// Actions on resources of one kind.
struct Grant {
    /// What it is for, which the Sid of a statement of its own ends with.
    purpose: &'static str,
    /// The kind of the resources. Actions on one kind mean nothing on another, so
    /// that grants of different kinds can share a statement.
    kind: &'static str,
    resources: Vec<String>,
    actions: &'static [Action],
    condition: Option<Value>,
}

impl Grant {
    fn new(
        purpose: &'static str,
        kind: &'static str,
        resources: Vec<String>,
        actions: &'static [Action],
    ) -> Self {
        Self {
            purpose,
            kind,
            resources,
            actions,
            condition: None,
        }
    }

    /// Returns a grant on everything, which IAM wants for actions that look for
    /// something among all there is.
    fn everywhere(actions: &'static [Action]) -> Self {
        Self::new("Find", "*", vec!["*".to_owned()], actions)
    }

    fn when(mut self, condition: Value) -> Self {
        self.condition = Some(condition);
        self
    }
}

/// Returns the condition that a call writes or removes these tags, at least one and no
/// other. `ForAllValues` alone would hold of a call without tags
/// (`reference_policies_condition-single-vs-multi-valued-context-keys`).
fn only_tags<K: AsRef<str>>(keys: &[K]) -> Value {
    let keys: BTreeSet<&str> = keys.iter().map(AsRef::as_ref).collect();
    json!({
        "ForAllValues:StringEquals": { "aws:TagKeys": keys },
        "Null": { "aws:TagKeys": "false" },
    })
}

/// Returns the condition that CloudFormation makes the call, in the caller's name.
fn by_cloudformation() -> Value {
    json!({ "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" } })
}

/// What the grants are made from.
struct Scope<'a> {
    model: &'a Model,
    world: &'a World,
    /// The role has managed policies.
    managed: bool,
    /// The template goes through S3.
    long: bool,
}

/// Returns the policy for a stack.
pub fn policy(rendered: &Rendered<'_>) -> Policy {
    let scope = Scope {
        model: rendered.model,
        world: &rendered.world,
        managed: rendered
            .documents
            .iter()
            .any(|document| document.kind == Kind::Managed),
        long: rendered.long,
    };
    let mut grants = stack::grants(&scope);
    grants.extend(iam::grants(&scope));
    grants.extend(secret::grants(&scope));
    grants.extend(function::grants(&scope));
    grants.extend(alarm::grants(&scope));
    let statements = Command::ALL.map(|command| statements(command, &grants));
    Policy::new(statements.into_iter().flatten().collect())
}

/// A statement in the making.
struct Draft<'a> {
    purpose: &'static str,
    sid: String,
    condition: Option<&'a Value>,
    /// The kinds of resources that are in it, with them.
    kinds: Vec<(&'static str, &'a [String])>,
    actions: BTreeSet<&'static str>,
}

impl<'a> Draft<'a> {
    /// Returns whether no action would meet a resource that it was not granted on.
    fn takes(&self, grant: &'a Grant) -> bool {
        let same = |(kind, resources): &(&str, &[String])| {
            *kind != grant.kind || *resources == grant.resources
        };
        let everywhere = |(kind, _): &(&str, &[String])| (*kind == "*") != (grant.kind == "*");
        self.condition == grant.condition.as_ref()
            && self.kinds.iter().all(same)
            && !self.kinds.iter().any(everywhere)
    }
}

/// Returns a command's statements: as few as take every grant.
fn statements(command: Command, grants: &[Grant]) -> Vec<Statement> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for grant in grants {
        let needs = |(_, commands): &&Action| commands.contains(&command);
        let actions: Vec<&str> = grant.actions.iter().filter(needs).map(|it| it.0).collect();
        if actions.is_empty() || grant.resources.is_empty() {
            continue;
        }
        let found = drafts.iter().position(|draft| draft.takes(grant));
        let index = found.unwrap_or_else(|| {
            let purpose = if drafts.is_empty() { "" } else { grant.purpose };
            let same = drafts.iter().filter(|draft| draft.purpose == purpose);
            // Numbers are for the parts of a statement that is cut.
            let nth = ('B'..='Z').nth(same.count().wrapping_sub(1));
            let nth = nth.map(String::from).unwrap_or_default();
            drafts.push(Draft {
                purpose,
                sid: format!("{}{purpose}{nth}", command.name()),
                condition: grant.condition.as_ref(),
                kinds: Vec::new(),
                actions: BTreeSet::new(),
            });
            drafts.len() - 1
        });
        let draft = &mut drafts[index];
        if draft.kinds.iter().all(|(kind, _)| *kind != grant.kind) {
            draft.kinds.push((grant.kind, &grant.resources));
        }
        draft.actions.extend(actions);
    }
    drafts.into_iter().map(statement).collect()
}

fn statement(draft: Draft<'_>) -> Statement {
    let resources = draft
        .kinds
        .iter()
        .flat_map(|(_, held)| held.iter().cloned());
    let statement = Statement::allow(&draft.sid, draft.actions, resources.collect());
    match draft.condition {
        Some(condition) => statement.when(condition.clone()),
        None => statement,
    }
}

/// Returns a pattern for the name that CloudFormation makes of the stack's, the
/// logical ID and random letters. It cuts a long stack's name short, by rules it
/// does not document, so that such a pattern has to be wider.
fn generated(model: &Model, logical_id: &str) -> String {
    let stack = model.stack.as_str();
    if stack.len() <= WHOLE {
        format!("{stack}-{logical_id}*")
    } else {
        format!("{}*", &stack[..20])
    }
}

/// Returns what the entries have, each once.
fn each(
    entries: &[EntryOf<'_, AccessKey>],
    arn: impl Fn(EntryOf<'_, AccessKey>) -> String,
) -> Vec<String> {
    let arns: BTreeSet<String> = entries.iter().map(|entry| arn(*entry)).collect();
    arns.into_iter().collect()
}

fn entries(
    model: &Model,
    with: impl Fn(EntryOf<'_, AccessKey>) -> bool,
) -> Vec<EntryOf<'_, AccessKey>> {
    model.access_keys().filter(|entry| with(*entry)).collect()
}
