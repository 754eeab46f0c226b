//! Rotations that fail half-way: the current key continues to work, the function's reason
//! is reported, and the next rotation succeeds.

use serde_json::Value;

use crate::environment::{CommandOutput, LIST_ARTIFACTS, TestEnvironment};

const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys: [{ user: mailer, secret: prod/mailer, rotate_as: role }]
";
/// A new key needs a permission, so that a rotation can be made to fail between storing the key
/// and promoting it.
const PROBED: &str = "\
version: 1
stack: payments-keys
function: { timeout: 10s }
access_keys:
  - user: mailer
    secret: prod/mailer
    rotate_as: role
    probe: { action: s3:ListBucket, resource: 'arn:aws:s3:::artifacts' }
";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const ROTATE: &str = "rotate --format json";

async fn deployed(manifest: &str) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(manifest);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Deploys a secret with a probe that its user passes at first.
async fn probed() -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.make_bucket("artifacts").await;
    test.allow("mailer", LIST_ARTIFACTS).await;
    test.manifest(PROBED);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Returns the error of `rotate` for the only secret.
fn error(ran: &CommandOutput) -> String {
    let document = ran.json();
    let secret = &document["secrets"][0];
    assert_eq!(secret["verified"], false, "{ran}");
    assert_eq!(secret["new_access_key_id"], Value::Null, "{ran}");
    secret["error"].as_str().expect("an error").to_owned()
}

async fn state(test: &TestEnvironment) -> String {
    let status = test.keyrota("status --format json").await.exits(0).json();
    status["secrets"][0]["state"]
        .as_str()
        .expect("a state")
        .to_owned()
}

/// Expects the correct state: at most two keys, both known.
async fn expect_well(test: &TestEnvironment) {
    assert_eq!(state(test).await, "ok");
    let status = test
        .keyrota("status --check --format json")
        .await
        .exits(0)
        .json();
    let keys = status["secrets"][0]["keys"].as_array().expect("keys");
    let mut roles: Vec<&str> = keys
        .iter()
        .map(|key| key["role"].as_str().expect("a role"))
        .collect();
    roles.sort_unstable();
    assert!(
        roles == ["current", "previous"] || roles == ["current"],
        "{status:#}"
    );
    let current = test.current_key("prod/mailer").await;
    test.holder(&current).await.expect("the current key works");
}

#[tokio::test]
async fn a_rotation_that_may_make_no_key_says_why_and_ends_well_once_it_may() {
    let test = deployed(MANIFEST).await;
    let before = test.current_key("prod/mailer").await;
    test.deny_role("iam:CreateAccessKey").await;
    let ran = test.keyrota(ROTATE).await.exits(1);
    let reason = error(&ran);
    for text in [
        "make a new key for mailer",
        "AccessDenied",
        "find that statement, and change it",
    ] {
        assert!(reason.contains(text), "{text}\n{ran}");
    }
    assert_eq!(test.current_key("prod/mailer").await, before);
    test.holder(&before).await.expect("the current key works");
    assert_eq!(state(&test).await, "stuck");

    // Nothing has changed, so the result is the same, and nothing is lost.
    let again = test.keyrota(ROTATE).await.exits(1);
    assert!(error(&again).contains("AccessDenied"), "{again}");
    assert_eq!(test.current_key("prod/mailer").await, before);

    test.allow_role().await;
    test.keyrota(ROTATE).await.exits(0);
    assert_ne!(test.current_key("prod/mailer").await, before);
    expect_well(&test).await;
}

#[tokio::test]
async fn a_key_that_may_not_do_its_work_is_not_promoted_until_it_may() {
    let test = probed().await;
    let before = test.current_key("prod/mailer").await;
    test.forbid("mailer").await;
    let ran = test.keyrota(ROTATE).await.exits(1);
    let reason = error(&ran);
    for text in ["s3:ListBucket", "artifacts", "AccessDenied", "mailer"] {
        assert!(reason.contains(text), "{text}\n{ran}");
    }
    let pending = test
        .key_in("prod/mailer", "AWSPENDING")
        .await
        .expect("a pending key");
    assert_ne!(pending, before);
    assert_eq!(test.current_key("prod/mailer").await, before);
    test.holder(&before).await.expect("the current key works");
    assert_eq!(state(&test).await, "stuck");

    test.allow("mailer", LIST_ARTIFACTS).await;
    test.keyrota(ROTATE).await.exits(0);
    assert_eq!(test.current_key("prod/mailer").await, pending);
    expect_well(&test).await;
}

