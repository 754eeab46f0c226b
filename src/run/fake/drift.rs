//! Drift: what somebody has removed or changed behind CloudFormation's back, how it is detected,
//! and the resource policies that are looked at directly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::json;

use super::FakeAws;
use super::resource::{CreatedResource, tags};
use super::stacks::{StackRecord, physical_ids};
use super::state::{ACCOUNT, AwsState, REGION, refused};
use super::template::Scope;
use crate::plan::drift::{
    ALIAS, PERMISSION, SCHEDULE, SECRET, SECRET_POLICY, SUBSCRIPTION, TOPIC_POLICY,
};
use crate::port::{
    Change, DifferenceKind, DriftDetection, DriftStatus, ErrorKind, PropertyDifference,
    ResourceDrift, Result, StackStatus, Subscription, Topics,
};

/// How long a detection takes.
const DETECTION: Duration = Duration::from_millis(2_500);

/// What CloudFormation knows and does not know of drift.
#[derive(Clone, Debug, Default)]
pub struct DriftState {
    /// The physical IDs of resources that somebody has deleted, of the types that have no record of
    /// their own.
    pub removed: BTreeSet<String>,
    /// The logical IDs of resources of which somebody has changed a property.
    pub changed: BTreeSet<String>,
    /// Conditions that somebody has added to statements of functions' resource policies.
    pub conditions: BTreeMap<String, serde_json::Value>,
    /// The policies that somebody has given topics.
    pub topic_policies: BTreeMap<String, String>,
    /// Resources that cannot be checked, with the reason.
    pub unreadable: BTreeMap<String, String>,
    running: Option<(String, Timestamp, Vec<String>)>,
    checked: BTreeMap<String, (DriftStatus, Timestamp)>,
}

impl AwsState {
    /// Returns whether a resource of a stack still exists.
    pub fn exists(&self, made: &CreatedResource) -> bool {
        let id = &made.physical_id;
        match made.resource.kind.as_str() {
            "AWS::IAM::User" => self.users.contains_key(id),
            SECRET => self.secrets.values().any(|secret| secret.arn == *id),
            // The physical ID of an imported key is its ID, and that of a created one its ARN.
            "AWS::KMS::Key" => {
                let mut keys = self.kms_keys.iter();
                keys.any(|(arn, state)| arn.ends_with(id) && state != "PendingDeletion")
            }
            "AWS::KMS::Alias" => self.aliases.contains(id),
            "AWS::IAM::UserPolicy" => {
                let (policy, user) = id.split_once('|').unwrap();
                let held = (user.to_owned(), policy.to_owned());
                self.user_policies.contains(&held)
            }
            "AWS::Logs::LogGroup" => self.logs.contains_key(id),
            "AWS::Lambda::Function" => self.functions.contains_key(id),
            _ => !self.drift.removed.contains(id),
        }
    }

    fn drift_of(&self, made: &CreatedResource) -> DriftStatus {
        let id = &made.resource.logical_id;
        match self.exists(made) {
            _ if self.drift.unreadable.contains_key(id) => DriftStatus::Unchecked,
            false => DriftStatus::Deleted,
            true if self.drift.changed.contains(id) => DriftStatus::Modified,
            true => DriftStatus::InSync,
        }
    }

    /// Returns the changes that bring the resources of a stack back.
    pub fn reverting_changes(&self, stack: &StackRecord) -> Vec<Change> {
        let change = |made: &CreatedResource| {
            let drift = match made.resource.kind.as_str() {
                // CloudFormation does not compare these.
                TOPIC_POLICY | SUBSCRIPTION | ALIAS | SECRET_POLICY => return None,
                SECRET => self.secret_drift(made),
                SCHEDULE if !self.rotates(&made.physical_id) => DriftStatus::Modified,
                _ => self.drift_of(made),
            };
            let action = match drift {
                DriftStatus::Deleted => "Add",
                DriftStatus::Modified => "Modify",
                DriftStatus::InSync | DriftStatus::Unchecked => return None,
            };
            Some(Change {
                action: action.to_owned(),
                logical_id: made.resource.logical_id.clone(),
                kind: made.resource.kind.clone(),
                replacement: None,
                properties: Vec::new(),
                drift: Some(drift),
            })
        };
        stack.resources.iter().filter_map(change).collect()
    }

