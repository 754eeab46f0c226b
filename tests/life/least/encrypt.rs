//! What a deployer needs for `encrypt`, beyond the same manifest without it.

use std::collections::BTreeSet;

use serde_json::json;

use super::DEPLOYER;
use super::policy::Policy;
use super::state::STACK;
use crate::environment::{ACCOUNT, CommandOutput, REGION, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --no-rotate --function-zip function.zip --format json";

/// The actions that `kms_key: create` needs too. The other scenarios show that each is needed.
const OF_ANY_OWN_KEY: [&str; 13] = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateKey",
    "kms:DeleteAlias",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
];

/// A manifest with the keys of `encrypt`.
fn manifest(encrypt: &str) -> String {
    format!(
        "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
         alarms: {{ email: [ops@example.com] }}\nencrypt: {encrypt}\n\
         access_keys: [{{ user: mailer, secret: prod/mailer, rotate_as: role }}]\n"
    )
}

/// Creates a key that every service may use.
async fn make_key(test: &TestEnvironment) -> String {
    let statement = |principal: serde_json::Value| json!({ "Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*" });
    let root = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") });
    let services = json!({ "Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", format!("logs.{REGION}.amazonaws.com")] });
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [statement(root), statement(services)] });
    let request = test.kms.create_key().policy(policy.to_string());
    let made = request.send().await.expect("the key is made");
    made.key_metadata.expect("metadata").arn.expect("an ARN")
}

/// An account with a deployer, before and after a change of `encrypt`.
struct Change<'test> {
    test: &'test TestEnvironment,
    before: Option<String>,
    after: String,
}

impl Change<'_> {
    /// Brings the account to where the change begins, and returns the rendered policy's part.
    async fn prepare(&self) -> Policy {
        let test = self.test;
        test.reset().await;
        test.act_as(&test.root());
        test.make_user("mailer").await;
        let key = make_key(test).await;
        let manifest = |encrypt: &str| manifest(&encrypt.replace("KEY", &key));
        let mut policies = String::new();
        if let Some(before) = &self.before {
            test.manifest(&manifest(before));
            test.keyrota(BOOTSTRAP).await.exits(0);
            test.keyrota("generate --output before").await.exits(0);
            policies = test.home.read("before/deployer-policy.json");
        }
        test.manifest(&manifest(&self.after));
        test.keyrota("generate --output rendered").await.exits(0);
        if self.after != "{}" {
            policies = test.home.read("rendered/deployer-policy.json");
        }
        test.make_user(DEPLOYER).await;
        let deployer = test.make_key(DEPLOYER).await;
        test.act_as(&deployer);
        Policy::read(&policies).sufficient("Bootstrap", "")
    }

    async fn run(&self, missing: &[&str]) -> CommandOutput {
        let policy = self.prepare().await.without(missing);
        self.test.allow(DEPLOYER, &policy.to_text()).await;
        self.test.keyrota(BOOTSTRAP).await
    }

    /// Expects that the change works, and that without any of the actions it fails (1) or warns
    /// (0), and names the action.
    async fn needs(&self, code: i32, actions: &[&str]) {
        self.run(&[]).await.exits(0);
        for action in actions {
            let ran = self.run(&[action]).await;
            let said = ran.stdout.contains(action) || ran.stderr.contains(action);
            assert!(said && ran.code == Some(code), "{action}\n{ran}");
        }
    }

    /// Returns what a deployer may do without `encrypt`.
    async fn plain(&self) -> BTreeSet<String> {
        self.test.manifest(&manifest("{}"));
        let generate = "generate --output plain";
        self.test.keyrota(generate).await.exits(0);
        let policy = Policy::read(&self.test.home.read("plain/deployer-policy.json"));
        policy.part("Bootstrap").actions()
    }
}

#[tokio::test]
async fn each_action_for_encrypt_is_needed() {
    let test = &TestEnvironment::new().await;
    let change = |before: Option<&str>, after: &str| Change {
        test,
        before: before.map(str::to_owned),
        after: after.to_owned(),
    };
    let plain = change(None, "{}").plain().await;
    let more = |policy: &Policy| -> BTreeSet<String> {
        policy.actions().difference(&plain).cloned().collect()
    };

    let environment = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
    ];
    let own = change(None, "{ environment: create }");
    let mut expected: BTreeSet<&str> = environment.into_iter().collect();
    expected.extend(OF_ANY_OWN_KEY);
    expected.extend(["kms:GetKeyPolicy", "kms:UpdateKeyDescription"]);
    let granted = more(&own.prepare().await);
    assert_eq!(
        granted.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        expected
    );
    own.needs(1, &environment).await;

    let existing = change(None, "{ environment: KEY }");
    let granted = more(&existing.prepare().await);
    assert!(
        granted.iter().map(String::as_str).eq(environment),
        "{granted:?}"
    );
    existing.needs(1, &environment).await;

    let logs = change(Some("{}"), "{ logs: KEY, topic: KEY }");
    let granted = more(&logs.prepare().await);
    let expected = [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
    ];
    assert!(
        granted.iter().map(String::as_str).eq(expected),
        "{granted:?}"
    );
    logs.needs(0, &["kms:DescribeKey", "kms:GetKeyPolicy"])
        .await;
    logs.needs(1, &["logs:AssociateKmsKey"]).await;

    // The deployer's policy of the manifest before is enough to turn it off again.
    let off = change(Some("{ logs: KEY, topic: KEY, environment: KEY }"), "{}");
    off.needs(1, &["logs:DisassociateKmsKey"]).await;
}