#[tokio::test]
async fn a_pending_key_that_is_gone_is_given_up() {
    let test = probed().await;
    let before = test.current_key("prod/mailer").await;
    test.forbid("mailer").await;
    test.keyrota(ROTATE).await.exits(1);
    let pending = test
        .key_in("prod/mailer", "AWSPENDING")
        .await
        .expect("a pending key");
    test.delete_key("mailer", &pending.id).await;
    test.allow("mailer", LIST_ARTIFACTS).await;
    let ran = test
        .keyrota(ROTATE)
        .await
        .exits(0)
        .says(&["abandon", "prod/mailer"]);
    assert!(!ran.stdout.contains(&pending.id), "{ran}");
    let current = test.current_key("prod/mailer").await;
    assert!(current != before && current != pending);
    expect_well(&test).await;
}

/// The label of the rotation was removed.
#[tokio::test]
async fn the_key_of_a_cancelled_rotation_is_known_and_in_nobodys_way() {
    let test = probed().await;
    let before = test.current_key("prod/mailer").await;
    test.forbid("mailer").await;
    test.keyrota(ROTATE).await.exits(1);
    let left = test.key_in("prod/mailer", "AWSPENDING").await;
    let left = left.expect("a pending key");
    let secret = test.secret("prod/mailer").await.expect("the secret");
    let request = test.secretsmanager.update_secret_version_stage();
    let request = request
        .secret_id(secret.arn)
        .version_stage("AWSPENDING")
        .remove_from_version_id(&secret.labels["AWSPENDING"]);
    request.send().await.expect("the label is taken away");
    let status = test.keyrota("status --format json").await.exits(0).json();
    let keys = status["secrets"][0]["keys"].as_array().expect("keys");
    let left = keys.iter().find(|key| key["id"] == left.id);
    assert_eq!(left.expect("it is there")["role"], "pending");

    test.allow("mailer", LIST_ARTIFACTS).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    assert_eq!(test.current_key("prod/mailer").await, before);
    test.keyrota(ROTATE).await.exits(0);
    assert_ne!(test.current_key("prod/mailer").await, before);
    expect_well(&test).await;
}

#[tokio::test]
async fn bootstrap_finishes_what_a_failed_first_rotation_left() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(MANIFEST);
    test.keyrota(&format!("{BOOTSTRAP} --no-rotate"))
        .await
        .exits(0);
    let first = test.current_key("prod/mailer").await;
    test.deny_role("iam:CreateAccessKey").await;
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails(
        "rotation",
        &["prod/mailer", "AccessDenied", "keyrota rotate"],
    );
    assert_eq!(test.current_key("prod/mailer").await, first);
    test.allow_role().await;
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["secrets"][0]["rotated"], true);
    expect_well(&test).await;
}

#[tokio::test]
async fn an_administrator_without_a_key_leaves_the_current_one_alone() {
    let test = TestEnvironment::new().await;
    test.make_user("batch").await;
    test.make_secret("ops/administrator", r#"{"username":"administrator"}"#)
        .await;
    test.manifest(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - { user: batch, secret: prod/batch, rotate_as: ops/administrator }\n",
    );
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails("rotation", &["ops/administrator", "accesskey"]);
    let first = test.current_key("prod/batch").await;
    test.holder(&first).await.expect("the current key works");

    let key = test
        .make_user_with("administrator", crate::environment::KEY_ADMINISTRATOR)
        .await;
    let value = serde_json::json!({ "accesskey": key.id, "secretkey": key.secret });
    test.store("ops/administrator", &value).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("status --check").await.exits(0);
    assert_ne!(test.current_key("prod/batch").await, first);
}
