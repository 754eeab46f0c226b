//! CloudFormation: change sets, executions and deletions in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::FakeAws;
use super::resource::CreatedResource;
use super::state::{AwsState, refused};
use super::template::{Resource, Scope, Template};
use crate::port::{
    Change, ChangeSet, ChangeSetRequest, CreatedChangeSet, DriftDetection, ErrorKind,
    RefusedResource, ResourceDrift, Result, Stack, StackEvent, StackResource, StackStatus, Stacks,
    TemplateSource,
};

const FUNCTION: &str = "AWS::Lambda::Function";
/// How long an operation takes.
const OPERATION: Duration = Duration::from_secs(4);
/// How long a change set takes.
const COMPUTING: Duration = Duration::from_millis(1_500);

#[derive(Clone, Debug)]
pub struct StackRecord {
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub resources: Vec<CreatedResource>,
    pub outputs: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub template: String,
    pub events: Vec<StackEvent>,
    pub operation: Option<(Timestamp, Operation)>,
    /// The client request token of the last operation.
    pub token: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Operation {
    Deploy(Box<ChangeSetRecord>),
    Delete { retain: Vec<String> },
}

#[derive(Clone, Debug)]
pub struct ChangeSetRecord {
    pub request: ChangeSetRequest,
    pub body: String,
    pub changes: Vec<Change>,
    pub ready: Timestamp,
}

impl StackRecord {
    pub fn is_deleted(&self) -> bool {
        self.status == "DELETE_COMPLETE"
    }

    pub fn due(&self) -> Option<Timestamp> {
        self.operation.as_ref().map(|(due, _)| *due)
    }

    pub fn tell(&mut self, logical_id: &str, kind: &str, status: &str, reason: Option<&str>) {
        let physical_id = match kind {
            "AWS::CloudFormation::Stack" => self.id.clone(),
            _ => String::new(),
        };
        self.events.push(StackEvent {
            id: self.events.len().to_string(),
            stack_id: self.id.clone(),
            logical_id: logical_id.to_owned(),
            physical_id,
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            at: None,
            token: self.token.clone(),
        });
    }

    /// Sets the status, and adds an event for it.
    pub fn set_status(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        let name = self.name.clone();
        self.tell(&name, "AWS::CloudFormation::Stack", status, None);
    }
}

impl AwsState {
    /// Returns a stack by name, or, also where it is deleted, by ID.
    pub fn find_stack(&self, id: &str) -> Option<usize> {
        self.stacks
            .iter()
            .position(|stack| stack.id == id || (stack.name == id && !stack.is_deleted()))
    }

    fn stack_index(&self, id: &str) -> Result<usize> {
        match self.find_stack(id) {
            Some(index) => Ok(index),
            None => refused(ErrorKind::NotFound, "no such stack"),
        }
    }

    pub fn advance_stacks(&mut self) {
        let now = self.now;
        let due = |stack: &StackRecord| stack.due().is_some_and(|due| due <= now);
        let Some(index) = self.stacks.iter().position(due) else {
            return;
        };
        let (_, operation) = self.stacks[index].operation.take().unwrap();
        // The stack is removed from the state while its resources are created in it.
        let mut stack = self.stacks.remove(index);
        match operation {
            Operation::Deploy(set) => self.finish_deployment(&mut stack, *set),
            Operation::Delete { retain } => self.finish_deletion(&mut stack, &retain),
        }
        self.stacks.insert(index, stack);
    }

    fn finish_deployment(&mut self, stack: &mut StackRecord, set: ChangeSetRecord) {
        if !set.request.imports.is_empty() {
            return finish_import(stack, set);
        }
        if set.request.reverts_drift {
            self.forget_drift(stack);
        }
        let creates = stack.template.is_empty();
        let prefix = if creates { "CREATE" } else { "UPDATE" };
        let template = Template::parse(&set.body);
        let before = (stack.resources.clone(), stack.parameters.clone());
        stack.parameters = set.request.parameters;
        match self.deploy_resources(stack, &template) {
            Ok(()) => {
                stack.template = set.body;
                stack.tags = set.request.tags;
                let physical = physical_ids(stack);
                let scope = Scope {
                    parameters: &stack.parameters,
                    physical: &physical,
                };
                let outputs = template.outputs.iter();
                stack.outputs = outputs
                    .map(|(name, value)| (name.clone(), scope.text(value)))
                    .collect();
                stack.set_status(&format!("{prefix}_COMPLETE"));
            }
            Err(failed) => {
                stack.tell(
                    &failed.logical_id,
                    &failed.kind,
                    &format!("{prefix}_FAILED"),
                    Some(&failed.reason),
                );
                self.roll_back(stack, &before.0);
                if creates {
                    stack.template = set.body;
                    stack.tags = set.request.tags;
                    stack.set_status("ROLLBACK_COMPLETE");
                } else {
                    stack.parameters = before.1;
                    stack.set_status("UPDATE_ROLLBACK_COMPLETE");
                }
            }
        }
    }

