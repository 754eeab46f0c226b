//! The stack: change set, execution, events.

use super::change_set::{compute, inputs};
use super::error::{Error, Result};
use super::{Cleared, Context, Uploaded};
use crate::model::{Entry, Model};
use crate::plan;
use crate::port::{Event, Stack, StackResource, Stage};
use crate::render::{self, Strategy};

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
    pub fn secret_arn(&self, entry: &Entry) -> Result<&str> {
        let arn = self.stack.outputs.get(&render::secret_output(entry));
        arn.map(String::as_str).ok_or_else(|| Error::NoSecret {
            secret: entry.secret.to_string(),
        })
    }

    /// Returns the ARN of the function that rotates what is asked for.
    pub fn function_arn(&self, strategy: Strategy) -> Option<&str> {
        // Where there is one function, its output is the same whatever it rotates.
        let names = match (strategy, self.physical_id(strategy.function())) {
            (_, None) => return None,
            (Strategy::AccessKeys, _) => [render::FUNCTION_OUTPUT; 2],
            (Strategy::Databases, _) => [render::DATABASE_FUNCTION_OUTPUT, render::FUNCTION_OUTPUT],
        };
        let outputs = &self.stack.outputs;
        let mut found = names.into_iter().filter_map(|name| outputs.get(name));
        found.next().map(String::as_str)
    }

    /// Returns the log group of the function that rotates what is asked for.
    pub fn log_group(&self, strategy: Strategy) -> Option<&str> {
        self.physical_id(strategy.log_group())
    }

    fn physical_id(&self, logical_id: &str) -> Option<&str> {
        let named = |held: &&StackResource| held.logical_id == logical_id;
        let found = self.resources.iter().find(named);
        found.map(|held| held.physical_id.as_str())
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
    template: &str,
) -> Result<Deployed> {
    let stack = cleared.observed.stack.as_ref();
    let inputs = inputs(model, &uploaded.bucket, &uploaded.parameters);
    let source = uploaded.template.clone();
    let computed = compute(context, model, stack, source, template, inputs).await?;
    let Some(computed) = computed else {
        return Deployed::observe(context, model).await;
    };
    let refused = plan::refuse_seed_changes(&computed.changes);
    if !refused.is_empty() {
        computed.remove(context).await?;
        return Err(Error::Refused(refused));
    }
    context.stage(Stage::Deploying);
    let name = model.stack.as_str();
    let id = match context.cloud.stack(name).await? {
        Some(stack) => stack.id,
        None => name.to_owned(),
    };
    let before = seen(context, &id).await?;
    context.cloud.execute_change_set(name, &computed.id).await?;
    let settled = follow(context, &id, before, OperationStart::Soon).await?;
    let settled = settled.ok_or_else(|| Error::NotDeployed { stack: name.into() })?;
    if !settled.status.succeeded() {
        return Err(failed(context, settled, before).await?);
    }
    Ok(Deployed {
        changes: computed.changes.len(),
        ..Deployed::observe(context, model).await?
    })
}

/// Waits for an operation of CloudFormation, which an interrupted run may have begun:
/// until then nothing that is seen of the account holds.
pub(super) async fn settle(context: &Context<'_>, model: &Model) -> Result<()> {
    let stack = context.cloud.stack(model.stack.as_str()).await?;
    if let Some(busy) = stack.filter(|stack| stack.status.is_busy()) {
        context.stage(Stage::Deploying);
        let before = seen(context, &busy.id).await?;
        follow(context, &busy.id, before, OperationStart::Already).await?;
    }
    Ok(())
}

/// Returns how many events there are already.
pub(super) async fn seen(context: &Context<'_>, id: &str) -> Result<usize> {
    Ok(context.cloud.events(id).await?.len())
}

/// Whether what is followed shows in the stack's status yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperationStart {
    /// It does, or has ended since.
    Already,
    /// It was asked for, and begins with an event a moment later.
    Soon,
}

/// Reports each event after those `before` until the operation of CloudFormation ends.
/// Returns the stack, or nothing if it is gone.
pub(super) async fn follow(
    context: &Context<'_>,
    id: &str,
    before: usize,
    begins: OperationStart,
) -> Result<Option<Stack>> {
    let mut told = before;
    loop {
        let stack = context.cloud.stack(id).await?;
        for event in context.cloud.events(id).await?.into_iter().skip(told) {
            told += 1;
            context.listener.on(Event::Resource {
                logical_id: event.logical_id,
                kind: event.kind,
                status: event.status,
                reason: event.reason,
            });
        }
        let Some(stack) = stack.filter(|stack| !stack.status.is_deleted()) else {
            return Ok(None);
        };
        let begun = begins == OperationStart::Already || told > before;
        if begun && !stack.status.is_busy() && !stack.status.is_review() {
            return Ok(Some(stack));
        }
        context.wait().await;
    }
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
