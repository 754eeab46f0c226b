//! S3: the bucket of the artifacts and its objects.

use async_trait::async_trait;
use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use futures_util::future;

use super::Aws;
use super::error::{answered, done, failed, found, refused};
use crate::port::{Artifacts, Compared, Error, ErrorKind, ObjectVersion, Result};

/// The tag of a bucket that keyrota created. It informs people; keyrota does not read it.
const TAG: (&str, &str) = (keyrota_contract::tag::ARTIFACTS, "true");

/// The header with the bucket's Region, which S3 also sends with an error (`API_HeadBucket`).
const REGION: &str = "x-amz-bucket-region";

/// The version ID of an object that was stored before versioning was enabled. Such an object
/// can be overwritten, so it counts as having no version.
const NULL: &str = "null";

#[async_trait(?Send)]
impl Artifacts for Aws {
    async fn bucket_region(&self, bucket: &str, account: &str) -> Result<Option<String>> {
        let head = self
            .s3
            .head_bucket()
            .bucket(bucket)
            .expected_bucket_owner(account);
        let head = head.send().await;
        // If the bucket is in another Region, S3 refuses the request and names that Region.
        if let Err(SdkError::ServiceError(refused)) = &head
            && matches!(refused.raw().status().as_u16(), 301 | 400)
            && let Some(region) = refused.raw().headers().get(REGION)
            && Some(region) != self.region()
        {
            return Ok(Some(region.to_owned()));
        }
        match head.map_err(failed("s3:HeadBucket (s3:ListBucket)")) {
            Ok(head) => {
                let here = || self.region().unwrap_or("us-east-1").to_owned();
                Ok(Some(head.bucket_region.unwrap_or_else(here)))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            // The response to HEAD has no body with further details.
            Err(error) if error.kind == ErrorKind::Denied => Err(Error {
                message: format!(
                    "{}: the bucket {bucket} does not belong to account {account}, or the caller is not allowed to list it",
                    error.message
                ),
                ..error
            }),
            Err(error) => Err(error),
        }
    }

    async fn is_versioned(&self, bucket: &str, account: &str) -> Result<bool> {
        let request = self.s3.get_bucket_versioning().bucket(bucket);
        let request = request.expected_bucket_owner(account);
        let answer = answered("s3:GetBucketVersioning", request.send()).await?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }

    async fn create_bucket(&self, bucket: &str, account: &str) -> Result<()> {
        let create = self.s3.create_bucket().bucket(bucket);
        // us-east-1 is the only Region that must not be specified (`API_CreateBucket`).
        let create = match self.region() {
            None | Some("us-east-1") => create,
            Some(region) => create.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(region))
                    .build(),
            ),
        };
        match answered("s3:CreateBucket", create.send()).await {
            Err(error) if error.kind == ErrorKind::AlreadyExists => {}
            other => {
                other?;
            }
        }
        let tag = Tag::builder()
            .key(TAG.0)
            .value(TAG.1)
            .build()
            .map_err(unbuilt)?;
        let tagging = Tagging::builder().tag_set(tag).build().map_err(unbuilt)?;
        let request = self.s3.put_bucket_tagging().bucket(bucket).tagging(tagging);
        let request = request.expected_bucket_owner(account);
        done("s3:PutBucketTagging", request.send()).await
    }

    async fn secure_bucket(&self, bucket: &str, account: &str, policy: &str) -> Result<bool> {
        let (blocked, encrypted, versioned, under_policy) = future::try_join4(
            self.is_blocked(bucket, account),
            self.is_encrypted(bucket, account),
            self.is_versioned(bucket, account),
            self.has_policy(bucket, account, policy),
        )
        .await?;
        if !blocked {
            self.block(bucket, account).await?;
        }
        if !encrypted {
            self.encrypt(bucket, account).await?;
        }
        if !versioned {
            self.keep_versions(bucket, account).await?;
        }
        if !under_policy {
            self.put_policy(bucket, account, policy).await?;
        }
        Ok(!(blocked && encrypted && versioned && under_policy))
    }

    async fn compare(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        body: &[u8],
    ) -> Result<Option<Compared>> {
        let Some((call, object)) = self.get(bucket, key, version, account).await? else {
            return Ok(None);
        };
        let version = object.version_id.clone().filter(|version| version != NULL);
        // Other principals can store an object of any size that S3 accepts.
        let same = length(&object) == Some(body.len()) && content(call, object).await? == body;
        Ok(Some(Compared { same, version }))
    }

    async fn object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>> {
        let Some((call, object)) = self.get(bucket, key, version, account).await? else {
            return Ok(None);
        };
        if length(&object).is_none_or(|length| length > limit) {
            return Ok(None);
        }
        content(call, object).await.map(Some)
    }

    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        account: &str,
        body: Vec<u8>,
    ) -> Result<Option<String>> {
        let request = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(account)
            .body(ByteStream::from(body));
        let stored = answered("s3:PutObject", request.send()).await?;
        Ok(stored.version_id.filter(|version| version != NULL))
    }

    async fn versions(
        &self,
        bucket: &str,
        prefix: &str,
        account: &str,
    ) -> Result<Vec<ObjectVersion>> {
        let mut found = Vec::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let request = self
                .s3
                .list_object_versions()
                .bucket(bucket)
                .prefix(prefix)
                .expected_bucket_owner(account)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker);
            let page = answered("s3:ListBucketVersions", request.send()).await?;
            let version = |key: Option<&str>, version: Option<&str>| {
                Some(ObjectVersion {
                    key: key?.to_owned(),
                    version: version?.to_owned(),
                })
            };
            let objects = page.versions().iter();
            found.extend(objects.filter_map(|held| version(held.key(), held.version_id())));
            let markers = page.delete_markers().iter();
            found.extend(markers.filter_map(|held| version(held.key(), held.version_id())));
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            key_marker = page.next_key_marker;
            version_marker = page.next_version_id_marker;
        }
    }

    async fn delete_version(
        &self,
        bucket: &str,
        version: &ObjectVersion,
        account: &str,
    ) -> Result<()> {
        let request = self
            .s3
            .delete_object()
            .bucket(bucket)
            .key(&version.key)
            .version_id(&version.version)
            .expected_bucket_owner(account);
        found("s3:DeleteObjectVersion", request.send())
            .await
            .map(drop)
    }

    async fn delete_bucket(&self, bucket: &str, account: &str) -> Result<()> {
        let request = self
            .s3
            .delete_bucket()
            .bucket(bucket)
            .expected_bucket_owner(account);
        found("s3:DeleteBucket", request.send()).await.map(drop)
    }

    fn object_url(&self, bucket: &str, key: &str, version: Option<&str>) -> String {
        // Version IDs contain only characters that need no escaping in a URL
        // (VersionWorkflows).
        let version = version.map_or_else(String::new, |it| format!("?versionId={it}"));
        if let Some(endpoint) = self.config.endpoint_url() {
            let endpoint = endpoint.trim_end_matches('/');
            return format!("{endpoint}/{bucket}/{key}{version}");
        }
        let region = self.region().unwrap_or("us-east-1");
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{bucket}.s3.{region}.amazonaws.com{suffix}/{key}{version}")
    }
}

