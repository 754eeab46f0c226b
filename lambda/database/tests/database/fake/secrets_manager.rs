//! Secrets Manager.

use keyrota_database_function::arn::SecretArn;
use keyrota_database_function::event::Event;
use keyrota_database_function::moment::Moment;
use keyrota_database_function::port::{
    CallError, CallErrorKind, Description, PasswordRule, Passwords, SecretsManager, StoredValue,
    StoredVersion, VersionSelector,
};
use keyrota_database_function::stage::{PENDING, Stages, VersionId};
use keyrota_test_aws::{Refusal, versions};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::mishap::aws_error;
use super::services::{FakeServices, HOST, SECRET_ARN, Secret, USER};

/// A version of a secret.
pub(crate) type Version = versions::Version<Details>;

/// What these tests know about a version besides its value and labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// When it was created.
    pub(crate) created: Moment,
    /// The password in the value, if the value belongs to the pinned server and user.
    pub(crate) password: Option<String>,
    /// Whether its KMS key cannot decrypt it.
    pub(crate) undecryptable: bool,
}

fn password_in(value: &str) -> Option<String> {
    let fields: Value = serde_json::from_str(value).ok()?;
    // A value for another server contains no password for this one.
    let text = |field: &str| fields[field].as_str().unwrap_or_default();
    if !text("host").eq_ignore_ascii_case(HOST) || text("username") != USER {
        return None;
    }
    if !["orders", ""].contains(&text("dbname")) {
        return None;
    }
    Some(fields["password"].as_str()?.to_owned())
}

impl Secret {
    pub(super) fn carrier(&self, label: &str) -> Option<VersionId> {
        versions::carrier(&self.versions, label).cloned()
    }

    /// Removes a label.
    pub(crate) fn unlabel(&mut self, label: &str) {
        versions::remove_label(&mut self.versions, label);
    }

    /// Puts a label on a version, and removes it from any other.
    pub(crate) fn label(&mut self, id: &VersionId, label: &str) {
        versions::put_label(&mut self.versions, label, id);
    }
}

/// Returns the kind of failure that the function sees.
fn kind(refusal: Refusal) -> CallErrorKind {
    match refusal {
        Refusal::NotFound | Refusal::NoSuchEntity => CallErrorKind::NotFound,
        Refusal::Exists => CallErrorKind::Exists,
        Refusal::LimitExceeded => CallErrorKind::LimitExceeded,
        Refusal::InvalidParameter | Refusal::InvalidRequest => CallErrorKind::Refused,
    }
}

/// The actions of an operator or of Secrets Manager itself.
impl FakeServices {
    pub(crate) fn add_secret(&self, arn: &str) {
        let mut secrets = self.secrets.borrow_mut();
        secrets.insert(arn.to_owned(), Secret::default());
    }

    /// Changes the secret under rotation.
    pub(crate) fn change_secret(&self, change: impl FnOnce(&mut Secret)) {
        let mut secrets = self.secrets.borrow_mut();
        change(secrets.get_mut(SECRET_ARN).expect("the secret"));
    }

    /// Puts a label on a version by hand, or removes it.
    pub(super) fn move_label(&self, label: &str, to: Option<VersionId>) {
        self.change_secret(|secret| match to {
            Some(to) => secret.label(&to, label),
            None => secret.unlabel(label),
        });
    }

    /// Stores a version of the secret under rotation.
    pub(crate) fn store(&self, id: &str, labels: &[&str], value: &Value) {
        self.store_in(SECRET_ARN, id, labels, Some(value.to_string()));
    }

    pub(crate) fn store_in(&self, arn: &str, id: &str, labels: &[&str], value: Option<String>) {
        let mut secrets = self.secrets.borrow_mut();
        let secret = secrets.get_mut(arn).expect("the secret");
        let id = VersionId::new(id);
        let version = secret.versions.entry(id.clone()).or_default();
        version.details.password = value.as_deref().and_then(password_in);
        version.value = value;
        version.details.created = self.today();
        for label in labels {
            secret.label(&id, label);
        }
    }

    pub(crate) fn stages(&self) -> Stages {
        let secrets = self.secrets.borrow();
        versions::stages(&secrets.get(SECRET_ARN).expect("the secret").versions)
    }

    pub(crate) fn version(&self, label: &str) -> Option<Version> {
        let secrets = self.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let id = secret.carrier(label)?;
        secret.versions.get(&id).cloned()
    }

    pub(crate) fn carrier(&self, label: &str) -> Option<VersionId> {
        let secrets = self.secrets.borrow();
        secrets.get(SECRET_ARN).expect("the secret").carrier(label)
    }

