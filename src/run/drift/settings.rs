//! Restores by calls of their own what no change set may restore, or can.

use super::super::error::{Error, Result};
use super::super::import::restore_key;
use super::super::{Context, switch_on};
use crate::bundle::sha256_base64;
use crate::plan::drift::{
    DEFAULT_KEY, DeployedResource, DeployedTemplate, Repair, SECRET, document, is_comparable,
    wanted_rotation, wanted_tags,
};
use crate::plan::{TagDifference, tag_differences};
use crate::port::CodeUpdate;

/// How long a zip file in a request may be, in bytes (`gettingstarted-limits`).
const MAX_ZIP_IN_REQUEST: usize = 50 << 20;

/// Restores one resource.
///
/// # Errors
///
/// Returns the first call that was refused. Another run continues from there.
pub(super) async fn restore_settings(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    repair: Repair,
) -> Result<()> {
    let cloud = context.cloud;
    let id = resource.physical_id;
    let secret = || template.text(resource, "SecretId").unwrap_or_default();
    match repair {
        Repair::Key => {
            restore_key(context, id).await?;
            return Ok(());
        }
        Repair::Restore => cloud.restore_secret(id).await?,
        Repair::Settings => restore_secret(context, template, resource).await?,
        Repair::SecretPolicy => {
            let Some(policy) = document(template, resource, "ResourcePolicy") else {
                return Ok(());
            };
            // With the secret, its policy is created again.
            if cloud.secret(&secret()).await?.is_none() {
                return Ok(());
            }
            cloud.put_resource_policy(&secret(), &policy).await?;
        }
        Repair::Code => restore_code(context, template, resource).await?,
        Repair::LogKey => {
            let key = template.text(resource, "KmsKeyId").unwrap_or_default();
            cloud.set_log_key(id, &key).await?;
        }
        Repair::Schedule => {
            let wanted = wanted_rotation(template, resource);
            switch_on(context, &secret(), &wanted).await?;
        }
        // A statement is removed once it is certain that the change set that restores it may be
        // executed.
        Repair::Permission
        | Repair::EnableRotation
        | Repair::ChangeSet
        | Repair::Replace
        | Repair::Recreate => return Ok(()),
    }
    context.done(format!("restored {}", resource.logical_id));
    Ok(())
}

/// Gives a function the code of the zip file that it was deployed from. Lambda gets what was
/// compared with the SHA-256 in the object's name: somebody else may write to the bucket.
async fn restore_code(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
    function: DeployedResource<'_>,
) -> Result<()> {
    let id = function.physical_id;
    let failed = |reason: String| Error::ResourceNotRestored {
        resource: id.to_owned(),
        reason,
    };
    let code = template.code(function).ok_or_else(|| {
        failed("the stack does not say which zip file it was deployed from".into())
    })?;
    let (key, version) = (&code.key, code.version.as_deref());
    let account = template.account();
    let zip = context
        .cloud
        .object(&code.bucket, key, version, account, MAX_ZIP_IN_REQUEST)
        .await?
        .filter(|zip| code.sha256() == Some(sha256_base64(zip)))
        .ok_or_else(|| {
            failed(format!(
                "{code} is not the zip file that was deployed; `keyrota bootstrap` uploads and deploys it again"
            ))
        })?;
    // Another command may have deployed another zip file meanwhile.
    let stack = context.cloud.stack(template.stack_id()).await?;
    if !stack.is_some_and(|stack| is_comparable(&stack.status) && template.is_of(&stack)) {
        return Err(failed("the stack is being changed".to_owned()));
    }
    context.cloud.update_code(id, zip).await?;
    let began = context.clock.now();
    loop {
        let held = context.cloud.function_code(id).await?;
        match held.map(|held| held.update) {
            Some(CodeUpdate::Done) => return Ok(()),
            Some(CodeUpdate::InProgress) if context.waited(began) < context.pace.detection => {
                context.wait().await;
            }
            Some(CodeUpdate::InProgress) => {
                return Err(failed("Lambda has not finished the update".to_owned()));
            }
            Some(CodeUpdate::Failed) | None => {
                return Err(failed("Lambda could not update it".to_owned()));
            }
        }
    }
}

/// Removes the statement of a permission from the function's resource policy.
///
/// # Errors
///
/// Returns the refusal of the call.
pub(super) async fn remove_statement(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
    permission: DeployedResource<'_>,
) -> Result<()> {
    let function = template.text(permission, "FunctionName");
    let function = function.unwrap_or_default();
    let cloud = context.cloud;
    let removed = cloud.remove_permission(&function, permission.physical_id);
    Ok(removed.await?)
}

async fn restore_secret(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
) -> Result<()> {
    let Some(secret) = context.cloud.secret(resource.physical_id).await? else {
        return Ok(());
    };
    let description = template.text(resource, "Description");
    let description = description.filter(|wanted| *wanted != secret.description);
    let key = template.text(resource, "KmsKeyId");
    let key = key.unwrap_or_else(|| DEFAULT_KEY.to_owned());
    let held = secret.kms_key.as_deref().unwrap_or(DEFAULT_KEY);
    let is_same = crate::plan::same_key(held, &key)
        || held.ends_with(DEFAULT_KEY) && key.ends_with(DEFAULT_KEY);
    let key = (!is_same).then_some(key);
    let update =
        context
            .cloud
            .update_settings(resource.physical_id, description.as_deref(), key.as_deref());
    Ok(update.await?)
}

/// Writes the tags of each secret that differ from the deployed ones, and removes keyrota's own
/// tags that should not exist: a change set that restored them would contain the secret.
///
/// # Errors
///
/// Returns the first call that was refused.
pub(super) async fn restore_tags(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
) -> Result<()> {
    for resource in template.of_kind(SECRET) {
        let Some(secret) = context.cloud.secret(resource.physical_id).await? else {
            continue;
        };
        for difference in tag_differences(&wanted_tags(template, resource), &secret) {
            let TagDifference { key, expected, .. } = &difference;
            match expected {
                Some(value) => context.cloud.tag(&secret.arn, key, value).await?,
                None => context.cloud.untag(&secret.arn, key).await?,
            }
            context.done(format!("{}: {difference}; restored", secret.name));
        }
    }
    Ok(())
}
