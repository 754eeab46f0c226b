//! Rules about the KMS keys.

use std::collections::HashSet;

use super::access::administers;
use super::encrypt::{is_for_environment, is_for_services};
use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use crate::model::Region;
use crate::render::document::DocumentKind;
use crate::render::tree::Value;

pub(super) const THEME: Theme = Theme {
    title: "KMS keys",
    rules: &[
        Rule {
            id: "kms-via-service",
            level: Level::Error,
            title: "A key can be used only through Secrets Manager (kms:ViaService)",
            why: "A principal that can use it directly can decrypt everything that the key ever encrypts.",
            remedy: "add a condition on kms:ViaService",
            source: "AWS Secrets Manager User Guide, security-encryption",
            check: Some(|stack, found| {
                let there = |region: &Region| {
                    let resolver = stack.resolver().clone().with_region(region.as_str());
                    resolver.via_secrets_manager()
                };
                let replicas = stack.entries.iter().flat_map(|one| &one.served.replicas);
                let mut services: HashSet<String> =
                    replicas.map(|replica| there(&replica.region)).collect();
                services.insert(stack.resolver().via_secrets_manager());
                let fits = |one: &str| services.contains(one);
                unconditioned(stack, "kms:ViaService", &USES, fits, found);
            }),
        },
        Rule {
            id: "kms-encryption-context",
            level: Level::Error,
            title: "A key encrypts and decrypts only specific secrets (kms:EncryptionContext:SecretARN)",
            why: "Without this condition, the function or a reader could decrypt every secret that the key encrypts.",
            remedy: "add a condition on kms:EncryptionContext:SecretARN that names the secrets",
            source: "AWS Secrets Manager User Guide, security-encryption",
            check: Some(|stack, found| {
                let key = "kms:EncryptionContext:SecretARN";
                let named = |arn: &str| {
                    let name = arn.strip_suffix("-??????").unwrap_or(arn);
                    !name.contains(['*', '?'])
                };
                unconditioned(stack, key, &CRYPTOGRAPHIC, named, found);
            }),
        },
        Rule {
            id: "kms-rotation",
            level: Level::Error,
            title: "A key that the stack creates rotates",
            why: "KMS then generates new key material every year, without a charge and without a change for clients.",
            remedy: "add `EnableKeyRotation: true`",
            source: "AWS KMS Developer Guide, rotate-keys",
            check: Some(|stack, found| {
                for key in stack.template.of_type("AWS::KMS::Key") {
                    if key.get("EnableKeyRotation").and_then(Value::as_bool) != Some(true) {
                        found.add(key.at("EnableKeyRotation"), "the key does not rotate");
                    }
                }
            }),
        },
        Rule {
            id: "kms-administrator",
            level: Level::Error,
            title: "A key that the stack creates is administered by its account",
            why: "If the key policy names only a role, nobody can manage the key after the role is deleted, except AWS Support.",
            remedy: "allow kms:* to the account's root in the key policy",
            source: "AWS KMS Developer Guide, key-policy-default",
            check: Some(|stack, found| {
                for key in stack.template.of_type("AWS::KMS::Key") {
                    let mine = stack.allowing(&[DocumentKind::Key]);
                    let mut mine = mine.filter(|one| one.document.resource == key.id);
                    if !mine.any(|one| administers(stack, one)) {
                        let message = "the account does not administer the key";
                        found.add(key.at("KeyPolicy"), message);
                    }
                }
            }),
        },
        Rule {
            id: "key-retained",
            level: Level::Error,
            title: "A key that the stack creates is retained when the stack is deleted",
            why: "A deleted secret can be restored for up to 30 days, but not without its key.",
            remedy: "set DeletionPolicy to RetainExceptOnCreate or Retain, and UpdateReplacePolicy to Retain; `keyrota teardown` schedules the deletion of the key",
            source: "AWS CloudFormation Template Reference, aws-attribute-deletionpolicy",
            check: Some(|stack, found| super::secret::retained(stack, "AWS::KMS::Key", found)),
        },
    ],
};

/// Actions that operate on data.
const CRYPTOGRAPHIC: [&str; 4] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
];
/// Actions that use a key rather than manage it.
const USES: [&str; 5] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:DescribeKey",
];

fn unconditioned(
    stack: &Stack<'_>,
    key: &str,
    uses: &[&str],
    fits: impl Fn(&str) -> bool,
    found: &mut RuleFindings,
) {
    let kinds = [
        DocumentKind::RoleInline,
        DocumentKind::Managed,
        DocumentKind::UserInline,
        DocumentKind::Key,
        DocumentKind::Other,
    ];
    // What AWS services may do has rules of its own (`encrypt`).
    let of_secrets =
        |one: &&Statement<'_>| !is_for_services(one) && !is_for_environment(stack, one);
    for statement in stack.allowing(&kinds).filter(of_secrets) {
        let used = uses.iter().find(|action| statement.does(action));
        let Some(action) = used.filter(|_| !administers(stack, statement)) else {
            continue;
        };
        if !statement.is_narrowed(key) {
            found.add(statement.at(), format!("{action} is allowed without {key}"));
        }
        for value in statement.narrowed(key).filter(|value| !fits(value)) {
            let message = format!("{action} is allowed for {key} `{value}`");
            found.add(statement.at(), message);
        }
    }
}
