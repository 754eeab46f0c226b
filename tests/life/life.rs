//! The whole life of a stack: deployed, deployed again, rotated, read, deleted, and deleted
//! again.
//!
//! Together, three accounts contain every pair of a way to rotate, an encryption key, and an
//! existing or created user. The caller is root, an administrator, or a deployer with only the
//! rendered policy.

use crate::environment::{ACCOUNT, ADMINISTRATOR, REGION, TestEnvironment};
use crate::stages::Life;

/// An entry of a manifest, and its expected properties.
pub struct Entry {
    pub user: &'static str,
    /// The user's path.
    pub path: &'static str,
    pub secret: &'static str,
    pub rotate_as: String,
    pub kms_key: String,
    pub create_user: bool,
}

fn entry(
    user: &'static str,
    secret: &'static str,
    rotate_as: &str,
    kms_key: &str,
    create_user: bool,
) -> Entry {
    Entry {
        user,
        path: "/",
        secret,
        rotate_as: rotate_as.to_owned(),
        kms_key: kms_key.to_owned(),
        create_user,
    }
}

impl Entry {
    /// Returns the same entry of a user below a path.
    fn below(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// Returns the ARN of its user.
    pub fn user_arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:user{}{}", self.path, self.user)
    }
}

pub const STACK: &str = "payments-keys";

fn manifest(entries: &[Entry]) -> String {
    let entries: String = entries
        .iter()
        .map(|entry| {
            format!(
                "  - {{ user: {}, path: {}, secret: {}, rotate_as: {}, kms_key: {}, create_user: {} }}\n",
                entry.user,
                entry.path,
                entry.secret,
                entry.rotate_as,
                entry.kms_key,
                entry.create_user
            )
        })
        .collect();
    format!(
        "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
         tags: {{ team: payments }}\naccess_keys:\n{entries}"
    )
}

#[tokio::test]
async fn under_a_caller_that_no_policy_holds_back() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("legacy-batch").await;
    test.make_administrator("administrator", "ops/administrator")
        .await;
    let key = test.make_kms_key().await;
    let entries = [
        entry(
            "ci-deployer",
            "prod/ci-deployer",
            "self",
            "aws/secretsmanager",
            false,
        ),
        entry("mailer", "prod/mailer", "role", "create", true),
        entry(
            "legacy-batch",
            "prod/legacy-batch",
            "ops/administrator",
            &key,
            false,
        ),
    ];
    test.manifest(&manifest(&entries));
    Life {
        test: &test,
        entries: &entries,
    }
    .run()
    .await;
}

#[tokio::test]
async fn under_an_administrator() {
    let test = TestEnvironment::new().await;
    let administrator = test.make_user_with("ada", ADMINISTRATOR).await;
    test.act_as(&administrator);
    test.make_user("mailer").await;
    test.make_administrator("administrator", "ops/administrator")
        .await;
    let key = test.make_kms_key().await;
    let entries = [
        entry("uploader", "prod/uploader", "self", "create", true),
        entry("mailer", "prod/mailer", "role", &key, false),
        entry(
            "batch",
            "prod/batch",
            "ops/administrator",
            "aws/secretsmanager",
            true,
        ),
    ];
    test.manifest(&manifest(&entries));
    Life {
        test: &test,
        entries: &entries,
    }
    .run()
    .await;
}

#[tokio::test]
async fn under_a_deployer_with_the_rendered_policy() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.make_user("batch").await;
    let administrator = test
        .make_administrator("administrator", "ops/administrator")
        .await;
    let key = test.make_kms_key().await;
    let entries = [
        entry("uploader", "prod/uploader", "self", &key, true),
        entry("mailer", "prod/mailer", "role", "aws/secretsmanager", false),
        entry("batch", "prod/batch", &administrator, "create", false),
    ];
    test.manifest(&manifest(&entries));
    test.keyrota("generate").await.exits(0);
    let deployer = test
        .make_deployer("deployer", &test.home.read("rendered/deployer-policy.json"))
        .await;
    test.act_as(&deployer);
    Life {
        test: &test,
        entries: &entries,
    }
    .run()
    .await;
}

#[tokio::test]
async fn of_users_below_paths_under_a_deployer_with_the_rendered_policy() {
    let test = TestEnvironment::new().await;
    test.make_user_below("ci-deployer", "/ci/").await;
    test.make_user_below("mailer", "/teams/mail/").await;
    test.make_user_below("batch", "/ci/").await;
    test.make_administrator("administrator", "ops/administrator")
        .await;
    let default = "aws/secretsmanager";
    let entries = [
        entry("ci-deployer", "prod/ci-deployer", "self", default, false).below("/ci/"),
        entry("mailer", "prod/mailer", "role", default, false).below("/teams/mail/"),
        entry("batch", "prod/batch", "ops/administrator", default, false).below("/ci/"),
        entry("uploader", "prod/uploader", "self", default, true).below("/ci/"),
        entry("reporter", "prod/reporter", "role", "create", true).below("/a/"),
    ];
    test.manifest(&manifest(&entries));
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;
    test.act_as(&deployer);
    Life {
        test: &test,
        entries: &entries,
    }
    .run()
    .await;
}
