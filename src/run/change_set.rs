//! Change sets: created, compared, shown, executed, or deleted.

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::operation::{Ended, Followed, follow, is_in_review, newest};
use super::upload::parameters;
use super::{Artifacts, Cleared, Context};
use crate::model::Model;
use crate::plan::{self, ChangeSetInputs};
use crate::port::{
    self, Change, ChangeSet, ChangeSetRequest, CreatedChangeSet, ObjectVersion, RefusedResource,
    Stack, Stage, TemplateSource,
};
use crate::render::{self, MAX_TEMPLATE_IN_REQUEST};

/// A change set that CloudFormation created from the given inputs, and that has not been executed.
pub(super) struct ComputedChangeSet {
    /// Its ARN, because another change set could get the same name.
    pub(super) id: String,
    /// The ID of its stack.
    pub(super) stack_id: String,
    pub(super) changes: Vec<Change>,
    request: ChangeSetRequest,
}

/// Returns the parameters and tags of the deployment.
pub(super) fn inputs(
    model: &Model,
    bucket: &str,
    zips: &BTreeMap<&'static str, String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let zips = zips.iter();
    let zips = zips.map(|(parameter, value)| ((*parameter).to_owned(), value.clone()));
    let bucket = (render::BUCKET_PARAMETER.to_owned(), bucket.to_owned());
    let parameters = zips.chain([bucket]).collect();
    let mut tags = model.tags.clone();
    tags.insert(render::STACK_TAG.to_owned(), model.stack.to_string());
    (parameters, tags)
}

/// Creates a change set. Returns `None` if the stack is up to date.
pub(super) async fn compute(
    context: &Context<'_>,
    model: &Model,
    stack: Option<&Stack>,
    source: TemplateSource,
    template: &str,
    inputs: (BTreeMap<String, String>, BTreeMap<String, String>),
) -> Result<Option<ComputedChangeSet>> {
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
        capability: capability(model),
        tags,
        imports: Vec::new(),
        reverts_drift: false,
    };
    let (own, refused) = match create(context, request, template).await? {
        CreatedSet::Computed(computed) => return Ok(Some(computed)),
        CreatedSet::Failed(own, refused) => (own, refused),
    };
    // The stack was rolled back to the same template, so there is nothing to change.
    if let Some(stack) = existing
        && refused.as_ref().map_or(true, Vec::is_empty)
        && has_parameters(context, stack, &parameters).await?
    {
        let deployed = context.cloud.template(&stack.name).await?;
        if plan::is_echo(&deployed, template) || plan::same_template(&deployed, template) {
            return Ok(None);
        }
    }
    Err(Error::ChangeSet {
        stack: model.stack.to_string(),
        reason: reason(own, refused),
    })
}

/// Returns the capability that a stack requires.
pub(super) fn capability(model: &Model) -> &'static str {
    match render::needs_named_iam(model) {
        true => "CAPABILITY_NAMED_IAM",
        false => "CAPABILITY_IAM",
    }
}

/// A change set after its creation has ended.
pub(super) enum CreatedSet {
    /// It can be executed.
    Computed(ComputedChangeSet),
    /// It failed for this reason, because of these resources, and was removed.
    Failed(Option<String>, port::Result<Vec<RefusedResource>>),
}