    fn compute(
        &self,
        stack: Option<&StackRecord>,
        request: &ChangeSetRequest,
        body: &str,
    ) -> Vec<Change> {
        let wanted = Template::parse(body);
        let held = stack.filter(|stack| !stack.template.is_empty());
        let held = held.map_or_else(Vec::new, |stack| {
            Template::parse(&stack.template).resources.clone()
        });
        let moved = stack.is_some_and(|stack| stack.parameters != request.parameters);
        let change = |action: &str, resource: &Resource, properties: Vec<String>| Change {
            action: action.to_owned(),
            logical_id: resource.logical_id.clone(),
            kind: resource.kind.clone(),
            replacement: (action == "Modify").then(|| "False".to_owned()),
            properties,
            drift: None,
        };
        let mut changes = Vec::new();
        for resource in &wanted.resources {
            match held
                .iter()
                .find(|held| held.logical_id == resource.logical_id)
            {
                None => changes.push(change("Add", resource, Vec::new())),
                Some(held) if held != resource => {
                    let empty = serde_yaml::Mapping::new();
                    let new = resource.properties.as_mapping().unwrap_or(&empty);
                    let differs = new
                        .iter()
                        .filter(|(key, value)| held.properties.get(*key) != Some(value));
                    let names = differs.filter_map(|(key, _)| key.as_str().map(str::to_owned));
                    changes.push(change("Modify", resource, names.collect()));
                }
                Some(_) if moved && resource.kind == "AWS::Lambda::Function" => {
                    changes.push(change("Modify", resource, vec!["Code".to_owned()]));
                }
                Some(_) => {}
            }
        }
        let gone = held.iter().filter(|held| {
            let same = |one: &&Resource| one.logical_id == held.logical_id;
            wanted.resources.iter().find(same).is_none()
        });
        changes.extend(gone.map(|held| change("Remove", held, Vec::new())));
        changes
    }
}

/// Lists the imported resources, and changes nothing else: neither they nor the tags of the stack.
fn finish_import(stack: &mut StackRecord, set: ChangeSetRecord) {
    let template = Template::parse(&set.body);
    for import in &set.request.imports {
        let mut named = template.resources.iter();
        let resource = named
            .find(|resource| resource.logical_id == import.logical_id)
            .expect("what is imported is in the template");
        stack.resources.push(CreatedResource {
            resource: resource.clone(),
            physical_id: import.identifier.1.clone(),
            status: "IMPORT_COMPLETE".to_owned(),
        });
    }
    stack.template = set.body;
    stack.set_status("IMPORT_COMPLETE");
}

/// Returns each resource's physical ID by its logical one.
pub fn physical_ids(stack: &StackRecord) -> BTreeMap<String, String> {
    let made = stack.resources.iter();
    made.map(|made| (made.resource.logical_id.clone(), made.physical_id.clone()))
        .collect()
}

#[async_trait(?Send)]
impl Stacks for FakeAws {
    async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        self.act("cloudformation:DescribeStacks", |state| {
            let found = state.find_stack(name).map(|index| &state.stacks[index]);
            Ok(found.map(|stack| Stack {
                id: stack.id.clone(),
                name: stack.name.clone(),
                status: StackStatus(stack.status.clone()),
                reason: stack.reason.clone(),
                since: None,
                outputs: stack.outputs.clone(),
                parameters: stack.parameters.clone(),
                tags: stack.tags.clone(),
            }))
        })
        .await
    }

