//! CloudFormation.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_cloudformation::operation::get_template::builders::GetTemplateFluentBuilder;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentMode, EventFilter, OnStackFailure, OperationEvent,
    Parameter, ResourceAttribute, Tag, TemplateStage,
};

use super::Aws;
use super::drift::{detection_of, drift_of, status_of};
use super::error::{answered, done, failed, found, refused};
use super::system::timestamp;
use crate::port::{
    Change, ChangeSet, ChangeSetRequest, CreatedChangeSet, DriftDetection, Error, ErrorKind,
    Optional, RefusedResource, ResourceDrift, ResourceToImport, Result, Stack, StackEvent,
    StackResource, StackStatus, Stacks, TemplateSource,
};

/// Converts `ValidationError` to "not found". These calls have one argument, a stack name or
/// ARN that was validated before, so a missing stack is the only possible cause.
fn absent(error: Error) -> Error {
    let kind = match error.kind {
        ErrorKind::Invalid => ErrorKind::NotFound,
        kind => kind,
    };
    Error { kind, ..error }
}

const EVENTS: &str = "cloudformation:DescribeStackEvents";

#[async_trait(?Send)]
impl Stacks for Aws {
    async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        let answer = self
            .cloudformation
            .describe_stacks()
            .stack_name(name)
            .send()
            .await;
        let answer = answer
            .map_err(failed("cloudformation:DescribeStacks"))
            .map_err(absent)
            .optional()?;
        let stack = answer.and_then(|answer| answer.stacks?.into_iter().next());
        Ok(stack.map(|stack| Stack {
            id: stack.stack_id.unwrap_or_default(),
            name: stack.stack_name.unwrap_or_default(),
            status: StackStatus(text(stack.stack_status)),
            reason: stack.stack_status_reason,
            since: [
                stack.deletion_time,
                stack.last_updated_time,
                stack.creation_time,
            ]
            .iter()
            .flatten()
            .find_map(timestamp),
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            parameters: parameters(stack.parameters),
            tags: tags(stack.tags),
        }))
    }

    async fn resources(&self, name: &str) -> Result<Vec<StackResource>> {
        let request = self.cloudformation.list_stack_resources().stack_name(name);
        let mut pages = request.into_paginator().send();
        let mut resources = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(failed("cloudformation:ListStackResources"))
                .map_err(absent)
                .optional()?;
            let summaries = page.and_then(|page| page.stack_resource_summaries);
            resources.extend(summaries.unwrap_or_default().into_iter().map(|resource| {
                StackResource {
                    logical_id: resource.logical_resource_id.unwrap_or_default(),
                    physical_id: resource.physical_resource_id.unwrap_or_default(),
                    kind: resource.resource_type.unwrap_or_default(),
                    status: text(resource.resource_status),
                }
            }));
        }
        Ok(resources)
    }

    async fn template(&self, name: &str) -> Result<String> {
        let request = self.cloudformation.get_template().stack_name(name);
        original(request).await
    }

    async fn change_set_template(&self, stack: &str, id: &str) -> Result<String> {
        let request = self.cloudformation.get_template().stack_name(stack);
        original(request.change_set_name(id)).await
    }

    async fn newest_events(&self, id: &str) -> Result<Vec<StackEvent>> {
        let request = self.cloudformation.describe_stack_events().stack_name(id);
        let answer = answered(EVENTS, request.send()).await.map_err(absent);
        let page = answer.optional()?.and_then(|page| page.stack_events);
        let newest_first = page.unwrap_or_default().into_iter().map(event_of);
        let mut events: Vec<StackEvent> = newest_first.collect();
        events.reverse();
        Ok(events)
    }

    async fn events_after(&self, id: &str, event: Option<&str>) -> Result<Vec<StackEvent>> {
        let request = self.cloudformation.describe_stack_events().stack_name(id);
        let mut pages = request.into_paginator().send();
        let mut events = Vec::new();
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(failed(EVENTS)).map_err(absent).optional()?;
            let page = page.and_then(|page| page.stack_events).unwrap_or_default();
            for held in page.into_iter().map(event_of) {
                if event == Some(held.id.as_str()) {
                    break 'pages;
                }
                events.push(held);
            }
        }
        events.reverse();
        Ok(events)
    }

    async fn create_change_set(&self, request: &ChangeSetRequest) -> Result<CreatedChangeSet> {
        const CALL: &str = "cloudformation:CreateChangeSet";
        let imports = !request.imports.is_empty();
        let kind = match request.create {
            _ if imports => ChangeSetType::Import,
            true => ChangeSetType::Create,
            false => ChangeSetType::Update,
        };
        let call = self
            .cloudformation
            .create_change_set()
            .stack_name(&request.stack)
            .change_set_name(&request.name)
            .change_set_type(kind)
            .set_on_stack_failure((!imports).then_some(OnStackFailure::Rollback))
            .set_deployment_mode(request.reverts_drift.then_some(DeploymentMode::RevertDrift))
            .set_resources_to_import(imports.then(|| to_import(&request.imports)))
            .capabilities(Capability::from(request.capability))
            .set_parameters(Some(pairs(&request.parameters, |key, value| {
                Parameter::builder()
                    .parameter_key(key)
                    .parameter_value(value)
                    .build()
            })))
            // An import refuses every change of the tags.
            .set_tags((!imports).then(|| {
                pairs(&request.tags, |key, value| {
                    Tag::builder().key(key).value(value).build()
                })
            }));
        let call = match &request.template {
            TemplateSource::Body(body) => call.template_body(body),
            TemplateSource::Url(url) => call.template_url(url),
            TemplateSource::Previous => call.use_previous_template(true),
        };
        let created = answered(CALL, call.send()).await?;
        match (created.id, created.stack_id) {
            (Some(id), Some(stack_id)) => Ok(CreatedChangeSet { id, stack_id }),
            _ => Err(refused(
                CALL,
                ErrorKind::Other,
                "the response contains no ID",
            )),
        }
    }

    async fn change_set(&self, stack: &str, id: &str) -> Result<ChangeSet> {
        let request = self
            .cloudformation
            .describe_change_set()
            .stack_name(stack)
            .change_set_name(id);
        let mut pages = request.into_paginator().send();
        let mut set = ChangeSet {
            status: String::new(),
            reason: None,
            changes: Vec::new(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("cloudformation:DescribeChangeSet"))?;
            set.status = text(page.status);
            set.reason = page.status_reason;
            set.parameters.extend(parameters(page.parameters));
            set.tags.extend(tags(page.tags));
            let changes = page.changes.unwrap_or_default().into_iter();
            set.changes.extend(
                changes
                    .filter_map(|change| change.resource_change)
                    .map(change_of),
            );
        }
        Ok(set)
    }

    async fn change_set_failures(&self, stack: &str, id: &str) -> Result<Vec<RefusedResource>> {
        let request = self
            .cloudformation
            .describe_events()
            .stack_name(stack)
            .change_set_name(id)
            .filters(EventFilter::builder().failed_events(true).build());
        let mut pages = request.into_paginator().send();
        let mut failures = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("cloudformation:DescribeEvents"))?;
            let events = page.operation_events.unwrap_or_default();
            failures.extend(events.into_iter().filter_map(failure_of));
        }
        Ok(failures)
    }

    async fn execute_change_set(&self, stack: &str, id: &str, token: &str) -> Result<()> {
        let request = self
            .cloudformation
            .execute_change_set()
            .stack_name(stack)
            .change_set_name(id)
            .client_request_token(token);
        done("cloudformation:ExecuteChangeSet", request.send()).await
    }

    async fn delete_change_set(&self, stack: &str, id: &str) -> Result<()> {
        let request = self
            .cloudformation
            .delete_change_set()
            .stack_name(stack)
            .change_set_name(id);
        found("cloudformation:DeleteChangeSet", request.send())
            .await
            .map(drop)
    }

    async fn detect_drift(&self, stack: &str, logical_ids: &[String]) -> Result<String> {
        const CALL: &str = "cloudformation:DetectStackDrift";
        let request = self.cloudformation.detect_stack_drift().stack_name(stack);
        let request = request.set_logical_resource_ids(Some(logical_ids.to_vec()));
        let id = answered(CALL, request.send())
            .await?
            .stack_drift_detection_id;
        id.ok_or_else(|| refused(CALL, ErrorKind::Other, "the response contains no ID"))
    }

    async fn drift_detection(&self, id: &str) -> Result<DriftDetection> {
        let request = self.cloudformation.describe_stack_drift_detection_status();
        let request = request.stack_drift_detection_id(id);
        let call = "cloudformation:DescribeStackDriftDetectionStatus";
        let answer = answered(call, request.send()).await?;
        let status = answer.detection_status.as_ref();
        Ok(detection_of(status, answer.detection_status_reason))
    }

    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>> {
        const CALL: &str = "cloudformation:DescribeStackResourceDrifts";
        let mut drifts = Vec::new();
        let mut next = None;
        // The SDK has no paginator for it.
        loop {
            let request = self.cloudformation.describe_stack_resource_drifts();
            let request = request.stack_name(stack).set_next_token(next);
            let page = answered(CALL, request.send()).await?;
            let found = page.stack_resource_drifts.unwrap_or_default();
            drifts.extend(found.into_iter().map(drift_of));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(drifts);
            }
        }
    }

    async fn delete_stack(&self, name: &str, retain: &[String]) -> Result<()> {
        let request = self.cloudformation.delete_stack().stack_name(name);
        let request = request.set_retain_resources((!retain.is_empty()).then(|| retain.to_vec()));
        done("cloudformation:DeleteStack", request.send()).await
    }
}

