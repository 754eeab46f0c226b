//! The whole life of a stack: deployed, deployed again, rotated, read, taken
//! down, taken down again.
//!
//! Three accounts between them hold every pair of a way to rotate, an
//! encryption key and a user that is there or is made, under a caller that no
//! policy holds back, an administrator, and a deployer with the policy that is
//! rendered for it and no more.

use crate::environment::{ACCOUNT, ADMINISTRATOR, REGION, TestEnvironment};
use crate::stages::Life;

/// An entry of a manifest, and the expectations.
pub struct Entry {
    pub user: &'static str,
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
        secret,
        rotate_as: rotate_as.to_owned(),
        kms_key: kms_key.to_owned(),
        create_user,
    }
}

pub const STACK: &str = "payments-keys";

fn manifest(entries: &[Entry]) -> String {
    let entries: String = entries
        .iter()
        .map(|entry| {
            format!(
                "  - {{ user: {}, secret: {}, rotate_as: {}, kms_key: {}, create_user: {} }}\n",
                entry.user, entry.secret, entry.rotate_as, entry.kms_key, entry.create_user
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
