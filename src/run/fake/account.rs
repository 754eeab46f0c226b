//! KMS, Lambda, logs and S3.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Fake;
use super::world::{Bucket, REGION, World, refused};
use crate::port::{
    Artifacts, BucketOwner, Encryption, EncryptionKey, ErrorKind, Functions, Invoked,
    ObjectVersion, Result,
};

#[async_trait(?Send)]
impl Encryption for Fake {
    async fn encryption_key(&self, arn: &str) -> Result<Option<EncryptionKey>> {
        self.act("kms:DescribeKey", |world| {
            let state = world.kms_keys.iter().find(|(key, _)| key.ends_with(arn));
            Ok(state.map(|(_, state)| EncryptionKey {
                enabled: state == "Enabled",
                state: state.clone(),
            }))
        })
        .await
    }

    async fn encryption_key_tags(&self, id: &str) -> Result<Option<BTreeMap<String, String>>> {
        self.act("kms:ListResourceTags", |world| {
            let mut keys = world.kms_keys.keys();
            let key = keys.find(|key| key.ends_with(id)).cloned();
            Ok(key.map(|key| world.kms_tags.get(&key).cloned().unwrap_or_default()))
        })
        .await
    }

    async fn schedule_key_deletion(&self, id: &str, days: u32) -> Result<()> {
        self.act("kms:ScheduleKeyDeletion", |world| {
            assert!((7..=30).contains(&days));
            let ends = world.now.as_second() + i64::from(days) * 86_400;
            for secret in world.secrets.values() {
                if let Some(deleted) = secret.deleted {
                    assert!(deleted.as_second() <= ends, "the key goes before a secret");
                }
            }
            match world.kms_keys.iter_mut().find(|(key, _)| key.ends_with(id)) {
                Some((_, state)) if state == "PendingDeletion" => {
                    refused(ErrorKind::Conflict, "it is pending deletion")
                }
                Some((_, state)) => {
                    "PendingDeletion".clone_into(state);
                    Ok(())
                }
                None => refused(ErrorKind::NotFound, "no such key"),
            }
        })
        .await
    }
}

#[async_trait(?Send)]
impl Functions for Fake {
    async fn code_sha256(&self, function: &str) -> Result<Option<String>> {
        self.act("lambda:GetFunctionConfiguration", |world| {
            Ok(world.functions.get(function).cloned())
        })
        .await
    }

    async fn invoke(&self, function: &str, payload: &str) -> Result<Invoked> {
        self.act("lambda:InvokeFunction", |world| {
            world.invoke(function, payload)
        })
        .await
    }

    async fn log_messages(&self, group: &str, since: Timestamp) -> Result<Vec<String>> {
        self.act("logs:FilterLogEvents", |world| {
            let lines = world.logs.get(group).into_iter().flatten();
            let lines = lines.filter(|(at, _)| *at >= since);
            Ok(lines.map(|(_, line)| line.clone()).collect())
        })
        .await
    }

    async fn delete_log_group(&self, group: &str) -> Result<bool> {
        self.act("logs:DeleteLogGroup", |world| {
            Ok(world.logs.remove(group).is_some())
        })
        .await
    }
}

impl World {
    fn bucket(&mut self, bucket: &str) -> Result<&mut Bucket> {
        match self.buckets.get_mut(bucket) {
            Some(found) => Ok(found),
            None => refused(ErrorKind::NotFound, "no such bucket"),
        }
    }
}

#[async_trait(?Send)]
impl Artifacts for Fake {
    async fn bucket(&self, bucket: &str, _: &str) -> Result<Option<BucketOwner>> {
        self.act("s3:HeadBucket", |world| {
            Ok(world.buckets.get(bucket).map(|held| held.owner))
        })
        .await
    }

    async fn make_bucket(&self, bucket: &str, _: &str, _: &str) -> Result<()> {
        // Two calls: a bucket is complete when it carries its tag.
        let empty = Bucket {
            owner: BucketOwner::Account,
            objects: std::collections::BTreeMap::new(),
        };
        self.act("s3:CreateBucket", |world| {
            world.buckets.entry(bucket.to_owned()).or_insert(empty);
            Ok(())
        })
        .await?;
        self.act("s3:PutBucketTagging", |world| {
            world.bucket(bucket)?.owner = BucketOwner::Keyrota;
            Ok(())
        })
        .await
    }

    async fn holds(&self, bucket: &str, key: &str, _: &str, body: &[u8]) -> Result<Option<bool>> {
        self.act("s3:GetObject", |world| {
            let held = world.buckets.get(bucket);
            let held = held.and_then(|held| held.objects.get(key));
            Ok(held.map(|held| held == body))
        })
        .await
    }

    async fn put_object(&self, bucket: &str, key: &str, _: &str, body: Vec<u8>) -> Result<()> {
        self.act("s3:PutObject", |world| {
            world.bucket(bucket)?.objects.insert(key.to_owned(), body);
            Ok(())
        })
        .await
    }

    async fn versions(&self, bucket: &str, prefix: &str, _: &str) -> Result<Vec<ObjectVersion>> {
        self.act("s3:ListBucketVersions", |world| {
            let keys = world.bucket(bucket)?.objects.keys();
            let keys = keys.filter(|key| key.starts_with(prefix));
            Ok(keys
                .map(|key| ObjectVersion {
                    key: key.clone(),
                    version: "1".to_owned(),
                })
                .collect())
        })
        .await
    }

    async fn delete_version(&self, bucket: &str, version: &ObjectVersion, _: &str) -> Result<()> {
        self.act("s3:DeleteObjectVersion", |world| {
            world.bucket(bucket)?.objects.remove(&version.key);
            Ok(())
        })
        .await
    }

    async fn delete_bucket(&self, bucket: &str, _: &str) -> Result<()> {
        self.act("s3:DeleteBucket", |world| match world.buckets.get(bucket) {
            Some(held) if !held.objects.is_empty() => {
                refused(ErrorKind::Conflict, "it is not empty")
            }
            _ => {
                world.buckets.remove(bucket);
                Ok(())
            }
        })
        .await
    }

    fn object_url(&self, bucket: &str, key: &str) -> String {
        format!("https://{bucket}.s3.{REGION}.amazonaws.com/{key}")
    }
}
