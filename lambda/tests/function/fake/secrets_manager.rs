//! Secrets Manager.

use std::collections::BTreeSet;

use keyrota_contract::value::object::Object;
use keyrota_function::arn::SecretArn;
use keyrota_function::decide::{AccessKeyId, CURRENT, VersionId};
use keyrota_function::event::Event;
use keyrota_function::moment::Moment;
use keyrota_function::port::{
    CallError, CallErrorKind, Description, SecretsManager, StoredValue, StoredVersion,
    VersionSelector,
};
use keyrota_test_function::output::Output;
use keyrota_test_function::secrets::{self, FakeSecrets, Secrets};
use secrecy::SecretString;

use super::aws::{FakeAws, Key, MORNING, SECRET_ARN, USER};

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

impl secrets::Details for Details {
    fn of(value: Option<&str>, created: Moment) -> Self {
        Self {
            binary: false,
            created,
            key: value.and_then(key_in),
        }
    }

    fn created(&self) -> Moment {
        self.created
    }

    fn read(&self, value: String) -> Result<StoredValue, CallErrorKind> {
        Ok(match self.binary {
            true => StoredValue::Binary,
            false => StoredValue::Text(SecretString::from(value)),
        })
    }
}

/// The name that tests give to the field `accesskey`.
const RENAMED: &str = "AWS_ACCESS_KEY_ID";

/// Returns the ID of the key in a value.
fn key_in(value: &str) -> Option<String> {
    let value = Object::parse(value).ok()?;
    let mut keys = ["accesskey", RENAMED]
        .into_iter()
        .flat_map(|name| value.values(name));
    keys.find_map(|key| serde_json::from_str(key).ok())
}

/// Returns the names under which a value has the key's ID, and whether all have the same one.
pub(crate) fn key_names(value: &str) -> (Vec<&'static str>, bool) {
    let mut names = Vec::new();
    let mut ids = BTreeSet::new();
    if let Ok(value) = Object::parse(value) {
        for name in ["accesskey", RENAMED] {
            let held: Vec<String> = value.values(name).map(str::to_owned).collect();
            if !held.is_empty() {
                names.push(name);
            }
            ids.extend(held);
        }
    }
    (names, ids.len() <= 1)
}

impl FakeSecrets for FakeAws {
    type Details = Details;

    const SECRET_ARN: &str = SECRET_ARN;

    fn secrets(&self) -> &Secrets<Details> {
        &self.secrets
    }

    fn output(&self) -> &Output {
        &self.output
    }

    fn today(&self) -> Moment {
        Moment(MORNING).plus(self.now.get())
    }
}

/// The actions of an operator or of Secrets Manager itself.
impl FakeAws {
    /// Stores a version of the secret under rotation.
    pub(crate) fn store(&self, id: &str, labels: &[&str], value: &str) {
        self.store_in(SECRET_ARN, id, labels, Some(value.to_owned()));
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

    /// Returns the key that AWSCURRENT names.
    pub(crate) fn current_key(&self) -> AccessKeyId {
        self.current_key_if_any().expect("a key")
    }

    /// Returns the key that AWSCURRENT names, if it has one.
    pub(crate) fn current_key_if_any(&self) -> Option<AccessKeyId> {
        let secrets = self.secrets.borrow();
        let mut versions = secrets.get(SECRET_ARN)?.versions.values();
        let current = versions.find(|version| version.labels.contains(CURRENT))?;
        AccessKeyId::parse(current.details.key.as_deref()?)
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

    /// Moves AWSCURRENT by hand.
    pub(crate) fn promote_by_hand(&self, id: &VersionId) {
        self.relabel_by_hand(CURRENT, Some(id));
    }

    /// Stores AWSCURRENT's key again with another field, as the console does. This moves AWSPREVIOUS.
    pub(crate) fn add_field_by_hand(&self) {
        let mut value = self.fields(CURRENT);
        value["bucket"] = "artifacts".into();
        self.store("by hand", &[], &value.to_string());
        self.promote_by_hand(&VersionId::new("by hand"));
    }
}

impl SecretsManager for FakeAws {
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError> {
        let effect = || self.described(secret);
        self.call("secretsmanager:DescribeSecret", "role", effect)
            .await
    }

    async fn read(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError> {
        let effect = || self.value_of_version(secret, which);
        self.call("secretsmanager:GetSecretValue", "role", effect)
            .await
    }

    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError> {
        let effect = || self.put_value(event, value, labels);
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
        let effect = || self.update_stage(secret, label, from, to);
        self.call("secretsmanager:UpdateSecretVersionStage", "role", effect)
            .await
    }
}
