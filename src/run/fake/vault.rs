//! What Secrets Manager does to versions and labels.

use jiff::Timestamp;

use super::world::{SecretRecord, World, refused};
use crate::port::{CURRENT, ErrorKind, PENDING, PREVIOUS, Result};

impl World {
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
        let version = secret.versions.entry(token.to_owned()).or_default();
        version.created.get_or_insert(now);
        match &version.value {
            Some(held) if held != text => {
                return refused(ErrorKind::AlreadyExists, "the version has another value");
            }
            _ => version.value = Some(text.to_owned()),
        }
        match label {
            CURRENT => secret.promote(token),
            _ => secret.put_label(label, Some(token)),
        }
        Ok(())
    }

    pub fn move_label(
        &mut self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        let secret = self.live_secret(id)?;
        let held = secret.labelled(label).map(str::to_owned);
        if from.is_some_and(|from| held.as_deref() != Some(from)) {
            return refused(ErrorKind::Invalid, "the label is not on that version");
        }
        if held.is_some() && held != to.map(str::to_owned) && from.is_none() {
            return refused(ErrorKind::Invalid, "the label is on another version");
        }
        if let Some(to) = to
            && !secret.versions.contains_key(to)
        {
            return refused(ErrorKind::NotFound, "no such version");
        }
        match to {
            Some(to) if label == CURRENT => secret.promote(to),
            _ => secret.put_label(label, to),
        }
        Ok(())
    }
}

impl SecretRecord {
    /// Moves AWSCURRENT to a version; AWSPREVIOUS goes where it was.
    pub fn promote(&mut self, version: &str) {
        let before = self.labelled(CURRENT).map(str::to_owned);
        if before.as_deref() == Some(version) {
            return;
        }
        self.put_label(CURRENT, Some(version));
        if let Some(before) = before {
            self.put_label(PREVIOUS, Some(&before));
        }
    }

    /// Puts a label on one version and takes it from the others.
    pub fn put_label(&mut self, label: &str, to: Option<&str>) {
        for version in self.versions.values_mut() {
            version.labels.remove(label);
        }
        if let Some(version) = to.and_then(|to| self.versions.get_mut(to)) {
            version.labels.insert(label.to_owned());
        }
    }

    /// Begins a version that a rotation will make.
    pub fn begin_version(&mut self, token: &str, now: Timestamp) {
        let version = self.versions.entry(token.to_owned()).or_default();
        version.created.get_or_insert(now);
        self.put_label(PENDING, Some(token));
    }
}
