//! The set-up of the source article, built by hand to the letter, and then adopted.

use serde_json::json;

use super::BOOTSTRAP;
use crate::application::works_through;
use crate::environment::{ACCOUNT, TestEnvironment};

/// The article's policy of the user.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"ManageOwnAccessKeys","Effect":"Allow",
    "Action":["iam:CreateAccessKey","iam:DeleteAccessKey","iam:GetAccessKeyLastUsed","iam:GetUser",
    "iam:ListAccessKeys","iam:UpdateAccessKey","iam:TagUser"],"Resource":"arn:aws:iam::*:user/${aws:username}"}]}"#;

const MANIFEST: &str = "\
version: 1
stack: payments-keys
tags: { team: payments }
access_keys:
  - { user: alice, secret: prod/alice, adopt: true }
";

/// Builds the article's set-up with its first rotation, and returns the secret's ARN and the
/// function's.
async fn build(test: &TestEnvironment) -> (String, String) {
    let key = test.make_user_with("alice", POLICY).await;
    let value =
        json!({ "bucket": "b", "accesskey": key.id, "secretkey": key.secret, "username": "alice" });
    let secret = test
        .make_described_secret("prod/alice", &value.to_string())
        .await;
    let value = json!({
        "bucket": "b", "accesskey": key.id, "secretkey": key.secret, "username": "alice",
        "secretarn": secret, "limit": 1.50,
    });
    test.store("prod/alice", &value).await;
    let function = test.make_article_function(&secret).await;
    test.rotate_with("prod/alice", &function, true).await;
    test.until_rotated("prod/alice", &key.id).await;
    (secret, function)
}

#[tokio::test]
async fn the_articles_secret_is_adopted_with_all_that_clients_know() {
    let test = TestEnvironment::new().await;
    let (arn, function) = build(&test).await;
    let before = test.secret("prod/alice").await.expect("the secret");
    let value = test.text_of("prod/alice").await;
    let key = test.current_key("prod/alice").await;
    test.manifest(MANIFEST);

    let plan = "plan --function-zip function.zip";
    let ran = test.changes_nothing(plan).await.exits(0);
    for text in [
        "1 to import",
        "prod/alice exists already, and is adopted",
        &function,
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
    let ran = test.changes_nothing(&format!("{plan} --format json")).await;
    let document = ran.exits(0).json();
    assert_eq!(document["imports"][0]["arn"], *arn, "{document}");
    assert_eq!(document["imports"][0]["origin"], "adopted", "{document}");
    let imported = document["changes"].as_array().expect("changes").iter();
    let imported = imported.filter(|change| change["action"] == "Import");
    assert_eq!(imported.count(), 1, "{document}");

    // The value is the same until the first rotation by the stack's function.
    let bootstrap = format!("{BOOTSTRAP} --no-rotate");
    let ran = works_through(&test, "prod/alice", "alice", &bootstrap).await;
    let ran = ran.exits(0).says(&[&format!(
        "the function {function} no longer rotates prod/alice"
    )]);
    assert_eq!(ran.json()["secrets"][0]["arn"], *arn, "{ran}");
    assert_eq!(test.text_of("prod/alice").await, value);
    let after = test.secret("prod/alice").await.expect("the secret");
    assert_eq!((&after.arn, &after.labels), (&before.arn, &before.labels));
    assert_eq!(after.kms_key, before.kms_key);
    assert_eq!(after.tags["owner"], "platform");
    assert_eq!(after.tags["team"], "payments");
    let description = test.description_of("prod/alice").await;
    assert_eq!(description.as_deref(), Some("The key of the CI system"));
    let ours = test.rotated_by("prod/alice").await.expect("a function");
    assert_ne!(ours, function);

    // A run without changes, and the first rotation.
    let ran = works_through(&test, "prod/alice", "alice", BOOTSTRAP)
        .await
        .exits(0);
    let secrets = &ran.json()["secrets"][0];
    assert_eq!(
        (&secrets["rotated"], &secrets["verified"]),
        (&true.into(), &true.into())
    );
    let rotated = test.current_key("prod/alice").await;
    assert_ne!(rotated, key);
    let replaced = value
        .replace(&key.id, &rotated.id)
        .replace(&key.secret, &rotated.secret);
    // The other fields keep their places, and their text.
    assert_eq!(test.text_of("prod/alice").await, replaced);
    assert!(test.holder(&key).await.is_ok());
    let ran = test
        .changes_nothing(&format!("{BOOTSTRAP} --no-rotate"))
        .await
        .exits(0);
    assert_eq!(ran.json()["changes"], 0, "{ran}");
    test.keyrota("status --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);

    // The rotation after it deletes the key that the article's function had created.
    let ran = works_through(&test, "prod/alice", "alice", "rotate --format json").await;
    ran.exits(0);
    assert_eq!(test.holder(&key).await, Err("InvalidClientTokenId".into()));
    assert!(test.holder(&rotated).await.is_ok());

    // A teardown keeps the secret for its recovery window, and another bootstrap brings it back.
    test.keyrota("teardown --yes").await.exits(0);
    let last = test.secret("prod/alice").await.expect("the secret");
    assert!(last.deleted && last.arn == arn);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let last = test.secret("prod/alice").await.expect("the secret");
    assert!(!last.deleted && last.arn == arn && last.rotation_enabled);
    let holder = test.holder(&test.current_key("prod/alice").await).await;
    assert_eq!(holder, Ok(format!("arn:aws:iam::{ACCOUNT}:user/alice")));
}
