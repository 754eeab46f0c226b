//! Uploads the function's code, and a long template, to S3.

use std::collections::BTreeMap;

use super::bucket;
use super::error::{Error, Result};
use super::{Cleared, Context};
use crate::model::Model;
use crate::plan;
use crate::port::{Stage, TemplateSource};
use crate::render::{MAX_TEMPLATE_IN_REQUEST, Strategy};

/// A function's zip file with its hashes.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The zip file.
    pub zip: Vec<u8>,
    /// Its SHA-256 in hexadecimal, which is part of its object key, as that of the executable is.
    pub sha256: String,
    /// The same hash in base64, as Lambda reports it.
    pub code_sha256: String,
    /// The SHA-256 in hexadecimal of the executable in it, which does not depend on the manifest.
    pub executable_sha256: String,
}

/// The functions' zip files, by the kind of credential.
#[derive(Clone, Debug, Default)]
pub struct Artifacts(BTreeMap<Strategy, Artifact>);

impl Artifacts {
    /// Adds a function's zip file.
    pub fn add(&mut self, strategy: Strategy, artifact: Artifact) {
        self.0.insert(strategy, artifact);
    }

    /// Returns the zip files of a stack's functions.
    pub(super) fn of(&self, model: &Model) -> Result<Vec<(Strategy, &Artifact)>> {
        let one = |strategy| match self.0.get(&strategy) {
            Some(artifact) => Ok((strategy, artifact)),
            None => Err(Error::NoArtifact {
                function: strategy.function(),
            }),
        };
        Strategy::of(model).map(one).collect()
    }
}

/// The stack's parameters for a function's zip file: the object key and its version.
pub(super) fn parameters(
    model: &Model,
    strategy: Strategy,
    key: String,
    version: String,
) -> [(&'static str, String); 2] {
    [
        (strategy.key_parameter(model), key),
        (strategy.version_parameter(model), version),
    ]
}

/// The code is in S3.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The bucket.
    pub bucket: String,
    /// The stack's parameters for the zip files.
    pub parameters: BTreeMap<&'static str, String>,
    /// The location from which CloudFormation reads the template.
    pub template: TemplateSource,
}

/// Creates the bucket if necessary, and uploads what is missing.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::NotVersioned`] if objects in the bucket get no
/// version.
pub async fn upload(
    context: &Context<'_>,
    model: &Model,
    cleared: &Cleared<'_>,
    artifacts: &Artifacts,
    template: &str,
) -> Result<Uploaded> {
    context.stage(Stage::Uploading);
    let account = cleared.observed.caller.account.as_str();
    let bucket = bucket::prepare(context, model, account).await?;
    let stack = cleared.observed.stack.as_ref();
    let mut chosen = BTreeMap::new();
    for (strategy, artifact) in artifacts.of(model)? {
        let key = plan::function_key(model, &artifact.executable_sha256, &artifact.sha256);
        let deployed =
            stack.and_then(|stack| plan::deployed_version(stack, model, strategy, &bucket, &key));
        let object = Object {
            bucket: &bucket,
            key: &key,
            account,
            body: &artifact.zip,
        };
        let version = store(context, object, deployed).await?;
        chosen.extend(parameters(model, strategy, key, version));
    }
    let template = store_template(context, model, &bucket, account, template).await?;
    Ok(Uploaded {
        bucket,
        parameters: chosen,
        template,
    })
}

/// Stores a template that is too long for a request.
pub(super) async fn store_template(
    context: &Context<'_>,
    model: &Model,
    bucket: &str,
    account: &str,
    template: &str,
) -> Result<TemplateSource> {
    if template.len() <= MAX_TEMPLATE_IN_REQUEST {
        return Ok(TemplateSource::Body(template.to_owned()));
    }
    let key = plan::template_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
    let object = Object {
        bucket,
        key: &key,
        account,
        body: template.as_bytes(),
    };
    let version = store(context, object, None).await?;
    let url = context.cloud.object_url(bucket, &key, Some(&version));
    Ok(TemplateSource::Url(url))
}

/// An object with its expected content.
#[derive(Clone, Copy)]
struct Object<'a> {
    bucket: &'a str,
    key: &'a str,
    account: &'a str,
    body: &'a [u8],
}

/// Returns the version of an object with the expected content: the deployed one, the newest, or one
/// that is stored now. The content of the version that is passed to CloudFormation is checked,
/// because a principal that may write to the bucket can at any time store other content under the
/// predictable key, which CloudFormation would deploy with the caller's permissions.
async fn store(
    context: &Context<'_>,
    object: Object<'_>,
    deployed: Option<&str>,
) -> Result<String> {
    let Object {
        bucket,
        key,
        account,
        body,
    } = object;
    let compare = |version| context.cloud.compare(bucket, key, version, account, body);
    if let Some(version) = deployed
        && compare(Some(version)).await?.is_some_and(|held| held.same)
    {
        return Ok(version.to_owned());
    }
    if let Some(held) = compare(None).await? {
        match held.version {
            Some(version) if held.same => return Ok(version),
            _ if held.same => {}
            _ => context.warn(format!(
                "the content of s3://{bucket}/{key} does not match its name, so a new version is uploaded; find out who can write to the bucket"
            )),
        }
    }
    // A bucket whose versioning was just enabled may not apply it everywhere yet
    // (manage-versioning-examples).
    let began = context.clock.now();
    loop {
        let body = body.to_vec();
        if let Some(version) = context.cloud.put_object(bucket, key, account, body).await? {
            context.done(format!("uploaded s3://{bucket}/{key}"));
            return Ok(version);
        }
        let waited = context.waited(began);
        if waited >= context.pace.propagation {
            return Err(Error::NotVersioned {
                bucket: bucket.to_owned(),
            });
        }
        context.wait().await;
    }
}
