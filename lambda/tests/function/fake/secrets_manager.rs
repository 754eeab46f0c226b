//! Secrets Manager.

use std::collections::BTreeSet;

use keyrota_function::arn::SecretArn;
use keyrota_function::decide::{AccessKeyId, CURRENT, PENDING, VersionId};
use keyrota_function::event::Event;
use keyrota_function::moment::Moment;
use keyrota_function::port::{
    CallError, CallErrorKind, Description, SecretsManager, StoredValue, StoredVersion,
    VersionSelector,
};
use keyrota_test_aws::{Refusal, versions};
use secrecy::{ExposeSecret, SecretString};

use super::aws::{FakeAws, Key, SECRET_ARN, Secret, USER};

/// A version of a secret.
pub(crate) type Version = versions::Version<Details>;

/// What these tests know about a version besides its value and labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// Whether the value is `SecretBinary`.
    pub(crate) binary: bool,
    /// When it was created.
    pub(crate) created: Moment,
    /// The ID of the key in the value.
    pub(crate) key: Option<String>,
}

/// Returns the ID of the key in a value.
fn key_in(value: &str) -> Option<String> {
    let fields: serde_json::Value = serde_json::from_str(value).ok()?;
    Some(fields["accesskey"].as_str()?.to_owned())
}

impl Secret {
    fn carrier(&self, label: &str) -> Option<VersionId> {
        versions::carrier(&self.versions, label).cloned()
    }

    /// Removes a label.
    fn unlabel(&mut self, label: &str) {
        versions::remove_label(&mut self.versions, label);
    }

    /// Puts a label on a version, and removes it from any other.
    fn label(&mut self, id: &VersionId, label: &str) {
        versions::put_label(&mut self.versions, label, id);
    }
}

/// Returns the kind of failure that the function sees.
pub(super) fn kind(refusal: Refusal) -> CallErrorKind {
    match refusal {
        Refusal::NotFound | Refusal::NoSuchEntity => CallErrorKind::NotFound,
        Refusal::Exists => CallErrorKind::Exists,
        Refusal::LimitExceeded => CallErrorKind::LimitExceeded,
        Refusal::InvalidParameter | Refusal::InvalidRequest => CallErrorKind::Refused,
    }
}

/// The actions of an operator or of Secrets Manager itself.
impl FakeAws {
    pub(crate) fn add_secret(&self, arn: &str) {
        let mut secrets = self.secrets.borrow_mut();
        secrets.insert(arn.to_owned(), Secret::default());
    }

    /// Changes the secret under rotation.
    pub(crate) fn change_secret(&self, change: impl FnOnce(&mut Secret)) {
        change(
            self.secrets
                .borrow_mut()
                .get_mut(SECRET_ARN)
                .expect("the secret"),
        );
    }

    /// Stores a version of the secret under rotation.
    pub(crate) fn store(&self, id: &str, labels: &[&str], value: &str) {
        self.store_in(SECRET_ARN, id, labels, Some(value.to_owned()));
    }

    pub(crate) fn store_in(&self, arn: &str, id: &str, labels: &[&str], value: Option<String>) {
        let mut secrets = self.secrets.borrow_mut();
        let secret = secrets.get_mut(arn).expect("the secret");
        let id = VersionId::new(id);
        let details = Details {
            key: value.as_deref().and_then(key_in),
            created: self.today(),
            ..Details::default()
        };
        let version = Version {
            value,
            details,
            ..Version::default()
        };
        secret.versions.insert(id.clone(), version);
        for label in labels {
            secret.label(&id, label);
        }
    }

    /// Returns a value with a user's key.
    pub(crate) fn value(&self, key: &Key, origin: &str) -> String {
        self.value_of(USER, key, origin)
    }

    pub(crate) fn value_of(&self, user: &str, key: &Key, origin: &str) -> String {
        serde_json::json!({
            "accesskey": key.id.as_str(),
            "secretkey": key.secret,
            "username": user,
            "secretarn": origin,
            "note": "kept as it is",
        })
        .to_string()
    }

    pub(crate) fn version(&self, label: &str) -> Option<Version> {
        let secrets = self.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        secret
            .carrier(label)
            .and_then(|id| secret.versions.get(&id).cloned())
    }

    pub(crate) fn carrier(&self, label: &str) -> Option<VersionId> {
        self.secrets
            .borrow()
            .get(SECRET_ARN)
            .expect("the secret")
            .carrier(label)
    }

    /// Returns the fields of the version with a label.
    pub(crate) fn fields(&self, label: &str) -> serde_json::Value {
        let value = self
            .version(label)
            .and_then(|version| version.value)
            .expect("a value");
        serde_json::from_str(&value).expect("JSON")
    }

    /// Returns the key that AWSCURRENT names.
    pub(crate) fn current_key(&self) -> AccessKeyId {
        let secrets = self.secrets.borrow();
        let secret = secrets.get(SECRET_ARN).expect("the secret");
        let mut versions = secret.versions.values();
        let current = versions.find(|version| version.labels.contains(CURRENT));
        let key = current.and_then(|version| version.details.key.as_deref());
        AccessKeyId::parse(key.expect("a key")).expect("an ID")
    }

    /// Returns the IDs of the keys that are named by versions with a label, or by the
    /// AWSPENDING version.
    pub(crate) fn named_keys(&self) -> BTreeSet<String> {
        let secrets = self.secrets.borrow();
        let versions = secrets
            .get(SECRET_ARN)
            .into_iter()
            .flat_map(|secret| secret.versions.values());
        versions
            .filter(|version| !version.labels.is_empty())
            .filter_map(|version| version.details.key.clone())
            .collect()
    }

    /// Returns the fields of the version with a label, or an empty object.
    pub(super) fn fields_or_nothing(&self, label: &str) -> serde_json::Value {
        let value = self.version(label).and_then(|version| version.value);
        let fields = value.and_then(|value| serde_json::from_str(&value).ok());
        fields.unwrap_or_else(|| serde_json::json!({}))
    }

    /// Puts a label on a version by hand, or removes it.
    pub(crate) fn relabel_by_hand(&self, label: &str, to: Option<&VersionId>) {
        self.change_secret(|secret| match to {
            Some(to) => secret.label(to, label),
            None => secret.unlabel(label),
        });
    }

    /// Moves AWSCURRENT by hand.
    pub(crate) fn promote_by_hand(&self, id: &VersionId) {
        self.change_secret(|secret| secret.label(id, CURRENT));
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
        let now = self.today();
        self.change_secret(|secret| {
            secret.rotated = Some(now);
            secret.unlabel(PENDING);
        });
    }

    /// Cancels a rotation: an operator removes AWSPENDING.
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
}

impl SecretsManager for FakeAws {
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
        self.call("secretsmanager:DescribeSecret", "role", effect)
            .await
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
                let stored = if version.details.binary {
                    StoredValue::Binary
                } else {
                    StoredValue::Text(SecretString::from(value))
                };
                Ok(StoredVersion {
                    version: id,
                    stored,
                    created: Some(version.details.created),
                })
            })
        };
        self.call("secretsmanager:GetSecretValue", "role", effect)
            .await
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
                    key: key_in(value),
                    created: self.today(),
                    ..Details::default()
                };
                let put = versions::put(&mut found.versions, &event.token, value, labels, details);
                put.map(drop).map_err(kind)
            })
        };
        self.call("secretsmanager:PutSecretValue", "role", effect)
            .await
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
        self.call("secretsmanager:UpdateSecretVersionStage", "role", effect)
            .await
    }
}
