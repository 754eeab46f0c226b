//! Deletes the artifacts of the stack and their bucket.

use super::super::Context;
use super::super::error::Result;
use super::TeardownReport;
use crate::model::Model;
use crate::plan::{self, Item};
use crate::port::{ErrorKind, Optional};
use crate::render;

/// Deletes this stack's artifacts, and also the bucket if it is keyrota's own and contains no other
/// artifacts. The manifest and the account that owns the bucket determine whose it is. Its tags do
/// not, since others can write them.
pub(super) async fn remove(
    context: &Context<'_>,
    model: &Model,
    report: &mut TeardownReport,
) -> Result<()> {
    let account = context.cloud.caller().await?.account;
    let bucket = render::artifact_bucket(model, &account, context.region);
    match context.cloud.bucket_region(&bucket, &account).await {
        Ok(Some(region)) if region == context.region => {}
        // A bucket of this name in another Region belongs to someone else.
        Ok(_) => return Ok(()),
        // The bucket is in another account, which does not prevent the rest of the teardown.
        Err(error) if error.kind == ErrorKind::Denied => {
            let item = Item::new("bucket", bucket, Some(error.to_string()));
            report.left_over.push(item);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let prefix = plan::artifact_prefix(model);
    let versions = context.cloud.versions(&bucket, &prefix, &account).await;
    let Some(mut versions) = versions.optional()? else {
        return Ok(());
    };
    versions.retain(|version| plan::is_artifact(model, &version.key));
    for version in &versions {
        let deleted = context.cloud.delete_version(&bucket, version, &account);
        deleted.await.optional()?;
    }
    if !versions.is_empty() {
        let note = Some(format!("{} object versions deleted", versions.len()));
        let name = format!("s3://{bucket}/{prefix}");
        report.deleted.push(Item::new("artifacts", name, note));
    }
    if model.function.artifact_bucket.is_some() {
        return Ok(());
    }
    match context.cloud.delete_bucket(&bucket, &account).await {
        Ok(()) => report.deleted.push(Item::new("bucket", bucket, None)),
        Err(error) if error.kind == ErrorKind::Conflict => {
            let note = Some("it contains artifacts of other stacks".to_owned());
            report.retained.push(Item::new("bucket", bucket, note));
        }
        // Another command may have deleted it.
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
