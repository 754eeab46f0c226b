//! Checks of the KMS keys in `encrypt`. A key that the manifest specifies by its ARN is never changed.

use super::super::Lookup;
use super::check_kms_key;
use crate::model::{AccountId, Arn, Finding, Model, Region};
use crate::port::EncryptionKey;
use crate::render::{ServiceStatement, lets_service, service_statements};

/// A key that `encrypt` names by its ARN, as it was found.
#[derive(Clone, Debug)]
pub struct ObservedServiceKey<'model> {
    /// Its ARN.
    pub arn: &'model Arn,
    /// The fields of `encrypt` that name it.
    pub fields: Vec<&'static str>,
    /// The key.
    pub key: Lookup<EncryptionKey>,
    /// Its key policy. Nothing if no service needs a statement.
    pub policy: Option<Lookup<String>>,
}

const KIND: &str = "encrypt-key";

/// Returns the finding of a key that is in another Region than the stack.
pub fn check_service_key_region(arn: &Arn, field: &str, region: &str) -> Option<Finding> {
    let of = arn.parts()[2];
    (of != region).then(|| {
        let message = format!("the KMS key {arn} is in {of}, but the stack is in {region}");
        let hint = format!("specify a key in {region}, or `create`");
        Finding::error(KIND, path(field), message).hint(hint)
    })
}

/// Returns what is wrong with a key that `encrypt` names.
pub fn check_service_key(
    model: &Model,
    account: &AccountId,
    region: &Region,
    seen: &ObservedServiceKey<'_>,
) -> Vec<Finding> {
    let ObservedServiceKey {
        arn, fields, key, ..
    } = seen;
    let first = path(fields.first().copied().unwrap_or_default());
    let mut findings = Vec::new();
    if let Some(why) = check_kms_key(arn, key) {
        let hint =
            "specify a symmetric encryption key that is enabled, in this Region, or `create`";
        return vec![Finding::error(KIND, first, why).hint(hint)];
    }
    if let Some(why) = key.denied() {
        let message = format!("cannot check the KMS key {arn}: {why}");
        findings.push(Finding::warning(KIND, first, message));
    }
    for field in fields {
        for needed in service_statements(model, account, region, field) {
            findings.extend(check_policy(arn, field, &needed, seen.policy.as_ref()));
        }
    }
    findings
}

/// Returns a finding if a key policy does not let a service use the key, or if that is
/// unknown.
fn check_policy(
    arn: &Arn,
    field: &str,
    needed: &ServiceStatement,
    policy: Option<&Lookup<String>>,
) -> Option<Finding> {
    let ServiceStatement { service, statement } = needed;
    let unknown = |why: &str| {
        let message = format!(
            "cannot check whether the policy of the KMS key {arn} lets {service} use it: {why}; it needs this statement: {statement}"
        );
        Some(Finding::warning(KIND, path(field), message))
    };
    match policy? {
        Lookup::Missing => None,
        Lookup::Denied(why) => unknown(&why.to_string()),
        Lookup::Found(text) => match lets_service(text, service) {
            Some(true) => None,
            Some(false) => {
                let message =
                    format!("the policy of the KMS key {arn} does not let {service} use it");
                let hint = format!("add this statement to the key policy: {statement}");
                Some(Finding::error(KIND, path(field), message).hint(hint))
            }
            None => unknown("the policy cannot be read"),
        },
    }
}

/// Returns the finding of the key that the stack created for AWS services and that they can no
/// longer use.
pub fn check_own_service_key(id: &str, key: &Lookup<EncryptionKey>) -> Option<Finding> {
    let why = match key {
        Lookup::Missing => "does not exist".to_owned(),
        Lookup::Found(key) if !key.enabled => {
            format!("cannot be used: its state is {}", key.state)
        }
        Lookup::Found(_) => return None,
        Lookup::Denied(why) => {
            let message = format!("cannot check the KMS key {id}: {why}");
            return Some(Finding::warning(KIND, "encrypt", message));
        }
    };
    let message = format!("the KMS key {id}, which the stack created for `encrypt`, {why}");
    let hint = format!(
        "cancel the deletion with `aws kms cancel-key-deletion --key-id {id}`, and enable the key with `aws kms enable-key --key-id {id}`"
    );
    Some(Finding::error(KIND, "encrypt", message).hint(hint))
}

fn path(field: &str) -> String {
    format!("encrypt.{field}")
}
