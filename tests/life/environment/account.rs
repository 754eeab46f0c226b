//! Creates what a test needs in the account, and reads the account's state.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_iam::types::StatusType;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::{ACCOUNT, KEY_ADMINISTRATOR, Key, TestEnvironment};

/// A secret as Secrets Manager describes it.
#[derive(Clone, Debug, Default)]
pub struct DescribedSecret {
    pub arn: String,
    pub tags: BTreeMap<String, String>,
    /// The version that each staging label is on.
    pub labels: BTreeMap<String, String>,
    pub rotation_enabled: bool,
    pub last_rotated: bool,
    pub deleted: bool,
    pub kms_key: Option<String>,
    pub schedule: Option<String>,
}

impl TestEnvironment {
    /// Creates an IAM user.
    pub async fn make_user(&self, user: &str) {
        let request = self.iam.create_user().user_name(user);
        request.send().await.expect("the user is made");
    }

    /// Creates an IAM user below a path.
    pub async fn make_user_below(&self, user: &str, path: &str) {
        let request = self.iam.create_user().user_name(user).path(path);
        request.send().await.expect("the user is made");
    }

    /// Creates an IAM user with an inline policy and a key.
    pub async fn make_user_with(&self, user: &str, policy: &str) -> Key {
        self.make_user(user).await;
        self.allow(user, policy).await;
        self.make_key(user).await
    }

    /// Creates an IAM user with a managed policy, which can be longer, and a key.
    pub async fn make_deployer(&self, user: &str, policy: &str) -> Key {
        self.make_user(user).await;
        let request = self.iam.create_policy().policy_name(user);
        let made = request.policy_document(policy).send().await;
        let arn = made.expect("the policy is made").policy.expect("a policy");
        let request = self.iam.attach_user_policy().user_name(user);
        let request = request.policy_arn(arn.arn.expect("an ARN"));
        request.send().await.expect("the policy is attached");
        self.make_key(user).await
    }

