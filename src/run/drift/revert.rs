//! Reverts drift: the settings of secrets by calls of their own, and everything else by a change
//! set that is computed from the deployed template.

use std::collections::BTreeSet;

use super::super::change_set::{ComputedChangeSet, CreatedSet, create, reason};
use super::super::deploy::may_be_overtaken;
use super::super::error::{Error, Result};
use super::super::operation::{began_since, caught_up, newest, settle};
use super::super::upload::store_template;
use super::super::{Cleared, Context, Deployed, preflight};
use super::detect::{observe_drift, read};
use super::settings::{restore_settings, restore_tags};
use crate::model::{Finding, Model};
use crate::plan::Preflight;
use crate::plan::drift::{
    DriftedResource, Repair, StackDrift, check_replacement, check_revert, repair_of,
    without_resources,
};
use crate::port::{Change, ChangeSetRequest, DriftStatus, Stack, Stage, TemplateSource};
use crate::render;

/// The secrets that do not exist, and that a person has asked to create again, by logical ID.
pub type Recreation = BTreeSet<String>;

/// How often other commands may change the stack before this one gives up.
const OVERTAKEN: usize = 5;

/// Reverts what differs from the deployed template, before a deployment, and observes the account
/// again. Rotation that someone has disabled stays disabled.
///
/// # Errors
///
/// Returns CloudFormation's refusal, and [`Error::Refused`] if the change set must not be executed.
pub(in super::super) async fn restore<'model>(
    context: &Context<'_>,
    model: &'model Model,
    mut cleared: Cleared<'model>,
    intent: Preflight,
    recreated: &Recreation,
) -> Result<Cleared<'model>> {
    for overtaken in 0.. {
        let Some(stack) = cleared.observed.stack.clone() else {
            return Ok(cleared);
        };
        let resources = cleared.observed.resources.clone();
        let drift = observe_drift(context, &stack, &resources).await?;
        for obstacle in drift.obstacles() {
            context.warn(format!("cannot check for drift: {obstacle}"));
        }
        for resource in &drift.resources {
            if repair_of(resource) == Repair::EnableRotation {
                context.warn(format!(
                    "{}: rotation is disabled, and stays so; `keyrota doctor --fix` enables it",
                    resource.logical_id
                ));
            }
        }
        let is_reverted = |one: &DriftedResource| match repair_of(one) {
            Repair::EnableRotation => false,
            Repair::Recreate => recreated.contains(&one.logical_id),
            _ => true,
        };
        if !drift.resources.iter().any(is_reverted) {
            return Ok(cleared);
        }
        let deployed = Deployed {
            stack,
            resources,
            changes: 0,
        };
        let name = model.stack.as_str();
        let before = newest(context, name).await?;
        match revert(context, model, &deployed, &drift, recreated).await {
            Ok(()) => return preflight(context, model, intent).await,
            Err(error) if !may_be_overtaken(&error) || overtaken >= OVERTAKEN => return Err(error),
            Err(error) => {
                if !began_since(context, name, before.as_ref()).await? {
                    return Err(error);
                }
                settle(context, name).await?;
                cleared = preflight(context, model, intent).await?;
            }
        }
    }
    Ok(cleared)
}

/// Reverts drift. Secrets that do not exist are created again only if they are in `recreated`.
///
/// # Errors
///
/// Returns the first call that was refused, and [`Error::Refused`] if the change set must not be
/// executed. Another run continues from there.
pub(in super::super) async fn revert(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    drift: &StackDrift,
    recreated: &Recreation,
) -> Result<()> {
    context.stage(Stage::RevertingDrift);
    let stack = &deployed.stack;
    let text = context.cloud.template(&stack.name).await?;
    let template = read(&text, stack, &deployed.resources)?;
    let mut repairs: Vec<(Repair, &str)> = drift
        .resources
        .iter()
        .map(|one| (repair_of(one), one.logical_id.as_str()))
        .collect();
    repairs.sort_unstable();
    restore_tags(context, &template).await?;
    for (repair, id) in &repairs {
        if let Some(resource) = template.resource(id) {
            restore_settings(context, &template, resource, *repair).await?;
        }
    }
    let of = |wanted: Repair| {
        let those = repairs.iter().filter(move |(repair, _)| *repair == wanted);
        those
            .map(|(_, id)| (*id).to_owned())
            .collect::<BTreeSet<String>>()
    };
    let created = of(Repair::Recreate);
    let is_asked = created.iter().any(|id| recreated.contains(id));
    let changes = Changes {
        context,
        model,
        stack,
        template: &text,
    };
    if is_asked || !of(Repair::ChangeSet).is_empty() || !of(Repair::Permission).is_empty() {
        changes
            .revert(recreated, &of(Repair::EnableRotation))
            .await?;
    }
    let replaced = of(Repair::Replace);
    match replaced.is_empty() {
        true => Ok(()),
        false => changes.replace(&replaced).await,
    }
}

