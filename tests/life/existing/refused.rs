//! Secrets that cannot be adopted. Each is a finding of its own, and nothing changes.

use aws_sdk_secretsmanager::primitives::Blob;
use serde_json::{Value, json};

use super::BOOTSTRAP;
use crate::environment::{Key, TestEnvironment};

fn value(key: &Key, user: &str) -> Value {
    json!({
        "accesskey": key.id, "secretkey": key.secret, "username": user,
        "secretarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/x-AbCdEf",
    })
}

async fn user_with_key(test: &TestEnvironment, user: &str) -> Key {
    test.make_user(user).await;
    test.make_key(user).await
}

#[tokio::test]
async fn each_obstacle_is_a_finding_of_its_own() {
    let test = TestEnvironment::new().await;
    let users = [
        "absent", "binary", "dead", "empty", "foreign", "leaving", "other", "partly", "rekeyed",
        "sealed", "stolen", "text", "turning",
    ];
    let mut keys = std::collections::BTreeMap::new();
    for user in users {
        keys.insert(user, user_with_key(&test, user).await);
    }
    let store = async |name: &str, value: String| test.make_secret(name, &value).await;
    let request = test.secretsmanager.create_secret().name("prod/binary");
    let made = request.secret_binary(Blob::new([1, 2, 3])).send().await;
    made.expect("a secret");
    store("prod/dead", value(&keys["dead"], "dead").to_string()).await;
    test.delete_key("dead", &keys["dead"].id).await;
    test.make_key("dead").await;
    test.make_empty_secret("prod/empty").await;
    store("prod/foreign", "[1, 2]".to_owned()).await;
    store(
        "prod/leaving",
        value(&keys["leaving"], "leaving").to_string(),
    )
    .await;
    test.delete_secret("prod/leaving").await;
    store("prod/other", value(&keys["text"], "text").to_string()).await;
    store(
        "prod/partly",
        json!({ "accesskey": keys["partly"].id }).to_string(),
    )
    .await;
    // The key of another user under the right name.
    store("prod/stolen", value(&keys["text"], "stolen").to_string()).await;
    store("prod/text", "no JSON".to_owned()).await;
    let arn = store(
        "prod/turning",
        value(&keys["turning"], "turning").to_string(),
    )
    .await;
    let request = test.secretsmanager.put_secret_value().secret_id(&arn);
    let request = request.version_stages("AWSPENDING").secret_string("{}");
    request.send().await.expect("a pending version");
    for (name, disabled) in [("rekeyed", false), ("sealed", true)] {
        let key = test.make_kms_key().await;
        let request = test
            .secretsmanager
            .create_secret()
            .name(format!("prod/{name}"));
        let request = request.secret_string(value(&keys[name], name).to_string());
        request.kms_key_id(&key).send().await.expect("a secret");
        if disabled {
            let request = test.kms.disable_key().key_id(&key);
            request.send().await.expect("the key is disabled");
        }
    }
    let entries: String = users
        .iter()
        .map(|user| format!("  - {{ user: {user}, secret: prod/{user}, adopt: true }}\n"))
        .collect();
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\naccess_keys:\n{entries}"
    ));
    let no_rotate = format!("{BOOTSTRAP} --no-rotate");
    let ran = test.changes_nothing(&no_rotate).await;
    let errors = ran.json();
    let errors = errors["findings"].as_array().expect("findings").iter();
    let errors: Vec<String> = errors
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().expect("text").to_owned();
            assert!(!text("hint").is_empty(), "{finding}");
            format!("{} {}", text("kind"), text("path"))
        })
        .collect();
    assert_eq!(
        errors,
        [
            "adopt-missing secret prod/absent",
            "foreign-value secret prod/binary",
            "empty-secret secret prod/empty",
            "foreign-value secret prod/foreign",
            "scheduled-for-deletion secret prod/leaving",
            "other-user secret prod/other",
            "incomplete-value secret prod/partly",
            "kms-key secret prod/rekeyed",
            "undecryptable secret prod/sealed",
            "foreign-value secret prod/text",
            "rotation-in-progress secret prod/turning",
            "dead-key secret prod/dead",
            "other-user secret prod/stolen",
        ],
        "{ran}"
    );
}

#[tokio::test]
async fn a_secret_of_another_stack_is_refused_until_it_is_released() {
    let test = TestEnvironment::new().await;
    let key = user_with_key(&test, "app").await;
    let template = |policy: &str, other: &str| {
        let secret = match policy {
            "" => String::new(),
            policy => format!(
                "  Theirs:\n    Type: AWS::SecretsManager::Secret\n{policy}    Properties: {{ Name: prod/app }}\n"
            ),
        };
        format!(
            "Resources:\n  Topic: {{ Type: AWS::SNS::Topic, Properties: {{ DisplayName: {other} }} }}\n{secret}"
        )
    };
    let deploy = async |body: String, first: bool| {
        let name = "theirs";
        let sent = match first {
            true => {
                let request = test.cloudformation.create_stack().stack_name(name);
                request
                    .template_body(body)
                    .send()
                    .await
                    .map(drop)
                    .map_err(|it| format!("{it:?}"))
            }
            false => {
                let request = test.cloudformation.update_stack().stack_name(name);
                request
                    .template_body(body)
                    .send()
                    .await
                    .map(drop)
                    .map_err(|it| format!("{it:?}"))
            }
        };
        sent.expect("the stack is deployed");
        let status = if first {
            "CREATE_COMPLETE"
        } else {
            "UPDATE_COMPLETE"
        };
        test.until_stack_is(name, status).await;
    };
    deploy(template("    DeletionPolicy: Retain\n", "a"), true).await;
    test.store("prod/app", &value(&key, "app")).await;
    test.manifest(
        "version: 1\nstack: keys\naccess_keys: [{ user: app, secret: prod/app, adopt: true }]\n",
    );
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), ["other-stack secret prod/app"]);
    assert!(ran.stdout.contains("stack/theirs/"), "{ran}");

    deploy(template("", "b"), false).await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    assert_ne!(test.current_key("prod/app").await, key);
}

#[tokio::test]
async fn an_adopted_entry_stays_adopted() {
    let test = TestEnvironment::new().await;
    let key = user_with_key(&test, "app").await;
    test.make_secret("prod/app", &value(&key, "app").to_string())
        .await;
    let manifest = |more: &str| {
        format!("version: 1\nstack: keys\naccess_keys: [{{ user: app, secret: prod/app{more} }}]\n")
    };
    test.manifest(&manifest(""));
    let ran = test.changes_nothing(BOOTSTRAP).await.exits(3);
    assert!(ran.stdout.contains("adopt: true"), "{ran}");
    test.manifest(&manifest(", adopt: true"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    // Without the field, the template would have a first value.
    test.manifest(&manifest(""));
    let before = test.text_of("prod/app").await;
    let ran = test.keyrota(BOOTSTRAP).await.exits(3);
    assert!(ran.stdout.contains("adopt: true"), "{ran}");
    assert_eq!(test.text_of("prod/app").await, before);
}
