//! `notify`: one event for each promotion and each target.

use std::time::Duration;

use serde_json::{Value, json};

use crate::environment::{ACCOUNT, REGION, TestEnvironment};

const STACK: &str = "notified-keys";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// A queue.
struct Queue<'a> {
    test: &'a TestEnvironment,
    url: String,
}

impl TestEnvironment {
    async fn make_queue(&self, name: &str) -> Queue<'_> {
        let body = json!({ "QueueName": name });
        let created = self.call("sqs", "AmazonSQS.CreateQueue", &body).await;
        let url = created["QueueUrl"].as_str().expect("a URL").to_owned();
        Queue { test: self, url }
    }
}

impl Queue<'_> {
    /// Gives the queue a policy with one statement.
    async fn admit(&self, statement: &Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let body = json!({ "QueueUrl": self.url, "Attributes": { "Policy": policy } });
        self.test
            .call("sqs", "AmazonSQS.SetQueueAttributes", &body)
            .await;
    }

    /// Returns every message, once no more arrives.
    async fn messages(&self) -> Vec<Value> {
        let mut messages = Vec::new();
        let mut quiet = 0;
        while quiet < 10 {
            let body = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10 });
            let received = self
                .test
                .call("sqs", "AmazonSQS.ReceiveMessage", &body)
                .await;
            match received["Messages"].as_array() {
                Some(more) if !more.is_empty() => {
                    quiet = 0;
                    for message in more {
                        let body = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
                        self.test
                            .call("sqs", "AmazonSQS.DeleteMessage", &body)
                            .await;
                        let text = message["Body"].as_str().expect("a body");
                        messages.push(serde_json::from_str(text).expect("JSON"));
                    }
                }
                _ => quiet += 1,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        messages
    }
}

/// Returns the statement that the hint of a finding of this kind has.
fn statement(document: &Value, path: &str) -> Value {
    let findings = document["findings"].as_array().expect("findings");
    let finding = findings.iter().find(|one| one["path"] == path);
    let finding = finding.unwrap_or_else(|| panic!("no finding of {path}: {document:#}"));
    let hint = finding["hint"].as_str().expect("a hint");
    let (_, statement) = hint.split_once("policy: ").expect("a statement");
    serde_json::from_str(statement).expect("JSON")
}

