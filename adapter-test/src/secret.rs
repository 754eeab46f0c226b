//! A secret in memory, with the rules of Secrets Manager for versions and labels that a rotation meets.
//!
//! Sources: *API_PutSecretValue*, *API_UpdateSecretVersionStage*, *API_RotateSecret*.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyrota_contract::label::{CURRENT, PENDING, PREVIOUS};
use keyrota_function_base::arn::SecretArn;
use keyrota_function_base::clock::Clock;
use keyrota_function_base::event::Event;
use keyrota_function_base::moment::Moment;
use keyrota_function_base::secrets_manager::{
    CallError, CallErrorKind, Description, PasswordRule, Passwords, SecretsManager, StoredValue,
    StoredVersion, VersionSelector,
};
use keyrota_function_base::stage::VersionId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::passwords;

/// The ARN of the secret.
pub const ARN: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:adapter-test-AbCdEf";
/// The name of the secret.
pub const NAME: &str = "adapter-test";
/// A moment at which every test begins.
const BEGIN: Moment = Moment(1_790_000_000);

#[derive(Default)]
struct Version {
    labels: BTreeSet<String>,
    value: Option<SecretString>,
}

/// The secret. It has no `Debug`, because that would show its values.
#[derive(Default)]
pub struct Secret {
    versions: RefCell<BTreeMap<VersionId, Version>>,
    /// The passwords that were generated.
    generated: RefCell<Vec<SecretString>>,
    /// The time that passed, which only waiting lets pass.
    passed: Cell<Duration>,
}

fn failed(action: &'static str, kind: CallErrorKind) -> CallError {
    CallError {
        action,
        kind,
        answer: None,
    }
}

impl Secret {
    /// Returns a secret with AWSCURRENT.
    pub fn new(username: &str, password: &SecretString) -> Self {
        let secret = Self::default();
        let id = VersionId::new("adapter-test-current-0000000000000000");
        let value = json!({ "username": username, "password": password.expose_secret() });
        secret.versions.borrow_mut().insert(
            id.clone(),
            Version {
                labels: BTreeSet::new(),
                value: Some(value.to_string().into()),
            },
        );
        secret.put_label(CURRENT, &id);
        secret
    }

    /// Begins a rotation, or continues one.
    pub fn begin(&self, token: &str) {
        let id = VersionId::new(token);
        self.versions.borrow_mut().entry(id.clone()).or_default();
        self.put_label(PENDING, &id);
    }

    /// Ends a rotation whose steps have succeeded.
    pub fn end(&self) {
        self.remove_label(PENDING);
    }

    /// Returns the password of the version with a label.
    pub fn password(&self, label: &str) -> Option<SecretString> {
        let versions = self.versions.borrow();
        let version = versions
            .values()
            .find(|version| version.labels.contains(label))?;
        password(version)
    }

    /// Returns the passwords of all versions that have a label. Secrets Manager deletes the others.
    pub fn labelled_passwords(&self) -> Vec<SecretString> {
        let versions = self.versions.borrow();
        let labelled = versions
            .values()
            .filter(|version| !version.labels.is_empty());
        labelled.filter_map(password).collect()
    }

    /// Returns the passwords that were generated.
    pub fn generated(&self) -> Vec<SecretString> {
        self.generated.borrow().clone()
    }

    fn put_label(&self, label: &str, to: &VersionId) {
        let mut versions = self.versions.borrow_mut();
        let from = versions
            .iter()
            .find(|(_, version)| version.labels.contains(label))
            .map(|(id, _)| id.clone());
        if from.as_ref() == Some(to) {
            return;
        }
        if label == CURRENT
            && let Some(from) = &from
        {
            // The version that loses AWSCURRENT becomes AWSPREVIOUS.
            for (id, version) in versions.iter_mut() {
                match id == from {
                    true => version.labels.insert(PREVIOUS.to_owned()),
                    false => version.labels.remove(PREVIOUS),
                };
            }
        }
        for (id, version) in versions.iter_mut() {
            match id == to {
                true => version.labels.insert(label.to_owned()),
                false => version.labels.remove(label),
            };
        }
    }

    fn remove_label(&self, label: &str) {
        for version in self.versions.borrow_mut().values_mut() {
            version.labels.remove(label);
        }
    }
}

fn password(version: &Version) -> Option<SecretString> {
    let value: Value = serde_json::from_str(version.value.as_ref()?.expose_secret()).ok()?;
    Some(value.get("password")?.as_str()?.to_owned().into())
}

impl SecretsManager for Secret {
    async fn describe(&self, _: &SecretArn) -> Result<Description, CallError> {
        let versions = self.versions.borrow();
        let stages = versions
            .iter()
            .filter(|(_, version)| !version.labels.is_empty())
            .map(|(id, version)| (id.clone(), version.labels.clone()));
        Ok(Description {
            arn: ARN.to_owned(),
            stages: stages.collect(),
            last_changed: Some(BEGIN),
            rotation_enabled: true,
            ..Description::default()
        })
    }

    async fn read(
        &self,
        _: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError> {
        let versions = self.versions.borrow();
        let found = versions.iter().find(|(id, version)| match which {
            VersionSelector::Labelled(label) => version.labels.contains(label),
            VersionSelector::Version(wanted) => *id == wanted && !version.labels.is_empty(),
        });
        let absent = || failed("secretsmanager:GetSecretValue", CallErrorKind::NotFound);
        let (id, version) = found.ok_or_else(absent)?;
        let value = version.value.clone().ok_or_else(absent)?;
        Ok(StoredVersion {
            version: id.clone(),
            stored: StoredValue::Text(value),
            created: Some(BEGIN),
        })
    }

    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError> {
        {
            let mut versions = self.versions.borrow_mut();
            let version = versions.entry(event.token.clone()).or_default();
            match &version.value {
                Some(stored) if stored.expose_secret() != value.expose_secret() => {
                    return Err(failed(
                        "secretsmanager:PutSecretValue",
                        CallErrorKind::Exists,
                    ));
                }
                _ => version.value = Some(value.clone()),
            }
        }
        for label in labels {
            self.put_label(label, &event.token);
        }
        Ok(())
    }

    async fn relabel(
        &self,
        _: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallError> {
        let carrier = {
            let versions = self.versions.borrow();
            let found = versions
                .iter()
                .find(|(_, version)| version.labels.contains(label));
            found.map(|(id, _)| id.clone())
        };
        if carrier.is_some() && carrier.as_ref() != from && carrier.as_ref() != to {
            return Err(failed(
                "secretsmanager:UpdateSecretVersionStage",
                CallErrorKind::Refused,
            ));
        }
        match to {
            Some(to) => self.put_label(label, to),
            None => self.remove_label(label),
        }
        Ok(())
    }
}

impl Passwords for Secret {
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError> {
        let refused = |_| failed("secretsmanager:GetRandomPassword", CallErrorKind::Refused);
        let password = passwords::random(rule).map_err(refused)?;
        self.generated.borrow_mut().push(password.clone());
        Ok(password)
    }
}

/// Time passes only while the function waits, and the wait is simulated.
impl Clock for Secret {
    fn now(&self) -> Duration {
        self.passed.get()
    }

    fn moment(&self) -> Moment {
        BEGIN.plus(self.passed.get())
    }

    async fn sleep(&self, duration: Duration) {
        self.passed.set(self.passed.get() + duration);
    }
}
