//! `notify`: one event for each promotion and each target.

use std::io::{Cursor, Write as _};
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::FunctionCode;
use serde_json::{Value, json};

use crate::environment::{ACCOUNT, CommandOutput, REGION, Signed, TestEnvironment};
use crate::least::Policy;

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

    /// Creates a topic to which EventBridge may publish.
    async fn make_topic(&self, name: &str) {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sns:Publish", "Resource": arn("sns", name),
        }] });
        let policy = policy.to_string();
        let encoded: Vec<String> = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = encoded.concat();
        let body = format!(
            "Action=CreateTopic&Version=2010-03-31&Name={name}\
             &Attributes.entry.1.key=Policy&Attributes.entry.1.value={encoded}"
        );
        let request = Signed::new("sns", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.answer(self.endpoint(), &self.root(), &body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Creates a function, whose policy has no statement.
    async fn make_function(&self, name: &str) {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("index.py", options).expect("a file");
        let program = b"def handler(event, context):\n    pass\n";
        zip.write_all(program).expect("its content");
        let zip = zip.finish().expect("a zip").into_inner();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
            "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let role = self.iam.create_role().role_name(name);
        let role = role.assume_role_policy_document(trust).send().await;
        let role = role.expect("a role").role.expect("a role").arn;
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        let request = self.lambda.create_function().function_name(name);
        let request = request
            .runtime("python3.12".into())
            .handler("index.handler");
        let created = request.role(role).code(code).send().await;
        created.expect("a function");
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

/// The calls that look at the targets.
const LOOKS: [&str; 5] = [
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "events:DescribeEventBus",
    "sns:GetTopicAttributes",
    "lambda:GetFunctionConfiguration",
];

/// Returns the statement of the policy that the hint of a finding about a queue without a policy has.
fn statement(document: &Value, path: &str) -> Value {
    let findings = document["findings"].as_array().expect("findings");
    let finding = findings.iter().find(|one| one["path"] == path);
    let finding = finding.unwrap_or_else(|| panic!("no finding of {path}: {document:#}"));
    let hint = finding["hint"].as_str().expect("a hint");
    let (_, policy) = hint.split_once("policy: ").expect("a policy");
    let policy: Value = serde_json::from_str(policy).expect("JSON");
    assert_eq!(
        policy["Version"], "2012-10-17",
        "the queue has no policy yet"
    );
    policy["Statement"][0].clone()
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

    // Somebody deletes the queue. Without values, status finds it too.
    test.keyrota("doctor").await.exits(0);
    let body = json!({ "QueueUrl": told.url });
    test.call("sqs", "AmazonSQS.DeleteQueue", &body).await;
    for command in [
        "doctor --format json",
        "status --check --format json",
        "status --check --no-values --format json",
    ] {
        let ran = test.changes_nothing(command).await.exits(5);
        for text in ["notify-target-unusable", &queue] {
            assert!(ran.stdout.contains(text), "{text}: {ran}");
        }
    }
    let told = test.make_queue("told").await;
    told.admit(&json!({
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": queue,
    }))
    .await;
    test.keyrota("doctor").await.exits(0);

    let ran = test.keyrota("teardown --yes --format json").await.exits(0);
    let left = ran.json()["left_over"].clone();
    let left = left.as_array().expect("a list");
    assert!(
        left.iter().any(|one| one["name"] == queue.as_str()),
        "{ran}"
    );
}

/// A function as a target, whose policy the stack changes.
struct FunctionTarget<'a> {
    test: &'a TestEnvironment,
    arn: String,
}

impl FunctionTarget<'_> {
    /// Lets a new deployer, who lacks one action on the function, run a command.
    async fn run_without(&self, part: &str, action: &str, command: &str) -> CommandOutput {
        let test = self.test;
        let policy = test.home.read("rendered/deployer-policy.json");
        let policy = Policy::read(&policy).sufficient(part, "");
        let policy = policy.denying((action, &self.arn));
        let user = action.replace(':', "-");
        test.make_user(&user).await;
        test.allow(&user, &policy.to_text()).await;
        let key = test.make_key(&user).await;
        test.act_as(&key);
        test.keyrota(command).await
    }

    /// Brings the account to where nothing is deployed.
    async fn prepare(&self) {
        let test = self.test;
        test.reset().await;
        test.act_as(&test.root());
        test.make_user("ada").await;
        test.make_function("restart").await;
        test.manifest(&format!(
            "version: 1\nstack: {STACK}\naccount: '{ACCOUNT}'\nregion: {REGION}\naccess_keys:\n\
             \x20 - {{ user: ada, secret: ada, notify: ['{}'] }}\n",
            self.arn
        ));
        test.keyrota("generate").await.exits(0);
    }

    /// Returns the policy of the function, which must exist, if it has one.
    async fn policy(&self) -> Option<String> {
        let function = self.test.lambda.get_function().function_name(&self.arn);
        function.send().await.expect("the function");
        let request = self.test.lambda.get_policy().function_name(&self.arn);
        request.send().await.ok()?.policy
    }
}

/// The stack adds one statement to the policy of a function, and removes it. A deployer that may
/// not do that fails.
#[tokio::test]
async fn each_action_on_a_functions_policy_is_needed() {
    let test = &TestEnvironment::new().await;
    let arn = arn("lambda", "function:restart");
    let function = FunctionTarget { test, arn };
    for action in ["lambda:AddPermission", "lambda:GetPolicy"] {
        function.prepare().await;
        let ran = function.run_without("Bootstrap", action, BOOTSTRAP).await;
        assert_eq!(ran.code, Some(1), "{action} {ran}");
        assert!(ran.to_string().contains(action), "{action} {ran}");
    }
    function.prepare().await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    let policy = function.policy().await.expect("a policy");
    assert!(policy.contains("events.amazonaws.com"), "{policy}");
    assert!(policy.contains("rule/"), "{policy}");
    let action = "lambda:RemovePermission";
    let teardown = "teardown --yes --format json";
    let ran = function.run_without("Teardown", action, teardown).await;
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.to_string().contains(action), "{ran}");
    test.act_as(&test.root());
    test.keyrota(teardown).await.exits(0);
    let policy = function.policy().await.unwrap_or_default();
    assert!(!policy.contains("events.amazonaws.com"), "{policy}");
}

