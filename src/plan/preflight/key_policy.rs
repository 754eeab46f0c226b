//! Checks of the key policies of the keys in `kms_key`, which are never changed.

use super::super::Lookup;
use crate::model::{AccountId, Arn, Finding, Region, SecretName};
use crate::render::{account_statement, lets_account};

/// The key policy of a key that entries name by its ARN.
#[derive(Clone, Debug)]
pub struct ObservedKeyPolicy<'model> {
    /// The key's ARN.
    pub arn: &'model Arn,
    /// The secrets of the entries that name it.
    pub secrets: Vec<&'model SecretName>,
    /// Its key policy.
    pub policy: Lookup<String>,
}

/// Returns a finding if a key policy does not let the function's role use the key, or if
/// that is unknown. `roles` are the names of the execution roles that the stack has already.
pub fn check_key_policy(
    account: &AccountId,
    region: &Region,
    roles: &[&str],
    seen: &ObservedKeyPolicy<'_>,
) -> Option<Finding> {
    const KIND: &str = "key-policy";
    let ObservedKeyPolicy {
        arn,
        secrets,
        policy,
    } = seen;
    let path = format!("KMS key {arn}");
    let statement = account_statement(account, region);
    let unknown = |why: &str| {
        let message = format!(
            "cannot check whether the key policy of {arn} lets the function's role use it: {why}; unless it names the role, it needs a statement such as this one: {statement}"
        );
        Some(Finding::warning(KIND, path.clone(), message))
    };
    match policy {
        Lookup::Missing => None,
        Lookup::Denied(why) => unknown(&why.to_string()),
        Lookup::Found(text) => match lets_account(text, account.as_str(), roles) {
            Some(true) => None,
            Some(false) => {
                let names: Vec<String> = secrets.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "the key policy of {arn} lets neither the function's role nor the IAM policies of the account {account} use it, so the function could not read or store {}",
                    names.join(", ")
                );
                let hint = format!("add this statement to the key policy: {statement}");
                Some(Finding::error(KIND, path, message).hint(hint))
            }
            None => unknown("the policy cannot be read"),
        },
    }
}