impl Aws {
    /// Requests an object, or one version of it. Returns the call with the answer.
    async fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
    ) -> Result<Option<(&'static str, GetObjectOutput)>> {
        let get = self
            .s3
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(version.map(str::to_owned))
            .expected_bucket_owner(account);
        let call = match version {
            Some(_) => "s3:GetObjectVersion",
            None => "s3:GetObject",
        };
        let object = found(call, get.send()).await?;
        Ok(object.map(|object| (call, object)))
    }
}

/// Returns how many bytes an object has.
fn length(object: &GetObjectOutput) -> Option<usize> {
    object
        .content_length
        .and_then(|length| usize::try_from(length).ok())
}

async fn content(call: &'static str, object: GetObjectOutput) -> Result<Vec<u8>> {
    let content = object.body.collect().await;
    let content =
        content.map_err(|error| refused(call, ErrorKind::Unavailable, error.to_string()))?;
    Ok(content.into_bytes().to_vec())
}

/// The settings of keyrota's own bucket. Each is read, and written if it differs. The writes
/// are idempotent.
impl Aws {
    async fn is_blocked(&self, bucket: &str, account: &str) -> Result<bool> {
        let request = self.s3.get_public_access_block().bucket(bucket);
        let request = request.expected_bucket_owner(account);
        let answer = found("s3:GetBucketPublicAccessBlock", request.send()).await?;
        let held = answer.and_then(|answer| answer.public_access_block_configuration);
        Ok(held.as_ref() == Some(&everything_blocked()))
    }

