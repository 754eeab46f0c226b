//! What CloudFormation makes, changes and deletes, in short.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::stacks::{StackRecord, physical_ids};
use super::state::{ACCOUNT, AwsState, REGION, Version};
use super::template::{Resource, Scope, Template};
use crate::port::{ChangeSetRequest, Rotation};

/// A resource that was made.
#[derive(Clone, Debug)]
pub struct CreatedResource {
    pub resource: Resource,
    pub physical_id: String,
    pub status: String,
}

/// A resource that could not be made.
pub struct FailedResource {
    pub logical_id: String,
    pub kind: String,
    pub reason: String,
}

/// Resources that others refer to come first, as CloudFormation orders them.
const ORDER: [&str; 6] = [
    "AWS::IAM::User",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::Lambda::Function",
];

fn rank(kind: &str) -> usize {
    ORDER
        .iter()
        .position(|one| *one == kind)
        .unwrap_or(ORDER.len())
}

impl AwsState {
    /// Makes the stack that a change set is for.
    pub fn review(&mut self, request: &ChangeSetRequest) -> usize {
        let id = self.unique("");
        let mut stack = StackRecord {
            id: format!(
                "arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{}/{id}",
                request.stack
            ),
            name: request.stack.clone(),
            status: String::new(),
            reason: None,
            resources: Vec::new(),
            outputs: BTreeMap::new(),
            parameters: BTreeMap::new(),
            tags: request.tags.clone(),
            template: String::new(),
            events: Vec::new(),
            operation: None,
            token: None,
        };
        stack.set_status("REVIEW_IN_PROGRESS");
        self.stacks.push(stack);
        self.stacks.len() - 1
    }

