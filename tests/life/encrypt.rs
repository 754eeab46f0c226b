//! The keys of `encrypt`: those that the stack makes, and those that exist.

use serde_json::{Value, json};

use crate::environment::{ACCOUNT, REGION, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const TEARDOWN: &str = "teardown --yes --format json";
const STACK: &str = "payments-keys";

fn manifest(encrypt: &str) -> String {
    format!(
        "version: 1\nstack: {STACK}\nalarms: {{ email: [ops@example.com] }}\n\
         encrypt: {encrypt}\n\
         access_keys:\n\x20 - {{ user: mailer, secret: prod/mailer }}\n"
    )
}

const ALL: &str = "{ logs: create, topic: create, environment: create }";

/// The keys that AWS services have for the stack's resources.
#[derive(Debug, PartialEq, Eq)]
struct Keys {
    logs: Option<String>,
    topic: Option<String>,
    environment: Option<String>,
}

impl TestEnvironment {
    async fn service_keys(&self) -> Keys {
        let group = format!("/keyrota/{STACK}");
        let request = self.logs.describe_log_groups().log_group_name_prefix(group);
        let groups = request.send().await.expect("log groups").log_groups;
        let group = groups.unwrap_or_default().into_iter().next();
        let function = self
            .resource(STACK, "Function")
            .await
            .expect("the function");
        let request = self.lambda.get_function_configuration();
        let answer = request.function_name(function).send().await;
        let answer = answer.expect("the configuration");
        let named = |key: Option<String>| key.filter(|key| !key.is_empty());
        Keys {
            logs: named(group.expect("the log group").kms_key_id),
            topic: self.topic_key().await,
            environment: named(answer.kms_key_arn),
        }
    }

    /// Returns the key of the topic, as SNS has it.
    async fn topic_key(&self) -> Option<String> {
        let topic = self.resource(STACK, "AlarmTopic").await.expect("the topic");
        let topic = topic.replace(':', "%3A");
        let body = format!("Action=GetTopicAttributes&Version=2010-03-31&TopicArn={topic}");
        let request = crate::environment::Signed::new("sns", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.answer(self.endpoint(), &self.root(), &body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, after) = answer.split_once("<key>KmsMasterKeyId</key>")?;
        let (_, after) = after.split_once("<value>")?;
        Some(after.split_once("</value>")?.0.to_owned())
    }

    async fn key_state(&self, key: &str) -> String {
        let answer = self.kms.describe_key().key_id(key).send().await;
        let data = answer.expect("the key").key_metadata.expect("metadata");
        data.key_state.expect("a state").as_str().to_owned()
    }

    async fn key_policy(&self, key: &str) -> String {
        let answer = self.kms.get_key_policy().key_id(key).send().await;
        answer.expect("the policy").policy.expect("a text")
    }
}

fn arn(id: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}")
}

#[tokio::test]
async fn the_stacks_key_encrypts_all_three_until_it_is_no_longer_asked_for() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(&manifest(ALL));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let first = test.resource(STACK, "ServiceKey").await.expect("a key");
    let encrypted = Keys {
        logs: Some(arn(&first)),
        topic: Some(arn(&first)),
        environment: Some(arn(&first)),
    };
    assert_eq!(test.service_keys().await, encrypted);
    // The function starts with an encrypted environment, and its key is not the secret's.
    test.keyrota("rotate").await.exits(0);
    let secret = test.secret("prod/mailer").await.expect("the secret");
    assert!(secret.kms_key.is_none_or(|key| !key.contains(&first)));

    let ran = test.changes_nothing(BOOTSTRAP).await.exits(0);
    assert_eq!(ran.json()["changes"], json!(0), "{ran}");

    // To unencrypted: the key stays, with its policy, for the older log events.
    let policy = test.key_policy(&first).await;
    let current = test.current_key("prod/mailer").await;
    test.manifest(&manifest("{}"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let plain = Keys {
        logs: None,
        topic: None,
        environment: None,
    };
    assert_eq!(test.service_keys().await, plain);
    assert_eq!(test.resource(STACK, "ServiceKey").await, None);
    assert_eq!(test.key_state(&first).await, "Enabled");
    assert_eq!(test.key_policy(&first).await, policy);
    assert_eq!(test.current_key("prod/mailer").await, current);

    // And back, with another key.
    test.manifest(&manifest("{ logs: create }"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let second = test.resource(STACK, "ServiceKey").await.expect("a key");
    assert_ne!(second, first);
    let logs = Some(arn(&second));
    assert_eq!(test.service_keys().await, Keys { logs, ..plain });

    let ran = test.keyrota(TEARDOWN).await.exits(0);
    let deleted = ran.json()["deleted"].clone();
    let deleted = deleted.as_array().expect("a list");
    let key = deleted.iter().find(|one| one["type"] == "KMS key");
    let key = key.unwrap_or_else(|| panic!("no key is deleted\n{ran}"));
    assert_eq!(key["name"].as_str(), Some(second.as_str()), "{ran}");
    assert!(
        !key["note"].to_string().contains("restored secret"),
        "{ran}"
    );
    assert_eq!(test.key_state(&second).await, "PendingDeletion");
    assert_eq!(test.key_state(&first).await, "Enabled");
    test.keyrota(TEARDOWN).await.exits(0);
}

#[tokio::test]
async fn a_teardown_that_was_interrupted_leaves_a_key_that_bootstrap_reports() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(&manifest("{ logs: create }"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let key = test.resource(STACK, "ServiceKey").await.expect("a key");
    let request = test.kms.schedule_key_deletion().key_id(&key);
    request.send().await.expect("the deletion is scheduled");
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), ["encrypt-key encrypt"]);
    assert!(ran.stdout.contains("cancel-key-deletion"), "{ran}");
}

/// Creates a key with a policy, in addition to the account's administration.
async fn make_key(test: &TestEnvironment, statements: &[Value]) -> String {
    let root = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": "kms:*", "Resource": "*",
    });
    let statements: Vec<&Value> = [&root].into_iter().chain(statements).collect();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let request = test.kms.create_key().policy(policy.to_string());
    let made = request.send().await.expect("the key is made");
    made.key_metadata.expect("metadata").arn.expect("an ARN")
}

#[tokio::test]
async fn a_key_given_by_arn_is_checked_and_never_changed() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    let absent = arn("0a1b2c3d-4e5f-6789-abcd-ef0123456789");
    let disabled = test.make_kms_key().await;
    let request = test.kms.disable_key().key_id(&disabled);
    request.send().await.expect("the key is disabled");
    let elsewhere = absent.replace(REGION, "eu-south-2");
    test.manifest(&manifest(&format!(
        "{{ logs: '{absent}', topic: '{disabled}', environment: '{elsewhere}' }}"
    )));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    let expected = [
        "encrypt-key encrypt.logs",
        "encrypt-key encrypt.topic",
        "encrypt-key encrypt.environment",
    ];
    assert_eq!(ran.findings(), expected);
    for text in ["does not exist", "Disabled", "eu-south-2"] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }

    // What the hints say is enough.
    let bare = make_key(&test, &[]).await;
    test.manifest(&manifest(&format!(
        "{{ logs: '{bare}', topic: '{bare}', environment: '{bare}' }}"
    )));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    let expected = [
        "encrypt-key encrypt.logs",
        "encrypt-key encrypt.topic",
        "encrypt-key encrypt.topic",
    ];
    assert_eq!(ran.findings(), expected);
    let document = ran.json();
    let findings = document["findings"].as_array().expect("findings");
    let pasted = findings.iter().map(|finding| {
        let hint = finding["hint"].as_str().expect("a hint");
        let (_, statement) = hint.split_once("key policy: ").expect("a statement");
        serde_json::from_str(statement).expect("JSON")
    });
    let pasted: Vec<Value> = pasted.collect();
    let key = make_key(&test, &pasted).await;
    let policy = test.key_policy(&key).await;
    test.manifest(&manifest(&format!(
        "{{ logs: '{key}', topic: '{key}', environment: '{key}' }}"
    )));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let keys = Keys {
        logs: Some(key.clone()),
        topic: Some(key.clone()),
        environment: Some(key.clone()),
    };
    assert_eq!(test.service_keys().await, keys);
    let ran = test.changes_nothing(BOOTSTRAP).await.exits(0);
    assert_eq!(ran.json()["changes"], json!(0), "{ran}");
    test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(test.key_state(&key).await, "Enabled");
    assert_eq!(test.key_policy(&key).await, policy);
}
