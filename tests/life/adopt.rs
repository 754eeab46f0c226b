//! Adopts a key that is in use, from a profile or another secret: it continues to work until its
//! clients read the secret, and the second rotation deletes it.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::primitives::Blob;
use serde_json::{Value, json};

use crate::application::works_through;
use crate::environment::{ACCOUNT, Key, REGION, TestEnvironment};

const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, initial_key: 'profile:legacy' }
";

#[tokio::test]
async fn an_adopted_key_works_until_the_rotation_after_the_first() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    let adopted = test.make_key("ci-deployer").await;
    let profile = format!(
        "[legacy]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        adopted.id, adopted.secret
    );
    test.home.write(".aws/credentials", &profile);
    test.manifest(MANIFEST);

    // The key is stored unchanged first, so that clients can switch to the secret.
    let bootstrap = "bootstrap --yes --no-rotate --function-zip function.zip --format json";
    let document = test.keyrota(bootstrap).await.exits(0).json();
    let told = &document["secrets"][0];
    assert_eq!(told["access_key_id"], adopted.id);
    assert_eq!(told["rotated"], false);
    assert_eq!(told["verified"], true);
    assert_eq!(test.current_key("prod/ci-deployer").await, adopted);
    let only = BTreeMap::from([(adopted.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(only));
    test.keyrota("status --check").await.exits(5);

    let rotate = "rotate --format json";
    let turn = || works_through(&test, "prod/ci-deployer", "ci-deployer", rotate);
    let document = turn().await.exits(0).json();
    let first = test.current_key("prod/ci-deployer").await;
    assert_eq!(document["secrets"][0]["old_access_key_id"], adopted.id);
    assert_eq!(document["secrets"][0]["new_access_key_id"], first.id);
    let both = BTreeMap::from([(adopted.id.clone(), true), (first.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(both));
    assert!(test.holder(&adopted).await.is_ok());
    test.keyrota("status --check").await.exits(0);

    turn().await.exits(0);
    let second = test.current_key("prod/ci-deployer").await;
    let both = BTreeMap::from([(first.id.clone(), true), (second.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(both));
    assert_eq!(
        test.holder(&adopted).await,
        Err("InvalidClientTokenId".into())
    );
    assert!(test.holder(&first).await.is_ok());
}

#[tokio::test]
async fn a_profile_without_the_users_key_is_refused() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("mailer").await;
    test.make_user("batch").await;
    let another = test.make_key("mailer").await;
    let dead = test.make_key("batch").await;
    test.delete_key("batch", &dead.id).await;
    test.home.write(
        ".aws/credentials",
        format!(
            "[another]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
             [dead]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            another.id, another.secret, dead.id, dead.secret
        ),
    );
    test.manifest(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - { user: ci-deployer, initial_key: 'profile:another' }\n\
         \x20 - { user: mailer, initial_key: 'profile:absent' }\n\
         \x20 - { user: batch, initial_key: 'profile:dead' }\n",
    );
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    let ran = test.changes_nothing(bootstrap).await.exits(3);
    assert_eq!(
        ran.findings(),
        [
            "profile-key user ci-deployer",
            "foreign-key user mailer",
            "profile-key user mailer",
            "profile-key user batch",
        ]
    );
    for text in ["another", "absent", "dead", &another.id, &dead.id] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
}

/// Returns a manifest that adopts the key in another secret.
fn from_secret(source: &str) -> String {
    format!(
        "version: 1\nstack: payments-keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\naccess_keys:\n\
         \x20 - {{ user: ci-deployer, path: /ci/, secret: prod/ci-deployer, initial_key: 'secret:{source}' }}\n"
    )
}

#[tokio::test]
async fn the_key_of_another_secret_is_adopted_and_that_secret_only_read() {
    let test = TestEnvironment::new().await;
    test.make_user_below("ci-deployer", "/ci/").await;
    let adopted = test.make_key("ci-deployer").await;
    let value = json!({
        "AWS_ACCESS_KEY_ID": adopted.id, "AWS_SECRET_ACCESS_KEY": adopted.secret, "note": "mine",
    });
    test.make_secret("legacy/key", &value.to_string()).await;
    test.manifest(&from_secret("legacy/key"));
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;
    let legacy = |all: Vec<String>| -> Vec<String> {
        all.into_iter()
            .filter(|line| line.contains("legacy/key"))
            .collect()
    };
    let before = legacy(test.everything().await);
    assert!(!before.is_empty());

    // Another manifest's policy does not allow a look at the other secret.
    test.manifest(&from_secret("legacy/key").replace("secret:legacy/key", "create"));
    test.keyrota("generate --output other").await.exits(0);
    let policy = test.home.read("other/deployer-policy.json");
    let other = test.make_deployer("other", &policy).await;
    test.manifest(&from_secret("legacy/key"));
    test.act_as(&other);
    let plan = "plan --function-zip function.zip --format json";
    let ran = test.changes_nothing(plan).await.exits(3);
    let last = ran.findings().pop();
    assert_eq!(last.as_deref(), Some("first-key-denied user ci-deployer"));

    test.act_as(&deployer);
    test.changes_nothing(plan).await.exits(0);
    let bootstrap = "bootstrap --yes --no-rotate --function-zip function.zip --format json";
    let document = test.keyrota(bootstrap).await.exits(0).json();
    assert_eq!(document["secrets"][0]["access_key_id"], adopted.id);
    let held = test.value("prod/ci-deployer", "AWSCURRENT").await;
    let held = held.expect("a value");
    assert_eq!(held["accesskey"], adopted.id);
    assert_eq!(held["secretkey"], adopted.secret);
    assert_eq!(held["note"], Value::Null);

    let rotate = "rotate --format json";
    for turn in 0..2 {
        let before = test.current_key("prod/ci-deployer").await;
        let document = test.keyrota(rotate).await.exits(0).json();
        assert_eq!(document["secrets"][0]["old_access_key_id"], before.id);
        // The adopted key is deleted when the second rotation needs its key slot.
        assert_eq!(test.holder(&adopted).await.is_ok(), turn == 0);
    }
    // The key in the other secret is gone, which is nobody's concern any more.
    test.keyrota("status --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    test.keyrota("bootstrap --yes --function-zip function.zip")
        .await
        .exits(0);
    test.keyrota("teardown --yes").await.exits(0);
    test.act_as(&test.root());
    assert_eq!(legacy(test.everything().await), before);
}

#[tokio::test]
async fn a_secret_without_the_users_key_is_refused() {
    let test = TestEnvironment::new().await;
    test.make_user_below("ci-deployer", "/ci/").await;
    test.make_user("mailer").await;
    let own = test.make_key("ci-deployer").await;
    let inactive = test.make_key("ci-deployer").await;
    test.set_key_active("ci-deployer", &inactive.id, false)
        .await;
    let another = test.make_key("mailer").await;
    let value = |key: &Key| json!({ "accesskey": key.id, "secretkey": key.secret }).to_string();
    let foreign = Key {
        secret: another.secret.clone(),
        ..own.clone()
    };
    let malformed = Key {
        id: own.secret.clone(),
        ..own.clone()
    };
    test.make_empty_secret("legacy/empty").await;
    let request = test.secretsmanager.create_secret().name("legacy/binary");
    let request = request.secret_binary(Blob::new(value(&own)));
    request.send().await.expect("the secret is made");
    for (name, text) in [
        ("another", value(&another)),
        ("foreign", value(&foreign)),
        ("malformed", value(&malformed)),
        ("inactive", value(&inactive)),
        ("text", own.secret.clone()),
        ("half", json!({ "accesskey": own.id }).to_string()),
        ("leaving", value(&own)),
        ("sealed", value(&own)),
    ] {
        test.make_secret(&format!("legacy/{name}"), &text).await;
    }
    test.delete_secret("legacy/leaving").await;
    let seal = test.make_kms_key().await;
    let request = test.secretsmanager.update_secret();
    let request = request.secret_id("legacy/sealed").kms_key_id(&seal);
    request.send().await.expect("the key is set");
    test.store(
        "legacy/sealed",
        &json!({ "accesskey": own.id, "secretkey": own.secret }),
    )
    .await;
    let request = test.kms.disable_key().key_id(&seal);
    request.send().await.expect("the key is disabled");
    for (name, kind) in [
        ("absent", "first-key-missing"),
        ("empty", "first-key-empty"),
        ("binary", "first-key-binary"),
        ("text", "first-key-not-json"),
        ("half", "first-key-fields"),
        ("malformed", "first-key-fields"),
        ("leaving", "first-key-deleted"),
        ("sealed", "first-key-undecryptable"),
        ("another", "first-key-user"),
        ("foreign", "first-key-refused"),
        ("inactive", "first-key-refused"),
    ] {
        test.manifest(&from_secret(&format!("legacy/{name}")));
        let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
        let ran = test.changes_nothing(bootstrap).await.exits(3);
        let last = ran.findings().pop();
        let expected = format!("{kind} user ci-deployer");
        assert_eq!(last.as_deref(), Some(expected.as_str()), "{name}: {ran}");
        test.check_for_secrets(&ran).await;
    }
}

#[tokio::test]
async fn a_key_that_something_else_rotates_is_refused() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(
        "version: 1\nstack: other\naccess_keys: [{ user: mailer, secret: legacy/key }]\n",
    );
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    test.keyrota(bootstrap).await.exits(0);
    test.manifest(
        "version: 1\nstack: keys\naccess_keys: [{ user: mailer, secret: app, initial_key: 'secret:legacy/key' }]\n",
    );
    let ran = test.changes_nothing(bootstrap).await.exits(3);
    let found = ran.findings();
    assert!(
        found.contains(&"first-key-rotates user mailer".to_owned()),
        "{found:?}"
    );
    assert!(ran.stdout.contains("function:other-"), "{ran}");
}
