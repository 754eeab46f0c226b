//! The secrets of a fake, with Secrets Manager's rules for versions and labels.

use std::cell::RefCell;
use std::collections::BTreeMap;

use keyrota_function_base::arn::SecretArn;
use keyrota_function_base::event::Event;
use keyrota_function_base::moment::Moment;
use keyrota_function_base::secrets_manager::{
    CallErrorKind, Description, StoredValue, StoredVersion, VersionSelector,
};
use keyrota_function_base::stage::{PENDING, VersionId};
use keyrota_test_aws::Refusal;
use keyrota_test_aws::versions::{self, Version, Versions};
use secrecy::{ExposeSecret, SecretString};

use crate::output::Output;

/// What a test knows about a version besides its value and labels.
pub trait Details: Clone + Default {
    /// Returns the details of a new value.
    fn of(value: Option<&str>, created: Moment) -> Self;

    /// Returns when the version was created.
    fn created(&self) -> Moment;

    /// Returns the value as `GetSecretValue` returns it.
    ///
    /// # Errors
    ///
    /// Returns why the value cannot be read.
    fn read(&self, value: String) -> Result<StoredValue, CallErrorKind>;
}

/// A secret.
#[derive(Clone, Debug, Default)]
pub struct Secret<D> {
    /// The versions by their IDs.
    pub versions: Versions<VersionId, D>,
    /// When the last rotation ended.
    pub rotated: Option<Moment>,
    /// When the next rotation is due, if one is scheduled.
    pub next_rotation: Option<Moment>,
    /// When a rotation started, or something else changed last.
    pub changed: Option<Moment>,
}

impl<D: Details> Secret<D> {
    /// Returns the version with a label.
    pub fn carrier(&self, label: &str) -> Option<VersionId> {
        versions::carrier(&self.versions, label).cloned()
    }

    /// Puts a label on a version and removes it from any other, or removes it.
    pub fn relabel(&mut self, label: &str, to: Option<&VersionId>) {
        match to {
            Some(to) => versions::put_label(&mut self.versions, label, to),
            None => versions::remove_label(&mut self.versions, label),
        }
    }
}

/// Returns the kind of failure that a function sees.
pub fn kind(refusal: Refusal) -> CallErrorKind {
    match refusal {
        Refusal::NotFound | Refusal::NoSuchEntity => CallErrorKind::NotFound,
        Refusal::Exists => CallErrorKind::Exists,
        Refusal::LimitExceeded => CallErrorKind::LimitExceeded,
        Refusal::InvalidParameter | Refusal::InvalidRequest => CallErrorKind::Refused,
    }
}

/// All secrets, by their ARNs.
pub type Secrets<D> = RefCell<BTreeMap<String, Secret<D>>>;

/// A fake with secrets, one of which is under rotation.
pub trait FakeSecrets {
    /// What the tests know about a version.
    type Details: Details;

    /// The ARN of the secret under rotation.
    const SECRET_ARN: &str;

    /// Returns the secrets.
    fn secrets(&self) -> &Secrets<Self::Details>;

    /// Returns the output of the requests.
    fn output(&self) -> &Output;

    /// Returns the time of day.
    fn today(&self) -> Moment;

    /// Forbids a text in the output.
    fn never_say(&self, text: &str) {
        self.output().never_say(text);
    }

    /// Creates a secret without a version.
    fn add_secret(&self, arn: &str) {
        let mut secrets = self.secrets().borrow_mut();
        secrets.insert(arn.to_owned(), Secret::default());
    }

    /// Changes the secret under rotation.
    fn change_secret(&self, change: impl FnOnce(&mut Secret<Self::Details>)) {
        let mut secrets = self.secrets().borrow_mut();
        change(secrets.get_mut(Self::SECRET_ARN).expect("the secret"))
    }

    /// Stores a version by hand, even over another value.
    fn store_in(&self, arn: &str, id: &str, labels: &[&str], value: Option<String>) {
        let mut secrets = self.secrets().borrow_mut();
        let secret = secrets.get_mut(arn).expect("the secret");
        let id = VersionId::new(id);
        let version = secret.versions.entry(id.clone()).or_default();
        version.details = Details::of(value.as_deref(), self.today());
        version.value = value;
        for label in labels {
            secret.relabel(label, Some(&id));
        }
    }

