//! Rules about what policies allow: nothing beyond their purpose.

use super::encrypt;
use super::network;
use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use crate::render::arn;
use crate::render::document::DocumentKind;
use crate::render::statement::Principal;

pub(super) const THEME: Theme = Theme {
    title: "What policies allow",
    rules: &[
        Rule {
            id: "unexplained-wildcard",
            level: Level::Error,
            title: "No action, resource, or principal contains a wildcard that is not explained below",
            why: "A wildcard covers everything that is added to the account later, without another review.",
            remedy: "specify the resources, or accept the wildcard under `exceptions` with a reason",
            source: "AWS IAM User Guide, best-practices (Apply least-privilege permissions)",
            check: Some(wildcards),
        },
        Rule {
            id: "negated-statement",
            level: Level::Error,
            title: "No statement with Allow has NotAction, NotResource, or NotPrincipal",
            why: "It allows everything else, including what AWS adds in the future.",
            remedy: "specify what is allowed",
            source: "AWS IAM User Guide, reference_policies_elements_notaction",
            check: Some(|stack, found| {
                for statement in stack.statements.iter().filter(|one| one.allows) {
                    if let Some(element) = statement.negated {
                        found.add(statement.at(), format!("it allows with {element}"));
                    }
                }
            }),
        },
        Rule {
            id: "unpinned-resource",
            level: Level::Error,
            title: "The ARNs in a policy specify their partition, Region, and account",
            why: "An ARN such as arn:*:iam::*:user/ci matches resources of other accounts and partitions.",
            remedy: "use ${AWS::Partition}, ${AWS::Region}, and ${AWS::AccountId} instead",
            source: "AWS IAM User Guide, reference-arns",
            check: Some(unpinned),
        },
    ],
};

/// An intended wildcard, and its reason.
pub struct IntendedWildcard {
    /// The wildcard.
    pub what: &'static str,
    /// Why it is necessary.
    pub why: &'static str,
    holds: fn(&Stack<'_>, &Statement<'_>, &str) -> bool,
}

/// Every wildcard that a stack may contain.
pub const INTENDED_WILDCARDS: &[IntendedWildcard] = &[
    IntendedWildcard {
        what: "`*` as the resource of a key policy or a secret's policy",
        why: "It matches only the key or the secret that the policy belongs to.",
        holds: |_, statement, text| {
            text == "*"
                && matches!(
                    statement.document.kind,
                    DocumentKind::Key | DocumentKind::Secret
                )
                && statement.resources == ["*"]
        },
    },
    IntendedWildcard {
        what: "`kms:*` for the account's root in a key policy",
        why: "It lets the account's IAM policies control the key. Without it, nobody could change the policy after the function's role is deleted.",
        holds: |stack, statement, text| text == "kms:*" && administers(stack, statement),
    },
    IntendedWildcard {
        what: "`kms:Decrypt*`, `kms:Describe*`, `kms:Encrypt*`, `kms:GenerateDataKey*`, and `kms:ReEncrypt*` for AWS services in a key policy",
        why: "AWS's documentation of CloudWatch Logs and of SNS grants these actions. The statement is limited to the log groups and alarms of the stack where the service supports that.",
        holds: |_, statement, text| encrypt::is_documented(statement, text),
    },
    IntendedWildcard {
        what: "`*` as the resource of secretsmanager:GetRandomPassword",
        why: "This action has no resource type. It returns a random text that is not in use.",
        holds: |_, statement, text| {
            text == "*"
                && statement.resources == ["*"]
                && statement.actions == ["secretsmanager:GetRandomPassword"]
        },
    },
    IntendedWildcard {
        what: "`*` as the resource of the network interfaces of a function in a VPC, if the function's own code is denied these actions",
        why: "Lambda creates the network interfaces with this role, and describes all network interfaces. AWS's documentation grants these actions on all resources. Requests from the function's code contain its ARN, and are denied.",
        holds: |stack, statement, text| {
            text == "*" && statement.resources == ["*"] && network::is_lambdas(stack, statement)
        },
    },
    IntendedWildcard {
        what: "`-??????` at the end of a secret's ARN",
        why: "It matches the hyphen and the six random characters that Secrets Manager adds to the name.",
        holds: |_, _, text| {
            text.strip_suffix("-??????")
                .is_some_and(|name| name.contains(":secret:") && !name.contains(['*', '?']))
        },
    },
    IntendedWildcard {
        what: "`:*` at the end of a log group's ARN",
        why: "CloudFormation's attribute ends with it. It matches the log streams of the log group.",
        holds: |_, _, text| {
            text.strip_suffix(":*")
                .is_some_and(|name| name.contains(":log-group:") && !name.contains(['*', '?']))
        },
    },
];

/// Returns whether a statement delegates access to a key to its own account's IAM policies.
pub(super) fn administers(stack: &Stack<'_>, statement: &Statement<'_>) -> bool {
    statement.allows
        && statement.document.kind == DocumentKind::Key
        && statement.actions == ["kms:*"]
        && statement.principals == [Principal::Aws(stack.resolver().iam_arn("root"))]
}

fn wildcards(stack: &Stack<'_>, found: &mut RuleFindings) {
    // A Deny statement may be as wide as necessary, and Lambda permissions have their own
    // rules.
    let allowing = stack.statements.iter().filter(|one| one.allows);
    for statement in allowing.filter(|one| one.document.kind != DocumentKind::Function) {
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
            if !INTENDED_WILDCARDS
                .iter()
                .any(|one| (one.holds)(stack, statement, text))
            {
                let message = format!("the {what} `{text}` has a wildcard");
                found.add(statement.at(), message);
            }
        }
    }
}

fn unpinned(stack: &Stack<'_>, found: &mut RuleFindings) {
    for statement in stack.statements.iter().filter(|one| one.allows) {
        for arn in statement.resources {
            let parts = arn::parts(arn).unwrap_or_default();
            if parts[..4].iter().any(|part| part.contains(['*', '?'])) {
                found.add(
                    statement.at(),
                    format!("`{arn}` does not specify its partition, Region, and account"),
                );
            }
        }
    }
}
