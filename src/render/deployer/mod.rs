//! The least-privilege policy for a person or pipeline that runs `plan`, `bootstrap`, `rotate`,
//! `status`, `doctor`, and `teardown`.
//!
//! Every statement belongs to one command (`status --no-values` counts as one), and its Sid begins with the command's name. The
//! statements of a command form a policy that is sufficient for it. Only those of `Recover` are an
//! addition to those of `doctor`: with both, `doctor --fix` may create keys. Most of a command's
//! permissions are in one statement. Another statement is necessary where IAM requires
//! different conditions, or where an action would apply to a resource that it is not intended
//! for. The statements for detecting drift are a part of their own, which the commands that
//! detect drift share.
//!
//! CloudFormation acts with the caller's credentials, so the policy includes the calls of its
//! resource types (the `handlers` in their schemas). A test removes each action and checks that
//! the command then fails.

mod alarm;
mod drift;
mod encrypt;
mod function;
mod iam;
mod leak;
mod notify;
mod parts;
mod rehearsal;
mod secret;
mod stack;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::DocumentKind;
use super::policy::{Policy, Statement};
use super::resolve::Resolver;
use super::{Rendered, STACK_SET_PREFIX};
use crate::model::Model;

pub use parts::parts;

/// The maximum length of a stack name that appears in full in the names that CloudFormation
/// generates.
const WHOLE: usize = 24;

/// The beginning of the Sids of the statements for `bootstrap`.
pub const BOOTSTRAP: &str = Command::Bootstrap.name();

/// A command that calls AWS with the deployer's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Plan,
    Bootstrap,
    Rotate,
    Status,
    StatusWithoutValues,
    Doctor,
    /// What `doctor --fix` needs beside `Doctor` to make a secret work again.
    Recover,
    /// `rotate --compromised`.
    RespondToLeak,
    Teardown,
    /// What `plan`, `bootstrap`, `status --check`, and `doctor` have in common: reading each resource
    /// of the stack, which CloudFormation does with the caller's permissions to detect drift.
    DetectDrift,
}

impl Command {
    const ALL: [Self; 10] = [
        Self::Plan,
        Self::Bootstrap,
        Self::Rotate,
        Self::Status,
        Self::StatusWithoutValues,
        Self::Doctor,
        Self::Recover,
        Self::RespondToLeak,
        Self::Teardown,
        Self::DetectDrift,
    ];

    /// The commands whose statements are sufficient for them.
    const COMMANDS: [Self; 8] = [
        Self::Plan,
        Self::Bootstrap,
        Self::Rotate,
        Self::Status,
        Self::StatusWithoutValues,
        Self::Doctor,
        Self::RespondToLeak,
        Self::Teardown,
    ];

    /// The commands that read values of secrets.
    const READS_VALUES: [Self; 7] = [
        Self::Plan,
        Self::Bootstrap,
        Self::Rotate,
        Self::Status,
        Self::Doctor,
        Self::RespondToLeak,
        Self::Teardown,
    ];

    /// Returns whether the policy of a model has statements for the command.
    fn concerns(self, model: &Model) -> bool {
        self != Self::RespondToLeak || model.access_keys().next().is_some()
    }

    /// Returns the command that a statement belongs to. One name is the beginning of another, so
    /// the longest name decides.
    fn of(sid: &str) -> Option<Self> {
        let commands = Self::ALL.into_iter();
        let commands = commands.filter(|command| sid.starts_with(command.name()));
        commands.max_by_key(|command| command.name().len())
    }

    /// Returns the prefix of its statements' Sids.
    const fn name(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Bootstrap => "Bootstrap",
            Self::Rotate => "Rotate",
            Self::Status => "Status",
            Self::StatusWithoutValues => "StatusWithoutValues",
            Self::Doctor => "Doctor",
            Self::Recover => "Recover",
            Self::RespondToLeak => "RespondToLeak",
            Self::Teardown => "Teardown",
            Self::DetectDrift => "DetectDrift",
        }
    }
}

/// An action, and the commands that need it.
type Action = (&'static str, &'static [Command]);

/// Actions on resources of one kind.
struct Grant {
    /// The purpose, with which the Sid of a separate statement ends.
    purpose: &'static str,
    /// The kind of the resources. Actions on one kind have no effect on another, so grants on
    /// different kinds can share a statement.
    kind: &'static str,
    resources: Vec<String>,
    actions: &'static [Action],
    condition: Option<Value>,
    /// Whether its statement contains nothing else, so that it can be left out.
    alone: bool,
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
            alone: false,
        }
    }

    /// Returns a grant on all resources, which IAM requires for actions that list or search
    /// resources.
    fn everywhere(actions: &'static [Action]) -> Self {
        Self::new("Find", "*", vec!["*".to_owned()], actions)
    }

    fn when(mut self, condition: Value) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Puts it into a statement of its own.
    fn alone(mut self) -> Self {
        self.alone = true;
        self
    }
}

