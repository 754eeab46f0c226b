//! Deploys the stack: change set, execution, and events.

use futures_util::future;

use super::change_set::{compute, inputs};
use super::error::{Error, Result};
use super::operation::{began_since, caught_up, is_in_review, newest, settle};
use super::{Cleared, Context, Uploaded};
use crate::model::{Entry, Finding, Model};
use crate::plan;
use crate::port::{ErrorKind, Stack, StackResource, Stage};
use crate::render::{self, Strategy};

/// The stack matches its rendering.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The stack.
    pub stack: Stack,
    /// Its resources.
    pub resources: Vec<StackResource>,
    /// The number of changes that were made.
    pub changes: usize,
}

impl Deployed {
    /// Observes the stack for a command that starts at a later stage.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotDeployed`] if the stack does not exist or is not complete.
    pub async fn observe(context: &Context<'_>, model: &Model) -> Result<Self> {
        let name = model.deployed_name();
        let (stack, resources) = look(context, name).await?;
        Self::of(name, stack, resources, 0)
    }

    fn of(
        name: &str,
        stack: Option<Stack>,
        resources: Vec<StackResource>,
        changes: usize,
    ) -> Result<Self> {
        let stack = stack.filter(|stack| stack.status.is_healthy() || stack.status.is_busy());
        Ok(Self {
            stack: stack.ok_or_else(|| Error::NotDeployed { stack: name.into() })?,
            resources,
            changes,
        })
    }

    /// Returns the ARN of an entry's secret.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NoSecret`] if the stack has no secret for the entry.
    pub fn secret_arn(&self, entry: &Entry) -> Result<&str> {
        let arn = self.stack.outputs.get(&render::secret_output(entry));
        arn.map(String::as_str).ok_or_else(|| Error::NoSecret {
            secret: entry.secret.to_string(),
        })
    }

    /// Returns the ARN of the function for a kind of credential.
    pub fn function_arn(&self, strategy: Strategy) -> Option<&str> {
        // The name of the first function's output does not depend on the kind.
        self.physical_id(strategy.function())?;
        let names = [strategy.own_output(), render::FUNCTION_OUTPUT];
        let outputs = &self.stack.outputs;
        let mut found = names.into_iter().filter_map(|name| outputs.get(name));
        found.next().map(String::as_str)
    }

    /// Returns the log group of the function for a kind of credential.
    pub fn log_group(&self, strategy: Strategy) -> Option<&str> {
        self.physical_id(strategy.log_group())
    }

    /// Returns the name of the role of the function for a kind of credential.
    pub fn role(&self, strategy: Strategy) -> Option<&str> {
        self.physical_id(strategy.role())
    }

    fn physical_id(&self, logical_id: &str) -> Option<&str> {
        let named = |held: &&StackResource| held.logical_id == logical_id;
        let found = self.resources.iter().find(named);
        found.map(|held| held.physical_id.as_str())
    }
}

/// Returns a stack and its resources, looking again while `DescribeStacks` may show the stack as
/// it was before the operation that created the resources.
///
/// # Errors
///
/// Returns the call that was refused; a missing stack is no error.
pub(super) async fn look(
    context: &Context<'_>,
    stack: &str,
) -> Result<(Option<Stack>, Vec<StackResource>)> {
    let began = context.clock.now();
    loop {
        let (shown, resources) =
            future::try_join(context.cloud.stack(stack), context.cloud.resources(stack)).await?;
        let precedes = |stack: &Stack| precedes_its_outputs(stack, &resources);
        let is_stale = !resources.is_empty() && shown.as_ref().is_none_or(precedes);
        if !is_stale || context.waited(began) >= context.pace.listing {
            return Ok((shown, resources));
        }
        context.wait().await;
    }
}

/// Returns whether a stack is shown as it was before its first operation ended. Later it always
/// has outputs, unless the operation failed.
pub(super) fn precedes_its_outputs(stack: &Stack, resources: &[StackResource]) -> bool {
    let status = &stack.status;
    // An import sets no outputs, and creates no function.
    let is_import = status.as_str() == "IMPORT_COMPLETE"
        && !resources
            .iter()
            .any(|held| held.kind == "AWS::Lambda::Function");
    status.is_review()
        || (status.is_healthy() || status.is_busy())
            && !is_import
            && (stack.outputs.is_empty() || stack.outputs.values().any(String::is_empty))
}