    async fn resources(&self, name: &str) -> Result<Vec<StackResource>> {
        self.act("cloudformation:ListStackResources", |state| {
            let found = state.find_stack(name).map(|index| &state.stacks[index]);
            let made = found.into_iter().flat_map(|stack| &stack.resources);
            Ok(made
                .map(|made| StackResource {
                    logical_id: made.resource.logical_id.clone(),
                    physical_id: made.physical_id.clone(),
                    kind: made.resource.kind.clone(),
                    status: made.status.clone(),
                })
                .collect())
        })
        .await
    }

    async fn template(&self, name: &str) -> Result<String> {
        self.act("cloudformation:GetTemplate", |state| {
            let index = state.stack_index(name)?;
            Ok(state.stacks[index].template.clone())
        })
        .await
    }

    async fn change_set_template(&self, _stack: &str, id: &str) -> Result<String> {
        self.act("cloudformation:GetTemplate", |state| {
            match state.change_sets.get(id) {
                Some(set) => Ok(set.body.clone()),
                None => refused(ErrorKind::NotFound, "no such change set"),
            }
        })
        .await
    }

    async fn newest_events(&self, id: &str) -> Result<Vec<StackEvent>> {
        self.events_after(id, None).await
    }

    async fn events_after(&self, id: &str, event: Option<&str>) -> Result<Vec<StackEvent>> {
        self.act("cloudformation:DescribeStackEvents", |state| {
            let found = state.find_stack(id).map(|index| &state.stacks[index]);
            let events = found.map_or_else(Vec::new, |stack| stack.events.clone());
            let seen = events.iter().position(|held| Some(&*held.id) == event);
            Ok(events[seen.map_or(0, |seen| seen + 1)..].to_vec())
        })
        .await
    }

    async fn create_change_set(&self, request: &ChangeSetRequest) -> Result<CreatedChangeSet> {
        self.act("cloudformation:CreateChangeSet", |state| {
            let body = match &request.template {
                TemplateSource::Body(body) => body.clone(),
                TemplateSource::Url(url) => state.object_at(url)?,
                TemplateSource::Previous => match state.find_stack(&request.stack) {
                    Some(index) => state.stacks[index].template.clone(),
                    None => return refused(ErrorKind::Invalid, "no such stack"),
                },
            };
            let body = state.swapped_template.clone().unwrap_or(body);
            let index = match state.find_stack(&request.stack) {
                Some(index) => {
                    let stack = &state.stacks[index];
                    let review = stack.status == "REVIEW_IN_PROGRESS";
                    let busy = stack.status.ends_with("_IN_PROGRESS") && !review;
                    let imports = !request.imports.is_empty();
                    let is_held = |made: &CreatedResource| {
                        let mut imports = request.imports.iter();
                        imports.any(|one| one.logical_id == made.resource.logical_id)
                    };
                    if stack.resources.iter().any(is_held) {
                        return refused(ErrorKind::Invalid, "it is in the stack already");
                    }
                    if busy || (request.create != review && !imports) {
                        return refused(ErrorKind::Invalid, format!("it is in {}", stack.status));
                    }
                    index
                }
                None if !request.create => return refused(ErrorKind::Invalid, "no such stack"),
                None => state.review(request),
            };
            let mut changes = state.compute(Some(&state.stacks[index]), request, &body);
            if request.reverts_drift {
                changes.extend(state.reverting_changes(&state.stacks[index]));
            }
            let id = format!("arn:aws:cloudformation:changeSet/{}", request.name);
            let record = ChangeSetRecord {
                request: request.clone(),
                body,
                changes,
                ready: state.now + COMPUTING,
            };
            state.change_sets.insert(id.clone(), record);
            let stack_id = state.stacks[index].id.clone();
            Ok(CreatedChangeSet { id, stack_id })
        })
        .await
    }

    async fn change_set_failures(&self, _stack: &str, id: &str) -> Result<Vec<RefusedResource>> {
        self.act("cloudformation:DescribeEvents", |state| {
            match state.change_sets.contains_key(id) {
                true => Ok(Vec::new()),
                false => refused(ErrorKind::NotFound, "no such change set"),
            }
        })
        .await
    }