/// Creates a change set, and waits until it can be executed or has failed.
///
/// The inputs that CloudFormation used are read back and compared: a template in S3 could have been
/// replaced after it was stored, and CloudFormation executes it with the caller's permissions.
pub(super) async fn create(
    context: &Context<'_>,
    request: ChangeSetRequest,
    template: &str,
) -> Result<CreatedSet> {
    let CreatedChangeSet { id, stack_id } = context.cloud.create_change_set(&request).await?;
    let set = settled(context, &request.stack, &id).await?;
    if set.status == "FAILED" {
        // They are gone with the change set.
        let refused = context.cloud.change_set_failures(&request.stack, &id).await;
        remove(context, &id, &stack_id, &request).await?;
        return Ok(CreatedSet::Failed(set.reason, refused));
    }
    let held = context.cloud.change_set_template(&request.stack, &id);
    let nothing = BTreeMap::new();
    let given = ChangeSetInputs {
        template,
        parameters: &request.parameters,
        // An import takes no tags.
        tags: match request.imports.is_empty() {
            true => &request.tags,
            false => &nothing,
        },
    };
    if let Some(difference) = plan::differs_from(given, &set, &held.await?) {
        remove(context, &id, &stack_id, &request).await?;
        return Err(Error::OtherChangeSet {
            stack: request.stack,
            template: match request.template {
                TemplateSource::Body(_) => "the request".to_owned(),
                TemplateSource::Url(url) => url,
                TemplateSource::Previous => "the stack".to_owned(),
            },
            difference,
        });
    }
    Ok(CreatedSet::Computed(ComputedChangeSet {
        id,
        stack_id,
        changes: set.changes,
        request,
    }))
}

/// Returns whether a stack has these parameters, looking again while `DescribeStacks` may show
/// those before an operation that has just ended.
async fn has_parameters(
    context: &Context<'_>,
    stack: &Stack,
    parameters: &BTreeMap<String, String>,
) -> Result<bool> {
    let began = context.clock.now();
    let mut shown = Some(stack.parameters.clone());
    while shown.as_ref() != Some(parameters) && context.waited(began) < context.pace.listing {
        context.wait().await;
        let stack = context.cloud.stack(&stack.id).await?;
        shown = stack.map(|stack| stack.parameters);
    }
    Ok(shown.as_ref() == Some(parameters))
}