fn to_import(imports: &[ResourceToImport]) -> Vec<aws_sdk_cloudformation::types::ResourceToImport> {
    let one = |import: &ResourceToImport| {
        let (property, value) = &import.identifier;
        aws_sdk_cloudformation::types::ResourceToImport::builder()
            .logical_resource_id(&import.logical_id)
            .resource_type(import.kind)
            .resource_identifier(*property, value)
            .build()
    };
    imports.iter().map(one).collect()
}

fn event_of(event: aws_sdk_cloudformation::types::StackEvent) -> StackEvent {
    StackEvent {
        id: event.event_id.unwrap_or_default(),
        stack_id: event.stack_id.unwrap_or_default(),
        logical_id: event.logical_resource_id.unwrap_or_default(),
        physical_id: event.physical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        status: text(event.resource_status),
        reason: event
            .resource_status_reason
            .filter(|reason| !reason.is_empty()),
        at: event.timestamp.as_ref().and_then(timestamp),
        token: event.client_request_token,
    }
}

/// Returns the template as it was uploaded.
async fn original(request: GetTemplateFluentBuilder) -> Result<String> {
    let request = request.template_stage(TemplateStage::Original);
    let answer = answered("cloudformation:GetTemplate", request.send()).await?;
    Ok(answer.template_body.unwrap_or_default())
}

