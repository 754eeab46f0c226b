//! CloudFormation.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use super::{DriftDetection, DriftStatus, ResourceDrift, Result};

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The unique ID, an ARN.
    pub id: String,
    /// The name.
    pub name: String,
    /// Such as `UPDATE_COMPLETE`.
    pub status: StackStatus,
    /// The reason of that status, if CloudFormation reports one.
    pub reason: Option<String>,
    /// When its last operation started.
    pub since: Option<Timestamp>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A stack's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackStatus(pub String);

impl StackStatus {
    /// Returns CloudFormation's word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether an operation is in progress.
    pub fn is_busy(&self) -> bool {
        self.0.ends_with("_IN_PROGRESS") && !self.is_review()
    }

    /// Returns whether there is only a change set, and no stack yet.
    pub fn is_review(&self) -> bool {
        self.0 == "REVIEW_IN_PROGRESS"
    }

    /// Returns whether it was deployed and can be updated.
    pub fn is_healthy(&self) -> bool {
        matches!(
            self.0.as_str(),
            "CREATE_COMPLETE"
                | "UPDATE_COMPLETE"
                | "UPDATE_ROLLBACK_COMPLETE"
                | "IMPORT_COMPLETE"
                | "IMPORT_ROLLBACK_COMPLETE"
        )
    }

    /// Returns whether the last operation reached what it wanted.
    pub fn succeeded(&self) -> bool {
        matches!(self.0.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE")
    }

    /// Returns whether the stack is gone.
    pub fn is_deleted(&self) -> bool {
        self.0 == "DELETE_COMPLETE"
    }
}

/// A resource that a change set cannot create or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Why.
    pub reason: String,
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in AWS. Empty until it is created.
    pub physical_id: String,
    /// Such as `AWS::SecretsManager::Secret`.
    pub kind: String,
    /// Such as `CREATE_COMPLETE`.
    pub status: String,
}

/// Something that CloudFormation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique.
    pub id: String,
    /// The ID of the stack.
    pub stack_id: String,
    /// The resource.
    pub logical_id: String,
    /// The resource's name in AWS; of the stack itself, its ID.
    pub physical_id: String,
    /// Its type.
    pub kind: String,
    /// Its new status.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
    /// The client request token of the operation that it belongs to, if that had one.
    pub token: Option<String>,
}

impl StackEvent {
    /// Returns whether it is about the stack itself, and not about a resource.
    pub fn is_of_stack(&self) -> bool {
        self.physical_id == self.stack_id
    }

    /// Returns whether an operation of the stack ends with it.
    pub fn ends_operation(&self) -> bool {
        self.is_of_stack() && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Returns whether it is about an operation of the stack, and not about a stack that only
    /// awaits its first change set.
    pub fn is_of_operation(&self) -> bool {
        self.is_of_stack() && self.status != "REVIEW_IN_PROGRESS"
    }
}

/// Where CloudFormation reads a template.
#[derive(Clone, Debug)]
pub enum TemplateSource {
    /// In the request: at most 51,200 bytes.
    Body(String),
    /// From S3: at most 1 MB.
    Url(String),
    /// The template that is deployed.
    Previous,
}

/// A resource that exists, and that a change set imports into a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceToImport {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: &'static str,
    /// The property that identifies it, such as `Id`, and its value.
    pub identifier: (&'static str, String),
}

/// What a change set is made from.
#[derive(Clone, Debug)]
pub struct ChangeSetRequest {
    /// The stack's name.
    pub stack: String,
    /// The change set's name.
    pub name: String,
    /// The stack does not exist yet.
    pub create: bool,
    /// The template.
    pub template: TemplateSource,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// `CAPABILITY_IAM` or `CAPABILITY_NAMED_IAM`.
    pub capability: &'static str,
    /// The stack's tags. An import leaves them as they are.
    pub tags: BTreeMap<String, String>,
    /// What it imports. If there is anything, it does nothing else.
    pub imports: Vec<ResourceToImport>,
    /// Whether it also restores resources that differ from the template or do not exist
    /// (`DeploymentMode` of `API_CreateChangeSet`).
    pub reverts_drift: bool,
}

/// A change set that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ID of its stack.
    pub stack_id: String,
}

/// A change set as CloudFormation describes it.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE` or `FAILED`.
    pub status: String,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// What it would do.
    pub changes: Vec<Change>,
    /// The stack's parameters after it.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags after it.
    pub tags: BTreeMap<String, String>,
}

/// One change of a change set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, or `SyncWithActual`.
    pub action: String,
    /// The resource.
    pub logical_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Conditional`; `None` if it does not apply.
    pub replacement: Option<String>,
    /// The properties it changes.
    #[serde(skip)]
    pub properties: Vec<String>,
    /// Whether the resource differs from the template, if the change set reverts drift.
    #[serde(skip)]
    pub drift: Option<DriftStatus>,
}

/// CloudFormation.
#[async_trait(?Send)]
pub trait Stacks {
    /// Returns the stack by name or ID.
    async fn stack(&self, name: &str) -> Result<Option<Stack>>;
    /// Returns its resources.
    async fn resources(&self, name: &str) -> Result<Vec<StackResource>>;
    /// Returns its template as it was given.
    async fn template(&self, name: &str) -> Result<String>;
    /// Returns the template that a change set was computed from, as it was given.
    async fn change_set_template(&self, stack: &str, id: &str) -> Result<String>;
    /// Returns the newest events of a stack, at most 100, the oldest of them first. There are
    /// none if the stack does not exist (`cloudformation:DescribeStackEvents`).
    async fn newest_events(&self, id: &str) -> Result<Vec<StackEvent>>;
    /// Returns the events of a stack after the one with this ID, the oldest first, and reads no
    /// more of them than that; without an ID, all of them
    /// (`cloudformation:DescribeStackEvents`).
    async fn events_after(&self, id: &str, event: Option<&str>) -> Result<Vec<StackEvent>>;
    /// Makes a change set.
    async fn create_change_set(&self, request: &ChangeSetRequest) -> Result<CreatedChangeSet>;
    /// Returns a change set of a stack with all its changes. The stack is named
    /// because permissions are given on stacks.
    async fn change_set(&self, stack: &str, id: &str) -> Result<ChangeSet>;
    /// Returns the resources that a failed change set cannot create or change
    /// (`cloudformation:DescribeEvents`). There are none if it failed for another reason.
    async fn change_set_failures(&self, stack: &str, id: &str) -> Result<Vec<RefusedResource>>;
    /// Executes a change set. The events of the operation carry the token.
    async fn execute_change_set(&self, stack: &str, id: &str, token: &str) -> Result<()>;
    /// Deletes a change set.
    async fn delete_change_set(&self, stack: &str, id: &str) -> Result<()>;
    /// Starts to compare these resources of a stack with its template, at most 200 of them, and
    /// returns the ID of the detection. CloudFormation refuses it while another detection on the
    /// stack is in progress (`cloudformation:DetectStackDrift`).
    async fn detect_drift(&self, stack: &str, logical_ids: &[String]) -> Result<String>;
    /// Returns whether a detection has ended
    /// (`cloudformation:DescribeStackDriftDetectionStatus`).
    async fn drift_detection(&self, id: &str) -> Result<DriftDetection>;
    /// Returns the drift of each resource of a stack as it was last detected. Resources that were
    /// never checked, or whose type does not support it, are missing
    /// (`cloudformation:DescribeStackResourceDrifts`).
    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>>;
    /// Deletes a stack, but for the resources named.
    async fn delete_stack(&self, name: &str, retain: &[String]) -> Result<()>;
}
