//! The function's code, and a long template, to S3.

use std::collections::BTreeMap;

use super::bucket;
use super::error::{Error, Result};
use super::{Cleared, Context};
use crate::model::Model;
use crate::plan;
use crate::port::{Stage, TemplateSource};
use crate::render::{MAX_TEMPLATE_IN_REQUEST, Strategy};

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
}

/// The stack's parameters for a function's zip: which object of the bucket, in which
/// version.
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
    /// The stack's parameters for the zips.
    pub parameters: BTreeMap<&'static str, String>,
    /// Where CloudFormation reads the template.
    pub template: TemplateSource,
}

/// A zip in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredZip {
    /// The bucket.
    pub bucket: String,
    /// The object.
    pub key: String,
    /// Its version.
    pub version: String,
}

impl Uploaded {
    /// Returns where the zip of a function of the stack is.
    pub(super) fn object(&self, model: &Model, strategy: Strategy) -> StoredZip {
        let parameter = |name| self.parameters.get(name).cloned().unwrap_or_default();
        StoredZip {
            bucket: self.bucket.clone(),
            key: parameter(strategy.key_parameter(model)),
            version: parameter(strategy.version_parameter(model)),
        }
    }
}

/// Makes the bucket if need be, and uploads what is not there yet.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::NotVersioned`] where what is stored
/// in the bucket gets no version.
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
        let key = plan::function_key(model, &artifact.sha256);
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
    let template = if template.len() <= MAX_TEMPLATE_IN_REQUEST {
        TemplateSource::Body(template.to_owned())
    } else {
        let key = plan::template_key(model, &crate::bundle::sha256_hex(template.as_bytes()));
        let object = Object {
            bucket: &bucket,
            key: &key,
            account,
            body: template.as_bytes(),
        };
        let version = store(context, object, None).await?;
        TemplateSource::Url(context.cloud.object_url(&bucket, &key, Some(&version)))
    };
    Ok(Uploaded {
        bucket,
        parameters: chosen,
        template,
    })
}

/// An object as it should be.
#[derive(Clone, Copy)]
struct Object<'a> {
    bucket: &'a str,
    key: &'a str,
    account: &'a str,
    body: &'a [u8],
}

/// Returns the version of an object that holds what it should: the deployed one, the
/// newest, or one that is stored now. What counts is what the version holds that is
/// named to CloudFormation: a principal that may write to the bucket can store something else
/// under a name that is known beforehand, at any moment, for CloudFormation to deploy
/// with the caller's permissions.
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
    // A bucket that was set to keep versions a moment ago may not do it everywhere yet
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