    pub fn deploy_resources(
        &mut self,
        stack: &mut StackRecord,
        template: &Template,
    ) -> Result<(), FailedResource> {
        let mut wanted = template.resources.clone();
        wanted.sort_by_key(|resource| rank(&resource.kind));
        for resource in wanted {
            let place = |made: &CreatedResource| made.resource.logical_id == resource.logical_id;
            let made = stack.resources.iter().position(place);
            let outcome = match made {
                Some(index) => self.change(stack, index, &resource).map(|()| None),
                None => self.make(stack, &resource).map(Some),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(physical_id)) => {
                    stack.tell(
                        &resource.logical_id,
                        &resource.kind,
                        "CREATE_COMPLETE",
                        None,
                    );
                    stack.resources.push(CreatedResource {
                        resource,
                        physical_id,
                        status: "CREATE_COMPLETE".to_owned(),
                    });
                }
                Err(reason) => {
                    return Err(FailedResource {
                        logical_id: resource.logical_id,
                        kind: resource.kind,
                        reason,
                    });
                }
            }
        }
        let wanted: BTreeSet<&str> = template
            .resources
            .iter()
            .map(|resource| resource.logical_id.as_str())
            .collect();
        let gone = |made: &CreatedResource| !wanted.contains(made.resource.logical_id.as_str());
        let (gone, stay): (Vec<CreatedResource>, Vec<CreatedResource>) =
            stack.resources.drain(..).partition(gone);
        stack.resources = stay;
        for made in gone.iter().filter(|made| !made.resource.retained) {
            // Cleaning up after an update does not fail it.
            let _ = self.delete_resource(made);
        }
        Ok(())
    }

    fn make(&mut self, stack: &StackRecord, resource: &Resource) -> Result<String, String> {
        if self.refused_types.contains(&resource.kind) {
            return Err("it was refused".to_owned());
        }
        let physical = physical_ids(stack);
        let scope = Scope {
            parameters: &stack.parameters,
            physical: &physical,
        };
        let text = |key: &str| scope.text(&resource.properties[key]);
        match resource.kind.as_str() {
            "AWS::IAM::User" => {
                let name = text("UserName");
                if self.users.contains_key(&name) {
                    return Err(format!("{name} already exists"));
                }
                self.add_user(&name);
                Ok(name)
            }
            "AWS::SecretsManager::Secret" => {
                let name = text("Name");
                if self.secrets.contains_key(&name) {
                    return Err(format!("{name} already exists, or awaits deletion"));
                }
                let value = text("SecretString");
                let description = resource.properties.get("Description");
                let description = description.map(|it| scope.text(it)).unwrap_or_default();
                let kms_key = resource
                    .properties
                    .get("KmsKeyId")
                    .map(|key| scope.text(key));
                let version = self.token();
                let held = Version {
                    details: Some(self.now),
                    value: Some(value),
                    ..Version::default()
                };
                let secret = self.add_secret(&name);
                secret.tags = tags(&resource.properties);
                secret.description = description;
                secret.tags.extend(stack_tags(stack, resource));
                secret.kms_key = kms_key;
                secret.versions.insert(version.clone(), held);
                secret.put_label(crate::port::CURRENT, Some(&version));
                let arn = secret.arn.clone();
                let replicated = self.reconcile_replicas(&arn, &replicas(&resource.properties));
                replicated.map_err(|error| error.message)?;
                Ok(arn)
            }
            "AWS::SecretsManager::RotationSchedule" => {
                let arn = text("SecretId");
                let secret = self.live_secret(&arn).map_err(|error| error.message)?;
                secret.rotates = true;
                let rules = &resource.properties["RotationRules"];
                let rule = |key: &str| rules[key].as_str().map(str::to_owned);
                secret.rotation = Rotation {
                    function: Some(text("RotationLambdaARN")),
                    schedule: rule("ScheduleExpression"),
                    window: rule("Duration"),
                };
                let name = secret.name.clone();
                self.begin_trial(&name);
                Ok(arn)
            }
            "AWS::KMS::Key" => {
                let id = self.unique("key-");
                let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}");
                self.kms_keys.insert(arn.clone(), "Enabled".to_owned());
                Ok(arn)
            }
            "AWS::Logs::LogGroup" => {
                let name = text("LogGroupName");
                if self.logs.contains_key(&name) {
                    return Err(format!("{name} already exists"));
                }
                self.logs.insert(name.clone(), Vec::new());
                let key = resource.properties.get("KmsKeyId");
                let key = key.map(|key| scope.text(key));
                self.log_keys.extend(key.map(|key| (name.clone(), key)));
                Ok(name)
            }
            "AWS::KMS::Alias" => {
                let name = text("AliasName");
                if !self.aliases.insert(name.clone()) {
                    return Err(format!("{name} already exists"));
                }
                Ok(name)
            }
            "AWS::IAM::UserPolicy" => {
                let (user, policy) = (text("UserName"), text("PolicyName"));
                let id = format!("{policy}|{user}");
                if !self.user_policies.insert((user, policy)) {
                    return Err(format!("{id} already exists"));
                }
                Ok(id)
            }
            "AWS::Lambda::Function" => {
                let arn = format!(
                    "arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}-{}",
                    stack.name, resource.logical_id
                );
                self.code(&resource.properties, &scope, &arn)?;
                Ok(arn)
            }
            "AWS::SecretsManager::ResourcePolicy" => {
                let arn = text("SecretId");
                let policy = scope.json(&resource.properties["ResourcePolicy"]);
                let secret = self.live_secret(&arn).map_err(|error| error.message)?;
                secret.policy = Some(policy.to_string());
                Ok(arn)
            }
            "AWS::SNS::Subscription" => {
                let id = self.unique("");
                Ok(format!("{}:{id}", text("TopicArn")))
            }
            _ => {
                let name = format!("{}-{}", stack.name, resource.logical_id);
                if resource.kind == "AWS::SNS::TopicPolicy" {
                    self.drift.topic_policies.clear();
                }
                let id = match resource.kind.as_str() {
                    "AWS::SNS::Topic" => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}"),
                    _ => name,
                };
                self.drift.removed.remove(&id);
                Ok(id)
            }
        }
    }

    fn code(&mut self, properties: &Value, scope: &Scope<'_>, arn: &str) -> Result<(), String> {
        let bucket = scope.text(&properties["Code"]["S3Bucket"]);
        let key = scope.text(&properties["Code"]["S3Key"]);
        let version = scope.optional(&properties["Code"]["S3ObjectVersion"]);
        let object = (bucket, key, version);
        // An update of the stack leaves the code as it is if its template names the same object.
        if self.code_objects.get(arn) == Some(&object) && self.functions.contains_key(arn) {
            return Ok(());
        }
        let (bucket, key, version) = &object;
        let held = self.buckets.get(bucket);
        let held = held.and_then(|held| held.get(key, version.as_deref()));
        let held = held.ok_or("the code is not in the bucket")?;
        let digest = crate::bundle::sha256_base64(&held.body);
        self.functions.insert(arn.to_owned(), digest);
        self.code_objects.insert(arn.to_owned(), object);
        Ok(())
    }

    fn change(
        &mut self,
        stack: &mut StackRecord,
        index: usize,
        resource: &Resource,
    ) -> Result<(), String> {
        if resource.kind == "AWS::Lambda::Function" {
            let physical = physical_ids(stack);
            let scope = Scope {
                parameters: &stack.parameters,
                physical: &physical,
            };
            let arn = stack.resources[index].physical_id.clone();
            self.code(&resource.properties, &scope, &arn)?;
        }
        if stack.resources[index].resource == *resource {
            return Ok(());
        }
        if self.refused_types.contains(&resource.kind) {
            return Err("it was refused".to_owned());
        }
        if resource.kind == "AWS::SecretsManager::Secret" {
            let arn = stack.resources[index].physical_id.clone();
            let wanted = tags(&resource.properties);
            let secret = self.live_secret(&arn).map_err(|error| error.message)?;
            secret.tags.extend(wanted);
            if let Some(description) = resource.properties["Description"].as_str() {
                description.clone_into(&mut secret.description);
            }
            let replicated = self.reconcile_replicas(&arn, &replicas(&resource.properties));
            replicated.map_err(|error| error.message)?;
        }
        stack.resources[index].resource = resource.clone();
        Ok(())
    }

    /// Takes back what a failed operation made.
    pub fn roll_back(&mut self, stack: &mut StackRecord, before: &[CreatedResource]) {
        let new = stack
            .resources
            .split_off(before.len().min(stack.resources.len()));
        for mut made in new.into_iter().rev() {
            if made.resource.retained_on_rollback {
                "DELETE_SKIPPED".clone_into(&mut made.status);
            } else if self.delete_resource(&made).is_ok() {
                "DELETE_COMPLETE".clone_into(&mut made.status);
            }
            stack.resources.push(made);
        }
    }

    pub fn finish_deletion(&mut self, stack: &mut StackRecord, retain: &[String]) {
        let mut failed = false;
        let mut resources = std::mem::take(&mut stack.resources);
        resources.sort_by_key(|made| std::cmp::Reverse(rank(&made.resource.kind)));
        for mut made in resources {
            let stays = made.resource.retained || retain.contains(&made.resource.logical_id);
            let gone = made.status == "DELETE_COMPLETE";
            if !stays && !gone {
                let resource = &made.resource;
                match self.delete_resource(&made) {
                    Ok(()) => {
                        stack.tell(
                            &resource.logical_id,
                            &resource.kind,
                            "DELETE_COMPLETE",
                            None,
                        );
                        "DELETE_COMPLETE".clone_into(&mut made.status);
                    }
                    Err(reason) => {
                        let (id, kind) = (resource.logical_id.clone(), resource.kind.clone());
                        stack.tell(&id, &kind, "DELETE_FAILED", Some(&reason));
                        "DELETE_FAILED".clone_into(&mut made.status);
                        failed = true;
                    }
                }
            }
            stack.resources.push(made);
        }
        stack.set_status(if failed {
            "DELETE_FAILED"
        } else {
            "DELETE_COMPLETE"
        });
    }

    fn delete_resource(&mut self, made: &CreatedResource) -> Result<(), String> {
        let id = &made.physical_id;
        if let Some(left) = self.undeletable.get_mut(made.resource.kind.as_str())
            && *left > 0
        {
            *left -= 1;
            return Err("it is in use".to_owned());
        }
        match made.resource.kind.as_str() {
            "AWS::IAM::User" => {
                if !self.keys_of(id).is_empty() {
                    return Err("DeleteConflict: it has keys".to_owned());
                }
                self.users.remove(id);
                self.user_tags.remove(id);
            }
            "AWS::SecretsManager::RotationSchedule" => {
                let Ok(secret) = self.secret_mut(id) else {
                    return Ok(());
                };
                if secret.deleted.is_some() {
                    return Err("the secret is scheduled for deletion".to_owned());
                }
                secret.rotates = false;
                let name = secret.name.clone();
                self.rotations.retain(|process| process.secret != name);
            }
            // CloudFormation deletes a secret without a recovery window.
            "AWS::SecretsManager::Secret" => {
                let regions: Vec<String> = self
                    .secret_mut(id)
                    .map(|secret| {
                        secret
                            .replicas
                            .iter()
                            .map(|one| one.region.clone())
                            .collect()
                    })
                    .unwrap_or_default();
                for region in regions {
                    let _ = self.remove_replica(id, &region);
                }
                self.secrets.retain(|_, secret| secret.arn != *id);
            }
            "AWS::KMS::Key" => {
                self.kms_keys
                    .insert(id.clone(), "PendingDeletion".to_owned());
            }
            "AWS::KMS::Alias" => {
                self.aliases.remove(id);
            }
            "AWS::IAM::UserPolicy" => {
                let (policy, user) = id.split_once('|').unwrap();
                let held = (user.to_owned(), policy.to_owned());
                self.user_policies.remove(&held);
            }
            "AWS::Logs::LogGroup" => {
                self.logs.remove(id);
                self.log_keys.remove(id);
            }
            "AWS::Lambda::Function" => {
                self.functions.remove(id);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What CloudFormation alone writes on what a stack makes.
fn stack_tags(stack: &StackRecord, resource: &Resource) -> BTreeMap<String, String> {
    let tag = |key: &str, value: &str| (format!("aws:cloudformation:{key}"), value.to_owned());
    BTreeMap::from([
        tag("stack-id", &stack.id),
        tag("stack-name", &stack.name),
        tag("logical-id", &resource.logical_id),
    ])
}

/// Returns `ReplicaRegions`: each Region with its key.
fn replicas(properties: &Value) -> Vec<(String, Option<String>)> {
    let replicas = properties
        .get("ReplicaRegions")
        .and_then(Value::as_sequence);
    let text = |replica: &Value, key: &str| Some(replica.get(key)?.as_str()?.to_owned());
    let replicas = replicas.into_iter().flatten();
    replicas
        .map(|replica| (text(replica, "Region").unwrap(), text(replica, "KmsKeyId")))
        .collect()
}

pub fn tags(properties: &Value) -> BTreeMap<String, String> {
    let tags = properties.get("Tags").and_then(Value::as_sequence);
    let text = |tag: &Value, key: &str| tag[key].as_str().unwrap().to_owned();
    let tags = tags.into_iter().flatten();
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value")))
        .collect()
}
