//! Rules about who may read the secrets.

use std::collections::HashSet;

use super::encrypt::is_for_services;
use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use super::template::Resource;
use crate::model::{AccountId, Arn, Entry, Finding, KmsKey, Model};
use crate::render::arn;
use crate::render::document::DocumentKind;
use crate::render::resolve::target;
use crate::render::statement::Principal;
use crate::render::tree::Value;

const ID: &str = "foreign-reader-default-key";
const REMEDY: &str = "set `kms_key: create`, or specify the ARN of a key that the reader can use";

pub(super) const THEME: Theme = Theme {
    title: "Readers",
    rules: &[
        Rule {
            id: ID,
            level: Level::RefusedByAws,
            title: "A secret with a reader in another account has a customer managed key",
            why: "The AWS managed key aws/secretsmanager decrypts only for its own account, so the reader would be refused.",
            remedy: REMEDY,
            source: "AWS Secrets Manager User Guide, auth-and-access_examples_cross",
            check: Some(foreign),
        },
        Rule {
            id: "reader-without-policy",
            level: Level::Error,
            title: "Every reader in the manifest is in the resource policy of its secret",
            why: "A reader in another account requires it, and the manifest grants it to the others.",
            remedy: "add the reader as a principal to the secret's ResourcePolicy",
            source: "AWS Secrets Manager User Guide, auth-and-access_resource-policies",
            check: Some(unnamed),
        },
        Rule {
            id: "reader-not-in-manifest",
            level: Level::Error,
            title: "Only readers in the manifest can read a secret or use the stack's key",
            why: "A reviewer of the manifest expects to see all readers there.",
            remedy: "add the reader to `readers` of the entry, or remove it from the template",
            source: "keyrota: what is deployed follows from the manifest",
            check: Some(unlisted),
        },
        Rule {
            id: "reader-without-decrypt",
            level: Level::Error,
            title: "Every reader of a secret that the stack's key encrypts can decrypt with that key",
            why: "Without this permission, GetSecretValue is refused.",
            remedy: "allow kms:Decrypt for the reader and that secret in the key policy",
            source: "AWS Secrets Manager User Guide, security-encryption",
            check: Some(undecrypted),
        },
        Rule {
            id: "self-reader-without-policy",
            level: Level::Error,
            title: "Every user with `self` in `readers` has a policy that lets it read its own secret",
            why: "A host that has only the key could not read the next one.",
            remedy: "use the policy keyrota-ReadOwnSecret of keyrota's template",
            source: "keyrota: what is deployed follows from the manifest",
            check: Some(|stack, found| {
                let read: HashSet<(&str, &str)> = read_by_users(stack).collect();
                for (user, secret, id) in &self_readers(stack) {
                    if !read.contains(&(user.as_str(), secret.as_str())) {
                        let message =
                            format!("no policy of the user `{user}` lets it read the secret");
                        found.add(*id, message);
                    }
                }
            }),
        },
        Rule {
            id: "block-public-policy",
            level: Level::Error,
            title: "A secret's resource policy has BlockPublicPolicy",
            why: "Secrets Manager then refuses a policy that grants public access.",
            remedy: "add `BlockPublicPolicy: true`",
            source: "AWS Secrets Manager API Reference, API_PutResourcePolicy",
            check: Some(|stack, found| {
                for policy in policies(stack) {
                    if policy.get("BlockPublicPolicy").and_then(Value::as_bool) != Some(true) {
                        let message = "public policies are not blocked";
                        found.add(policy.at("BlockPublicPolicy"), message);
                    }
                }
            }),
        },
    ],
};

/// Returns the readers that could never read in this account: the key `aws/secretsmanager`
/// decrypts only for its own account (`auth-and-access_examples_cross`).
pub fn check_readers(model: &Model, account: &AccountId) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &model.entries {
        if entry.kms_key != KmsKey::AwsManaged {
            continue;
        }
        let foreign = |reader: &&Arn| reader.parts()[3] != account.as_str();
        for reader in entry.readers.iter().filter(foreign) {
            let path = format!("{}.readers", entry.place);
            findings.push(Finding::error(ID, path, refusal(reader.as_str(), account)).hint(REMEDY));
        }
    }
    findings
}