/// Returns why a change set failed. For a resource that cannot be created, the change set itself
/// says only that its events have the reason
/// (`AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html`).
pub(super) fn reason(own: Option<String>, refused: port::Result<Vec<RefusedResource>>) -> String {
    let own = own.unwrap_or_else(|| "CloudFormation gave no reason".into());
    match refused {
        Ok(refused) if refused.is_empty() => own,
        Ok(refused) => refused
            .iter()
            .map(|refused| {
                let RefusedResource {
                    logical_id,
                    kind,
                    reason,
                } = refused;
                format!("\n  {logical_id} ({kind}): {reason}")
            })
            .collect(),
        Err(error) => format!("{own}; cannot read its events: {error}"),
    }
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

/// Deletes a change set, and also the stack if it was created for this change set: CloudFormation
/// leaves such a stack in REVIEW_IN_PROGRESS. `plan` creates no change set for a stack that does
/// not exist, and may not delete any stack. A stack that another command deploys in the meantime is
/// kept.
async fn remove(
    context: &Context<'_>,
    id: &str,
    stack_id: &str,
    request: &ChangeSetRequest,
) -> Result<()> {
    let name = request.stack.as_str();
    context.cloud.delete_change_set(name, id).await?;
    if !request.create || !is_in_review(context, stack_id).await? {
        return Ok(());
    }
    context.cloud.delete_stack(stack_id, &[]).await?;
    while let Some(stack) = context.cloud.stack(stack_id).await?
        && !stack.status.is_deleted()
    {
        context.wait().await;
    }
    Ok(())
}

impl ComputedChangeSet {
    /// Executes it, and follows the operation to its end.
    pub(super) async fn execute(&self, context: &Context<'_>) -> Result<Ended> {
        let id = self.stack_id.as_str();
        let before = newest(context, id).await?.map(|event| event.id);
        let token = context.clock.token();
        let cloud = context.cloud;
        let executed = cloud.execute_change_set(&self.request.stack, &self.id, &token);
        executed.await?;
        follow(context, id, before, Followed::Own(&token)).await
    }

    /// Deletes it without executing it.
    pub(super) async fn remove(&self, context: &Context<'_>) -> Result<()> {
        remove(context, &self.id, &self.stack_id, &self.request).await
    }
}

/// The placeholder for the version of a zip file that is not stored yet.
const NOT_STORED: &str = "not-uploaded-yet";

/// Returns what a deployment would change, and leaves nothing behind. If the stack does not exist,
/// returns the rendered resources, because a change set would create an empty stack. If the
/// deployment imports secrets, compares the templates, because CloudFormation cannot compute the
/// changes before the import.
///
/// # Errors
///
/// Returns CloudFormation's refusal, and [`Error::Refused`] if a secret's current value would be
/// overwritten.
pub async fn preview(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared<'_>,
    artifacts: &Artifacts,
    template: &str,
) -> Result<Vec<Change>> {
    let stack = cleared.observed.stack.as_ref();
    let Some(stack) = stack.filter(|stack| !stack.status.is_review()) else {
        let changes = plan::template_changes(None, template, &imported(cleared));
        return changes.map_err(|error| render::Error::Malformed(error.to_string()).into());
    };
    if !cleared.imports.secrets.is_empty() {
        let deployed = context.cloud.template(&stack.name).await?;
        let changes = plan::template_changes(Some(&deployed), template, &imported(cleared));
        return changes.map_err(|error| render::Error::Malformed(error.to_string()).into());
    }
    let account = cleared.observed.caller.account.as_str();
    let bucket = render::artifact_bucket(model, account, context.region);
    let mut zips = BTreeMap::new();
    for (strategy, artifact) in artifacts.of(model)? {
        let key = plan::function_key(model, &artifact.executable_sha256, &artifact.sha256);
        let version = plan::deployed_version(stack, model, strategy, &bucket, &key);
        let version = version.unwrap_or(NOT_STORED).to_owned();
        zips.extend(parameters(model, strategy, key, version));
    }
    let (source, uploaded) = preview_template(context, model, &bucket, account, template).await?;
    let inputs = inputs(model, &bucket, &zips);
    let computed = compute(context, model, Some(stack), source, template, inputs).await;
    let outcome = match computed {
        Ok(Some(computed)) => {
            computed.remove(context).await?;
            let refused = plan::refuse_seed_changes(&computed.changes);
            match refused.is_empty() {
                true => Ok(computed.changes),
                false => Err(Error::Refused(refused)),
            }
        }
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    if let Some(version) = uploaded {
        let deleted = context.cloud.delete_version(&bucket, &version, account);
        deleted.await?;
    }
    outcome
}

/// Returns the logical IDs of what a deployment imports.
fn imported<'a>(cleared: &'a Cleared<'_>) -> Vec<&'a str> {
    let secrets = cleared.imports.secrets.iter();
    let secrets = secrets.map(|import| import.logical_id.as_str());
    let key = cleared.imports.key.iter().map(|_| render::KMS_KEY);
    secrets.chain(key).collect()
}

/// A template that is too long for a request is stored in the bucket, under a prefix from which
/// nothing is deployed. The stored version is deleted afterwards.
async fn preview_template(
    context: &Context<'_>,
    model: &Model,
    bucket: &str,
    account: &str,
    template: &str,
) -> Result<(TemplateSource, Option<ObjectVersion>)> {
    if template.len() <= MAX_TEMPLATE_IN_REQUEST {
        return Ok((TemplateSource::Body(template.to_owned()), None));
    }
    if context
        .cloud
        .bucket_region(bucket, account)
        .await?
        .is_none()
    {
        return Err(Error::TemplateTooLong {
            stack: model.stack.to_string(),
            bytes: template.len(),
            bucket: bucket.to_owned(),
        });
    }
    let key = plan::preview_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
    let body = template.as_bytes().to_vec();
    let version = context
        .cloud
        .put_object(bucket, &key, account, body)
        .await?;
    let url = context.cloud.object_url(bucket, &key, version.as_deref());
    let stored = ObjectVersion {
        key,
        // S3's version ID of an object in a bucket without versioning.
        version: version.unwrap_or_else(|| "null".to_owned()),
    };
    Ok((TemplateSource::Url(url), Some(stored)))
}
