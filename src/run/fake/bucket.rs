//! S3: buckets with versions, and somebody who writes to them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::FakeAws;
use super::state::{ACCOUNT, AwsState, REGION, refused};
use crate::port::{Artifacts, Compared, ErrorKind, ObjectVersion, Result};

/// What S3 calls the version of an object in a bucket that keeps none.
const NULL: &str = "null";

/// A stored object, or one version of it.
#[derive(Clone, Debug)]
pub struct StoredObject {
    pub version: String,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Bucket {
    pub account: String,
    pub region: String,
    pub versioned: bool,
    /// It has the policy, encryption, and public access block of ours.
    pub closed: bool,
    /// Each object's versions, the newest last.
    pub objects: BTreeMap<String, Vec<StoredObject>>,
}

impl Bucket {
    /// Returns a bucket of the account as S3 creates it.
    pub fn new() -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            versioned: false,
            closed: false,
            objects: BTreeMap::new(),
        }
    }

    /// Returns an object's version, or its newest.
    pub fn get(&self, key: &str, version: Option<&str>) -> Option<&StoredObject> {
        let versions = self.objects.get(key)?;
        match version {
            Some(version) => versions.iter().find(|held| held.version == version),
            None => versions.last(),
        }
    }

    /// Stores an object.
    pub fn put(&mut self, key: &str, version: String, body: Vec<u8>) {
        let version = match self.versioned {
            true => version,
            false => NULL.to_owned(),
        };
        let versions = self.objects.entry(key.to_owned()).or_default();
        versions.retain(|held| held.version != version);
        versions.push(StoredObject { version, body });
    }
}

/// Somebody who may write objects, and does so after each call.
#[derive(Clone, Debug)]
pub struct Writer {
    /// What the keys contain that are overwritten.
    pub below: &'static str,
    pub body: Vec<u8>,
}

impl AwsState {
    fn bucket(&mut self, bucket: &str, account: &str) -> Result<&mut Bucket> {
        match self.buckets.get_mut(bucket) {
            Some(found) if found.account != account => {
                refused(ErrorKind::Denied, "HTTP status 403")
            }
            Some(found) => Ok(found),
            None => refused(ErrorKind::NotFound, "no such bucket"),
        }
    }

    /// Returns what lies at an address, in its version if it names one.
    pub fn object_at(&self, url: &str) -> Result<String> {
        let found = self.buckets.iter().find_map(|(name, bucket)| {
            let path = url.strip_prefix(&format!("https://{name}.s3.{REGION}.amazonaws.com/"))?;
            match path.split_once("?versionId=") {
                Some((key, version)) => bucket.get(key, Some(version)),
                None => bucket.get(path, None),
            }
        });
        match found {
            Some(stored) => Ok(String::from_utf8(stored.body.clone()).unwrap()),
            None => refused(ErrorKind::Invalid, "no such object"),
        }
    }

    /// Has the writer write.
    pub fn intrude(&mut self) {
        if let Some(code) = &self.code_writer {
            for held in self.functions.values_mut() {
                held.clone_from(code);
            }
        }
        let Some(writer) = self.writer.clone() else {
            return;
        };
        let mut places = Vec::new();
        for (name, bucket) in &self.buckets {
            let keys = bucket.objects.iter().filter(|(key, versions)| {
                let theirs = |held: &StoredObject| held.body == writer.body;
                key.contains(writer.below) && !versions.last().is_some_and(theirs)
            });
            places.extend(keys.map(|(key, _)| (name.clone(), key.clone())));
        }
        for (name, key) in places {
            let version = self.unique("theirs-");
            let bucket = self.buckets.get_mut(&name).unwrap();
            bucket.put(&key, version, writer.body.clone());
        }
    }
}