/// A deployer that may not look at the targets is warned. One that may not pass the role of an event
/// bus deploys nothing.
#[tokio::test]
async fn each_action_on_the_targets_is_needed() {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    let (queue, bus) = (arn("sqs", "told"), arn("events", "event-bus/platform"));
    let (topic, function) = (arn("sns", "told"), arn("lambda", "function:restart"));
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\naccount: '{ACCOUNT}'\nregion: {REGION}\naccess_keys:\n\
         \x20 - {{ user: ada, secret: ada, notify: ['{queue}', '{bus}', '{topic}', '{function}'] }}\n"
    ));
    test.make_topic("told").await;
    test.make_function("restart").await;
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
    let policy = Policy::read(&policy).sufficient("Bootstrap", "");
    for action in LOOKS {
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

    // `doctor` looks at the targets again, and cannot call them good if it may not.
    test.act_as(&test.root());
    test.keyrota("teardown --yes").await.exits(0);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let policy = Policy::read(&policy).sufficient("Doctor", "");
    let deployer = test.make_deployer("doctor", &policy.to_text()).await;
    test.act_as(&deployer);
    test.keyrota("doctor").await.exits(0);
    for action in LOOKS {
        let less = policy.without(&[action]).to_text();
        let user = format!("doctor-{}", action.replace(':', "-"));
        let deployer = test.make_deployer(&user, &less).await;
        test.act_as(&deployer);
        let ran = test.keyrota("doctor --format json").await.exits(5);
        assert!(ran.stdout.contains("notify-target-unchecked"), "{ran}");
        assert!(ran.stdout.contains(action), "{action} {ran}");
    }
}