    async fn block(&self, bucket: &str, account: &str) -> Result<()> {
        let request = self.s3.put_public_access_block().bucket(bucket);
        let request = request
            .public_access_block_configuration(everything_blocked())
            .expected_bucket_owner(account);
        done("s3:PutBucketPublicAccessBlock", request.send()).await
    }

    /// Returns whether the bucket encrypts with S3's own keys. If it used a KMS key of another
    /// principal, that principal could make the objects unreadable.
    async fn is_encrypted(&self, bucket: &str, account: &str) -> Result<bool> {
        let request = self.s3.get_bucket_encryption().bucket(bucket);
        let request = request.expected_bucket_owner(account);
        let answer = found("s3:GetEncryptionConfiguration", request.send()).await?;
        let held = answer.and_then(|answer| answer.server_side_encryption_configuration);
        let algorithms = held.iter().flat_map(|held| held.rules()).map(|rule| {
            let default = rule.apply_server_side_encryption_by_default();
            default.map(ServerSideEncryptionByDefault::sse_algorithm)
        });
        Ok(algorithms.eq([Some(&ServerSideEncryption::Aes256)]))
    }

    async fn encrypt(&self, bucket: &str, account: &str) -> Result<()> {
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .map_err(unbuilt)?;
        let rule = ServerSideEncryptionRule::builder();
        let rule = rule
            .apply_server_side_encryption_by_default(default)
            .build();
        let encryption = ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build();
        let request = self.s3.put_bucket_encryption().bucket(bucket);
        let request = request
            .server_side_encryption_configuration(encryption.map_err(unbuilt)?)
            .expected_bucket_owner(account);
        done("s3:PutEncryptionConfiguration", request.send()).await
    }

    async fn keep_versions(&self, bucket: &str, account: &str) -> Result<()> {
        let versioning = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let request = self.s3.put_bucket_versioning().bucket(bucket);
        let request = request
            .versioning_configuration(versioning)
            .expected_bucket_owner(account);
        done("s3:PutBucketVersioning", request.send()).await
    }

    async fn has_policy(&self, bucket: &str, account: &str, policy: &str) -> Result<bool> {
        let request = self.s3.get_bucket_policy().bucket(bucket);
        let request = request.expected_bucket_owner(account);
        let answer = found("s3:GetBucketPolicy", request.send()).await?;
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let held = answer.and_then(|answer| answer.policy);
        Ok(held.is_some_and(|held| read(&held).is_some() && read(&held) == read(policy)))
    }

    async fn put_policy(&self, bucket: &str, account: &str, policy: &str) -> Result<()> {
        let request = self.s3.put_bucket_policy().bucket(bucket);
        let request = request.policy(policy).expected_bucket_owner(account);
        done("s3:PutBucketPolicy", request.send()).await
    }
}

fn everything_blocked() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build()
}

fn unbuilt(error: BuildError) -> Error {
    refused("s3", ErrorKind::Invalid, error.to_string())
}
