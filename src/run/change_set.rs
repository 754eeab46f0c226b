//! Change sets: computed, shown, executed or removed.

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::upload::store;
use super::{Artifacts, Cleared, Context};
use crate::model::Model;
use crate::plan;
use crate::port::{Change, ChangeSet, ChangeSetRequest, Stack, Stage, TemplateSource};
use crate::render::{self, TEMPLATE_IN_REQUEST};

/// A change set that CloudFormation computed and nobody executed yet.
pub(super) struct Computed {
    pub(super) id: String,
    pub(super) changes: Vec<Change>,
}

/// Returns the parameters and tags that the stack is deployed with.
pub(super) fn inputs(
    model: &Model,
    bucket: &str,
    keys: &BTreeMap<&'static str, String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let keys = keys.iter();
    let keys = keys.map(|(parameter, key)| ((*parameter).to_owned(), key.clone()));
    let bucket = (render::BUCKET_PARAMETER.to_owned(), bucket.to_owned());
    let parameters = keys.chain([bucket]).collect();
    let mut tags = model.tags.clone();
    tags.insert(render::STACK_TAG.to_owned(), model.stack.to_string());
    (parameters, tags)
}

/// Computes a change set; returns nothing where the stack is as it should be.
pub(super) async fn compute(
    context: &Context<'_>,
    model: &Model,
    stack: Option<&Stack>,
    source: TemplateSource,
    template: &str,
    inputs: (BTreeMap<String, String>, BTreeMap<String, String>),
) -> Result<Option<Computed>> {
    context.stage(Stage::Comparing);
    let (parameters, tags) = inputs;
    let existing = stack.filter(|stack| !stack.status.is_review());
    if let Some(stack) = existing {
        let deployed = context.cloud.template(&stack.name).await?;
        if !plan::needs_update(stack, &deployed, template, &parameters, &tags) {
            return Ok(None);
        }
    }
    let request = ChangeSetRequest {
        stack: model.stack.to_string(),
        name: format!("keyrota-{}", context.clock.token()),
        create: existing.is_none(),
        template: source,
        parameters: parameters.clone(),
        capability: match render::needs_named_iam(model) {
            true => "CAPABILITY_NAMED_IAM",
            false => "CAPABILITY_IAM",
        },
        tags,
    };
    let id = context.cloud.create_change_set(&request).await?;
    let set = settled(context, &request.stack, &id).await?;
    if set.status != "FAILED" {
        return Ok(Some(Computed {
            id,
            changes: set.changes,
        }));
    }
    remove(context, &id, model).await?;
    // A rolled-back stack with the same template: there is nothing to change.
    if let Some(stack) = existing
        && stack.parameters == parameters
        && plan::same_template(&context.cloud.template(&stack.name).await?, template)
    {
        return Ok(None);
    }
    Err(Error::ChangeSet {
        stack: model.stack.to_string(),
        reason: set.reason.unwrap_or_else(|| "no reason was given".into()),
    })
}

async fn settled(context: &Context<'_>, stack: &str, id: &str) -> Result<ChangeSet> {
    loop {
        let set = context.cloud.change_set(stack, id).await?;
        if set.status == "CREATE_COMPLETE" || set.status == "FAILED" {
            return Ok(set);
        }
        context.wait().await;
    }
}

/// Removes a change set, and the stack too where there was none before it:
/// CloudFormation leaves one behind in REVIEW_IN_PROGRESS.
pub(super) async fn remove(context: &Context<'_>, id: &str, model: &Model) -> Result<()> {
    let name = model.stack.as_str();
    context.cloud.delete_change_set(name, id).await?;
    let stack = context.cloud.stack(name).await?;
    if stack.is_some_and(|stack| stack.status.is_review()) {
        context.cloud.delete_stack(name, &[]).await?;
        while let Some(stack) = context.cloud.stack(name).await?
            && !stack.status.is_deleted()
        {
            context.wait().await;
        }
    }
    Ok(())
}

/// Returns what a deployment would change, and leaves nothing behind.
///
/// # Errors
///
/// Returns CloudFormation's refusal, and [`Error::Refused`] where a secret's live
/// value would be overwritten.
pub async fn preview(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared,
    artifacts: &Artifacts,
    template: &str,
) -> Result<Vec<Change>> {
    let account = cleared.observed.caller.account.as_str();
    let bucket = render::artifact_bucket(model, account, context.region);
    let keys = artifacts.keys(model)?;
    let (source, uploaded) = preview_template(context, model, &bucket, account, template).await?;
    let stack = cleared.observed.stack.as_ref();
    let inputs = inputs(model, &bucket, &keys);
    let computed = compute(context, model, stack, source, template, inputs).await;
    let outcome = match computed {
        Ok(Some(computed)) => {
            remove(context, &computed.id, model).await?;
            let refused = plan::refuse_seed_changes(&computed.changes);
            match refused.is_empty() {
                true => Ok(computed.changes),
                false => Err(Error::Refused(refused)),
            }
        }
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    if let Some(key) = uploaded {
        for version in context.cloud.versions(&bucket, &key, account).await? {
            context
                .cloud
                .delete_version(&bucket, &version, account)
                .await?;
        }
    }
    outcome
}

/// A template too long for a request goes through the bucket if there is one,
/// and is removed again unless it was there before.
async fn preview_template(
    context: &Context<'_>,
    model: &Model,
    bucket: &str,
    account: &str,
    template: &str,
) -> Result<(TemplateSource, Option<String>)> {
    if template.len() <= TEMPLATE_IN_REQUEST {
        return Ok((TemplateSource::Body(template.to_owned()), None));
    }
    if context.cloud.bucket(bucket, account).await?.is_none() {
        return Err(Error::TemplateTooLong {
            bytes: template.len(),
            bucket: bucket.to_owned(),
        });
    }
    let key = plan::template_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
    let source = TemplateSource::Url(context.cloud.object_url(bucket, &key));
    let stored = store(context, bucket, &key, account, template.as_bytes()).await?;
    Ok((source, stored.then_some(key)))
}