#[tokio::test]
async fn each_promotion_is_one_event_for_each_target() {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    test.make_user("bea").await;
    let (queue, bus) = (arn("sqs", "told"), arn("events", "event-bus/platform"));
    let behind = arn("sqs", "behind-the-bus");
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\naccount: '{ACCOUNT}'\nregion: {REGION}\naccess_keys:\n\
         \x20 - {{ user: ada, secret: ada, notify: ['{queue}', '{bus}'] }}\n\
         \x20 - {{ user: bea, secret: bea }}\n"
    ));
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;
    test.act_as(&deployer);
    // Nothing is there yet.
    let ran = test.changes_nothing(BOOTSTRAP).await;
    let expected = [
        format!("no-target notify {bus}"),
        format!("no-target notify {queue}"),
    ];
    assert_eq!(ran.findings(), expected);
    // What the hint says is enough.
    let told = test.make_queue("told").await;
    test.call(
        "events",
        "AWSEvents.CreateEventBus",
        &json!({ "Name": "platform" }),
    )
    .await;
    let ran = test.changes_nothing(BOOTSTRAP).await;
    let path = format!("notify {queue}");
    assert_eq!(ran.findings(), [format!("target-policy {path}")]);
    told.admit(&statement(&ran.json(), &path)).await;

    let behind = (test.make_queue("behind-the-bus").await, behind);
    let anybody = json!({
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": behind.1,
    });
    behind.0.admit(&anybody).await;
    let rule = json!({
        "Name": "all", "EventBusName": "platform",
        "EventPattern": json!({ "source": ["aws.secretsmanager"] }).to_string(),
    });
    test.call("events", "AWSEvents.PutRule", &rule).await;
    let targets = json!({
        "Rule": "all", "EventBusName": "platform",
        "Targets": [{ "Id": "1", "Arn": behind.1 }],
    });
    test.call("events", "AWSEvents.PutTargets", &targets).await;

    // The first key becomes current without a rotation, and then bootstrap rotates once.
    test.keyrota(BOOTSTRAP).await.exits(0);
    let first = told.messages().await;
    assert_eq!(behind.0.messages().await.len(), first.len());
    for _ in 0..3 {
        test.keyrota("rotate").await.exits(0);
        let events = told.messages().await;
        let [event] = events.as_slice() else {
            panic!("one promotion of one secret: {events:#?}");
        };
        let secret = test.secret("ada").await.expect("the secret");
        assert_eq!(event["source"], "aws.secretsmanager");
        assert_eq!(event["detail-type"], "Secret Label Updated");
        assert_eq!(event["resources"], json!([secret.arn]));
        assert_eq!(event["detail"]["name"], "ada");
        assert_eq!(event["detail"]["labelUpdated"], "AWSCURRENT");
        let current = test.value("ada", "AWSCURRENT").await.expect("a value");
        assert_eq!(behind.0.messages().await.len(), 1);
        // No value, and no part of one.
        for field in ["accesskey", "secretkey"] {
            let text = current[field].as_str().expect("a text");
            assert!(!event.to_string().contains(text), "{field}");
        }
    }
    // Bootstrap changes nothing, and sends no event.
    let ran = test.changes_nothing(BOOTSTRAP).await.exits(0);
    assert_eq!(ran.json()["changes"], json!(0), "{ran}");
    assert_eq!(told.messages().await, [] as [Value; 0]);

    let ran = test.keyrota("teardown --yes --format json").await.exits(0);
    let left = ran.json()["left_over"].clone();
    let left = left.as_array().expect("a list");
    assert!(
        left.iter().any(|one| one["name"] == queue.as_str()),
        "{ran}"
    );
}

/// A deployer that may not look at the targets is warned. One that may not pass the role of an event
/// bus deploys nothing.
#[tokio::test]
async fn each_action_on_the_targets_is_needed() {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    let (queue, bus) = (arn("sqs", "told"), arn("events", "event-bus/platform"));
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\naccount: '{ACCOUNT}'\nregion: {REGION}\naccess_keys:\n\
         \x20 - {{ user: ada, secret: ada, notify: ['{queue}', '{bus}'] }}\n"
    ));
    let told = test.make_queue("told").await;
    let anybody = json!({
        "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue,
    });
    told.admit(&anybody).await;
    test.call(
        "events",
        "AWSEvents.CreateEventBus",
        &json!({ "Name": "platform" }),
    )
    .await;
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let policy = crate::least::Policy::read(&policy).sufficient("Bootstrap", "");
    for action in [
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "events:DescribeEventBus",
    ] {
        let less = policy.without(&[action]).to_text();
        assert_ne!(less, policy.to_text(), "{action}");
        let deployer = test.make_deployer(&action.replace(':', "-"), &less).await;
        test.act_as(&deployer);
        // Without a terminal, the prompt comes after the checks.
        let ran = test
            .changes_nothing("bootstrap --function-zip function.zip")
            .await;
        assert!(
            ran.stderr.contains(&format!("{action}: ")),
            "{action} {ran}"
        );
        assert_eq!(ran.stderr.matches("cannot look at the").count(), 1, "{ran}");
    }
    let text = policy.to_text();
    let passes = |service: &str| format!("\"iam:PassedToService\":\"{service}.amazonaws.com\"");
    let less = text.replace(&passes("events"), &passes("ec2"));
    assert_ne!(less, text);
    let deployer = test.make_deployer("passes-no-role", &less).await;
    test.act_as(&deployer);
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    assert!(ran.stdout.contains("iam:PassRole"), "{ran}");
}
