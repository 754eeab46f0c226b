//! Secrets Manager.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Config;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use secrecy::{ExposeSecret, SecretString};

use super::classify::{classify, incomplete_answer};
use super::environment::Environment;
use super::{moment, no_retries, retries};
use crate::arn::SecretArn;
use crate::client_config;
use crate::event::Event;
use crate::secrets_manager::{
    CallError, Description, PasswordRule, Passwords, SecretsManager, StoredValue, StoredVersion,
    VersionSelector,
};
use crate::stage::VersionId;

const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const READ: &str = "secretsmanager:GetSecretValue";
const PUT: &str = "secretsmanager:PutSecretValue";
const RELABEL: &str = "secretsmanager:UpdateSecretVersionStage";
const RANDOM: &str = "secretsmanager:GetRandomPassword";

/// The punctuation characters that `GetRandomPassword` uses, according to the Secrets Manager
/// API reference.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Secrets Manager, called with the execution role.
pub struct SecretsManagerClient {
    environment: Environment,
    http: SharedHttpClient,
    client: OnceCell<Client>,
}

impl SecretsManagerClient {
    /// Returns an adapter. It creates its client on first use.
    pub fn new(environment: Environment, http: SharedHttpClient) -> Self {
        Self {
            environment,
            http,
            client: OnceCell::new(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config = client_config!(
                aws_sdk_secretsmanager,
                &self.environment,
                self.http,
                self.environment.secrets_manager_endpoint,
                retries()
            );
            Client::from_conf(
                config
                    .credentials_provider(self.environment.role.clone())
                    .build(),
            )
        })
    }
}

impl SecretsManager for SecretsManagerClient {
    async fn describe(&self, secret: &SecretArn) -> Result<Description, CallError> {
        let answer = self
            .client()
            .describe_secret()
            .secret_id(secret.as_str())
            .send()
            .await
            .map_err(|error| classify(DESCRIBE, &error))?;
        let stages = answer.version_ids_to_stages.unwrap_or_default();
        Ok(Description {
            arn: answer.arn.ok_or_else(|| incomplete_answer(DESCRIBE))?,
            stages: stages
                .into_iter()
                .map(|(version, labels)| {
                    (
                        VersionId::new(version),
                        labels.into_iter().collect::<BTreeSet<_>>(),
                    )
                })
                .collect(),
            last_changed: answer.last_changed_date.map(moment),
            rotation_enabled: answer.rotation_enabled.unwrap_or_default(),
            last_rotated: answer.last_rotated_date.map(moment),
            next_rotation: answer.next_rotation_date.map(moment),
        })
    }

    async fn read(
        &self,
        secret: &SecretArn,
        which: VersionSelector<'_>,
    ) -> Result<StoredVersion, CallError> {
        let call = self.client().get_secret_value().secret_id(secret.as_str());
        let call = match which {
            VersionSelector::Labelled(label) => call.version_stage(label),
            VersionSelector::Version(version) => call.version_id(version.as_str()),
        };
        let answer = call.send().await.map_err(|error| classify(READ, &error))?;
        let stored = match (answer.secret_string, answer.secret_binary) {
            (Some(text), _) => StoredValue::Text(SecretString::from(text)),
            (None, Some(_)) => StoredValue::Binary,
            (None, None) => return Err(incomplete_answer(READ)),
        };
        let version = answer.version_id.ok_or_else(|| incomplete_answer(READ))?;
        Ok(StoredVersion {
            version: VersionId::new(version),
            stored,
            created: answer.created_date.map(moment),
        })
    }

    async fn put(
        &self,
        event: &Event,
        value: &SecretString,
        labels: &[&str],
    ) -> Result<(), CallError> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let rotation_token = event
            .rotation_token
            .as_ref()
            .map(|token| token.expose_secret().to_owned());
        self.client()
            .put_secret_value()
            .secret_id(event.secret.as_str())
            .client_request_token(event.token.as_str())
            .secret_string(value.expose_secret())
            .set_version_stages(Some(labels))
            .set_rotation_token(rotation_token)
            .customize()
            .config_override(Config::builder().retry_config(no_retries()))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(PUT, &error))
    }

    async fn relabel(
        &self,
        secret: &SecretArn,
        label: &str,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), CallError> {
        let id = |version: &VersionId| version.as_str().to_owned();
        self.client()
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(label)
            .set_remove_from_version_id(from.map(id))
            .set_move_to_version_id(to.map(id))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(RELABEL, &error))
    }
}

impl Passwords for SecretsManagerClient {
    async fn random(&self, rule: &PasswordRule) -> Result<SecretString, CallError> {
        // A character type of which all characters are excluded cannot be required.
        let none_of =
            |mut kind: std::ops::RangeInclusive<char>| kind.all(|it| rule.exclude.contains(it));
        let answer = self
            .client()
            .get_random_password()
            .password_length(i64::from(rule.length))
            .exclude_characters(&rule.exclude)
            .exclude_lowercase(none_of('a'..='z'))
            .exclude_uppercase(none_of('A'..='Z'))
            .exclude_numbers(none_of('0'..='9'))
            .exclude_punctuation(PUNCTUATION.chars().all(|it| rule.exclude.contains(it)))
            .include_space(false)
            .require_each_included_type(true)
            .send()
            .await
            .map_err(|error| classify(RANDOM, &error))?;
        let password = answer.random_password;
        password
            .map(SecretString::from)
            .ok_or_else(|| incomplete_answer(RANDOM))
    }
}
