//! Secrets Manager.

use keyrota_service_function::arn::SecretArn;
use keyrota_service_function::event::Event;
use keyrota_service_function::moment::Moment;
use keyrota_service_function::port::{
    CallError, CallErrorKind, Description, PasswordRule, Passwords, SecretsManager, StoredValue,
    StoredVersion, VersionSelector,
};
use keyrota_service_function::stage::{Stages, VersionId};
use keyrota_test_aws::versions;
use keyrota_test_function::output::Output;
use keyrota_test_function::secrets::{self, FakeSecrets, Secrets};
use secrecy::SecretString;
use serde_json::Value;

use super::mishap::aws_error;
use super::services::{FakeServices, MORNING, SECRET_ARN, USER};
use super::twice::Told;

/// What these tests know about a version besides its value and labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// When it was created.
    pub(crate) created: Moment,
    /// The password in the value, if the value belongs to the pinned user.
    pub(crate) password: Option<String>,
    /// Whether its KMS key cannot decrypt it.
    pub(crate) undecryptable: bool,
}

/// Returns the password in a value.
fn password_in(value: &str) -> Option<String> {
    let value: Value = serde_json::from_str(value).ok()?;
    let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
    (text("username")? == USER)
        .then(|| text("password"))
        .flatten()
}

impl secrets::Details for Details {
    fn of(value: Option<&str>, created: Moment) -> Self {
        Self {
            created,
            password: value.and_then(password_in),
            undecryptable: false,
        }
    }

    fn created(&self) -> Moment {
        self.created
    }

    fn read(&self, value: String) -> Result<StoredValue, CallErrorKind> {
        match self.undecryptable {
            true => Err(CallErrorKind::Undecryptable),
            false => Ok(StoredValue::Text(SecretString::from(value))),
        }
    }
}

impl FakeSecrets for FakeServices {
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
impl FakeServices {
    /// Stores a version of the secret under rotation.
    pub(crate) fn store(&self, id: &str, labels: &[&str], value: &Value) {
        self.store_in(SECRET_ARN, id, labels, Some(value.to_string()));
    }

    pub(crate) fn stages(&self) -> Stages {
        versions::stages(&self.secrets.borrow()[SECRET_ARN].versions)
    }

    async fn ask<T: Told>(
        &self,
        action: &'static str,
        effect: impl FnOnce() -> Result<T, CallErrorKind>,
    ) -> Result<T, CallError> {
        let answer = self.call(action, None, effect).await;
        answer.map_err(|fault| aws_error(action, fault))
    }
}

impl SecretsManager for FakeServices {
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError> {
        let effect = || self.described(secret);
        self.ask("secretsmanager:DescribeSecret", effect).await
    }

    async fn read(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError> {
        let effect = || self.value_of_version(secret, which);
        self.ask("secretsmanager:GetSecretValue", effect).await
    }

    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError> {
        let effect = || self.put_value(event, value, labels);
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
            let moved = self.update_stage(secret, label, from, to);
            if moved.is_ok() {
                let now = self.today();
                self.change_secret(|secret| secret.changed = Some(now));
            }
            moved
        };
        self.ask("secretsmanager:UpdateSecretVersionStage", effect)
            .await
    }
}

impl Passwords for FakeServices {
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError> {
        let effect = || {
            assert_eq!((rule.length, rule.exclude.as_str()), (32, "/@\"'\\"));
            let random = self.random.borrow().clone();
            Ok(SecretString::from(
                random.unwrap_or_else(|| self.make_password()),
            ))
        };
        self.ask("secretsmanager:GetRandomPassword", effect).await
    }
}