    async fn change_set(&self, _stack: &str, id: &str) -> Result<ChangeSet> {
        self.act("cloudformation:DescribeChangeSet", |state| {
            let Some(set) = state.change_sets.get(id) else {
                return refused(ErrorKind::NotFound, "no such change set");
            };
            let (status, reason) = match (state.now < set.ready, set.changes.is_empty()) {
                (true, _) => ("CREATE_IN_PROGRESS", None),
                (false, true) => ("FAILED", Some("there are no changes".to_owned())),
                (false, false) => ("CREATE_COMPLETE", None),
            };
            Ok(ChangeSet {
                status: status.to_owned(),
                reason,
                changes: set.changes.clone(),
                parameters: set.request.parameters.clone(),
                tags: set.request.tags.clone(),
            })
        })
        .await
    }

    async fn execute_change_set(&self, _stack: &str, id: &str, token: &str) -> Result<()> {
        self.act("cloudformation:ExecuteChangeSet", |state| {
            let Some(set) = state.change_sets.get(id).cloned() else {
                return refused(ErrorKind::NotFound, "no such change set");
            };
            let index = state.stack_index(&set.request.stack)?;
            let name = set.request.stack.clone();
            // Executing one removes the others of its stack.
            state
                .change_sets
                .retain(|_, held| held.request.stack != name);
            let due = state.now + OPERATION;
            let stack = &mut state.stacks[index];
            stack.token = Some(token.to_owned());
            let status = match set.request.create {
                _ if !set.request.imports.is_empty() => "IMPORT_IN_PROGRESS",
                true => "CREATE_IN_PROGRESS",
                false => "UPDATE_IN_PROGRESS",
            };
            stack.set_status(status);
            stack.operation = Some((due, Operation::Deploy(Box::new(set))));
            Ok(())
        })
        .await
    }

    async fn delete_change_set(&self, _stack: &str, id: &str) -> Result<()> {
        self.act("cloudformation:DeleteChangeSet", |state| {
            state.change_sets.remove(id);
            Ok(())
        })
        .await
    }

    async fn detect_drift(&self, stack: &str, logical_ids: &[String]) -> Result<String> {
        self.act("cloudformation:DetectStackDrift", |state| {
            state.detect_drift(stack, logical_ids)
        })
        .await
    }

    async fn drift_detection(&self, id: &str) -> Result<DriftDetection> {
        self.act(
            "cloudformation:DescribeStackDriftDetectionStatus",
            |state| state.drift_detection(id),
        )
        .await
    }

    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>> {
        self.act("cloudformation:DescribeStackResourceDrifts", |state| {
            state.drifts(stack)
        })
        .await
    }

    async fn delete_stack(&self, name: &str, retain: &[String]) -> Result<()> {
        self.act("cloudformation:DeleteStack", |state| {
            let Some(index) = state.find_stack(name) else {
                return Ok(());
            };
            let due = state.now + OPERATION;
            let stack = &mut state.stacks[index];
            match stack.status.as_str() {
                "DELETE_COMPLETE" | "DELETE_IN_PROGRESS" => return Ok(()),
                "REVIEW_IN_PROGRESS" => {
                    stack.set_status("DELETE_COMPLETE");
                    let name = stack.name.clone();
                    state
                        .change_sets
                        .retain(|_, held| held.request.stack != name);
                    return Ok(());
                }
                "UPDATE_IN_PROGRESS" => return refused(ErrorKind::Invalid, "it is being updated"),
                "DELETE_FAILED" => {}
                status if !retain.is_empty() => {
                    return refused(
                        ErrorKind::Invalid,
                        format!("nothing is retained in {status}"),
                    );
                }
                _ => {}
            }
            stack.set_status("DELETE_IN_PROGRESS");
            let there = |made: &&CreatedResource| made.status != "DELETE_COMPLETE";
            let functions: Vec<String> = stack
                .resources
                .iter()
                .filter(|made| made.resource.kind == FUNCTION)
                .filter(there)
                .map(|made| made.resource.logical_id.clone())
                .collect();
            for id in functions {
                stack.tell(&id, FUNCTION, "DELETE_IN_PROGRESS", None);
            }
            let retain = retain.to_vec();
            stack.operation = Some((due, Operation::Delete { retain }));
            Ok(())
        })
        .await
    }
}
