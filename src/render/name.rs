//! Names that the stack assigns: logical IDs, outputs, and the names of resources.
//!
//! A logical ID depends only on the entry's identity, and never on its position in the
//! manifest: CloudFormation treats a changed logical ID as another resource, and would delete
//! the secret or its schedule.

use sha2::{Digest, Sha256};

use super::quota::MAX_LOGICAL_ID;
use crate::model::{AccessKey, Entry, EventTarget, Model, StackName};

/// Returns the logical ID of the entry's secret.
pub fn secret_logical_id(entry: &Entry) -> String {
    logical_id("Secret", entry.secret.as_str())
}

/// Returns the name of the stack output with the secret's ARN.
pub fn secret_output(entry: &Entry) -> String {
    logical_id("SecretArn", entry.secret.as_str())
}

/// Returns the logical ID of the entry's rotation schedule.
pub fn schedule_logical_id(entry: &Entry) -> String {
    logical_id("Schedule", entry.secret.as_str())
}

/// Returns the logical ID of the resource policy that allows readers to read the secret.
pub fn readers_logical_id(entry: &Entry) -> String {
    logical_id("Readers", entry.secret.as_str())
}

/// Returns the logical ID of the user, if the stack creates it.
pub fn user_logical_id(key: &AccessKey) -> String {
    logical_id("User", key.user.as_str())
}

/// Returns the logical ID of the policy that lets the user rotate its own keys.
pub fn user_policy_logical_id(key: &AccessKey) -> String {
    logical_id("UserPolicy", key.user.as_str())
}

/// Returns the logical ID of the policy that lets the user read its own secret.
pub fn own_secret_policy_logical_id(key: &AccessKey) -> String {
    logical_id("OwnSecretPolicy", key.user.as_str())
}

/// Returns the logical ID of an e-mail address's subscription to the alarms.
pub(super) fn subscription_logical_id(email: &str) -> String {
    logical_id("AlarmSubscription", email)
}

/// Returns the logical ID of the rule that notifies these targets of promotions. The targets of an
/// entry are sorted, so that the order in the manifest does not matter.
pub fn notify_rule_logical_id(targets: &[EventTarget]) -> String {
    let arns: Vec<&str> = targets.iter().map(|target| target.arn.as_str()).collect();
    format!("{NOTIFY_RULE}{}", digest(&arns.join(" ")))
}

/// Returns the logical ID of the permission with which a rule invokes a function.
pub(super) fn notify_permission_logical_id(rule: &str, function: &EventTarget) -> String {
    format!(
        "{NOTIFY_PERMISSION}{}",
        digest(&format!("{rule} {}", function.arn))
    )
}

/// Returns the ID of a target in its rule.
pub(super) fn target_id(target: &EventTarget) -> String {
    format!("Notify{}", digest(target.arn.as_str()))
}

/// Returns the name of the log group of the access keys' function. The names of the others
/// begin with it.
pub fn log_group_name(stack: &StackName) -> String {
    format!("/keyrota/{stack}")
}

/// Returns the alias of the KMS key that the stack creates.
pub fn key_alias(stack: &StackName) -> String {
    format!("alias/keyrota-{stack}")
}

/// Returns the alias of the KMS key that the stack creates for AWS services. No stack's name
/// contains a slash, so it is never the alias of another stack's key.
pub fn service_key_alias(stack: &StackName) -> String {
    format!("{}/services", key_alias(stack))
}

/// The beginning of the logical IDs of the rules that notify clients of promotions.
pub const NOTIFY_RULE: &str = "NotifyRule";
/// The beginning of the logical IDs of the permissions with which these rules invoke functions.
pub const NOTIFY_PERMISSION: &str = "NotifyPermission";
/// The logical ID of the role with which these rules send events to other event buses. A
/// template has it as text.
pub const NOTIFY_ROLE: &str = "NotifyRole";

/// The name of the inline policy that lets a user rotate its own keys. A template has it as text,
/// and a test compares them.
pub const OWN_KEYS_POLICY: &str = "keyrota-ManageOwnAccessKeys";

/// The name of the inline policy that lets a user read its own secret, likewise.
pub const OWN_SECRET_POLICY: &str = "keyrota-ReadOwnSecret";

/// Returns the bucket for the function's code: the manifest's, or one whose name depends on the
/// stack. Bucket names are in lower case and have at most 63 characters, but stack names need
/// not, so the bucket's name contains eight digits of the SHA-256 digest of the stack's name.
pub fn artifact_bucket(model: &Model, account: &str, region: &str) -> String {
    match &model.function.artifact_bucket {
        Some(bucket) => bucket.to_string(),
        None => format!(
            "keyrota-{}-{account}-{region}",
            digest(model.fleet.as_str())
        ),
    }
}

/// Returns the beginning of the names of the buckets for the code of a StackSet's stacks. The
/// account that administers it and the Region follow, each after a hyphen.
pub fn artifact_bucket_of_stack_set(model: &Model) -> String {
    format!("keyrota-{}", digest(model.fleet.as_str()))
}

/// Returns a logical ID: a prefix, the resource's name in camel case, and eight digits of the
/// name's SHA-256 digest, which distinguish names that are equal in camel case (`a-b`, `a/b`).
fn logical_id(prefix: &str, name: &str) -> String {
    let digest = digest(name);
    let mut id = prefix.to_owned();
    for word in name.split(|one: char| !one.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id.truncate(MAX_LOGICAL_ID - digest.len());
    id + &digest
}

/// Returns the first eight hexadecimal digits of the SHA-256 digest.
pub(super) fn digest(text: &str) -> String {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_that_look_alike_stay_apart() {
        let ids = [
            "prod/ci-deployer",
            "prod-ci/deployer",
            "prod/ci.deployer",
            "prodCiDeployer",
        ]
        .map(|name| logical_id("Secret", name));
        assert_eq!(ids[0], "SecretProdCiDeployer6eee908a");
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn the_templates_have_the_same_names_of_the_users_policies() {
        let own_keys = include_str!("../../templates/user-policy.yaml.hbs");
        let own_secret = include_str!("../../templates/own-secret-policy.yaml.hbs");
        for (template, name) in [(own_keys, OWN_KEYS_POLICY), (own_secret, OWN_SECRET_POLICY)] {
            let line = format!("PolicyName: {name}\n");
            assert!(template.contains(&line), "{template}");
        }
    }

    #[test]
    fn a_logical_id_keeps_to_its_length_and_letters() {
        let id = logical_id("Secret", &"ab/".repeat(170));
        assert_eq!(id.len(), MAX_LOGICAL_ID);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
