//! What AWS would refuse, found before it does.

use serde_yaml::Value;

use super::document::{Document, Kind};
use super::{resolve, role};
use crate::model::{AccountId, Arn, Finding, KmsKey, Model};

/// Resources a stack (`cloudformation-limits`).
pub const MAX_RESOURCES: usize = 500;
/// Outputs a stack.
pub const MAX_OUTPUTS: usize = 200;
/// Bytes of a template that is read from S3.
pub const MAX_TEMPLATE: usize = 1_000_000;
/// Inline policies of a user together, in characters.
const MAX_USER_INLINE: usize = 2_048;
/// A role's trust policy.
const MAX_TRUST: usize = 2_048;
/// A key policy (`resource-limits` of KMS).
pub const MAX_KEY: usize = 32_768;
/// A secret's resource policy (`reference_limits` of Secrets Manager).
const MAX_SECRET: usize = 20_480;
/// A topic's policy, and a function's.
const MAX_OTHER: usize = 20_480;

const SPLIT: &str = "split the entries over several manifests, each with a stack of its own";

/// Returns the readers that could never read in this account: the key
/// `aws/secretsmanager` decrypts for its own account only
/// (`auth-and-access_examples_cross`).
pub fn check_readers(model: &Model, account: &AccountId) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, entry) in model.access_keys.iter().enumerate() {
        if entry.kms_key != KmsKey::AwsManaged {
            continue;
        }
        let foreign = |reader: &&Arn| reader.parts()[3] != account.as_str();
        for reader in entry.readers.iter().filter(foreign) {
            findings.push(
                Finding::error(
                    "contradiction",
                    format!("access_keys[{index}].readers"),
                    format!("`{reader}` is of another account, and the key aws/secretsmanager decrypts for account {account} only"),
                )
                .hint("set `kms_key: create`, or the ARN of a key that the reader may use"),
            );
        }
    }
    findings
}

/// Holds a rendered stack to the limits of CloudFormation, and its documents,
/// resolved with the longest values there can be, to those of each service.
pub fn limits(text: &str, stack: &Value, documents: &[Document]) -> Vec<Finding> {
    let count = |key: &str| {
        stack
            .get(key)
            .and_then(Value::as_mapping)
            .map_or(0, |map| map.len())
    };
    let mut findings = Vec::new();
    let mut hold = |path: &str, what: &str, found: usize, limit: usize, hint: &str| {
        if found > limit {
            let message = format!("{what}: {found}, and AWS accepts at most {limit}");
            findings.push(Finding::error("limit", path, message).hint(hint));
        }
    };
    hold(
        "stack.yaml",
        "resources in one stack",
        resolve::resources(stack).count(),
        MAX_RESOURCES,
        SPLIT,
    );
    hold(
        "stack.yaml",
        "outputs of one stack",
        count("Outputs"),
        MAX_OUTPUTS,
        SPLIT,
    );
    hold(
        "stack.yaml",
        "bytes of the template",
        text.len(),
        MAX_TEMPLATE,
        SPLIT,
    );
    let inline = documents
        .iter()
        .filter(|document| document.kind == Kind::RoleInline);
    let inline = inline.map(Document::size).sum();
    let what = "characters of the role's inline policies";
    hold(super::ROLE, what, inline, role::MAX_INLINE, SPLIT);
    for document in documents {
        let (what, limit, hint) = match document.kind {
            Kind::RoleInline => continue,
            Kind::Managed => ("characters of a managed policy", role::MAX_MANAGED, SPLIT),
            Kind::UserInline => ("characters of the user's policy", MAX_USER_INLINE, SPLIT),
            Kind::Trust => ("characters of the role's trust policy", MAX_TRUST, SPLIT),
            Kind::Key => ("characters of the key's policy", MAX_KEY, SPLIT),
            Kind::Topic | Kind::Function => ("characters of the policy", MAX_OTHER, SPLIT),
            Kind::Secret => (
                "characters of the secret's policy",
                MAX_SECRET,
                "name fewer readers, or let one role read for them",
            ),
        };
        hold(&document.resource, what, document.size(), limit, hint);
    }
    findings
}