    fn rotates(&self, arn: &str) -> bool {
        let mut secrets = self.secrets.values();
        secrets.any(|secret| secret.arn == arn && secret.rotates)
    }

    fn secret_drift(&self, made: &CreatedResource) -> DriftStatus {
        let mut secrets = self.secrets.values();
        let Some(secret) = secrets.find(|secret| secret.arn == made.physical_id) else {
            return DriftStatus::Deleted;
        };
        let tags = tags(&made.resource.properties);
        match tags
            .iter()
            .all(|(key, value)| secret.tags.get(key) == Some(value))
        {
            true => DriftStatus::InSync,
            false => DriftStatus::Modified,
        }
    }

    /// Forgets the resources that do not exist, so that the deployment creates them again, and what
    /// was changed in the others.
    pub fn forget_drift(&mut self, stack: &mut StackRecord) {
        let resources = std::mem::take(&mut stack.resources);
        let stay = resources.into_iter().filter(|made| {
            let kind = made.resource.kind.as_str();
            [TOPIC_POLICY, SUBSCRIPTION, ALIAS, SECRET_POLICY].contains(&kind) || self.exists(made)
        });
        stack.resources = stay.collect();
        self.drift.changed.clear();
    }

    /// Ends the detection that is due, and records what it has found.
    fn finish_detection(&mut self, stack: usize) {
        let now = self.now;
        let due = |running: &(String, Timestamp, Vec<String>)| running.1 <= now;
        let Some((_, at, ids)) = self.drift.running.take_if(|it| due(it)) else {
            return;
        };
        for id in ids {
            let made = self.stacks[stack].resources.iter();
            let made = made.clone().find(|made| made.resource.logical_id == id);
            if let Some(made) = made {
                let status = self.drift_of(made);
                self.drift.checked.insert(id, (status, at));
            }
        }
    }

    pub fn detect_drift(&mut self, stack: &str, ids: &[String]) -> Result<String> {
        let Some(index) = self.find_stack(stack) else {
            return refused(ErrorKind::Invalid, "no such stack");
        };
        self.finish_detection(index);
        if self.drift.running.is_some() {
            return refused(ErrorKind::Invalid, "drift detection is in progress");
        }
        let status = StackStatus(self.stacks[index].status.clone());
        if !status.is_healthy() {
            return refused(ErrorKind::Invalid, format!("it is in {}", status.0));
        }
        assert!((1..=200).contains(&ids.len()), "{} IDs", ids.len());
        for id in ids {
            let made = self.stacks[index].resources.iter();
            let made = made.clone().find(|made| made.resource.logical_id == *id);
            let kind = &made
                .unwrap_or_else(|| panic!("{id} is not in the stack"))
                .resource
                .kind;
            assert!(*kind != SECRET, "the value of {id} would be read");
        }
        let id = self.unique("detection-");
        self.drift.running = Some((id.clone(), self.now + DETECTION, ids.to_vec()));
        Ok(id)
    }

    pub fn drift_detection(&mut self, id: &str) -> Result<DriftDetection> {
        let live = self.stacks.iter().position(|stack| !stack.is_deleted());
        if let Some(index) = live {
            self.finish_detection(index);
        }
        Ok(match &self.drift.running {
            Some((running, ..)) if running == id => DriftDetection::InProgress,
            _ if !self.drift.unreadable.is_empty() => DriftDetection::Failed { reason: None },
            _ => DriftDetection::Complete,
        })
    }

    pub fn drifts(&mut self, stack: &str) -> Result<Vec<ResourceDrift>> {
        let Some(index) = self.find_stack(stack) else {
            return refused(ErrorKind::Invalid, "no such stack");
        };
        self.finish_detection(index);
        let resources = self.stacks[index].resources.iter();
        let drift = |made: &CreatedResource| {
            let id = &made.resource.logical_id;
            let (status, at) = *self.drift.checked.get(id)?;
            let changed = PropertyDifference {
                path: "/Description".to_owned(),
                expected: "what was deployed".to_owned(),
                actual: "hush".to_owned(),
                difference: DifferenceKind::NotEqual,
            };
            Some(ResourceDrift {
                logical_id: id.clone(),
                kind: made.resource.kind.clone(),
                status,
                differences: match status {
                    DriftStatus::Modified => vec![changed],
                    _ => Vec::new(),
                },
                reason: self.drift.unreadable.get(id).cloned(),
                at: Some(at),
            })
        };
        Ok(resources.filter_map(drift).collect())
    }