    /// Returns the version with a label.
    fn version(&self, label: &str) -> Option<Version<Self::Details>> {
        let secrets = self.secrets().borrow();
        let secret = &secrets[Self::SECRET_ARN];
        secret.versions.get(&secret.carrier(label)?).cloned()
    }

    /// Returns the ID of the version with a label.
    fn carrier(&self, label: &str) -> Option<VersionId> {
        self.secrets().borrow()[Self::SECRET_ARN].carrier(label)
    }

    /// Returns the fields of the version with a label.
    fn fields(&self, label: &str) -> serde_json::Value {
        let version = self.version(label).expect("a version");
        serde_json::from_str(&version.value.expect("a value")).expect("JSON")
    }

    /// Puts a label on a version by hand, or removes it.
    fn relabel_by_hand(&self, label: &str, to: Option<&VersionId>) {
        self.change_secret(|secret| secret.relabel(label, to));
    }

    /// Starts a rotation: Secrets Manager creates a version without a value.
    fn begin(&self, token: &str) {
        self.never_say(token);
        let now = self.today();
        self.change_secret(|secret| {
            secret.relabel(PENDING, Some(&VersionId::new(token)));
            secret.changed = Some(now);
        });
    }

    /// Ends a rotation: Secrets Manager removes AWSPENDING.
    fn end(&self) {
        let now = self.today();
        self.change_secret(|secret| {
            secret.relabel(PENDING, None);
            secret.rotated = Some(now);
        });
    }

    /// Ends a rotation that failed: an operator removes AWSPENDING.
    fn cancel(&self) {
        self.relabel_by_hand(PENDING, None);
    }

    /// Runs an operation on a secret. Secrets Manager accepts a name instead of an ARN.
    ///
    /// # Errors
    ///
    /// Returns [`CallErrorKind::NotFound`] if there is no such secret, or the operation's error.
    fn with_secret<T>(
        &self,
        secret: &SecretArn,
        act: impl FnOnce(&mut Secret<Self::Details>) -> Result<T, CallErrorKind>,
    ) -> Result<T, CallErrorKind> {
        let mut secrets = self.secrets().borrow_mut();
        let asked = |arn: &str| {
            let named = SecretArn::parse(arn).is_some_and(|it| it.name() == secret.as_str());
            arn == secret.as_str() || named
        };
        let found = secrets.iter_mut().find(|(arn, _)| asked(arn));
        act(found.ok_or(CallErrorKind::NotFound)?.1)
    }

    /// `DescribeSecret`.
    ///
    /// # Errors
    ///
    /// Returns [`CallErrorKind::NotFound`] if there is no such secret.
    fn described(&self, secret: &SecretArn) -> Result<Description, CallErrorKind> {
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
    }

    /// `GetSecretValue`.
    ///
    /// # Errors
    ///
    /// Returns [`CallErrorKind::NotFound`] if there is no such value, or why it cannot be read.
    fn value_of_version(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallErrorKind> {
        self.with_secret(secret, |found| {
            let id = match which {
                VersionSelector::Labelled(label) => found.carrier(label),
                VersionSelector::Version(id) => Some(id.clone()),
            };
            let id = id.ok_or(CallErrorKind::NotFound)?;
            let version = found.versions.get(&id).ok_or(CallErrorKind::NotFound)?;
            let value = version.value.clone().ok_or(CallErrorKind::NotFound)?;
            Ok(StoredVersion {
                version: id,
                stored: version.details.read(value)?,
                created: Some(version.details.created()),
            })
        })
    }

    /// `PutSecretValue`.
    ///
    /// # Errors
    ///
    /// Returns Secrets Manager's refusal.
    fn put_value(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallErrorKind> {
        let today = self.today();
        self.with_secret(&event.secret, |found| {
            let value = value.expose_secret();
            let details = || Details::of(Some(value), today);
            let put = versions::put(&mut found.versions, &event.token, value, labels, details);
            put.map(drop).map_err(kind)
        })
    }

    /// `UpdateSecretVersionStage`.
    ///
    /// # Errors
    ///
    /// Returns Secrets Manager's refusal.
    fn update_stage(
        &self,
        secret: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallErrorKind> {
        self.with_secret(secret, |found| {
            versions::update_stage(&mut found.versions, label, from, to).map_err(kind)
        })
    }
}