    /// Creates a role that the account's principals may assume, and returns its ARN.
    pub async fn make_role(&self, role: &str) -> String {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
                "Action": "sts:AssumeRole",
            }],
        });
        let request = self.iam.create_role().role_name(role);
        let request = request.assume_role_policy_document(trust.to_string());
        let made = request.send().await.expect("the role is made").role;
        made.expect("a role").arn
    }

    /// Gives a user an inline policy.
    pub async fn allow(&self, user: &str, policy: &str) {
        let request = self.iam.put_user_policy().user_name(user);
        let request = request.policy_name("test").policy_document(policy);
        request.send().await.expect("the policy is put");
    }

    /// Removes the policy again.
    pub async fn forbid(&self, user: &str) {
        let request = self.iam.delete_user_policy().user_name(user);
        let request = request.policy_name("test");
        request.send().await.expect("the policy is deleted");
    }

    /// Creates a bucket.
    pub async fn make_bucket(&self, bucket: &str) {
        let request = self.s3.create_bucket().bucket(bucket);
        request.send().await.expect("the bucket is made");
    }

    /// Creates an access key for a user.
    pub async fn make_key(&self, user: &str) -> Key {
        let request = self.iam.create_access_key().user_name(user);
        let made = request.send().await.expect("the key is made").access_key;
        let made = made.expect("a key");
        self.conceal(&made.secret_access_key);
        Key {
            id: made.access_key_id,
            secret: made.secret_access_key,
        }
    }

    /// Deactivates a key, or activates it again.
    pub async fn set_key_active(&self, user: &str, id: &str, active: bool) {
        let status = match active {
            true => StatusType::Active,
            false => StatusType::Inactive,
        };
        let request = self.iam.update_access_key().user_name(user);
        let request = request.access_key_id(id).status(status);
        request.send().await.expect("the key is updated");
    }

    /// Deletes a key.
    pub async fn delete_key(&self, user: &str, id: &str) {
        let request = self.iam.delete_access_key().user_name(user);
        let request = request.access_key_id(id);
        request.send().await.expect("the key is deleted");
    }

    /// Returns a user's keys, and whether each is active, or `None` if there is no such user.
    pub async fn keys(&self, user: &str) -> Option<BTreeMap<String, bool>> {
        let request = self.iam.list_access_keys().user_name(user);
        match request.send().await {
            Ok(answer) => Some(
                answer
                    .access_key_metadata
                    .into_iter()
                    .map(|key| {
                        let active = key.status == Some(StatusType::Active);
                        (key.access_key_id.expect("an ID"), active)
                    })
                    .collect(),
            ),
            Err(error) if error.code() == Some("NoSuchEntity") => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Returns a user's tags.
    pub async fn user_tags(&self, user: &str) -> BTreeMap<String, String> {
        let request = self.iam.list_user_tags().user_name(user);
        let answer = request.send().await.expect("the user's tags");
        let tags = answer.tags.into_iter();
        tags.map(|tag| (tag.key, tag.value)).collect()
    }

    /// Creates a secret.
    pub async fn make_secret(&self, name: &str, value: &str) -> String {
        let request = self.secretsmanager.create_secret().name(name);
        let made = request.secret_string(value).send().await;
        made.expect("the secret is made").arn.expect("an ARN")
    }

    /// Creates a secret without a value.
    pub async fn make_empty_secret(&self, name: &str) {
        let request = self.secretsmanager.create_secret().name(name);
        request.send().await.expect("the secret is made");
    }

    /// Stores a value as AWSCURRENT.
    pub async fn store(&self, name: &str, value: &Value) {
        let request = self.secretsmanager.put_secret_value().secret_id(name);
        let request = request.secret_string(value.to_string());
        request.send().await.expect("the value is stored");
    }

    /// Deletes a secret so that it can be restored.
    pub async fn delete_secret(&self, name: &str) {
        let request = self.secretsmanager.delete_secret().secret_id(name);
        request.send().await.expect("the secret is deleted");
    }

    /// Creates an administrator with a key in a secret, and returns the secret's ARN.
    pub async fn make_administrator(&self, user: &str, secret: &str) -> String {
        let key = self.make_user_with(user, KEY_ADMINISTRATOR).await;
        let value = json!({ "accesskey": key.id, "secretkey": key.secret, "username": user });
        self.make_secret(secret, &value.to_string()).await
    }

    /// Creates a KMS key that the account's policies govern, and returns its ARN.
    pub async fn make_kms_key(&self) -> String {
        let made = self.kms.create_key().send().await.expect("the key is made");
        made.key_metadata.expect("metadata").arn.expect("an ARN")
    }

    /// Returns a secret, or `None` if it does not exist.
    pub async fn secret(&self, name: &str) -> Option<DescribedSecret> {
        let request = self.secretsmanager.describe_secret().secret_id(name);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ResourceNotFoundException") => return None,
            Err(error) => panic!("{error:?}"),
        };
        let tags = answer.tags().iter();
        let labels = answer.version_ids_to_stages().into_iter().flatten();
        Some(DescribedSecret {
            tags: tags
                .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone()?)))
                .collect(),
            labels: labels
                .flat_map(|(version, labels)| {
                    labels.iter().map(|label| (label.clone(), version.clone()))
                })
                .collect(),
            rotation_enabled: answer.rotation_enabled.unwrap_or_default(),
            last_rotated: answer.last_rotated_date.is_some(),
            deleted: answer.deleted_date.is_some(),
            schedule: answer
                .rotation_rules
                .and_then(|rules| rules.schedule_expression),
            kms_key: answer.kms_key_id,
            arn: answer.arn.expect("an ARN"),
        })
    }

    /// Returns the JSON in a staging label's version, or its text if it is not JSON. Returns
    /// `None` if there is no such version, or if its KMS key is pending deletion, so that
    /// nobody can read it.
    pub async fn value(&self, name: &str, label: &str) -> Option<Value> {
        let request = self.secretsmanager.get_secret_value().secret_id(name);
        match request.version_stage(label).send().await {
            Ok(answer) => {
                let Some(text) = answer.secret_string else {
                    return Some(Value::String("binary".to_owned()));
                };
                let Ok(value) = serde_json::from_str::<Value>(&text) else {
                    return Some(Value::String(text));
                };
                for field in [
                    "secretkey",
                    "password",
                    "AWS_SECRET_ACCESS_KEY",
                    "PGPASSWORD",
                ] {
                    let secret = value[field].as_str().unwrap_or_default();
                    if !secret.is_empty() {
                        self.conceal(secret);
                    }
                }
                Some(value)
            }
            Err(error) => match error.code() {
                Some("ResourceNotFoundException" | "DecryptionFailure") => None,
                _ => panic!("{name} {label}: {error:?}"),
            },
        }
    }

    /// Returns the key in a staging label's version.
    pub async fn key_in(&self, name: &str, label: &str) -> Option<Key> {
        let value = self.value(name, label).await?;
        Some(Key {
            id: value["accesskey"].as_str()?.to_owned(),
            secret: value["secretkey"].as_str()?.to_owned(),
        })
    }

    /// Returns the key in AWSCURRENT.
    pub async fn current_key(&self, name: &str) -> Key {
        let key = self.key_in(name, "AWSCURRENT").await;
        key.unwrap_or_else(|| panic!("{name} has no current key"))
    }

    /// Returns a stack's status, or `None` if the stack does not exist.
    pub async fn stack_status(&self, stack: &str) -> Option<String> {
        let request = self.cloudformation.describe_stacks().stack_name(stack);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("ValidationError") => return None,
            Err(error) => panic!("{error:?}"),
        };
        let status = answer.stacks?.into_iter().next()?.stack_status?;
        (status.as_str() != "DELETE_COMPLETE").then(|| status.as_str().to_owned())
    }

    /// Returns the physical ID of a resource of a stack, if the stack has it.
    pub async fn resource(&self, stack: &str, logical_id: &str) -> Option<String> {
        let request = self.cloudformation.list_stack_resources().stack_name(stack);
        let mut pages = request.into_paginator().items().send();
        while let Some(held) = pages.next().await {
            let held = held.expect("a resource");
            if held.logical_resource_id() == Some(logical_id) {
                return held.physical_resource_id;
            }
        }
        None
    }

    /// Returns the names of all secrets, including those that are scheduled for deletion.
    pub async fn secret_names(&self) -> Vec<String> {
        let request = self.secretsmanager.list_secrets();
        let request = request.include_planned_deletion(true);
        let mut pages = request.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let secrets = page.expect("a page").secret_list.unwrap_or_default();
            names.extend(secrets.into_iter().filter_map(|secret| secret.name));
        }
        names
    }

    /// Waits until a stack has a status.
    pub async fn until_stack_is(&self, stack: &str, status: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.stack_status(stack).await.as_deref() != Some(status) {
            assert!(Instant::now() < deadline, "{stack} is not {status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Denies the function's role an action, regardless of its other policies.
    pub async fn deny_role(&self, action: &str) {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Deny", "Action": action, "Resource": "*" }],
        });
        let request = self.iam.put_role_policy().role_name(self.role().await);
        let request = request.policy_name("denied");
        let request = request.policy_document(policy.to_string());
        request.send().await.expect("the policy is put");
    }

    /// Removes the denial.
    pub async fn allow_role(&self) {
        let request = self.iam.delete_role_policy().role_name(self.role().await);
        let request = request.policy_name("denied");
        request.send().await.expect("the policy is deleted");
    }

    /// Returns the name of the function's role, the only role with policies of its own.
    pub async fn role(&self) -> String {
        let roles = self.iam.list_roles().send().await.expect("roles").roles;
        let mut found = Vec::new();
        for role in roles {
            let request = self.iam.list_role_policies().role_name(&role.role_name);
            let policies = request.send().await.expect("policies").policy_names;
            found.extend((!policies.is_empty()).then_some(role.role_name));
        }
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// Records every secret key that can be read in the account.
    pub(super) async fn learn_secrets(&self) {
        for name in self.secret_names().await {
            let held = self.secret(&name).await.expect("it was listed");
            for label in held.labels.keys().filter(|_| !held.deleted) {
                self.value(&name, label).await;
            }
        }
    }
}
