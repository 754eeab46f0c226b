//! The artifact bucket.

use super::Context;
use super::error::{Error, Result};
use crate::model::{Finding, Model};
use crate::plan::{self, ObservedBucket};
use crate::port::ErrorKind;
use crate::render;

/// Returns why the bucket that the manifest names cannot be used, if it names one.
pub(super) async fn check_named(
    context: &Context<'_>,
    model: &Model,
    account: &str,
) -> Result<Option<Finding>> {
    let Some(name) = &model.function.artifact_bucket else {
        return Ok(None);
    };
    let seen = observe(context, name.as_str(), account).await?;
    Ok(plan::check_named_bucket(
        name.as_str(),
        context.region,
        &seen,
    ))
}

async fn observe(context: &Context<'_>, name: &str, account: &str) -> Result<ObservedBucket> {
    Ok(match context.cloud.bucket_region(name, account).await {
        Ok(None) => ObservedBucket::Missing,
        Ok(Some(region)) if region != context.region => ObservedBucket::Elsewhere(region),
        Ok(Some(_)) => match context.cloud.is_versioned(name, account).await {
            Ok(versioned) => ObservedBucket::There { versioned },
            Err(error) if error.kind == ErrorKind::Denied => {
                ObservedBucket::Unknown(error.to_string())
            }
            Err(error) => return Err(error.into()),
        },
        Err(error) if error.kind == ErrorKind::Denied => ObservedBucket::Denied(error.to_string()),
        Err(error) => return Err(error.into()),
    })
}

/// Creates a bucket. S3 refuses that for a while if another command creates it at the same
/// moment (`OperationAborted`).
async fn create(context: &Context<'_>, bucket: &str, account: &str) -> Result<()> {
    let began = context.clock.now();
    loop {
        match context.cloud.create_bucket(bucket, account).await {
            Err(error)
                if error.kind == ErrorKind::Conflict
                    && context.waited(began) < context.pace.propagation =>
            {
                context.wait().await;
            }
            created => return created.map_err(Error::from),
        }
    }
}

/// Returns the bucket for the artifacts. keyrota's own bucket is created if it does not exist. It
/// gets its settings even if someone else created it, because its name and tag are predictable. A
/// bucket that the manifest names was checked before, and is never changed.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::Refused`] for a bucket in another Region.
pub(super) async fn prepare(context: &Context<'_>, model: &Model, account: &str) -> Result<String> {
    let bucket = render::artifact_bucket(model, account, context.region);
    if model.function.artifact_bucket.is_some() {
        return Ok(bucket);
    }
    let created = match context.cloud.bucket_region(&bucket, account).await? {
        Some(region) if region != context.region => {
            let finding = plan::check_region(&bucket, context.region, &region);
            return Err(Error::Refused(vec![finding]));
        }
        Some(_) => false,
        None => {
            create(context, &bucket, account).await?;
            true
        }
    };
    let policy = render::artifact_bucket_policy(model, &bucket)?;
    let changed = context
        .cloud
        .secure_bucket(&bucket, account, &policy)
        .await?;
    match (created, changed) {
        (true, _) => context.done(format!("created the bucket {bucket}")),
        (false, true) => context.done(format!(
            "restored the settings of the bucket {bucket}: public access block, encryption, versioning, and policy"
        )),
        (false, false) => {}
    }
    Ok(bucket)
}
