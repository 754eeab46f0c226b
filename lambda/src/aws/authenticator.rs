//! STS.

use std::cell::OnceCell;

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, Config};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use keyrota_function_base::aws::{Environment, classify, incomplete_answer, no_retries};
use keyrota_function_base::client_config;
use secrecy::ExposeSecret;

use crate::port::{Authenticator, CallError, Caller, Identity, KeyPair};

const IDENTIFY: &str = "sts:GetCallerIdentity";
const ASSUME: &str = "sts:AssumeRole";

/// The name of the session that a probe begins, as CloudTrail shows it, and the session's
/// duration: the minimum that STS allows.
const SESSION: &str = "keyrota-probe";
const SESSION_SECONDS: i32 = 900;

/// STS, in the function's own Region.
pub struct Sts {
    environment: Environment,
    http: SharedHttpClient,
    client: OnceCell<Client>,
}

impl Sts {
    pub(super) fn new(environment: Environment, http: SharedHttpClient) -> Self {
        Self {
            environment,
            http,
            client: OnceCell::new(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config = client_config!(
                aws_sdk_sts,
                &self.environment,
                self.http,
                self.environment.sts_endpoint,
                no_retries()
            );
            Client::from_conf(config.build())
        })
    }
}

impl Sts {
    /// Assumes a role with a key. The response contains credentials, and is discarded.
    pub(super) async fn assume(&self, key: &KeyPair, role: &str) -> Result<(), CallError> {
        self.client()
            .assume_role()
            .role_arn(role)
            .role_session_name(SESSION)
            .duration_seconds(SESSION_SECONDS)
            .customize()
            .config_override(signed_by(key))
            .send()
            .await
            .map(drop)
            .map_err(|error| classify(ASSUME, &error))
    }
}

fn signed_by(key: &KeyPair) -> Builder {
    let credentials = Credentials::new(&key.id, key.secret.expose_secret(), None, None, "secret");
    Config::builder().credentials_provider(credentials)
}

impl Authenticator for Sts {
    async fn identify(&self, key: &KeyPair) -> Result<Identity, CallError> {
        self.identify_caller(&Caller::Key(key.clone())).await
    }

    async fn identify_caller(&self, caller: &Caller) -> Result<Identity, CallError> {
        let signed = match caller {
            Caller::Key(key) => signed_by(key),
            Caller::Role => Config::builder().credentials_provider(self.environment.role.clone()),
        };
        let answer = self
            .client()
            .get_caller_identity()
            .customize()
            .config_override(signed)
            .send()
            .await
            .map_err(|error| classify(IDENTIFY, &error))?;
        Ok(Identity {
            arn: answer.arn.ok_or_else(|| incomplete_answer(IDENTIFY))?,
        })
    }
}