    /// Returns the resource policy of a function: a statement for each permission of the stack.
    pub fn function_policy(&self, function: &str) -> Option<String> {
        if !self.functions.contains_key(function) {
            return None;
        }
        let stack = self.stacks.iter().find(|stack| !stack.is_deleted())?;
        let physical = physical_ids(stack);
        let scope = Scope {
            parameters: &stack.parameters,
            physical: &physical,
        };
        let made = stack.resources.iter();
        let made = made.filter(|made| made.resource.kind == PERMISSION && self.exists(made));
        let statements = made.filter_map(|made| {
            let properties = &made.resource.properties;
            let text = |key: &str| properties.get(key).map(|value| scope.text(value));
            if text("FunctionName").as_deref() != Some(function) {
                return None;
            }
            let mut condition = json!({});
            if let Some(account) = text("SourceAccount") {
                condition["StringEquals"] = json!({ "AWS:SourceAccount": account });
            }
            if let Some(rule) = text("SourceArn") {
                let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}");
                condition["ArnLike"] = json!({ "AWS:SourceArn": rule });
            }
            if let Some(more) = self.drift.conditions.get(&made.physical_id) {
                condition["ArnLike"] = more.clone();
            }
            Some(json!({
                "Sid": made.physical_id, "Effect": "Allow", "Action": text("Action"),
                "Principal": { "Service": text("Principal") }, "Resource": function,
                "Condition": condition,
            }))
        });
        let statements: Vec<_> = statements.collect();
        Some(json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
    }

    /// Returns the one resource of the live stack that this holds for, and its scope.
    fn deployed<T>(
        &self,
        is_it: impl Fn(&CreatedResource) -> bool,
        read: impl FnOnce(&CreatedResource, &Scope<'_>) -> T,
    ) -> Option<T> {
        let stack = self.stacks.iter().find(|stack| !stack.is_deleted())?;
        let made = stack.resources.iter().find(|made| is_it(made))?;
        let physical = physical_ids(stack);
        let scope = Scope {
            parameters: &stack.parameters,
            physical: &physical,
        };
        Some(read(made, &scope))
    }

    /// Returns the key that an alias refers to: the stack's, or one of somebody else's.
    pub fn alias_target(&self, alias: &str) -> Option<String> {
        if !self.aliases.contains(alias) {
            return None;
        }
        let target = self.deployed(
            |made| made.physical_id == alias,
            |made, scope| scope.text(&made.resource.properties["TargetKeyId"]),
        );
        Some(target.unwrap_or_else(|| "another".to_owned()))
    }
}

#[async_trait(?Send)]
impl Topics for FakeAws {
    async fn topic_policy(&self, arn: &str) -> Result<Option<String>> {
        self.act("sns:GetTopicAttributes", |state| {
            if state.drift.removed.contains(arn) {
                return Ok(None);
            }
            let held = state.drift.topic_policies.get(arn).cloned();
            let deployed = state.deployed(
                |made| made.resource.kind == TOPIC_POLICY,
                |made, scope| scope.json(&made.resource.properties["PolicyDocument"]),
            );
            Ok(held.or(deployed.map(|policy| policy.to_string())))
        })
        .await
    }

    async fn subscription(&self, arn: &str) -> Result<Option<Subscription>> {
        self.act("sns:GetSubscriptionAttributes", |state| {
            if state.drift.removed.contains(arn) {
                return Ok(None);
            }
            Ok(state.deployed(
                |made| made.physical_id == arn,
                |made, scope| {
                    let text = |key: &str| scope.text(&made.resource.properties[key]);
                    Subscription {
                        topic: text("TopicArn"),
                        protocol: text("Protocol"),
                        endpoint: text("Endpoint"),
                        is_filtered: false,
                    }
                },
            ))
        })
        .await
    }
}
