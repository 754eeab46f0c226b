//! Reverts drift: the settings of secrets by calls of their own, and everything else by a change
//! set that is computed from the deployed template.

use std::collections::BTreeSet;

use super::super::change_set::{ComputedChangeSet, CreatedSet, create, reason};
use super::super::deploy::{look, may_be_overtaken};
use super::super::error::{Error, Result};
use super::super::operation::{began_since, caught_up, newest, settle};
use super::super::upload::store_template;
use super::super::{Cleared, Context, Deployed, preflight};
use super::detect::{observe_drift, read};
use super::settings::{remove_statement, restore_settings, restore_tags};
use crate::model::{Finding, Model};
use crate::plan::drift::{
    Consent, DriftedResource, Repair, StackDrift, check_replacement, check_revert, is_restored,
    repair_of, without_resources,
};
use crate::plan::{Drift, Preflight};
use crate::port::{
    self, Change, ChangeSetRequest, DriftStatus, ErrorKind, RefusedResource, Stack, Stage,
    TemplateSource,
};
use crate::render;

/// The secrets that do not exist, and that a person has asked to create again, by logical ID.
pub type Recreation = BTreeSet<String>;

/// How many times another command may change the stack before this one fails.
const OVERTAKEN: usize = 5;

/// Reverts what differs from the deployed template, before a deployment, and observes the account
/// again. Rotation that someone has disabled stays disabled. If a person was asked, only what `shown`
/// says is reverted.
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
    shown: Option<&[Drift]>,
) -> Result<Cleared<'model>> {
    for overtaken in 0.. {
        // Another command may have deployed since the preflight.
        let (Some(stack), resources) = look(context, model.deployed_name()).await? else {
            return Ok(cleared);
        };
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
        let mut seen = drift.ignored.clone();
        let mut is_left = true;
        for resource in drift
            .by_resource()
            .filter(|one| one.iter().any(is_restored))
        {
            let id = resource[0].logical_id.as_str();
            let differences: Vec<Drift> = resource.iter().flat_map(|one| one.shown()).collect();
            if shown.is_none_or(|shown| differences.iter().all(|it| shown.contains(it))) {
                is_left = false;
                seen.insert(id.to_owned());
                for difference in differences {
                    context.warn(format!("{difference}; this is restored"));
                }
            } else {
                context.warn(changed_late(id, "bootstrap"));
            }
        }
        let consent = Consent {
            recreated: recreated.clone(),
            shown: shown.map(|_| seen),
            ..Consent::default()
        };
        let is_recreated = |one: &DriftedResource| {
            repair_of(one) == Repair::Recreate && recreated.contains(&one.logical_id)
        };
        if is_left && !drift.resources.iter().any(is_recreated) {
            return Ok(cleared);
        }
        let deployed = Deployed {
            stack,
            resources,
            changes: 0,
        };
        let name = model.deployed_name();
        let before = newest(context, name).await?;
        match revert(context, model, &deployed, &drift, consent).await {
            Ok(()) => return preflight(context, model, intent).await,
            // The deployment uploads the zip file again if it is gone, and compares the code at its end.
            Err(error @ Error::ResourceNotRestored { .. }) => {
                context.warn(error.to_string());
                return preflight(context, model, intent).await;
            }
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

/// Reverts drift, except for the differences that a person has not agreed to.
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
    mut consent: Consent,
) -> Result<()> {
    context.stage(Stage::RevertingDrift);
    let stack = &deployed.stack;
    let text = context.cloud.template(&stack.name).await?;
    let template = read(&text, stack, &deployed.resources)?;
    let mut repairs: Vec<(Repair, &str)> = drift
        .resources
        .iter()
        .filter(|one| {
            let shown = consent.shown.as_ref();
            shown.is_none_or(|shown| shown.contains(&one.logical_id))
        })
        .map(|one| (repair_of(one), one.logical_id.as_str()))
        .collect();
    repairs.sort_unstable();
    restore_tags(context, &template).await?;
    let disabled = drift.resources.iter();
    let disabled = disabled.filter(|one| repair_of(one) == Repair::EnableRotation);
    consent.disabled = disabled.map(|one| one.logical_id.clone()).collect();
    // Nothing else depends on the code of a function and on the key of a log group.
    let mut independent = Ok(());
    for (repair, id) in &repairs {
        if let Some(resource) = template.resource(id) {
            match restore_settings(context, &template, resource, *repair).await {
                Err(error) if matches!(repair, Repair::Code | Repair::LogKey) => {
                    independent = Err(not_restored(id, error));
                }
                restored => restored?,
            }
        }
    }
    let of = |wanted: Repair| {
        let those = repairs.iter().filter(move |(repair, _)| *repair == wanted);
        those
            .map(|(_, id)| (*id).to_owned())
            .collect::<BTreeSet<String>>()
    };
    let permissions = of(Repair::Permission);
    let created = of(Repair::Recreate);
    let is_asked = created.iter().any(|id| consent.recreated.contains(id));
    let changes = Changes {
        context,
        model,
        stack,
        template: &text,
    };
    let is_alone = !is_asked && of(Repair::ChangeSet).is_empty();
    if !permissions.is_empty() {
        changes
            .check_without_executing(&consent, &permissions, is_alone)
            .await?;
        for id in &permissions {
            if let Some(permission) = template.resource(id) {
                remove_statement(context, &template, permission).await?;
            }
        }
    }
    if is_asked || !of(Repair::ChangeSet).is_empty() || !permissions.is_empty() {
        changes.revert(&consent).await?;
    }
    let replaced = of(Repair::Replace);
    if !replaced.is_empty() {
        changes.replace(&replaced).await?;
    }
    independent
}

fn not_restored(id: &str, error: Error) -> Error {
    match error {
        error @ Error::ResourceNotRestored { .. } => error,
        error => Error::ResourceNotRestored {
            resource: id.to_owned(),
            reason: error.to_string(),
        },
    }
}

/// Says that a resource was changed too late to be restored.
pub(in super::super) fn changed_late(id: &str, command: &str) -> String {
    format!(
        "{id} was changed after it was compared, and stays as it is; run `keyrota {command}` again"
    )
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
    async fn revert(&self, consent: &Consent) -> Result<()> {
        let check = |changes: &[Change]| check_revert(changes, consent);
        let source = TemplateSource::Previous;
        let computed = self.compute(source, self.template, true, check).await?;
        self.run(&computed).await
    }

    /// Computes the change set that reverts drift, and deletes it. Nothing that still works is
    /// removed if that change set cannot be computed or must not be executed.
    ///
    /// Without the removal, it may contain no change to the permissions, and CloudFormation cannot
    /// create a change set without changes. That is expected if `is_alone` says that nothing else
    /// differs, or if CloudFormation names only the permissions as the reason.
    async fn check_without_executing(
        &self,
        consent: &Consent,
        permissions: &BTreeSet<String>,
        is_alone: bool,
    ) -> Result<()> {
        let request = self.request(TemplateSource::Previous, true);
        match create(self.context, request, self.template).await? {
            CreatedSet::Computed(computed) => {
                let findings = check_revert(&computed.changes, consent);
                computed.remove(self.context).await?;
                match findings.is_empty() {
                    true => Ok(()),
                    false => Err(Error::Refused(findings)),
                }
            }
            CreatedSet::Failed(own, refused) => {
                let is_expected = match &refused {
                    Ok(refused) if !refused.is_empty() => {
                        let mut refused = refused.iter();
                        refused.all(|one| permissions.contains(&one.logical_id))
                    }
                    _ => is_alone,
                };
                match is_expected {
                    true => Ok(()),
                    false => Err(self.failure(own, refused)),
                }
            }
        }
    }

    /// Removes resources from the stack, and adds them again. If this is interrupted, the next
    /// deployment adds them. No drift is found then, because the deployed template does not have them,
    /// so the error says what is missing.
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
        // Storing both templates first leaves less that can fail between the two operations.
        let without = store_template(context, model, &bucket, account, &rest).await?;
        let with = store_template(context, model, &bucket, account, template).await?;
        let check = |changes: &[Change]| check_replacement(changes, "Remove", ids);
        let removal = self.compute(without, &rest, false, check).await?;
        if let Err(error) = self.run(&removal).await {
            return Err(match error {
                // Nothing was executed.
                Error::Aws(error) if is_refusal(&error) => error.into(),
                error => self.left_out(ids, false, error),
            });
        }
        let check = |changes: &[Change]| check_replacement(changes, "Add", ids);
        let added = async {
            let addition = self.compute(with, template, false, check).await?;
            self.run(&addition).await
        };
        added.await.map_err(|error| self.left_out(ids, true, error))
    }

    /// Returns the error of an interrupted replacement.
    fn left_out(&self, ids: &BTreeSet<String>, has_been_removed: bool, error: Error) -> Error {
        Error::LeftOut {
            stack: self.stack.name.clone(),
            resources: ids.iter().cloned().collect(),
            is: match (has_been_removed, ids.len()) {
                (true, 1) => "is",
                (true, _) => "are",
                (false, _) => "may be",
            },
            error: Box::new(error),
        }
    }

    /// Computes a change set and shows it. Deletes it if something is found against it.
    async fn compute(
        &self,
        source: TemplateSource,
        template: &str,
        reverts_drift: bool,
        check: impl Fn(&[Change]) -> Vec<Finding>,
    ) -> Result<ComputedChangeSet> {
        let context = self.context;
        let request = self.request(source, reverts_drift);
        let computed = match create(context, request, template).await? {
            CreatedSet::Computed(computed) => computed,
            CreatedSet::Failed(own, refused) => return Err(self.failure(own, refused)),
        };
        show(context, &computed);
        let findings = check(&computed.changes);
        if !findings.is_empty() {
            computed.remove(context).await?;
            return Err(Error::Refused(findings));
        }
        Ok(computed)
    }

    /// Executes a change set, and waits for the end of the operation.
    async fn run(&self, computed: &ComputedChangeSet) -> Result<()> {
        let Self { context, stack, .. } = *self;
        let ended = computed.execute(context).await?;
        if !ended.status.succeeded() {
            return Err(ended.into_error(&stack.name));
        }
        caught_up(context, &computed.stack_id, &ended.status).await?;
        Ok(())
    }

    fn request(&self, template: TemplateSource, reverts_drift: bool) -> ChangeSetRequest {
        let Self { context, stack, .. } = *self;
        ChangeSetRequest {
            stack: stack.name.clone(),
            name: format!("keyrota-{}", context.clock.token()),
            create: false,
            template,
            parameters: stack.parameters.clone(),
            // The deployed template may need more than the manifest's does.
            capability: "CAPABILITY_NAMED_IAM",
            tags: stack.tags.clone(),
            imports: Vec::new(),
            reverts_drift,
        }
    }

    fn failure(&self, own: Option<String>, refused: port::Result<Vec<RefusedResource>>) -> Error {
        Error::ChangeSet {
            stack: self.stack.name.clone(),
            reason: reason(own, refused),
        }
    }
}

/// Returns whether CloudFormation refused to execute a change set.
fn is_refusal(error: &port::Error) -> bool {
    error.call == "cloudformation:ExecuteChangeSet" && error.kind != ErrorKind::Unavailable
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