/// The change sets that restore a stack.
struct Changes<'a> {
    context: &'a Context<'a>,
    model: &'a Model,
    stack: &'a Stack,
    /// The deployed template.
    template: &'a str,
}

impl Changes<'_> {
    /// Reverts drift, if the change set that does so may be executed.
    async fn revert(&self, recreated: &Recreation, disabled: &BTreeSet<String>) -> Result<()> {
        let check = |changes: &[Change]| check_revert(changes, recreated, disabled);
        let source = TemplateSource::Previous;
        self.execute(source, self.template, true, check).await
    }

    /// Removes resources from the stack, and adds them again. If this is interrupted, the next
    /// deployment adds them.
    async fn replace(&self, ids: &BTreeSet<String>) -> Result<()> {
        let Self {
            context,
            model,
            stack,
            template,
        } = self;
        let rest = without_resources(template, ids).map_err(|reason| Error::ChangeSet {
            stack: stack.name.clone(),
            reason,
        })?;
        let account = stack.id.split(':').nth(4).unwrap_or_default();
        let bucket = render::artifact_bucket(model, account, context.region);
        for (text, action) in [(rest.as_str(), "Remove"), (*template, "Add")] {
            let source = store_template(context, model, &bucket, account, text).await?;
            let check = |changes: &[Change]| check_replacement(changes, action, ids);
            self.execute(source, text, false, check).await?;
        }
        Ok(())
    }

    /// Computes a change set, shows it, and executes it if nothing is found against it.
    async fn execute(
        &self,
        source: TemplateSource,
        template: &str,
        reverts_drift: bool,
        check: impl Fn(&[Change]) -> Vec<Finding>,
    ) -> Result<()> {
        let Self { context, stack, .. } = *self;
        let request = ChangeSetRequest {
            stack: stack.name.clone(),
            name: format!("keyrota-{}", context.clock.token()),
            create: false,
            template: source,
            parameters: stack.parameters.clone(),
            // The deployed template may need more than the manifest's does.
            capability: "CAPABILITY_NAMED_IAM",
            tags: stack.tags.clone(),
            imports: Vec::new(),
            reverts_drift,
        };
        let computed = match create(context, request, template).await? {
            CreatedSet::Computed(computed) => computed,
            CreatedSet::Failed(own, refused) => {
                return Err(Error::ChangeSet {
                    stack: stack.name.clone(),
                    reason: reason(own, refused),
                });
            }
        };
        show(context, &computed);
        let findings = check(&computed.changes);
        if !findings.is_empty() {
            computed.remove(context).await?;
            return Err(Error::Refused(findings));
        }
        let ended = computed.execute(context).await?;
        if !ended.status.succeeded() {
            return Err(ended.into_error(&stack.name));
        }
        caught_up(context, &computed.stack_id, &ended.status).await?;
        Ok(())
    }
}

fn show(context: &Context<'_>, computed: &ComputedChangeSet) {
    for change in &computed.changes {
        let is_gone = change.drift == Some(DriftStatus::Deleted);
        let what = match change.action.as_str() {
            "Add" => "create",
            "Modify" | "Dynamic" if is_gone => "create",
            "Remove" => "remove",
            "SyncWithActual" => "record",
            _ => "change",
        };
        context.done(format!(
            "the change set will {what} {} ({})",
            change.logical_id, change.kind
        ));
    }
}
