//! Imports what exists already into the stack, before the deployment that changes it: secrets that
//! the manifest adopts, and what an earlier deployment of the stack left.
//!
//! Each step is idempotent, and a run that is interrupted leaves a state that the next run observes
//! and continues from: a secret that is restored, or one that the stack already contains.

mod observe;

use std::collections::BTreeMap;

use super::change_set::{CreatedSet, capability, create, reason};
use super::deploy::may_be_overtaken;
use super::error::{Error, Result};
use super::operation::{began_since, caught_up, settle};
use super::upload::store_template;
use super::{Cleared, Context, preflight};
use crate::model::{Entry, Model};
use crate::plan::{self, Preflight};
use crate::port::{ChangeSetRequest, Secret, Stage};
use crate::render;

pub(super) use observe::observe_imports;
pub use observe::{ImportReport, Imports};

/// How many times another command may change the stack before this one fails.
const OVERTAKEN: usize = 5;

/// Cancels the deletion of what an earlier deployment left, and checks the account again, since the
/// value of a secret cannot be read before.
///
/// # Errors
///
/// Returns the first call that was refused, and the findings of the checks.
pub(super) async fn restore<'model>(
    context: &Context<'_>,
    model: &'model Model,
    cleared: Cleared<'model>,
    intent: Preflight,
) -> Result<Cleared<'model>> {
    let imports = plan::imports(model, &cleared.observed);
    let mut restored = false;
    if let Some(key) = &cleared.imports.key {
        restored |= restore_key(context, key).await?;
    }
    for import in imports.iter().filter(|import| import.is_restored()) {
        let arn = &import.secret.arn;
        context.cloud.restore_secret(arn).await?;
        context.done(format!(
            "cancelled the deletion of the secret {}",
            import.entry.secret
        ));
        restored = true;
    }
    match restored {
        true => preflight(context, model, intent).await,
        false => Ok(cleared),
    }
}

/// Cancels the deletion of a KMS key, and enables it. Returns whether that was necessary.
pub(super) async fn restore_key(context: &Context<'_>, id: &str) -> Result<bool> {
    let cloud = context.cloud;
    let Some(key) = cloud.encryption_key(id).await? else {
        return Ok(false);
    };
    if key.enabled {
        return Ok(false);
    }
    if key.state == "PendingDeletion" {
        cloud.cancel_key_deletion(id).await?;
        context.done(format!("cancelled the deletion of the KMS key {id}"));
    }
    cloud.enable_key(id).await?;
    context.done(format!("enabled the KMS key {id}"));
    let began = context.clock.now();
    loop {
        let key = cloud.encryption_key(id).await?;
        let enabled = key.is_some_and(|key| key.enabled);
        if enabled || context.waited(began) >= context.pace.propagation {
            return Ok(true);
        }
        context.wait().await;
    }
}

/// Imports what exists already, if the deployment needs that. Then disables the rotation that
/// other functions carry out on adopted secrets, so that none begins while the stack takes over.
///
/// # Errors
///
/// Returns CloudFormation's refusal, and [`Error::Stack`] with the reasons if the import was rolled
/// back.
pub(super) async fn import<'model>(
    context: &Context<'_>,
    model: &'model Model,
    mut cleared: Cleared<'model>,
    bucket: &str,
    template: &str,
    intent: Preflight,
) -> Result<Cleared<'model>> {
    let mut overtaken = 0;
    while !plan::imports(model, &cleared.observed).is_empty() {
        let name = model.stack.as_str();
        let before = cleared.newest.clone();
        match execute(context, model, &cleared, bucket, template).await {
            Ok(()) => {}
            Err(error) if !may_be_overtaken(&error) || overtaken >= OVERTAKEN => return Err(error),
            Err(error) => {
                if !began_since(context, name, before.as_ref()).await? {
                    return Err(error);
                }
                overtaken += 1;
                settle(context, name).await?;
            }
        }
        cleared = preflight(context, model, intent).await?;
    }
    take_over(context, &cleared).await?;
    Ok(cleared)
}