fn refusal(reader: &str, account: &AccountId) -> String {
    format!(
        "`{reader}` belongs to another account, and the key aws/secretsmanager decrypts only for account {account}"
    )
}

fn policies<'all>(stack: &'all Stack<'_>) -> impl Iterator<Item = &'all Resource<'all>> {
    stack
        .template
        .of_type("AWS::SecretsManager::ResourcePolicy")
}

/// Finds readers that could never read. If the manifest causes a finding, its place is there.
/// Otherwise, its place is in the template.
fn foreign(stack: &Stack<'_>, found: &mut RuleFindings) {
    let Some(account) = &stack.model().account else {
        return;
    };
    for finding in check_readers(stack.model(), account) {
        found.add(finding.path, finding.message);
    }
    let ours: HashSet<(&str, &str)> = readers(stack)
        .filter(|(entry, _, _)| entry.kms_key == KmsKey::AwsManaged)
        .map(|(_, secret, reader)| (secret, reader))
        .collect();
    for statement in stack.allowing(&[DocumentKind::Secret]) {
        let policy = stack.template.resource(&statement.document.resource);
        let secret = policy.and_then(|policy| target(policy.get("SecretId")?));
        let secret = secret.and_then(|id| stack.template.resource(id));
        let Some(secret) = secret.filter(|secret| secret.get("KmsKeyId").is_none()) else {
            continue;
        };
        let principals = statement
            .principals
            .iter()
            .filter(|one| one.kind() == "AWS");
        for reader in principals.map(Principal::name) {
            // An account number stands for the account's root.
            let owner = arn::account_of(reader).unwrap_or(reader);
            let number = AccountId::parse(owner).is_ok();
            if number && owner != account.as_str() && !ours.contains(&(secret.id, reader)) {
                found.add(statement.at(), refusal(reader, account));
            }
        }
    }
}

/// Returns each reader in the manifest, with its entry and the logical ID of its secret.
fn readers<'all>(
    stack: &'all Stack<'_>,
) -> impl Iterator<Item = (&'all Entry, &'all str, &'all str)> {
    let entries = stack.entries.iter();
    let entries = entries.filter_map(|entry| Some((entry.served, entry.secret.as_ref()?.id)));
    entries.flat_map(|(served, secret)| {
        let readers = served.readers.iter();
        readers.map(move |reader| (served, secret, reader.as_str()))
    })
}

/// Returns each user that may read its own secret, with the secret's ARN and its logical ID.
fn self_readers<'all>(stack: &'all Stack<'_>) -> Vec<(String, String, &'all str)> {
    let readers = stack
        .entries
        .iter()
        .filter(|entry| entry.served.reads_itself);
    let readers = readers.filter_map(|entry| {
        let secret = stack.resolver().secret_arn(entry.served.secret.as_str());
        let user = entry.served.user_name().to_owned();
        Some((user, secret, entry.secret.as_ref()?.id))
    });
    readers.collect()
}

/// Returns each user with a resource that one of its policies lets it read. A policy with an unknown
/// user counts with its logical ID.
fn read_by_users<'all>(stack: &'all Stack<'_>) -> impl Iterator<Item = (&'all str, &'all str)> {
    let statements = stack.allowing(&[DocumentKind::UserInline]);
    let reading = statements.filter(|one| one.does("secretsmanager:GetSecretValue"));
    reading.flat_map(|statement| {
        let resources = statement.resources.iter();
        resources.map(move |resource| (holder(statement), resource.as_str()))
    })
}

fn holder<'all>(statement: &Statement<'all>) -> &'all str {
    let document = statement.document;
    document.holder.as_ref().unwrap_or(&document.resource)
}