    /// Returns the fields of the version with a label.
    pub(crate) fn fields(&self, label: &str) -> Value {
        let version = self.version(label).expect("a version");
        serde_json::from_str(&version.value.expect("a value")).expect("JSON")
    }

    /// Begins a rotation: Secrets Manager creates a version without a value.
    pub(crate) fn begin(&self, token: &str) {
        self.never_say(token);
        let now = self.today();
        self.change_secret(|secret| {
            secret.label(&VersionId::new(token), PENDING);
            secret.changed = Some(now);
        });
    }

    /// Ends a rotation: Secrets Manager removes AWSPENDING.
    pub(crate) fn end(&self) {
        let today = self.today();
        self.change_secret(|secret| {
            secret.unlabel(PENDING);
            secret.rotated = Some(today);
        });
    }

    /// Cancels the rotation.
    pub(crate) fn cancel(&self) {
        self.change_secret(|secret| secret.unlabel(PENDING));
    }

    fn with_secret<T>(
        &self,
        secret: &SecretArn,
        act: impl FnOnce(&mut Secret) -> Result<T, CallErrorKind>,
    ) -> Result<T, CallErrorKind> {
        let mut secrets = self.secrets.borrow_mut();
        // Secrets Manager accepts a name instead of an ARN.
        let asked = |arn: &str| {
            let named = SecretArn::parse(arn).is_some_and(|it| it.name() == secret.as_str());
            arn == secret.as_str() || named
        };
        let found = secrets.iter_mut().find(|(arn, _)| asked(arn));
        act(found.ok_or(CallErrorKind::NotFound)?.1)
    }

    async fn ask<T>(
        &self,
        action: &'static str,
        effect: impl FnOnce() -> Result<T, CallErrorKind>,
    ) -> Result<T, CallError> {
        let answer = self.call(action, effect).await;
        answer.map_err(|fault| aws_error(action, fault))
    }
}

impl SecretsManager for FakeServices {
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError> {
        let effect = || {
            self.with_secret(secret, |found| {
                Ok(Description {
                    arn: secret.as_str().to_owned(),
                    stages: versions::stages(&found.versions),
                    last_changed: found.changed,
                    rotation_enabled: true,
                    last_rotated: found.rotated,
                    next_rotation: found.next_rotation,
                })
            })
        };
        self.ask("secretsmanager:DescribeSecret", effect).await
    }

    async fn read(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError> {
        let effect = || {
            self.with_secret(secret, |found| {
                let id = match which {
                    VersionSelector::Labelled(label) => {
                        found.carrier(label).ok_or(CallErrorKind::NotFound)?
                    }
                    VersionSelector::Version(id) => id.clone(),
                };
                let version = found.versions.get(&id).ok_or(CallErrorKind::NotFound)?;
                let value = version.value.clone().ok_or(CallErrorKind::NotFound)?;
                if version.details.undecryptable {
                    return Err(CallErrorKind::Undecryptable);
                }
                Ok(StoredVersion {
                    version: id,
                    stored: StoredValue::Text(SecretString::from(value)),
                    created: Some(version.details.created),
                })
            })
        };
        self.ask("secretsmanager:GetSecretValue", effect).await
    }

    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError> {
        let effect = || {
            self.with_secret(&event.secret, |found| {
                let value = value.expose_secret();
                let details = || Details {
                    password: password_in(value),
                    created: self.today(),
                    ..Details::default()
                };
                let put = versions::put(&mut found.versions, &event.token, value, labels, details);
                put.map(drop).map_err(kind)
            })
        };
        self.ask("secretsmanager:PutSecretValue", effect).await
    }

    async fn relabel(
        &self,
        secret: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallError> {
        let effect = || {
            self.with_secret(secret, |found| {
                versions::update_stage(&mut found.versions, label, from, to).map_err(kind)
            })
        };
        self.ask("secretsmanager:UpdateSecretVersionStage", effect)
            .await
    }
}

impl Passwords for FakeServices {
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError> {
        let effect = || {
            if ('!'..='~').all(|it| rule.exclude.contains(it)) {
                return Err(CallErrorKind::Refused);
            }
            assert_eq!((rule.length, rule.exclude.as_str()), (32, "/@\"'\\"));
            let random = self.random.borrow().clone();
            Ok(SecretString::from(
                random.unwrap_or_else(|| self.make_password()),
            ))
        };
        self.ask("secretsmanager:GetRandomPassword", effect).await
    }
}
