//! Names that the stack gives: logical IDs, outputs, the names of what has one.
//!
//! A logical ID follows from the entry's identity alone, never from its place
//! in the manifest: CloudFormation takes a changed logical ID for another
//! resource, and would drop the secret or its schedule.

use sha2::{Digest, Sha256};

use crate::model::{AccessKey, Model, SecretName, StackName};

/// CloudFormation's longest logical ID.
const MAX_LOGICAL_ID: usize = 255;

/// Returns the logical ID of the entry's secret.
pub fn secret_logical_id(entry: &impl AsRef<SecretName>) -> String {
    logical_id("Secret", entry.as_ref().as_str())
}

/// Returns the name of the stack's output that holds the secret's ARN.
pub fn secret_output(entry: &impl AsRef<SecretName>) -> String {
    logical_id("SecretArn", entry.as_ref().as_str())
}

/// Returns the logical ID of the entry's rotation schedule.
pub fn schedule_logical_id(entry: &impl AsRef<SecretName>) -> String {
    logical_id("Schedule", entry.as_ref().as_str())
}

/// Returns the logical ID of the policy that lets readers read the secret.
pub fn readers_logical_id(entry: &impl AsRef<SecretName>) -> String {
    logical_id("Readers", entry.as_ref().as_str())
}

/// Returns the logical ID of the user, where the stack makes it.
pub fn user_logical_id(entry: &AccessKey) -> String {
    logical_id("User", entry.user.as_str())
}

/// Returns the logical ID of the policy with which the user rotates itself.
pub fn user_policy_logical_id(entry: &AccessKey) -> String {
    logical_id("UserPolicy", entry.user.as_str())
}

/// Returns the logical ID of an address's subscription to the alarms.
pub(super) fn subscription_logical_id(email: &str) -> String {
    logical_id("AlarmSubscription", email)
}

/// Returns the name of the log group of the access keys' function, with which the
/// others' begin.
pub fn log_group_name(stack: &StackName) -> String {
    format!("/keyrota/{stack}")
}

/// Returns the alias of the KMS key that the stack makes.
pub fn key_alias(stack: &StackName) -> String {
    format!("alias/keyrota-{stack}")
}

/// Returns the bucket for the function's code: the manifest's, or one of the
/// stack's own. Bucket names are lower case and at most 63 long, stack names
/// neither, so that the stack shows as eight digits of its name's SHA-256.
pub fn artifact_bucket(model: &Model, account: &str, region: &str) -> String {
    match &model.function.artifact_bucket {
        Some(bucket) => bucket.to_string(),
        None => format!(
            "keyrota-{}-{account}-{region}",
            digest(model.fleet.as_str())
        ),
    }
}

/// `PREFIX`, the identity in camel case, and eight digits of its SHA-256, which
/// keep apart what camel case makes alike (`a-b`, `a/b`).
fn logical_id(prefix: &str, identity: &str) -> String {
    let words = identity.split(|one: char| !one.is_ascii_alphanumeric());
    let mut id = prefix.to_owned();
    for word in words {
        let mut letters = word.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.extend(letters);
    }
    let digest = digest(identity);
    id.truncate(MAX_LOGICAL_ID - digest.len());
    id + &digest
}

/// The first eight hexadecimal digits of the SHA-256.
pub(super) fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
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
    fn a_logical_id_keeps_to_its_length_and_letters() {
        let id = logical_id("Secret", &"ab/".repeat(170));
        assert_eq!(id.len(), MAX_LOGICAL_ID);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