/// Returns whether a statement allows nothing but what a user with `self` in `readers` needs: to
/// read its own secret, or to decrypt that secret through Secrets Manager.
pub(super) fn reads_own_secret(stack: &Stack<'_>, statement: &Statement<'_>) -> bool {
    let own = self_readers(stack);
    let is_own = |arn: &str| {
        let mut own = own.iter();
        own.any(|(user, secret, _)| user == holder(statement) && secret == arn)
    };
    let only = |actions: &[&str]| {
        let mut allowed = statement.actions.iter();
        allowed.all(|action| actions.contains(&action.as_str()))
    };
    let reads = only(&[
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    ]);
    let context = "kms:EncryptionContext:SecretARN";
    // The rules about KMS keys require that the key is used through Secrets Manager.
    let decrypts = only(&["kms:Decrypt"])
        && statement.is_narrowed(context)
        && statement.narrowed(context).all(is_own);
    decrypts || reads && statement.resources.iter().all(|arn| is_own(arn))
}

fn unnamed(stack: &Stack<'_>, found: &mut RuleFindings) {
    let mut named: HashSet<(&str, &str)> = HashSet::new();
    for statement in stack.allowing(&[DocumentKind::Secret]) {
        let policy = stack.template.resource(&statement.document.resource);
        if let Some(secret) = policy.and_then(|policy| target(policy.get("SecretId")?))
            && statement.does("secretsmanager:GetSecretValue")
        {
            let principals = statement.principals.iter();
            named.extend(principals.map(|reader| (secret, reader.name())));
        }
    }
    for (_, secret, reader) in readers(stack) {
        if !named.contains(&(secret, reader)) {
            let message = format!("no resource policy allows `{reader}` to read it");
            found.add(secret, message);
        }
    }
}

fn undecrypted(stack: &Stack<'_>, found: &mut RuleFindings) {
    let mut decrypt: HashSet<(&str, &str)> = HashSet::new();
    for statement in stack.allowing(&[DocumentKind::Key]) {
        if statement.does("kms:Decrypt") {
            for secret in statement.narrowed("kms:EncryptionContext:SecretARN") {
                let principals = statement.principals.iter();
                decrypt.extend(principals.map(|reader| (reader.name(), secret)));
            }
        }
    }
    for (entry, secret, reader) in readers(stack) {
        let arn = || stack.resolver().secret_arn(entry.secret.as_str());
        if entry.kms_key == KmsKey::Create && !decrypt.contains(&(reader, arn().as_str())) {
            let message = format!("the key policy does not allow `{reader}` to decrypt it");
            found.add(secret, message);
        }
    }
}

fn unlisted(stack: &Stack<'_>, found: &mut RuleFindings) {
    let resolver = stack.resolver();
    let root = resolver.iam_arn("root");
    let roles = stack.strategies();
    let roles: HashSet<String> = roles
        .filter_map(|one| resolver.attribute(&format!("{}.Arn", one.role())).ok())
        .collect();
    let listed: HashSet<(&str, &str)> = readers(stack)
        .map(|(_, secret, reader)| (secret, reader))
        .collect();
    let anywhere: HashSet<&str> = listed.iter().map(|(_, reader)| *reader).collect();
    let statements = stack.allowing(&[DocumentKind::Secret, DocumentKind::Key]);
    for statement in statements.filter(|one| !is_for_services(one)) {
        let policy = stack.template.resource(&statement.document.resource);
        let secret = policy.and_then(|policy| target(policy.get("SecretId")?));
        let known = |principal: &str| match secret {
            Some(secret) => listed.contains(&(secret, principal)),
            // The key policy itself limits the secrets.
            None => principal == root || roles.contains(principal) || anywhere.contains(principal),
        };
        for principal in statement.principals.iter().map(Principal::name) {
            if !known(principal) {
                let message = format!("`{principal}` is not in the manifest");
                found.add(statement.at(), message);
            }
        }
    }
}
