//! Everything in an account, as lines that can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::TestEnvironment;

/// Returns a short digest of a text, for lines that must differ if the text does.
fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl TestEnvironment {
    /// Returns a line for each thing in the account, in a fixed order: stacks with their
    /// parameters and change sets, buckets with their objects, users with their keys, tags, and
    /// policies, roles and managed policies with their permissions, secrets with their
    /// versions, tags, and policies, functions with their code and configuration, rules, log
    /// groups, and KMS keys.
    pub async fn everything(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.stacks(&mut lines).await;
        self.buckets(&mut lines).await;
        self.users(&mut lines).await;
        self.secrets(&mut lines).await;
        self.rest(&mut lines).await;
        lines.sort();
        lines
    }

    /// Waits until no rotation is at its end: Secrets Manager removes AWSPENDING some time after the
    /// function has moved AWSCURRENT, when a command may have ended already.
    pub async fn until_rotations_end(&self) {
        loop {
            let answer = self.secretsmanager.list_secrets().send().await;
            let secrets = answer.expect("secrets").secret_list.unwrap_or_default();
            let mut labels = secrets
                .iter()
                .flat_map(|secret| secret.secret_versions_to_stages.iter().flatten())
                .map(|(_, labels)| labels);
            let has = |labels: &[String], wanted: &str| labels.iter().any(|label| label == wanted);
            if !labels.any(|labels| has(labels, "AWSPENDING") && has(labels, "AWSCURRENT")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stacks(&self, lines: &mut Vec<String>) {
        let answer = self.cloudformation.describe_stacks().send().await;
        for stack in answer.expect("stacks").stacks.unwrap_or_default() {
            let (name, status) = (stack.stack_name(), stack.stack_status());
            let name = name.expect("a name").to_owned();
            let status = status.expect("a status").as_str().to_owned();
            if status == "DELETE_COMPLETE" {
                continue;
            }
            lines.push(format!("stack {name} {status}"));
            for parameter in stack.parameters() {
                let (key, value) = (parameter.parameter_key(), parameter.parameter_value());
                lines.push(format!(
                    "parameter of {name} {}={}",
                    key.unwrap_or(""),
                    value.unwrap_or("")
                ));
            }
            let stack_id = stack.stack_id().map(str::to_owned);
            let request = self.cloudformation.list_change_sets().stack_name(&name);
            let sets = request.send().await.expect("change sets").summaries;
            for set in sets.unwrap_or_default() {
                let set_name = set.change_set_name().unwrap_or_default().to_owned();
                let status = set.execution_status.map(|it| it.as_str().to_owned());
                // Executed change sets, and those of an earlier stack with this name, are
                // history.
                if status.as_deref() == Some("AVAILABLE") && set.stack_id == stack_id {
                    lines.push(format!("change set of {name} {set_name}"));
                }
            }
        }
    }

    async fn buckets(&self, lines: &mut Vec<String>) {
        let answer = self.s3.list_buckets().send().await.expect("buckets");
        for bucket in answer.buckets.unwrap_or_default() {
            let name = bucket.name.expect("a name");
            let request = self.s3.list_object_versions().bucket(&name);
            let objects = request.send().await.expect("objects");
            for object in objects.versions() {
                let (key, version) = (object.key(), object.version_id());
                lines.push(format!(
                    "object s3://{name}/{} {} {}",
                    key.unwrap_or(""),
                    version.unwrap_or(""),
                    object.e_tag().unwrap_or("")
                ));
            }
            for marker in objects.delete_markers() {
                lines.push(format!("marker s3://{name}/{}", marker.key().unwrap_or("")));
            }
            lines.push(format!("bucket {name}"));
        }
    }

    async fn users(&self, lines: &mut Vec<String>) {
        let users = self.iam.list_users().send().await.expect("users").users;
        for user in users {
            let name = user.user_name;
            lines.push(format!("user {name}"));
            for (key, value) in self.user_tags(&name).await {
                lines.push(format!("tag of user {name} {key}={value}"));
            }
            for (id, active) in self.keys(&name).await.unwrap_or_default() {
                let status = if active { "active" } else { "inactive" };
                lines.push(format!("key of {name} {id} {status}"));
            }
            let policies = self.iam.list_user_policies().user_name(&name).send().await;
            for policy in policies.expect("policies").policy_names {
                let request = self.iam.get_user_policy().user_name(&name);
                let held = request.policy_name(&policy).send().await;
                let text = digest(&held.expect("the policy").policy_document);
                lines.push(format!("policy of {name} {policy} {text}"));
            }
            let request = self.iam.list_attached_user_policies().user_name(&name);
            let attached = request.send().await.expect("attached policies");
            for policy in attached.attached_policies() {
                let arn = policy.policy_arn().unwrap_or("");
                lines.push(format!("policy of {name} {arn}"));
            }
        }
        self.roles(lines).await;
    }

    async fn roles(&self, lines: &mut Vec<String>) {
        let roles = self.iam.list_roles().send().await.expect("roles").roles;
        for role in roles {
            let name = role.role_name;
            let trust = digest(&role.assume_role_policy_document.unwrap_or_default());
            lines.push(format!("role {name} {trust}"));
            let policies = self.iam.list_role_policies().role_name(&name).send().await;
            for policy in policies.expect("policies").policy_names {
                let request = self.iam.get_role_policy().role_name(&name);
                let held = request.policy_name(&policy).send().await;
                let text = digest(&held.expect("the policy").policy_document);
                lines.push(format!("policy of role {name} {policy} {text}"));
            }
            let request = self.iam.list_attached_role_policies().role_name(&name);
            let attached = request.send().await.expect("attached policies");
            for policy in attached.attached_policies() {
                let arn = policy.policy_arn().unwrap_or("");
                lines.push(format!("policy of role {name} {arn}"));
            }
        }
        let request = self.iam.list_policies();
        let request = request.scope(aws_sdk_iam::types::PolicyScopeType::Local);
        let policies = request.send().await.expect("managed policies");
        for policy in policies.policies() {
            let arn = policy.arn().expect("an ARN");
            let version = policy.default_version_id().expect("a version");
            let request = self.iam.get_policy_version().policy_arn(arn);
            let held = request.version_id(version).send().await;
            let held = held.expect("the version").policy_version;
            let text = held.and_then(|held| held.document).unwrap_or_default();
            lines.push(format!("managed policy {arn} {}", digest(&text)));
        }
    }

    async fn secrets(&self, lines: &mut Vec<String>) {
        for name in self.secret_names().await {
            let held = self.secret(&name).await.expect("it was listed");
            let state = if held.deleted { " deleted" } else { "" };
            let (key, schedule) = (held.kms_key, held.schedule);
            lines.push(format!(
                "secret {name} {} {key:?} {schedule:?} {}{state}",
                held.arn, held.rotation_enabled
            ));
            for label in held.labels.keys().filter(|_| !held.deleted) {
                let value = self.value(&name, label).await.unwrap_or_default();
                let value = digest(&value.to_string());
                lines.push(format!("value of {name} {label} {value}"));
            }
            if !held.deleted {
                let request = self.secretsmanager.get_resource_policy().secret_id(&name);
                let policy = request.send().await.expect("the policy").resource_policy;
                lines.extend(policy.map(|it| format!("policy of {name} {}", digest(&it))));
            }
            for (label, version) in held.labels {
                lines.push(format!("version of {name} {label} {version}"));
            }
            for (key, value) in held.tags {
                lines.push(format!("tag of {name} {key}={value}"));
            }
        }
    }

    async fn rest(&self, lines: &mut Vec<String>) {
        let functions = self.lambda.list_functions().send().await;
        for function in functions.expect("functions").functions() {
            let name = function.function_name().unwrap_or("");
            let environment = function.environment().and_then(|it| it.variables());
            let variables = environment.map(std::collections::HashMap::len);
            lines.push(format!(
                "function {name} {} {} {} {variables:?}",
                function.code_sha256().unwrap_or(""),
                function.handler().unwrap_or(""),
                function.role().unwrap_or("")
            ));
        }
        for input in self.sweep_inputs().await {
            lines.push(format!("rule {}", digest(&input)));
        }
        let groups = self.logs.describe_log_groups().send().await;
        for group in groups.expect("log groups").log_groups() {
            let name = group.log_group_name().unwrap_or("");
            lines.push(format!("log group {name}"));
        }
        let keys = self.kms.list_keys().send().await.expect("KMS keys");
        for key in keys.keys() {
            let id = key.key_id().expect("an ID");
            let answer = self.kms.describe_key().key_id(id).send().await;
            let data = answer.expect("the key").key_metadata.expect("metadata");
            let state = data.key_state.map(|state| state.as_str().to_owned());
            lines.push(format!("KMS key {id} {}", state.unwrap_or_default()));
        }
    }
}
