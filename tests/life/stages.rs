//! The stages of a stack's life, and the state of AWS after each.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::environment::{Key, TestEnvironment};
use crate::life::{Entry, STACK};

/// The keys of an entry's secret: the current one and the previous one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    current: Key,
    previous: Key,
}

/// The life of a stack, stage by stage.
pub struct Life<'a> {
    pub test: &'a TestEnvironment,
    pub entries: &'a [Entry],
}

impl Life<'_> {
    /// Runs every stage, and checks the state afterwards.
    pub async fn run(&self) {
        let before = self.test.everything().await;
        self.preview(4).await;
        assert_eq!(self.test.everything().await, before);

        let first = self.deploy().await;
        self.deploy_again().await;
        self.preview(0).await;
        let second = self.rotate_all(&first).await;
        let third = self.rotate_one(&second).await;
        self.credentials(&third).await;
        self.take_down(&third, &before).await;
    }

    async fn preview(&self, code: i32) {
        let plan = "plan --detailed-exitcode --function-zip function.zip --format json";
        let document = self.test.keyrota(plan).await.exits(code).json();
        let changes = document["changes"].as_array().expect("changes");
        assert_eq!(changes.is_empty(), code == 0, "{document:#}");
        for change in changes {
            assert_eq!(change["action"], "Add");
            assert!(change["logical_id"].is_string());
            assert!(
                change["type"]
                    .as_str()
                    .expect("a type")
                    .starts_with("AWS::")
            );
        }
    }

    async fn deploy(&self) -> Vec<Keys> {
        let bootstrap = "bootstrap --yes --function-zip function.zip --format json --verbose";
        let document = self.test.keyrota(bootstrap).await.exits(0).json();
        assert_eq!(document["stack"]["name"], STACK);
        assert_eq!(document["stack"]["status"], "CREATE_COMPLETE");
        assert!(document["changes"].as_u64().expect("a number") > 0);
        let function = self.test.lambda.get_function_configuration();
        let function =
            function.function_name(document["function"]["arn"].as_str().expect("an ARN"));
        let function = function.send().await.expect("the function");
        let code = document["function"]["code_sha256"].as_str();
        assert_eq!(function.code_sha256(), code);

        let mut keys = Vec::new();
        let mut told = document["secrets"].as_array().expect("secrets").iter();
        for entry in self.entries {
            let told = told.next().expect("one an entry");
            let held = self.held(entry).await;
            let secret = self.test.secret(entry.secret).await.expect("the secret");
            assert_eq!(told["name"], entry.secret);
            assert_eq!(told["arn"], secret.arn);
            assert_eq!(told["kind"], "access_key");
            assert_eq!(told["username"], entry.user);
            assert_eq!(told["access_key_id"], held.current.id);
            assert_eq!(told["version_id"], secret.labels["AWSCURRENT"]);
            assert_eq!(told["rotated"], true);
            assert_eq!(told["verified"], true);
            assert_eq!(secret.tags["keyrota:stack"], STACK);
            assert_eq!(secret.tags["keyrota:user"], entry.user);
            assert_eq!(secret.tags["keyrota:rotate-as"], entry.rotate_as);
            assert_eq!(
                secret.tags["keyrota:owns-user"],
                entry.create_user.to_string()
            );
            assert_eq!(secret.tags["keyrota:old-key"], "until_next_rotation");
            assert!(!secret.tags.contains_key("keyrota:probe"));
            assert_eq!(secret.tags["team"], "payments");
            let tags = self.test.user_tags(entry.user).await;
            assert!(!tags.contains_key("keyrota:seeding"), "{tags:?}");
            assert!(secret.rotation_enabled && secret.last_rotated);
            self.check_encryption(entry, secret.kms_key.as_deref())
                .await;
            keys.push(held);
        }
        assert!(told.next().is_none());
        keys
    }

    async fn check_encryption(&self, entry: &Entry, key: Option<&str>) {
        match entry.kms_key.as_str() {
            "aws/secretsmanager" => {
                assert!(
                    key.is_none_or(|key| key.ends_with("alias/aws/secretsmanager")),
                    "{key:?}"
                );
            }
            "create" => {
                let answer = self
                    .test
                    .kms
                    .describe_key()
                    .key_id(key.expect("a key"))
                    .send()
                    .await;
                let data = answer.expect("the key").key_metadata.expect("metadata");
                assert!(data.enabled);
            }
            arn => assert_eq!(key, Some(arn)),
        }
    }

    /// Expects the state of a secret after a successful rotation, and returns its keys.
    async fn held(&self, entry: &Entry) -> Keys {
        let test = self.test;
        let secret = test.secret(entry.secret).await.expect("the secret");
        assert!(
            !secret.labels.contains_key("AWSPENDING")
                || secret.labels["AWSPENDING"] == secret.labels["AWSCURRENT"]
        );
        let value = test
            .value(entry.secret, "AWSCURRENT")
            .await
            .expect("a value");
        assert_eq!(value["username"], entry.user);
        match entry.rotate_as.as_str() {
            "self" | "role" => assert_eq!(value["secretarn"], secret.arn),
            administrator => {
                let administrator = test.secret(administrator).await.expect("the administrator");
                assert_eq!(value["secretarn"], administrator.arn);
            }
        }
        let keys = Keys {
            current: test.current_key(entry.secret).await,
            previous: test
                .key_in(entry.secret, "AWSPREVIOUS")
                .await
                .expect("a key before"),
        };
        assert_eq!(
            test.keys(entry.user).await.expect("the user"),
            BTreeMap::from([
                (keys.current.id.clone(), true),
                (keys.previous.id.clone(), true)
            ])
        );
        let arn = entry.user_arn();
        assert_eq!(test.holder(&keys.current).await, Ok(arn.clone()));
        assert_eq!(test.holder(&keys.previous).await, Ok(arn));
        keys
    }

    async fn deploy_again(&self) {
        let before = self.test.everything().await;
        let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
        let document = self.test.keyrota(bootstrap).await.exits(0).json();
        assert_eq!(document["changes"], 0);
        for secret in document["secrets"].as_array().expect("secrets") {
            assert_eq!(secret["rotated"], false);
            assert_eq!(secret["verified"], true);
        }
        assert_eq!(self.test.everything().await, before);
    }

    async fn rotate_all(&self, before: &[Keys]) -> Vec<Keys> {
        let document = self
            .test
            .keyrota("rotate --format json --verbose")
            .await
            .exits(0)
            .json();
        let told = document["secrets"].as_array().expect("secrets");
        assert_eq!(told.len(), self.entries.len());
        let mut after = Vec::new();
        for ((entry, told), before) in self.entries.iter().zip(told).zip(before) {
            let held = self.held(entry).await;
            check_rotated(entry, told, before, &held);
            // The key before the previous one is deleted.
            assert_eq!(
                self.test.holder(&before.previous).await,
                Err("InvalidClientTokenId".into())
            );
            after.push(held);
        }
        self.check_status().await;
        after
    }

    async fn rotate_one(&self, before: &[Keys]) -> Vec<Keys> {
        let rotate = format!("rotate {} --format json", self.entries[1].user);
        let document = self.test.keyrota(&rotate).await.exits(0).json();
        let told = document["secrets"].as_array().expect("secrets");
        assert_eq!(told.len(), 1);
        let mut after = Vec::new();
        for (entry, before) in self.entries.iter().zip(before) {
            let held = self.held(entry).await;
            match entry.user == self.entries[1].user {
                true => check_rotated(entry, &told[0], before, &held),
                false => assert_eq!(&held, before),
            }
            after.push(held);
        }
        after
    }

    async fn check_status(&self) {
        let status = "status --check --format json";
        let document = self.test.keyrota(status).await.exits(0).json();
        assert_eq!(document["stack"]["name"], STACK);
        for (entry, told) in self
            .entries
            .iter()
            .zip(document["secrets"].as_array().expect("secrets"))
        {
            let held = self.held(entry).await;
            assert_eq!(told["state"], "ok", "{told:#}");
            assert_eq!(told["schedule"], "rate(30 days)");
            assert_eq!(told["rotation_enabled"], true);
            assert!(told["last_rotated"].is_string() && told["next_rotation"].is_string());
            let keys = told["keys"].as_array().expect("keys");
            let roles: BTreeMap<_, _> = keys
                .iter()
                .map(|key| {
                    (
                        key["id"].as_str().expect("an ID"),
                        key["role"].as_str().expect("a role"),
                    )
                })
                .collect();
            assert_eq!(
                roles,
                BTreeMap::from([
                    (held.current.id.as_str(), "current"),
                    (held.previous.id.as_str(), "previous")
                ])
            );
            for key in keys {
                // The next rotation deletes the old key, and nothing does so earlier.
                let deletes = match key["role"] == "previous" {
                    true => &told["next_rotation"],
                    false => &Value::Null,
                };
                assert_eq!(&key["deletes"], deletes, "{told:#}");
                assert_eq!(key["deactivates"], Value::Null);
                assert_eq!(key["held"], false);
            }
        }
        // The same for people.
        let ran = self.test.keyrota("status").await.exits(0);
        for entry in self.entries {
            assert!(ran.stdout.contains(entry.secret), "{ran}");
        }
    }

    async fn credentials(&self, keys: &[Keys]) {
        for (entry, keys) in self.entries.iter().zip(keys) {
            let credentials = format!("credentials {}", entry.secret);
            let document = self.test.keyrota(&credentials).await.exits(0).json();
            assert_eq!(document["Version"], 1);
            assert_eq!(document["AccessKeyId"], keys.current.id);
            assert_eq!(document["SecretAccessKey"], keys.current.secret);
        }
    }

    async fn take_down(&self, keys: &[Keys], before: &[String]) {
        let test = self.test;
        let teardown = "teardown --yes --recovery-window 7 --format json --verbose";
        let document = test.keyrota(teardown).await.exits(0).json();
        assert_eq!(test.stack_status(STACK).await, None);
        for (entry, keys) in self.entries.iter().zip(keys) {
            let secret = test.secret(entry.secret).await.expect("it can be restored");
            assert!(secret.deleted);
            assert!(
                lists(&document["deleted"], "secret", entry.secret),
                "{document:#}"
            );
            if entry.create_user {
                assert_eq!(test.keys(entry.user).await, None);
                continue;
            }
            // The current key continues to work, and the output says where its secret access key
            // is.
            let arn = entry.user_arn();
            assert_eq!(test.holder(&keys.current).await, Ok(arn));
            assert!(
                lists(&document["retained"], "access key", &keys.current.id),
                "{document:#}"
            );
        }
        let after = test.everything().await;
        let gone = ["bucket ", "object ", "log group ", "function ", "role "];
        let is_gone = |line: &String| !gone.iter().any(|kind| line.starts_with(kind));
        assert!(after.iter().all(is_gone), "{after:#?}");

        let document = test.keyrota(teardown).await.exits(0).json();
        assert_eq!(
            document["deleted"],
            Value::Array(Vec::new()),
            "{document:#}"
        );
        assert_eq!(test.everything().await, after);

        let forced = "teardown --yes --force-delete-secrets --format json";
        test.keyrota(forced).await.exits(0);
        let document = test.keyrota(forced).await.exits(0).json();
        assert_eq!(
            document["deleted"],
            Value::Array(Vec::new()),
            "{document:#}"
        );
        self.check_nothing_but_keys(before).await;
    }

    /// Expects the initial state of the account, except for keys of users that existed and KMS
    /// keys that are pending deletion.
    async fn check_nothing_but_keys(&self, before: &[String]) {
        let after = self.test.everything().await;
        let left: Vec<&String> = after
            .iter()
            .filter(|line| !before.contains(line))
            .filter(|line| !line.starts_with("key of ") && !line.ends_with(" PendingDeletion"))
            .collect();
        assert!(left.is_empty(), "left over: {left:#?}");
        let lost: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
        assert!(lost.is_empty(), "lost: {lost:#?}");
    }
}

fn check_rotated(entry: &Entry, told: &Value, before: &Keys, after: &Keys) {
    assert_eq!(told["name"], entry.secret);
    assert_eq!(told["username"], entry.user);
    assert_eq!(told["old_access_key_id"], before.current.id);
    assert_eq!(told["new_access_key_id"], after.current.id);
    assert_eq!(told["verified"], true);
    assert_eq!(told["error"], Value::Null);
    assert_eq!(after.previous, before.current);
    assert_ne!(after.current.id, before.current.id);
}

fn lists(items: &Value, kind: &str, name: &str) -> bool {
    let items = items.as_array().expect("items");
    items
        .iter()
        .any(|item| item["type"] == kind && item["name"] == name)
}