/// The result of a deployment.
#[derive(Debug)]
pub enum Deployment {
    /// The stack matches its rendering.
    Done(Deployed),
    /// Another command changed the stack in the meantime, and nothing was executed.
    Overtaken {
        /// The stack as the other command left it, from which to start again.
        stack: Option<Stack>,
        /// CloudFormation's refusal.
        refusal: Error,
    },
}

/// Deploys what was rendered.
///
/// CloudFormation executes one change set of a stack at a time, which makes the others obsolete. So
/// one of several commands deploys, and the others start again after it has ended.
///
/// # Errors
///
/// Returns CloudFormation's refusal, and [`Error::Stack`] with the reasons if the stack rolled
/// back.
pub async fn deploy(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared<'_>,
    uploaded: &Uploaded,
    template: &str,
) -> Result<Deployment> {
    let name = model.stack.as_str();
    let before = newest(context, name).await?;
    let error = match execute(context, model, cleared, uploaded, template).await {
        Ok(deployed) => return Ok(Deployment::Done(deployed)),
        Err(error) => error,
    };
    if !may_be_overtaken(&error) {
        return Err(error);
    }
    // Only another command deletes the change set that this one created.
    let is_lost = matches!(&error, Error::Aws(error) if error.kind == ErrorKind::NotFound);
    let observed = cleared.observed.stack.as_ref();
    // Another command may have created the stack after this one observed it, and before `before`.
    let is_stale = before.is_some()
        && observed.is_none_or(|stack| stack.status.is_review())
        && !is_in_review(context, name).await?;
    if !(is_lost || is_stale || began_since(context, name, before.as_ref()).await?) {
        return Err(error);
    }
    let settled = settle(context, name).await?;
    let stack = match settled {
        Some(stack) => Some(stack),
        None => {
            context.wait().await;
            context.cloud.stack(name).await?
        }
    };
    if let Some(stack) = &stack {
        // The resources show whether another command has started to import into a stack without tags.
        let resources = match stack.tags.is_empty() {
            true => context.cloud.resources(name).await?,
            false => Vec::new(),
        };
        let findings = plan::check_stack(model, stack, &resources);
        if findings.iter().any(Finding::is_error) {
            return Err(Error::Refused(findings));
        }
    }
    Ok(Deployment::Overtaken {
        stack,
        refusal: error,
    })
}

/// Returns whether another command's change of the stack may have caused a refusal.
pub(super) fn may_be_overtaken(error: &Error) -> bool {
    match error {
        Error::ChangeSet { .. } => true,
        Error::LeftOut { error, .. } => may_be_overtaken(error),
        Error::Aws(error) => matches!(
            error.kind,
            ErrorKind::NotFound
                | ErrorKind::AlreadyExists
                | ErrorKind::Conflict
                | ErrorKind::Invalid
        ),
        _ => false,
    }
}

async fn execute(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared<'_>,
    uploaded: &Uploaded,
    template: &str,
) -> Result<Deployed> {
    let stack = cleared.observed.stack.as_ref();
    let inputs = inputs(model, &uploaded.bucket, &uploaded.parameters);
    let source = uploaded.template.clone();
    let computed = compute(context, model, stack, source, template, inputs).await?;
    let Some(computed) = computed else {
        // The stack may have been observed while another command was deploying it.
        let (stack, resources) = look(context, model.stack.as_str()).await?;
        return Deployed::of(model.stack.as_str(), stack, resources, 0);
    };
    let refused = plan::refuse_seed_changes(&computed.changes);
    if !refused.is_empty() {
        computed.remove(context).await?;
        return Err(Error::Refused(refused));
    }
    context.stage(Stage::Deploying);
    let name = model.stack.as_str();
    let id = computed.stack_id.as_str();
    let ended = computed.execute(context).await?;
    if !ended.status.succeeded() {
        return Err(ended.into_error(name));
    }
    let stack = caught_up(context, id, &ended.status).await?;
    let resources = context.cloud.resources(name).await?;
    Deployed::of(name, stack, resources, computed.changes.len())
}
