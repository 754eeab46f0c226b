//! All that an account holds, as lines that can be compared.

use super::World;

impl World {
    /// Returns a line for each thing in the account, in a fixed order: stacks with
    /// their change sets, buckets with their objects, users with their keys, tags, and
    /// policies, roles, secrets with their labels and tags, functions, log groups,
    /// and KMS keys.
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
            let stack_id = stack.stack_id().map(str::to_owned);
            let request = self.cloudformation.list_change_sets().stack_name(&name);
            let sets = request.send().await.expect("change sets").summaries;
            for set in sets.unwrap_or_default() {
                let set_name = set.change_set_name().unwrap_or_default().to_owned();
                let status = set.execution_status.map(|it| it.as_str().to_owned());
                // An executed one is history, and so is one of an earlier stack of
                // this name.
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
                lines.push(format!("object s3://{name}/{}", object.key().unwrap_or("")));
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
                lines.push(format!("policy of {name} {policy}"));
            }
        }
        let roles = self.iam.list_roles().send().await.expect("roles").roles;
        lines.extend(roles.iter().map(|role| format!("role {}", role.role_name)));
    }

    async fn secrets(&self, lines: &mut Vec<String>) {
        for name in self.secret_names().await {
            let held = self.secret(&name).await.expect("it was listed");
            let state = if held.deleted { " deleted" } else { "" };
            lines.push(format!("secret {name}{state}"));
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
            lines.push(format!("function {name}"));
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
