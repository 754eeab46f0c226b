//! The function's code, and a long template, to S3.

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::{Cleared, Context};
use crate::model::Model;
use crate::plan;
use crate::port::{BucketOwner, Stage, TemplateSource};
use crate::render::{self, Strategy, TEMPLATE_IN_REQUEST};

/// The function's zip with its names.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The zip.
    pub zip: Vec<u8>,
    /// Its SHA-256 in hexadecimal, which is its name in S3.
    pub sha256: String,
    /// The same as Lambda tells it, in base64.
    pub code_sha256: String,
    /// The SHA-256 of the executable in it, in hexadecimal, which does not depend on the
    /// manifest.
    pub executable_sha256: String,
}

/// The functions' zips, by what they rotate.
#[derive(Clone, Debug, Default)]
pub struct Artifacts(BTreeMap<Strategy, Artifact>);

impl Artifacts {
    /// Adds a function's zip.
    pub fn add(&mut self, strategy: Strategy, artifact: Artifact) {
        self.0.insert(strategy, artifact);
    }

    /// Returns the zips of the functions that a stack has.
    pub(super) fn of(&self, model: &Model) -> Result<Vec<(Strategy, &Artifact)>> {
        let one = |strategy| match self.0.get(&strategy) {
            Some(artifact) => Ok((strategy, artifact)),
            None => Err(Error::NoArtifact {
                function: strategy.function(),
            }),
        };
        Strategy::of(model).map(one).collect()
    }

    /// Returns the stack's parameters for the zips' keys in the bucket.
    pub(super) fn keys(&self, model: &Model) -> Result<BTreeMap<&'static str, String>> {
        let artifacts = self.of(model)?.into_iter();
        let keys = artifacts.map(|(strategy, artifact)| {
            let key = plan::function_key(model, &artifact.sha256);
            (strategy.key_parameter(model), key)
        });
        Ok(keys.collect())
    }
}

/// The code is in S3.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The bucket.
    pub bucket: String,
    /// The stack's parameters for the zips' keys.
    pub keys: BTreeMap<&'static str, String>,
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
    artifacts: &Artifacts,
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
    for (_, artifact) in artifacts.of(model)? {
        let key = plan::function_key(model, &artifact.sha256);
        put(context, &bucket, &key, account, &artifact.zip).await?;
    }
    let template = if template.len() <= TEMPLATE_IN_REQUEST {
        TemplateSource::Body(template.to_owned())
    } else {
        let key = plan::template_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
        put(context, &bucket, &key, account, template.as_bytes()).await?;
        TemplateSource::Url(context.cloud.object_url(&bucket, &key))
    };
    Ok(Uploaded {
        keys: artifacts.keys(model)?,
        bucket,
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
    if !store(context, bucket, key, account, body).await? {
        return Ok(());
    }
    context.done(format!("uploaded s3://{bucket}/{key}"));
    Ok(())
}

/// Stores an object, unless it is there, and returns whether it did. What counts is
/// what the object holds: whoever may write to a bucket that others share can put
/// something else under a name that is known beforehand, for CloudFormation to deploy
/// with the caller's rights.
pub(super) async fn store(
    context: &Context<'_>,
    bucket: &str,
    key: &str,
    account: &str,
    body: &[u8],
) -> Result<bool> {
    match context.cloud.holds(bucket, key, account, body).await? {
        Some(true) => return Ok(false),
        Some(false) => context.warn(format!(
            "s3://{bucket}/{key} held something else than its name says, and is written anew: find out who may write there"
        )),
        None => {}
    }
    let body = body.to_vec();
    context.cloud.put_object(bucket, key, account, body).await?;
    Ok(true)
}
