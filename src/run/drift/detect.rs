//! Detects drift.

use jiff::Timestamp;

use super::super::error::{Error, Result};
use super::super::{Context, Deployed};
use super::look::look;
use crate::plan::drift::{
    DeployedTemplate, StackDrift, is_comparable, is_detected, stack_drift, without_stale,
};
use crate::port::{DriftDetection, ErrorKind, ResourceDrift, Stack, StackResource, Stage};
use crate::render;

/// How many resources one detection can be limited to (`API_DetectStackDrift`).
const MOST: usize = 200;

/// Returns how a stack differs from what was deployed. Changes nothing.
///
/// If CloudFormation does not detect drift now, such as during an operation, the result says so. A
/// stack that does not exist yet has no drift.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub async fn observe_drift(
    context: &Context<'_>,
    stack: &Stack,
    resources: &[StackResource],
) -> Result<StackDrift> {
    if stack.status.is_review() || stack.status.is_deleted() {
        return Ok(StackDrift::default());
    }
    if !is_comparable(&stack.status) {
        let status = stack.status.as_str();
        return Ok(StackDrift {
            obstacle: Some(format!("not compared while the stack is {status}")),
            ..StackDrift::default()
        });
    }
    context.stage(Stage::DetectingDrift);
    let text = match context.cloud.template(&stack.name).await {
        Ok(text) => text,
        Err(error) if error.kind == ErrorKind::Denied => {
            return Ok(StackDrift {
                obstacle: Some(error.to_string()),
                ..StackDrift::default()
            });
        }
        Err(error) => return Err(error.into()),
    };
    let template = read(&text, stack, resources)?;
    let detected = detect(context, stack, resources).await?;
    let looks = look(context, &template).await?;
    let found = detected.as_deref().map_err(String::as_str);
    Ok(stack_drift(&template, found, &looks))
}

impl Deployed {
    /// Returns how the stack differs from what was deployed.
    ///
    /// # Errors
    ///
    /// Returns a call that failed for another reason than a missing permission.
    pub async fn observe_drift(&self, context: &Context<'_>) -> Result<StackDrift> {
        observe_drift(context, &self.stack, &self.resources).await
    }
}

/// Reads the deployed template.
pub(super) fn read<'a>(
    text: &str,
    stack: &'a Stack,
    resources: &'a [StackResource],
) -> Result<DeployedTemplate<'a>> {
    let malformed = |error: serde_yaml::Error| render::Error::Malformed(error.to_string());
    Ok(DeployedTemplate::read(text, stack, resources).map_err(malformed)?)
}

/// Has CloudFormation detect the drift of all resources except secrets, or returns why it cannot.
async fn detect(
    context: &Context<'_>,
    stack: &Stack,
    resources: &[StackResource],
) -> Result<std::result::Result<Vec<ResourceDrift>, String>> {
    let requested = resources.iter().filter(|resource| is_detected(resource));
    let requested: Vec<&StackResource> = requested.collect();
    let ids = requested.iter().map(|resource| resource.logical_id.clone());
    let ids: Vec<String> = ids.collect();
    let began = context.clock.now();
    let mut failures = Vec::new();
    for ids in ids.chunks(MOST) {
        match detect_some(context, stack, ids, began).await? {
            Ok(failure) => failures.extend(failure),
            Err(obstacle) => return Ok(Err(obstacle)),
        }
    }
    let drifts = match context.cloud.drifts(&stack.id).await {
        Ok(drifts) => drifts,
        Err(error) => return obstacle(error).map(Err),
    };
    let drifts: Vec<ResourceDrift> = drifts
        .into_iter()
        .filter(|drift| ids.contains(&drift.logical_id))
        .collect();
    Ok(Ok(match failures.first() {
        Some(reason) => without_stale(drifts, &requested, began, reason),
        None => drifts,
    }))
}

/// Detects the drift of some resources, and returns why it failed for some of them, if it did.
///
/// CloudFormation runs one detection on a stack at a time. If the one of another command checks the
/// same resources, its results are as good.
async fn detect_some(
    context: &Context<'_>,
    stack: &Stack,
    ids: &[String],
    began: Timestamp,
) -> Result<std::result::Result<Option<String>, String>> {
    let id = loop {
        match context.cloud.detect_drift(&stack.id, ids).await {
            Ok(id) => break id,
            // It refuses for no other reason: the stack exists and is in a status that allows it.
            Err(error) if error.kind == ErrorKind::Invalid => {
                if context.waited(began) >= context.pace.detection {
                    return obstacle(error).map(Err);
                }
                context.wait().await;
                if are_fresh(context, stack, ids, began).await? {
                    return Ok(Ok(None));
                }
            }
            Err(error) => return obstacle(error).map(Err),
        }
    };
    loop {
        match context.cloud.drift_detection(&id).await {
            Ok(DriftDetection::InProgress) => context.wait().await,
            Ok(DriftDetection::Complete) => return Ok(Ok(None)),
            Ok(DriftDetection::Failed { reason }) => {
                let reason = reason.unwrap_or_else(|| "CloudFormation gave no reason".to_owned());
                return Ok(Ok(Some(reason)));
            }
            Err(error) => return obstacle(error).map(Err),
        }
    }
}

/// Returns whether each of these resources was checked after a moment.
async fn are_fresh(
    context: &Context<'_>,
    stack: &Stack,
    ids: &[String],
    began: Timestamp,
) -> Result<bool> {
    let Ok(drifts) = context.cloud.drifts(&stack.id).await else {
        return Ok(false);
    };
    let is_fresh = |id: &String| {
        let found = drifts.iter().find(|drift| drift.logical_id == *id);
        found
            .and_then(|drift| drift.at)
            .is_some_and(|at| at > began)
    };
    Ok(ids.iter().all(is_fresh))
}

/// Returns a refusal as the reason why drift is unknown.
fn obstacle(error: crate::port::Error) -> Result<String> {
    match error.kind {
        ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Other => Ok(error.to_string()),
        _ => Err(Error::Aws(error)),
    }
}