async fn execute(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared<'_>,
    bucket: &str,
    template: &str,
) -> Result<()> {
    let observed = &cleared.observed;
    let name = model.stack.as_str();
    let stack = observed.stack.as_ref();
    let existing = stack.filter(|stack| !stack.status.is_review());
    let deployed = match existing {
        Some(stack) => Some(context.cloud.template(&stack.name).await?),
        None => None,
    };
    let imports = plan::imports(model, observed);
    let written = plan::import_template(
        deployed.as_deref(),
        template,
        &imports,
        observe::stacks_key(&observed.resources),
        cleared.imports.key.as_deref(),
    );
    let written = written.map_err(|error| Error::ImportTemplate {
        stack: name.to_owned(),
        reason: error.to_string(),
    })?;
    let account = observed.caller.account.as_str();
    let source = store_template(context, model, bucket, account, &written.text).await?;
    context.stage(Stage::Importing);
    let request = ChangeSetRequest {
        stack: name.to_owned(),
        name: format!("keyrota-{}", context.clock.token()),
        create: existing.is_none(),
        template: source,
        parameters: existing.map_or_else(BTreeMap::new, |stack| stack.parameters.clone()),
        capability: capability(model),
        tags: existing.map_or_else(BTreeMap::new, |stack| stack.tags.clone()),
        imports: written.resources,
        reverts_drift: false,
    };
    let computed = match create(context, request, &written.text).await? {
        CreatedSet::Computed(computed) => computed,
        CreatedSet::Failed(own, refused) => {
            return Err(Error::ChangeSet {
                stack: name.to_owned(),
                reason: reason(own, refused),
            });
        }
    };
    let id = computed.stack_id.as_str();
    let ended = computed.execute(context).await?;
    if ended.status.as_str() != "IMPORT_COMPLETE" {
        return Err(ended.into_error(name));
    }
    caught_up(context, id, &ended.status).await?;
    for import in &imports {
        context.done(format!("imported the secret {}", import.entry.secret));
    }
    Ok(())
}

/// Disables the rotation of adopted secrets that the stack does not rotate yet.
async fn take_over(context: &Context<'_>, cleared: &Cleared<'_>) -> Result<()> {
    let observed = &cleared.observed;
    let adopted = observed.entries.iter().filter(|seen| {
        let entry = seen.entry();
        entry.adopt && seen.is_in(&observed.resources) && !is_scheduled(entry, observed)
    });
    for seen in adopted {
        let Some(secret) = seen.secret() else {
            continue;
        };
        let Some(function) = &secret.rotation.function else {
            continue;
        };
        // A request attaches the stack's function to a secret without a schedule in the stack.
        let stack = observed.stack.iter();
        if stack
            .flat_map(|stack| stack.outputs.values())
            .any(|output| output == function)
        {
            continue;
        }
        if secret.rotation_enabled {
            disable(context, seen.entry(), secret, function).await?;
        }
        context.warn(format!(
            "the function {function} no longer rotates {}; if it rotates no other secret, it is no longer needed",
            secret.name
        ));
    }
    Ok(())
}

/// Returns whether the stack has a rotation schedule for an entry's secret.
fn is_scheduled(entry: &Entry, observed: &plan::Observed<'_>) -> bool {
    let id = render::schedule_logical_id(entry);
    observed
        .resources
        .iter()
        .any(|resource| resource.logical_id == id && !resource.physical_id.is_empty())
}

/// Disables the rotation of a secret by another function, unless one is in progress.
async fn disable(
    context: &Context<'_>,
    entry: &Entry,
    secret: &Secret,
    function: &str,
) -> Result<()> {
    let arn = secret.arn.as_str();
    let refused = || Error::BeingRotated {
        secret: entry.secret.to_string(),
        function: function.to_owned(),
    };
    if secret.unfinished().is_some() {
        return Err(refused());
    }
    context.cloud.cancel_rotation(arn).await?;
    // A rotation may have started before the call. Its function then continues.
    let began = context.clock.now();
    loop {
        let now = context.cloud.secret(arn).await?;
        let unfinished = now.as_ref().is_some_and(|now| now.unfinished().is_some());
        if !unfinished {
            return Ok(());
        }
        if context.waited(began) >= context.pace.after_error {
            return Err(refused());
        }
        context.wait().await;
    }
}
