//! Rules about the sizes of policies, as the services count them.

use std::collections::BTreeMap;

use super::limits::SPLIT;
use super::rule::{Rule, RuleFindings, Theme};
use super::stack::{Stack, holders};
use super::template::items;
use crate::model::Severity::Error;
use crate::render::document::DocumentKind;
use crate::render::quota;

const IAM: &str = "AWS IAM User Guide, reference_iam-quotas";
const COUNTED: &str = "IAM refuses more. It counts characters without white space.";

pub(super) const THEME: Theme = Theme {
    title: "Sizes of policies",
    rules: &[
        Rule {
            id: "role-inline-size",
            severity: Error,
            refused_by_aws: true,
            title: "A role's inline policies have at most 10,240 characters in total",
            why: COUNTED,
            remedy: SPLIT,
            source: IAM,
            check: Some(|stack, found| {
                let what = "characters of the role's inline policies";
                for (role, size) in together(stack, DocumentKind::RoleInline) {
                    found.hold(role, what, size, quota::MAX_ROLE_INLINE);
                }
            }),
        },
        Rule {
            id: "user-inline-size",
            severity: Error,
            refused_by_aws: true,
            title: "A user's inline policies have at most 2,048 characters in total",
            why: COUNTED,
            remedy: "make the user's policies shorter",
            source: IAM,
            check: Some(|stack, found| {
                let what = "characters of the user's inline policies";
                for (user, size) in together(stack, DocumentKind::UserInline) {
                    found.hold(user, what, size, quota::MAX_USER_INLINE);
                }
            }),
        },
        Rule {
            id: "managed-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A managed policy has at most 6,144 characters",
            why: COUNTED,
            remedy: SPLIT,
            source: IAM,
            check: Some(|stack, found| {
                let what = "characters of a managed policy";
                each(
                    stack,
                    DocumentKind::Managed,
                    what,
                    quota::MAX_MANAGED,
                    found,
                );
            }),
        },
        Rule {
            id: "attached-policies",
            severity: Error,
            refused_by_aws: true,
            title: "A role has at most ten managed policies",
            why: "IAM attaches no more.",
            remedy: SPLIT,
            source: IAM,
            check: Some(attached),
        },
        Rule {
            id: "trust-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A role's trust policy has at most 2,048 characters",
            why: COUNTED,
            remedy: "specify fewer principals in the trust policy",
            source: IAM,
            check: Some(|stack, found| {
                let what = "characters of the role's trust policy";
                each(stack, DocumentKind::Trust, what, quota::MAX_TRUST, found);
            }),
        },
        Rule {
            id: "key-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A key policy has at most 32 KiB",
            why: "KMS refuses a longer one.",
            remedy: "specify fewer readers, or split the entries over several manifests",
            source: "AWS KMS Developer Guide, resource-limits",
            check: Some(|stack, found| {
                each(
                    stack,
                    DocumentKind::Key,
                    "bytes of the key's policy",
                    quota::MAX_KEY_POLICY,
                    found,
                );
            }),
        },
        Rule {
            id: "secret-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A secret's resource policy has at most 20,480 characters",
            why: "Secrets Manager refuses a longer one.",
            remedy: "specify fewer readers, or let them assume one role that reads the secret",
            source: "AWS Secrets Manager User Guide, reference_limits",
            check: Some(|stack, found| {
                let what = "characters of the secret's policy";
                each(
                    stack,
                    DocumentKind::Secret,
                    what,
                    quota::MAX_SECRET_POLICY,
                    found,
                );
            }),
        },
        Rule {
            id: "topic-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A topic's policy has at most 30 KB",
            why: "SNS refuses a longer one.",
            remedy: SPLIT,
            source: "Amazon SNS Developer Guide, sns-access-policy-language-api-permissions-reference",
            check: Some(|stack, found| {
                each(
                    stack,
                    DocumentKind::Topic,
                    "bytes of the topic's policy",
                    quota::MAX_TOPIC_POLICY,
                    found,
                );
            }),
        },
        Rule {
            id: "function-policy-size",
            severity: Error,
            refused_by_aws: true,
            title: "A function's resource policy has at most 20 KB",
            why: "Lambda refuses further permissions.",
            remedy: SPLIT,
            source: "AWS Lambda Developer Guide, gettingstarted-limits",
            check: Some(|stack, found| {
                let what = "bytes of the function's policy";
                each(
                    stack,
                    DocumentKind::Function,
                    what,
                    quota::MAX_FUNCTION_POLICY,
                    found,
                );
            }),
        },
    ],
};

fn each(stack: &Stack<'_>, kind: DocumentKind, what: &str, limit: usize, found: &mut RuleFindings) {
    for one in stack.longest.sizes.iter().filter(|one| one.kind == kind) {
        found.hold(one.resource.as_str(), what, one.size, limit);
    }
}

/// Returns the total length of the inline policies of each role or user, by its logical ID, or
/// by its name if the stack does not create it.
fn together(stack: &Stack<'_>, kind: DocumentKind) -> BTreeMap<String, usize> {
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for one in stack.longest.sizes.iter().filter(|one| one.kind == kind) {
        for holder in carriers(stack, &one.resource) {
            *sizes.entry(holder.to_owned()).or_default() += one.size;
        }
    }
    sizes
}

/// Returns the roles or users that a policy belongs to. A policy that is defined inside a role
/// or user belongs to that resource.
fn carriers<'stack>(stack: &'stack Stack<'_>, resource: &str) -> Vec<&'stack str> {
    let Some(resource) = stack.template.resource(resource) else {
        return Vec::new();
    };
    match resource.kind {
        "AWS::IAM::Role" | "AWS::IAM::User" => vec![resource.id],
        _ => holders(resource).collect(),
    }
}

fn attached(stack: &Stack<'_>, found: &mut RuleFindings) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for policy in stack.template.of_type("AWS::IAM::ManagedPolicy") {
        for holder in holders(policy) {
            *counts.entry(holder).or_default() += 1;
        }
    }
    for role in stack.template.of_type("AWS::IAM::Role") {
        let named = items(role.get("ManagedPolicyArns")).count();
        let count = counts.get(role.id).copied().unwrap_or_default() + named;
        found.hold(
            role.id,
            "managed policies of the role",
            count,
            quota::MAX_ATTACHED,
        );
    }
}
