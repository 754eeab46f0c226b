//! The function's code, and a long template, to S3.

use super::error::Result;
use super::{Cleared, Context};
use crate::model::Model;
use crate::plan;
use crate::port::{BucketOwner, Stage, TemplateSource};
use crate::render::{self, TEMPLATE_IN_REQUEST};

/// The function's zip with its names.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The zip.
    pub zip: Vec<u8>,
    /// Its SHA-256 in hexadecimal, which is its name in S3.
    pub sha256: String,
}

/// The code is in S3.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The bucket.
    pub bucket: String,
    /// The zip's key.
    pub key: String,
    /// Where CloudFormation reads the template.
    pub template: TemplateSource,
}

/// Makes the bucket if need be, and uploads what is not there yet.
///
/// # Errors
///
/// Returns the call that was refused.
pub async fn upload(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared,
    artifact: &Artifact,
    template: &str,
) -> Result<Uploaded> {
    context.stage(Stage::Uploading);
    let account = cleared.observed.caller.account.as_str();
    let bucket = render::artifact_bucket(model, account, context.region);
    // A bucket that keyrota's tag is missing from is somebody's, or was being
    // made when a run was interrupted; the name says which.
    let ours = model.function.artifact_bucket.is_none();
    match context.cloud.bucket(&bucket, account).await? {
        Some(BucketOwner::Keyrota) => {}
        Some(BucketOwner::Account) if !ours => {}
        _ => {
            let policy = render::artifact_bucket_policy(model, &bucket)?;
            context.cloud.make_bucket(&bucket, account, &policy).await?;
            context.done(format!("made the bucket {bucket}"));
        }
    }
    let key = plan::function_key(model, &artifact.sha256);
    put(context, &bucket, &key, account, &artifact.zip).await?;
    let template = if template.len() <= TEMPLATE_IN_REQUEST {
        TemplateSource::Body(template.to_owned())
    } else {
        let key = plan::template_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
        put(context, &bucket, &key, account, template.as_bytes()).await?;
        TemplateSource::Url(context.cloud.object_url(&bucket, &key))
    };
    Ok(Uploaded {
        bucket,
        key,
        template,
    })
}

async fn put(
    context: &Context<'_>,
    bucket: &str,
    key: &str,
    account: &str,
    body: &[u8],
) -> Result<()> {
    if context.cloud.has_object(bucket, key, account).await? {
        return Ok(());
    }
    context
        .cloud
        .put_object(bucket, key, account, body.to_vec())
        .await?;
    context.done(format!("uploaded s3://{bucket}/{key}"));
    Ok(())
}
