//! S3, as far as artifacts need it.

use async_trait::async_trait;
use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};

use super::Aws;
use super::error::{failed, refused};
use crate::port::{Artifacts, BucketOwner, Error, ErrorKind, ObjectVersion, Optional, Result};

/// The tag of a bucket that was made here.
const TAG: (&str, &str) = ("keyrota:artifacts", "true");

#[async_trait(?Send)]
impl Artifacts for Aws {
    async fn bucket(&self, bucket: &str, account: &str) -> Result<Option<BucketOwner>> {
        let head = self
            .s3
            .head_bucket()
            .bucket(bucket)
            .expected_bucket_owner(account);
        let head = head
            .send()
            .await
            .map_err(failed("s3:HeadBucket (s3:ListBucket)"))
            .optional()?;
        if head.is_none() {
            return Ok(None);
        }
        let tags = self
            .s3
            .get_bucket_tagging()
            .bucket(bucket)
            .expected_bucket_owner(account);
        let tags = tags
            .send()
            .await
            .map_err(failed("s3:GetBucketTagging"))
            .optional()?;
        let ours = |tag: &Tag| (tag.key(), tag.value()) == TAG;
        let ours = tags.is_some_and(|tags| tags.tag_set().iter().any(ours));
        Ok(Some(if ours {
            BucketOwner::Keyrota
        } else {
            BucketOwner::Account
        }))
    }

    async fn make_bucket(&self, bucket: &str, account: &str, policy: &str) -> Result<()> {
        let create = self.s3.create_bucket().bucket(bucket);
        // us-east-1 is the one Region that must not be named (`API_CreateBucket`).
        let create = match self.region() {
            None | Some("us-east-1") => create,
            Some(region) => create.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(region))
                    .build(),
            ),
        };
        match create.send().await.map_err(failed("s3:CreateBucket")) {
            Err(error) if error.kind == ErrorKind::AlreadyExists => {}
            other => {
                other?;
            }
        }
        self.close_bucket(bucket, account, policy).await?;
        // The tag comes last: a bucket that carries it is complete.
        let tag = Tag::builder()
            .key(TAG.0)
            .value(TAG.1)
            .build()
            .map_err(unbuilt)?;
        let tagging = Tagging::builder().tag_set(tag).build().map_err(unbuilt)?;
        let request = self.s3.put_bucket_tagging().bucket(bucket).tagging(tagging);
        let request = request.expected_bucket_owner(account);
        request
            .send()
            .await
            .map_err(failed("s3:PutBucketTagging"))?;
        Ok(())
    }

    async fn holds(
        &self,
        bucket: &str,
        key: &str,
        account: &str,
        body: &[u8],
    ) -> Result<Option<bool>> {
        let get = self
            .s3
            .get_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(account);
        let call = "s3:GetObject";
        let Some(object) = get.send().await.map_err(failed(call)).optional()? else {
            return Ok(None);
        };
        // Whoever put it there may have made it as large as S3 takes it.
        let length = object
            .content_length()
            .and_then(|one| usize::try_from(one).ok());
        if length != Some(body.len()) {
            return Ok(Some(false));
        }
        let held = object.body.collect().await;
        let held =
            held.map_err(|error| refused(call, ErrorKind::Unavailable, error.to_string()))?;
        Ok(Some(held.into_bytes() == body))
    }

    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        account: &str,
        body: Vec<u8>,
    ) -> Result<()> {
        let request = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(account)
            .body(ByteStream::from(body));
        request.send().await.map_err(failed("s3:PutObject"))?;
        Ok(())
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
            let page = request
                .send()
                .await
                .map_err(failed("s3:ListBucketVersions"))?;
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
        request
            .send()
            .await
            .map_err(failed("s3:DeleteObjectVersion"))
            .optional()?;
        Ok(())
    }

    async fn delete_bucket(&self, bucket: &str, account: &str) -> Result<()> {
        let request = self
            .s3
            .delete_bucket()
            .bucket(bucket)
            .expected_bucket_owner(account);
        request
            .send()
            .await
            .map_err(failed("s3:DeleteBucket"))
            .optional()?;
        Ok(())
    }

    fn object_url(&self, bucket: &str, key: &str) -> String {
        if let Some(endpoint) = self.config.endpoint_url() {
            return format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/'));
        }
        let region = self.region().unwrap_or("us-east-1");
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{bucket}.s3.{region}.amazonaws.com{suffix}/{key}")
    }
}

impl Aws {
    /// Private, encrypted, versioned, and under the policy. Every call may be made again.
    async fn close_bucket(&self, bucket: &str, account: &str, policy: &str) -> Result<()> {
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let request = self.s3.put_public_access_block().bucket(bucket);
        let request = request
            .public_access_block_configuration(block)
            .expected_bucket_owner(account);
        request
            .send()
            .await
            .map_err(failed("s3:PutBucketPublicAccessBlock"))?;

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
        request
            .send()
            .await
            .map_err(failed("s3:PutEncryptionConfiguration"))?;

        let versioning = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        let request = self.s3.put_bucket_versioning().bucket(bucket);
        let request = request
            .versioning_configuration(versioning)
            .expected_bucket_owner(account);
        request
            .send()
            .await
            .map_err(failed("s3:PutBucketVersioning"))?;

        let request = self.s3.put_bucket_policy().bucket(bucket);
        let request = request.policy(policy).expected_bucket_owner(account);
        request.send().await.map_err(failed("s3:PutBucketPolicy"))?;
        Ok(())
    }
}

fn unbuilt(error: BuildError) -> Error {
    refused("s3", ErrorKind::Invalid, error.to_string())
}
