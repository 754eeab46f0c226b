//! Names that the stack gives: logical IDs, outputs, the names of what has one.
//!
//! A logical ID follows from the entry's identity alone, never from its place
//! in the manifest: CloudFormation takes a changed logical ID for another
//! resource, and would drop the secret or its schedule.

use sha2::{Digest, Sha256};

use super::quota::MAX_LOGICAL_ID;
use crate::model::{AccessKey, Entry, Model, StackName};

/// The names of what a stack makes for an entry's secret.
pub struct SecretIds(Identity);

impl SecretIds {
    /// Returns those of the entry's secret.
    pub fn of(entry: &Entry) -> Self {
        Self(Identity::of(entry.secret.as_str()))
    }

    /// Returns the logical ID of the secret.
    pub fn secret(&self) -> String {
        self.0.id("Secret")
    }

    /// Returns the name of the stack's output that holds the secret's ARN.
    pub fn output(&self) -> String {
        self.0.id("SecretArn")
    }

    /// Returns the logical ID of the rotation schedule.
    pub fn schedule(&self) -> String {
        self.0.id("Schedule")
    }

    /// Returns the logical ID of the policy that lets readers read the secret.
    pub fn readers(&self) -> String {
        self.0.id("Readers")
    }
}

/// The logical IDs of what a stack makes for an entry's user.
pub struct UserIds(Identity);

impl UserIds {
    /// Returns those of the entry's user.
    pub fn of(key: &AccessKey) -> Self {
        Self(Identity::of(key.user.as_str()))
    }

    /// Returns the user's, where the stack makes it.
    pub fn user(&self) -> String {
        self.0.id("User")
    }

    /// Returns that of the policy with which the user rotates itself.
    pub fn policy(&self) -> String {
        self.0.id("UserPolicy")
    }
}

/// Returns the logical ID of the entry's secret.
pub fn secret_logical_id(entry: &Entry) -> String {
    SecretIds::of(entry).secret()
}

/// Returns the name of the stack's output that holds the secret's ARN.
pub fn secret_output(entry: &Entry) -> String {
    SecretIds::of(entry).output()
}

/// Returns the logical ID of the entry's rotation schedule.
pub fn schedule_logical_id(entry: &Entry) -> String {
    SecretIds::of(entry).schedule()
}

/// Returns the logical ID of the user, where the stack makes it.
pub fn user_logical_id(key: &AccessKey) -> String {
    UserIds::of(key).user()
}

/// Returns the logical ID of the policy with which the user rotates itself.
pub fn user_policy_logical_id(key: &AccessKey) -> String {
    UserIds::of(key).policy()
}

/// Returns the logical ID of an address's subscription to the alarms.
pub(super) fn subscription_logical_id(email: &str) -> String {
    Identity::of(email).id("AlarmSubscription")
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

/// What the logical IDs of one thing end with: its name in camel case, and eight digits
/// of its SHA-256, which keep apart what camel case makes alike (`a-b`, `a/b`).
struct Identity {
    words: String,
    digest: String,
}

impl Identity {
    fn of(name: &str) -> Self {
        let mut words = String::with_capacity(name.len());
        for word in name.split(|one: char| !one.is_ascii_alphanumeric()) {
            let mut letters = word.chars();
            words.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            words.push_str(letters.as_str());
        }
        Self {
            words,
            digest: digest(name),
        }
    }

    fn id(&self, prefix: &str) -> String {
        let Self { words, digest } = self;
        let room = MAX_LOGICAL_ID - prefix.len() - digest.len();
        [prefix, &words[..words.len().min(room)], digest].concat()
    }
}

/// The first eight hexadecimal digits of the SHA-256.
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
        .map(|name| Identity::of(name).id("Secret"));
        assert_eq!(ids[0], "SecretProdCiDeployer6eee908a");
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn a_logical_id_keeps_to_its_length_and_letters() {
        let id = Identity::of(&"ab/".repeat(170)).id("Secret");
        assert_eq!(id.len(), MAX_LOGICAL_ID);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
