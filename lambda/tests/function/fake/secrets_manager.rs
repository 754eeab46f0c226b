//! Secrets Manager.

use std::collections::BTreeSet;

use keyrota_function::arn::SecretArn;
use keyrota_function::decide::{AccessKeyId, CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Event;
use keyrota_function::moment::Moment;
use keyrota_function::port::{
    CallError, CallErrorKind, Description, SecretsManager, Stored, StoredVersion, Which,
};
use secrecy::{ExposeSecret, SecretString};

use super::world::{Key, SECRET_ARN, Secret, USER, World};

/// A version of a secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    /// The value; `None` before one is put.
    pub(crate) value: Option<String>,
    /// Whether the value is `SecretBinary`.
    pub(crate) binary: bool,
    pub(crate) labels: BTreeSet<String>,
    /// When it was made.
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
        let mut versions = self.versions.iter();
        versions
            .find(|(_, version)| version.labels.contains(label))
            .map(|(id, _)| id.clone())
    }

    /// Takes a label away.
    fn unlabel(&mut self, label: &str) {
        for version in self.versions.values_mut() {
            version.labels.remove(label);
        }
    }

    /// Puts a label on a version and takes it from any other.
    fn label(&mut self, id: &VersionId, label: &str) {
        self.unlabel(label);
        self.versions
            .entry(id.clone())
            .or_default()
            .labels
            .insert(label.to_owned());
    }

    /// Moves AWSCURRENT; AWSPREVIOUS follows to the version that loses it.
    fn promote(&mut self, to: &VersionId) {
        if let Some(from) = self.carrier(CURRENT) {
            self.label(&from, PREVIOUS);
        }
        self.label(to, CURRENT);
    }
}

/// What an operator or Secrets Manager itself does.
impl World {
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
        secret.versions.insert(
            id.clone(),
            Version {
                key: value.as_deref().and_then(key_in),
                value,
                created: self.today(),
                ..Version::default()
            },
        );
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
        let key = current.and_then(|version| version.key.as_deref());
        AccessKeyId::parse(key.expect("a key")).expect("an ID")
    }

    /// Returns the IDs of the keys that versions with a label, or the AWSPENDING
    /// one, name.
    pub(crate) fn named_keys(&self) -> BTreeSet<String> {
        let secrets = self.secrets.borrow();
        let versions = secrets
            .get(SECRET_ARN)
            .into_iter()
            .flat_map(|secret| secret.versions.values());
        versions
            .filter(|version| !version.labels.is_empty())
            .filter_map(|version| version.key.clone())
            .collect()
    }

    /// Returns the fields of the version with a label, or an empty object.
    pub(super) fn fields_or_nothing(&self, label: &str) -> serde_json::Value {
        let value = self.version(label).and_then(|version| version.value);
        let fields = value.and_then(|value| serde_json::from_str(&value).ok());
        fields.unwrap_or_else(|| serde_json::json!({}))
    }

    /// Puts a label on a version by hand, or takes it away.
    pub(crate) fn relabel_by_hand(&self, label: &str, to: Option<&VersionId>) {
        self.change_secret(|secret| match to {
            Some(to) => secret.label(to, label),
            None => secret.unlabel(label),
        });
    }

    /// Moves AWSCURRENT by hand.
    pub(crate) fn promote_by_hand(&self, id: &VersionId) {
        self.change_secret(|secret| secret.promote(id));
    }

    /// Begins a rotation: Secrets Manager makes a version without a value.
    pub(crate) fn begin(&self, token: &str) {
        self.never_say(token);
        self.change_secret(|secret| secret.label(&VersionId::new(token), PENDING));
    }

    /// Ends a rotation: Secrets Manager takes AWSPENDING away.
    pub(crate) fn end(&self) {
        let now = self.today();
        self.change_secret(|secret| {
            secret.rotated = Some(now);
            secret.unlabel(PENDING);
        });
    }

    /// Cancels a rotation: an operator takes AWSPENDING away.
    pub(crate) fn cancel(&self) {
        self.change_secret(|secret| secret.unlabel(PENDING));
    }

    fn with_secret<T>(
        &self,
        secret: &SecretArn,
        act: impl FnOnce(&mut Secret) -> Result<T, CallErrorKind>,
    ) -> Result<T, CallErrorKind> {
        let mut secrets = self.secrets.borrow_mut();
        // Secrets Manager takes a name in the place of an ARN.
        let asked = |arn: &str| {
            let named = SecretArn::parse(arn).is_some_and(|it| it.name() == secret.as_str());
            arn == secret.as_str() || named
        };
        let found = secrets.iter_mut().find(|(arn, _)| asked(arn));
        act(found.ok_or(CallErrorKind::NotFound)?.1)
    }
}

impl SecretsManager for World {
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError> {
        let effect = || {
            self.with_secret(secret, |found| {
                // Versions without a label are not among VersionIdsToStages.
                let labelled = found
                    .versions
                    .iter()
                    .filter(|(_, it)| !it.labels.is_empty());
                Ok(Description {
                    arn: secret.as_str().to_owned(),
                    stages: labelled
                        .map(|(id, it)| (id.clone(), it.labels.clone()))
                        .collect(),
                    rotation_enabled: true,
                    last_rotated: found.rotated,
                    next_rotation: found.next_rotation,
                })
            })
        };
        self.call("secretsmanager:DescribeSecret", "role", effect)
            .await
    }

    async fn read(&self, secret: &SecretArn, which: Which<'_>) -> Result<StoredVersion, CallError> {
        let effect = || {
            self.with_secret(secret, |found| {
                let id = match which {
                    Which::Labelled(label) => {
                        found.carrier(label).ok_or(CallErrorKind::NotFound)?
                    }
                    Which::Version(id) => id.clone(),
                };
                let version = found.versions.get(&id).ok_or(CallErrorKind::NotFound)?;
                let value = version.value.clone().ok_or(CallErrorKind::NotFound)?;
                let stored = if version.binary {
                    Stored::Binary
                } else {
                    Stored::Text(SecretString::from(value))
                };
                Ok(StoredVersion {
                    version: id,
                    stored,
                    created: Some(version.created),
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
                let version = found.versions.entry(event.token.clone()).or_default();
                match &version.value {
                    Some(stored) if stored != value.expose_secret() => {
                        return Err(CallErrorKind::Exists);
                    }
                    Some(_) => return Ok(()),
                    None => {
                        version.value = Some(value.expose_secret().to_owned());
                        version.key = key_in(value.expose_secret());
                        version.created = self.today();
                    }
                }
                for label in labels {
                    found.label(&event.token, label);
                }
                Ok(())
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
                if to.is_some_and(|to| !found.versions.contains_key(to)) {
                    return Err(CallErrorKind::NotFound);
                }
                // A label on another version than the one it comes from, or
                // goes to, is not moved.
                let carrier = found.carrier(label);
                if carrier.as_ref() != from && (carrier.as_ref() != to || to.is_none()) {
                    return Err(CallErrorKind::Refused);
                }
                match to {
                    Some(to) if label == CURRENT => found.promote(to),
                    Some(to) => found.label(to, label),
                    None => found.unlabel(label),
                }
                Ok(())
            })
        };
        self.call("secretsmanager:UpdateSecretVersionStage", "role", effect)
            .await
    }
}
