//! What policies allow: nothing wider than its purpose.

use super::network;
use super::rule::{Found, Rule, Theme};
use super::stack::Stack;
use super::statement::Statement;
use super::template::arn_parts;
use crate::model::Severity::Error;
use crate::render::document::Kind;
use crate::render::statement::Principal;

pub(super) const THEME: Theme = Theme {
    title: "What policies allow",
    rules: &[
        Rule {
            id: "unexplained-wildcard",
            severity: Error,
            refused_by_aws: false,
            title: "No wildcard stands in an action, a resource or a principal, unless it is one of those explained below",
            why: "What a wildcard covers grows with the account, and nobody reviews it again.",
            remedy: "name what is meant, or accept it under `exceptions` with the reason",
            source: "AWS IAM User Guide, best-practices (Apply least-privilege permissions)",
            check: Some(wildcards),
        },
        Rule {
            id: "negated-statement",
            severity: Error,
            refused_by_aws: false,
            title: "No statement that allows has NotAction, NotResource or NotPrincipal",
            why: "It allows everything else, what AWS adds next year included.",
            remedy: "name what is allowed",
            source: "AWS IAM User Guide, reference_policies_elements_notaction",
            check: Some(|stack, found| {
                for statement in stack.statements.iter().filter(|one| one.allows) {
                    if let Some(element) = statement.negated {
                        found.add(statement.at(), format!("it allows by {element}"));
                    }
                }
            }),
        },
        Rule {
            id: "unpinned-resource",
            severity: Error,
            refused_by_aws: false,
            title: "The ARNs in a policy name their partition, Region and account",
            why: "An ARN such as arn:*:iam::*:user/ci reaches into other accounts and partitions.",
            remedy: "write ${AWS::Partition}, ${AWS::Region} and ${AWS::AccountId} in their places",
            source: "AWS IAM User Guide, reference-arns",
            check: Some(unpinned),
        },
    ],
};

/// A wildcard that is meant, and why.
pub struct Explained {
    /// Which one.
    pub what: &'static str,
    /// Why it is there.
    pub why: &'static str,
    holds: fn(&Stack<'_>, &Statement<'_>, &str) -> bool,
}

/// Every wildcard that a stack may have.
pub const EXPLAINED: &[Explained] = &[
    Explained {
        what: "`*` as the resource of a key policy or a secret's policy",
        why: "There it means the key or secret that carries the policy, and nothing else.",
        holds: |_, statement, text| {
            text == "*"
                && matches!(statement.document.kind, Kind::Key | Kind::Secret)
                && statement.resources == ["*"]
        },
    },
    Explained {
        what: "`kms:*` for the account's root in a key policy",
        why: "It hands the key to the account's IAM policies. Without it nobody could change the policy once the function's role is gone.",
        holds: |stack, statement, text| text == "kms:*" && administers(stack, statement),
    },
    Explained {
        what: "`*` as the resource of secretsmanager:GetRandomPassword",
        why: "AWS knows no resource for it. It gives a random text, which is nobody's yet.",
        holds: |_, statement, text| {
            text == "*"
                && statement.resources == ["*"]
                && statement.actions == ["secretsmanager:GetRandomPassword"]
        },
    },
    Explained {
        what: "`*` as the resource of the network interfaces of a function in a VPC, where the function's own code is denied them",
        why: "Lambda makes the interfaces in the role's name, and looks at all there are: AWS's page gives these actions on everything. A call of the function's code carries its ARN, and is denied.",
        holds: |stack, statement, text| {
            text == "*" && statement.resources == ["*"] && network::is_lambdas(stack, statement)
        },
    },
    Explained {
        what: "`-??????` at the end of a secret's ARN",
        why: "It stands for the hyphen and the six characters that Secrets Manager adds to the name, which nobody knows before.",
        holds: |_, _, text| {
            text.strip_suffix("-??????")
                .is_some_and(|name| name.contains(":secret:") && !name.contains(['*', '?']))
        },
    },
    Explained {
        what: "`:*` at the end of a log group's ARN",
        why: "CloudFormation's attribute ends so; it covers the log streams of that group.",
        holds: |_, _, text| {
            text.strip_suffix(":*")
                .is_some_and(|name| name.contains(":log-group:") && !name.contains(['*', '?']))
        },
    },
];

/// Returns whether a statement leaves a key to its own account's IAM policies.
pub(super) fn administers(stack: &Stack<'_>, statement: &Statement<'_>) -> bool {
    statement.allows
        && statement.document.kind == Kind::Key
        && statement.actions == ["kms:*"]
        && statement.principals == [Principal::Aws(stack.world().iam_arn("root"))]
}

fn wildcards(stack: &Stack<'_>, found: &mut Found) {
    // A Deny may be as wide as it likes, and permissions have rules of their own.
    let allowing = stack.statements.iter().filter(|one| one.allows);
    for statement in allowing.filter(|one| one.document.kind != Kind::Function) {
        let principals = statement
            .principals
            .iter()
            .map(|one| ("principal", one.name()));
        let actions = statement
            .actions
            .iter()
            .map(|action| ("action", action.as_str()));
        let resources = statement
            .resources
            .iter()
            .map(|resource| ("resource", resource.as_str()));
        for (what, text) in principals.chain(actions).chain(resources) {
            if !text.contains(['*', '?']) {
                continue;
            }
            if !EXPLAINED
                .iter()
                .any(|one| (one.holds)(stack, statement, text))
            {
                found.add(
                    statement.at(),
                    format!("the {what} `{text}` has a wildcard"),
                );
            }
        }
    }
}

fn unpinned(stack: &Stack<'_>, found: &mut Found) {
    for statement in stack.statements.iter().filter(|one| one.allows) {
        for arn in statement.resources {
            let parts = arn_parts(arn).unwrap_or_default();
            if parts[..4].iter().any(|part| part.contains(['*', '?'])) {
                found.add(statement.at(), format!("`{arn}` is not pinned"));
            }
        }
    }
}
