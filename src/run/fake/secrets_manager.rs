//! What Secrets Manager does to versions and labels.

use jiff::Timestamp;
use keyrota_test_aws::{Refusal, versions};

use super::state::{AwsState, SecretRecord, refused};
use crate::port::{ErrorKind, PENDING, Result};

impl AwsState {
    pub fn find_secret(&self, id: &str) -> Option<&SecretRecord> {
        let named = |secret: &&SecretRecord| secret.name == id || secret.arn == id;
        self.secrets.values().find(named)
    }

    pub fn secret_mut(&mut self, id: &str) -> Result<&mut SecretRecord> {
        let named = |secret: &&mut SecretRecord| secret.name == id || secret.arn == id;
        match self.secrets.values_mut().find(named) {
            Some(secret) => Ok(secret),
            None => refused(ErrorKind::NotFound, "no such secret"),
        }
    }

    /// Returns a secret that does not await deletion: every other call on one
    /// that does is refused (`API_DeleteSecret`).
    pub fn live_secret(&mut self, id: &str) -> Result<&mut SecretRecord> {
        let secret = self.secret_mut(id)?;
        match secret.deleted {
            None => Ok(secret),
            Some(_) => refused(ErrorKind::Conflict, "it is scheduled for deletion"),
        }
    }

    /// `PutSecretValue` with one label.
    pub fn put(&mut self, id: &str, token: &str, label: &str, text: &str) -> Result<()> {
        let now = self.now;
        let secret = self.live_secret(id)?;
        let (token, versions) = (token.to_owned(), &mut secret.versions);
        versions::put(versions, &token, text, &[label], || Some(now))
            .map(drop)
            .or_else(refusal)
    }

    pub fn move_label(
        &mut self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        let secret = self.live_secret(id)?;
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        versions::update_stage(&mut secret.versions, label, from.as_ref(), to.as_ref())
            .or_else(refusal)
    }
}

/// Returns the error that the program sees.
pub fn refusal<T>(refusal: Refusal) -> Result<T> {
    let kind = match refusal {
        Refusal::NotFound | Refusal::NoSuchEntity => ErrorKind::NotFound,
        Refusal::Exists => ErrorKind::AlreadyExists,
        Refusal::InvalidParameter => ErrorKind::Invalid,
        Refusal::InvalidRequest => ErrorKind::Conflict,
        Refusal::LimitExceeded => ErrorKind::Limit,
    };
    refused(kind, refusal.code())
}

impl SecretRecord {
    /// Puts a label on one version and takes it from the others.
    pub fn put_label(&mut self, label: &str, to: Option<&str>) {
        match to {
            Some(to) => versions::put_label(&mut self.versions, label, &to.to_owned()),
            None => versions::remove_label(&mut self.versions, label),
        }
    }

    /// Begins a version that a rotation will make.
    pub fn begin_version(&mut self, token: &str, now: Timestamp) {
        self.put_label(PENDING, Some(token));
        let version = self.versions.entry(token.to_owned()).or_default();
        version.details.get_or_insert(now);
    }
}