#[async_trait(?Send)]
impl Artifacts for FakeAws {
    async fn bucket_region(&self, bucket: &str, account: &str) -> Result<Option<String>> {
        self.act("s3:HeadBucket", |state| {
            match state.bucket(bucket, account) {
                Ok(held) => Ok(Some(held.region.clone())),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn is_versioned(&self, bucket: &str, account: &str) -> Result<bool> {
        self.act("s3:GetBucketVersioning", |state| {
            Ok(state.bucket(bucket, account)?.versioned)
        })
        .await
    }

    async fn create_bucket(&self, bucket: &str, account: &str) -> Result<()> {
        self.act("s3:CreateBucket", |state| {
            let held = state.buckets.entry(bucket.to_owned());
            held.or_insert_with(Bucket::new);
            state.bucket(bucket, account).map(|_| ())
        })
        .await
    }

    async fn secure_bucket(&self, bucket: &str, account: &str, _: &str) -> Result<bool> {
        let as_it_should_be = self
            .act("s3:GetBucketPolicy", |state| {
                let held = state.bucket(bucket, account)?;
                Ok(held.versioned && held.closed)
            })
            .await?;
        if as_it_should_be {
            return Ok(false);
        }
        self.act("s3:PutBucketVersioning", |state| {
            state.bucket(bucket, account)?.versioned = true;
            Ok(())
        })
        .await?;
        self.act("s3:PutBucketPolicy", |state| {
            state.bucket(bucket, account)?.closed = true;
            Ok(true)
        })
        .await
    }

    async fn compare(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        body: &[u8],
    ) -> Result<Option<Compared>> {
        self.act("s3:GetObject", |state| {
            let held = state.bucket(bucket, account)?.get(key, version);
            Ok(held.map(|held| Compared {
                same: held.body == body,
                version: (held.version != NULL).then(|| held.version.clone()),
            }))
        })
        .await
    }

    async fn object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        account: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>> {
        self.act("s3:GetObject", |state| {
            let held = state.bucket(bucket, account)?.get(key, version);
            let body = held.map(|held| held.body.clone());
            Ok(body.filter(|body| body.len() <= limit))
        })
        .await
    }

    async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        account: &str,
        body: Vec<u8>,
    ) -> Result<Option<String>> {
        self.act("s3:PutObject", |state| {
            let version = state.unique("version-");
            let held = state.bucket(bucket, account)?;
            held.put(key, version.clone(), body);
            Ok(held.versioned.then_some(version))
        })
        .await
    }

    async fn versions(
        &self,
        bucket: &str,
        prefix: &str,
        account: &str,
    ) -> Result<Vec<ObjectVersion>> {
        self.act("s3:ListBucketVersions", |state| {
            let objects = state.bucket(bucket, account)?.objects.iter();
            let objects = objects.filter(|(key, _)| key.starts_with(prefix));
            let versions = objects.flat_map(|(key, versions)| {
                versions.iter().map(|held| ObjectVersion {
                    key: key.clone(),
                    version: held.version.clone(),
                })
            });
            Ok(versions.collect())
        })
        .await
    }

    async fn delete_version(
        &self,
        bucket: &str,
        version: &ObjectVersion,
        account: &str,
    ) -> Result<()> {
        self.act("s3:DeleteObjectVersion", |state| {
            let objects = &mut state.bucket(bucket, account)?.objects;
            if let Some(versions) = objects.get_mut(&version.key) {
                versions.retain(|held| held.version != version.version);
                if versions.is_empty() {
                    objects.remove(&version.key);
                }
            }
            Ok(())
        })
        .await
    }

    async fn delete_bucket(&self, bucket: &str, account: &str) -> Result<()> {
        self.act("s3:DeleteBucket", |state| {
            match state.bucket(bucket, account) {
                Ok(held) if !held.objects.is_empty() => {
                    refused(ErrorKind::Conflict, "it is not empty")
                }
                Ok(_) => {
                    state.buckets.remove(bucket);
                    Ok(())
                }
                Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    fn object_url(&self, bucket: &str, key: &str, version: Option<&str>) -> String {
        let version = version.map_or_else(String::new, |it| format!("?versionId={it}"));
        format!("https://{bucket}.s3.{REGION}.amazonaws.com/{key}{version}")
    }
}