/// Returns the condition that a call writes or removes at least one of these tags and no
/// others. `ForAllValues` alone would also match a call without tags
/// (`reference_policies_condition-single-vs-multi-valued-context-keys`).
fn only_tags<K: AsRef<str>>(keys: &[K]) -> Value {
    let keys: BTreeSet<&str> = keys.iter().map(AsRef::as_ref).collect();
    json!({
        "ForAllValues:StringEquals": { "aws:TagKeys": keys },
        "Null": { "aws:TagKeys": "false" },
    })
}

/// Returns the condition that CloudFormation makes the call on the caller's behalf.
fn by_cloudformation() -> Value {
    json!({ "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" } })
}

/// The inputs of the grants.
struct Scope<'a> {
    model: &'a Model,
    resolver: &'a Resolver,
    /// Whether the role has managed policies.
    managed: bool,
    /// Whether the template is uploaded to S3.
    long: bool,
}

/// Returns the deployer's policy for a stack.
pub fn policy(rendered: &Rendered<'_>) -> Policy {
    let scope = Scope {
        model: rendered.model,
        resolver: &rendered.resolver,
        managed: rendered
            .documents
            .iter()
            .any(|document| document.kind == DocumentKind::Managed),
        long: rendered.long,
    };
    let mut grants = stack::grants(&scope);
    grants.extend(iam::grants(&scope));
    grants.extend(leak::grants(&scope));
    grants.extend(secret::grants(&scope));
    grants.extend(function::grants(&scope));
    grants.extend(encrypt::grants(&scope));
    grants.extend(alarm::grants(&scope));
    grants.extend(notify::grants(&scope));
    grants.extend(drift::grants(&scope));
    grants.extend(rehearsal::grants(&scope));
    let commands = Command::ALL.into_iter();
    let commands = commands.filter(|command| command.concerns(scope.model));
    let statements = commands.map(|command| statements(command, &grants));
    Policy::new(statements.flatten().collect())
}

/// A statement under construction.
struct Draft<'a> {
    purpose: &'static str,
    sid: String,
    condition: Option<&'a Value>,
    /// The kinds of resources in the statement, with the resources.
    kinds: Vec<(&'static str, &'a [String])>,
    actions: BTreeSet<&'static str>,
    alone: bool,
}

impl<'a> Draft<'a> {
    /// Returns whether a grant can be added so that no action applies to a resource that it was
    /// not granted on.
    fn takes(&self, grant: &'a Grant) -> bool {
        let same = |(kind, resources): &(&str, &[String])| {
            *kind != grant.kind || *resources == grant.resources
        };
        let everywhere = |(kind, _): &(&str, &[String])| (*kind == "*") != (grant.kind == "*");
        !self.alone
            && !grant.alone
            && self.condition == grant.condition.as_ref()
            && self.kinds.iter().all(same)
            && !self.kinds.iter().any(everywhere)
    }
}

/// Returns the statements of a command: the smallest number that covers every grant.
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
            // Only the parts of a split statement are numbered.
            let nth = ('B'..='Z').nth(same.count().wrapping_sub(1));
            let nth = nth.map(String::from).unwrap_or_default();
            drafts.push(Draft {
                purpose,
                sid: format!("{}{purpose}{nth}", command.name()),
                condition: grant.condition.as_ref(),
                kinds: Vec::new(),
                actions: BTreeSet::new(),
                alone: grant.alone,
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

/// Returns a pattern for a name that CloudFormation generates from the stack's name, the
/// logical ID, and random characters. CloudFormation shortens a long stack name by undocumented
/// rules, so the pattern for such a name must be wider.
fn generated(model: &Model, logical_id: &str) -> String {
    let stack = match model.stack_set {
        true => format!("{STACK_SET_PREFIX}{}-", model.stack),
        false => model.stack.to_string(),
    };
    // A UUID makes the name of a StackSet's stack a long one.
    if stack.len() <= WHOLE && !model.stack_set {
        format!("{stack}-{logical_id}*")
    } else {
        format!("{}*", &stack[..stack.len().min(20)])
    }
}

/// Returns the resource of the ARN of the stack. StackSets appends a UUID to the name of the StackSet.
fn stack_resource(model: &Model) -> String {
    match model.stack_set {
        true => format!("stack/{STACK_SET_PREFIX}{}-*/*", model.stack),
        false => format!("stack/{}/*", model.stack),
    }
}

/// Returns the ARNs, sorted and without duplicates.
fn each(arns: impl IntoIterator<Item = String>) -> Vec<String> {
    let arns: BTreeSet<String> = arns.into_iter().collect();
    arns.into_iter().collect()
}