/// Returns the text of a value that CloudFormation chooses from a list.
fn text(value: Option<impl AsRef<str>>) -> String {
    value.map_or_else(String::new, |value| value.as_ref().to_owned())
}

fn change_of(change: aws_sdk_cloudformation::types::ResourceChange) -> Change {
    let properties = change.details().iter().filter_map(|detail| {
        let target = detail.target()?;
        match target.attribute()? {
            ResourceAttribute::Properties => target.name().map(str::to_owned),
            attribute => Some(attribute.as_str().to_owned()),
        }
    });
    Change {
        properties: properties.collect(),
        drift: change
            .resource_drift_status
            .as_ref()
            .map(|status| status_of(Some(status))),
        action: text(change.action),
        logical_id: change.logical_resource_id.unwrap_or_default(),
        kind: change.resource_type.unwrap_or_default(),
        replacement: change
            .replacement
            .map(|replacement| replacement.as_str().to_owned()),
    }
}

/// Returns the resource of a failed event, and the reason, which depends on what failed: a
/// validation, a hook, or the resource itself.
fn failure_of(event: OperationEvent) -> Option<RefusedResource> {
    let reason = event
        .validation_status_reason
        .or(event.hook_status_reason)
        .or(event.resource_status_reason)?;
    Some(RefusedResource {
        logical_id: event.logical_resource_id.unwrap_or_default(),
        kind: event.resource_type.unwrap_or_default(),
        reason,
    })
}

fn parameters(held: Option<Vec<Parameter>>) -> BTreeMap<String, String> {
    let held = held.unwrap_or_default().into_iter();
    // The response may omit an empty value.
    held.filter_map(|held| {
        Some((
            held.parameter_key?,
            held.parameter_value.unwrap_or_default(),
        ))
    })
    .collect()
}

fn tags(held: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    let held = held.unwrap_or_default().into_iter();
    held.filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect()
}

fn pairs<T>(map: &BTreeMap<String, String>, build: impl Fn(&str, &str) -> T) -> Vec<T> {
    map.iter().map(|(key, value)| build(key, value)).collect()
}
