//! Names that the stack assigns: logical IDs, outputs, and the names of resources.
//!
//! A logical ID depends only on the entry's identity, and never on its position in the
//! manifest: CloudFormation treats a changed logical ID as another resource, and would delete
//! the secret or its schedule.

use sha2::{Digest, Sha256};

use super::quota::MAX_LOGICAL_ID;
use crate::model::{AccessKey, Entry, Model, StackName};

/// The names of the resources that a stack creates for an entry's secret.
pub struct SecretIds(Identity);

impl SecretIds {
    /// Returns the names for the entry's secret.
    pub fn of(entry: &Entry) -> Self {
        Self(Identity::of(entry.secret.as_str()))
    }

    /// Returns the logical ID of the secret.
    pub fn secret(&self) -> String {
        self.0.id("Secret")
    }

    /// Returns the name of the stack output with the secret's ARN.
    pub fn output(&self) -> String {
        self.0.id("SecretArn")
    }

    /// Returns the logical ID of the rotation schedule.
    pub fn schedule(&self) -> String {
        self.0.id("Schedule")
    }

    /// Returns the logical ID of the resource policy that allows readers to read the secret.
    pub fn readers(&self) -> String {
        self.0.id("Readers")
    }
}

/// The logical IDs of the resources that a stack creates for an entry's user.
pub struct UserIds(Identity);

impl UserIds {
    /// Returns the logical IDs for the entry's user.
    pub fn of(key: &AccessKey) -> Self {
        Self(Identity::of(key.user.as_str()))
    }

    /// Returns the user's logical ID, if the stack creates the user.
    pub fn user(&self) -> String {
        self.0.id("User")
    }

    /// Returns the logical ID of the policy that lets the user rotate its own keys.
    pub fn policy(&self) -> String {
        self.0.id("UserPolicy")
    }
}

/// Returns the logical ID of the entry's secret.
pub fn secret_logical_id(entry: &Entry) -> String {
    SecretIds::of(entry).secret()
}

/// Returns the name of the stack output with the secret's ARN.
pub fn secret_output(entry: &Entry) -> String {
    SecretIds::of(entry).output()
}

/// Returns the logical ID of the entry's rotation schedule.
pub fn schedule_logical_id(entry: &Entry) -> String {
    SecretIds::of(entry).schedule()
}

/// Returns the logical ID of the user, if the stack creates it.
pub fn user_logical_id(key: &AccessKey) -> String {
    UserIds::of(key).user()
}

/// Returns the logical ID of the policy that lets the user rotate its own keys.
pub fn user_policy_logical_id(key: &AccessKey) -> String {
    UserIds::of(key).policy()
}

/// Returns the logical ID of an e-mail address's subscription to the alarms.
pub(super) fn subscription_logical_id(email: &str) -> String {
    Identity::of(email).id("AlarmSubscription")
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

/// The end of a resource's logical IDs: its name in camel case, and eight digits of its SHA-256
/// digest, which distinguish names that are equal in camel case (`a-b`, `a/b`).
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
