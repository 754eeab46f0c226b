//! The stack: change set, execution, events.

use super::change_set::{compute, inputs, remove};
use super::error::{Error, Result};
use super::{Cleared, Context, Uploaded};
use crate::model::{AccessKey, Model};
use crate::plan;
use crate::port::{Event, Stack, StackResource, Stage};
use crate::render::{self, Rendering};

/// The stack is as it was rendered.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The stack.
    pub stack: Stack,
    /// Its resources.
    pub resources: Vec<StackResource>,
    /// How many changes it took.
    pub changes: usize,
}

impl Deployed {
    /// Rebuilds the value for a command that begins in the middle.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotDeployed`] where there is no finished stack.
    pub async fn observe(context: &Context<'_>, model: &Model) -> Result<Self> {
        let name = model.stack.as_str();
        let stack = context.cloud.stack(name).await?;
        let stack = stack.filter(|stack| stack.status.is_healthy() || stack.status.is_busy());
        Ok(Self {
            stack: stack.ok_or_else(|| Error::NotDeployed { stack: name.into() })?,
            resources: context.cloud.resources(name).await?,
            changes: 0,
        })
    }

    /// Returns the ARN of an entry's secret.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NoSecret`] where the stack has none for it.
    pub fn secret_arn(&self, entry: &AccessKey) -> Result<&str> {
        let arn = self.stack.outputs.get(&render::secret_output(entry));
        arn.map(String::as_str).ok_or_else(|| Error::NoSecret {
            secret: entry.secret.to_string(),
        })
    }

    /// Returns the function's ARN.
    pub fn function_arn(&self) -> Option<&str> {
        self.stack
            .outputs
            .get(render::FUNCTION_OUTPUT)
            .map(String::as_str)
    }

    /// Returns the function's log group.
    pub fn log_group(&self) -> Option<&str> {
        let found = self
            .resources
            .iter()
            .find(|held| held.logical_id == render::LOG_GROUP);
        found.map(|group| group.physical_id.as_str())
    }
}

/// Brings the stack to what was rendered.
///
/// # Errors
///
/// Returns what CloudFormation refused, and [`Error::Stack`] with the reasons where
/// the stack rolled back.
pub async fn deploy(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared,
    uploaded: &Uploaded,
    rendering: &Rendering,
) -> Result<Deployed> {
    let mut stack = cleared.observed.stack.clone();
    if let Some(busy) = stack.as_ref().filter(|stack| stack.status.is_busy()) {
        context.stage(Stage::Deploying);
        // What an interrupted run began goes on without it.
        let told = count_events(context, &busy.id).await?;
        let settled = follow(context, &busy.id, told, Awaited::Quiet).await?;
        if !settled.status.is_healthy() {
            return Err(failed(context, settled, 0).await?);
        }
        stack = Some(settled);
    }
    let inputs = inputs(model, &uploaded.bucket, &uploaded.key);
    let template = uploaded.template.clone();
    let computed = compute(context, model, stack.as_ref(), template, rendering, inputs).await?;
    let Some(computed) = computed else {
        return Deployed::observe(context, model).await;
    };
    let refused = plan::refuse_seed_changes(&computed.changes);
    if !refused.is_empty() {
        remove(context, &computed.id, model).await?;
        return Err(Error::Refused(refused));
    }
    context.stage(Stage::Deploying);
    let name = model.stack.as_str();
    let id = match context.cloud.stack(name).await? {
        Some(stack) => stack.id,
        None => name.to_owned(),
    };
    let before = count_events(context, &id).await?;
    context.cloud.execute_change_set(name, &computed.id).await?;
    let settled = follow(context, &id, before, Awaited::Activity).await?;
    if !settled.status.succeeded() {
        return Err(failed(context, settled, before).await?);
    }
    Ok(Deployed {
        changes: computed.changes.len(),
        ..Deployed::observe(context, model).await?
    })
}

/// Returns how many events there are already.
pub(super) async fn count_events(context: &Context<'_>, id: &str) -> Result<usize> {
    Ok(context.cloud.events(id).await?.len())
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// That CloudFormation is no longer at work.
    Quiet,
    /// That it begins, which is a moment after it was asked to, and ends.
    Activity,
}

/// Tells of each event beyond the first `told` until CloudFormation is done;
/// returns the stack.
async fn follow(
    context: &Context<'_>,
    id: &str,
    mut told: usize,
    awaited: Awaited,
) -> Result<Stack> {
    let before = told;
    loop {
        let stack = context.cloud.stack(id).await?;
        told = tell_events(context, id, told).await?;
        let begun = awaited == Awaited::Quiet || told > before;
        match stack {
            None => return Err(Error::NotDeployed { stack: id.into() }),
            Some(stack) if begun && !stack.status.is_busy() && !stack.status.is_review() => {
                return Ok(stack);
            }
            Some(_) => context.wait().await,
        }
    }
}

/// Tells of each event beyond the first `told`; returns how many there are.
pub(super) async fn tell_events(context: &Context<'_>, id: &str, told: usize) -> Result<usize> {
    let events = context.cloud.events(id).await?;
    let count = events.len().max(told);
    for event in events.into_iter().skip(told) {
        context.listener.on(Event::Resource {
            logical_id: event.logical_id,
            kind: event.kind,
            status: event.status,
            reason: event.reason,
        });
    }
    Ok(count)
}

/// Returns the failure with what CloudFormation says of its causes.
pub(super) async fn failed(context: &Context<'_>, stack: Stack, before: usize) -> Result<Error> {
    let events = context.cloud.events(&stack.id).await?;
    let failures = events
        .into_iter()
        .skip(before)
        .filter(|event| event.status.ends_with("_FAILED"));
    let reasons: Vec<String> = failures
        .filter_map(|event| {
            Some(format!(
                "{} ({}): {}",
                event.logical_id, event.kind, event.reason?
            ))
        })
        .collect();
    Ok(Error::Stack {
        stack: stack.name,
        status: stack.status.as_str().to_owned(),
        reasons: match reasons.is_empty() {
            true => stack.reason.into_iter().collect(),
            false => reasons,
        },
    })
}
