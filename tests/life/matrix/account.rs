//! The account that is attacked, and what in it nobody may touch.

use std::collections::BTreeMap;

use crate::environment::{KEY_ADMINISTRATOR, Key, TestEnvironment};

/// A secret of somebody else, with the credential of an administrator.
pub const FOREIGN: &str = "ops/foreign";
/// An IAM user of no manifest.
pub const OUTSIDER: &str = "outsider";
const FOREIGN_BUCKET: &str = "foreign-bucket";

/// What an attack is aimed at.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of the stack.
    pub stack: &'static str,
    /// The name of the secret that somebody may write.
    pub secret: &'static str,
    /// The names of all secrets.
    pub secrets: &'static [&'static str],
    /// The names of the IAM users whose keys they may want.
    pub users: &'static [&'static str],
}

/// An account with a stack in it, and with things that are nobody's but their owner's.
pub struct Account {
    pub test: TestEnvironment,
    pub target: Target,
    /// The keys of [`OUTSIDER`], by their IDs.
    pub outsiders: [Key; 2],
    /// The ARN of each secret, by its name.
    pub arns: BTreeMap<&'static str, String>,
    /// The ARN of a KMS key that is not the stack's.
    pub kms_key: String,
    pub function: String,
    pub bucket: String,
    /// What there was before the stack.
    pub before: Vec<String>,
}

/// Makes the user of no manifest, whose keys may do everything to keys.
pub async fn make_outsider(test: &TestEnvironment) -> [Key; 2] {
    let mut keys = [
        test.make_user_with(OUTSIDER, KEY_ADMINISTRATOR).await,
        test.make_key(OUTSIDER).await,
    ];
    keys.sort_by(|one, other| one.id.cmp(&other.id));
    keys
}

impl Account {
    /// Deploys the manifest that was written.
    pub async fn deploy(
        test: TestEnvironment,
        target: Target,
        outsiders: [Key; 2],
        bootstrap: impl AsyncFnOnce(&TestEnvironment),
    ) -> Self {
        let kms_key = test.make_kms_key().await;
        test.make_bucket(FOREIGN_BUCKET).await;
        let before = test.everything().await;
        bootstrap(&test).await;
        let mut arns = BTreeMap::new();
        for name in target.secrets {
            let arn = test.secret(name).await.expect("the secret").arn;
            arns.insert(*name, arn);
        }
        let functions = test.lambda.list_functions().send().await;
        let functions = functions.expect("functions").functions.unwrap_or_default();
        let buckets = test.s3.list_buckets().send().await.expect("buckets");
        let mut buckets = buckets.buckets().iter().filter_map(|it| it.name());
        let bucket = buckets.find(|it| *it != FOREIGN_BUCKET);
        Self {
            target,
            outsiders,
            arns,
            kms_key,
            function: functions[0].function_name().expect("a name").to_owned(),
            bucket: bucket.expect("the bucket").to_owned(),
            before,
            test,
        }
    }

    /// Returns the ARN of the secret that somebody may write.
    pub fn arn(&self) -> &str {
        &self.arns[self.target.secret]
    }
}
