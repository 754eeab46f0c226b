//! STS, and keys from profiles.

use async_trait::async_trait;
use aws_config::Region;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use secrecy::ExposeSecret;

use super::Aws;
use super::error::{failed, refused};
use crate::port::{Caller, Error, ErrorKind, Identity, KeyPair, Result};

const CALL: &str = "sts:GetCallerIdentity";

#[async_trait(?Send)]
impl Identity for Aws {
    async fn caller(&self) -> Result<Caller> {
        let answer = self.sts.get_caller_identity().send().await;
        answer
            .map_err(failed(CALL))
            .map_err(|error| self.with_profile(error))
            .and_then(caller)
    }

    async fn holder(&self, key: &KeyPair) -> Result<Caller> {
        let credentials = credentials(key);
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .credentials_provider(credentials)
            .build();
        let client = aws_sdk_sts::Client::from_conf(config);
        let answer = client.get_caller_identity().send().await;
        answer.map_err(failed(CALL)).and_then(caller)
    }

    async fn profile_key(&self, profile: &str) -> Result<KeyPair> {
        let provider = profile_provider(profile, self.config.region());
        let found = provider.provide_credentials().await.map_err(|error| {
            refused(
                "profile",
                ErrorKind::NotFound,
                format!("`{profile}`: {error}"),
            )
        })?;
        if found.session_token().is_some() {
            let message = format!(
                "`{profile}` contains temporary credentials instead of a user's access key"
            );
            return Err(refused("profile", ErrorKind::Invalid, message));
        }
        Ok(KeyPair {
            id: found.access_key_id().to_owned(),
            secret: found.secret_access_key().into(),
        })
    }
}

impl Aws {
    /// Adds the selected profile to a credentials error, which does not name it.
    fn with_profile(&self, error: Error) -> Error {
        match &self.profile {
            Some(profile) if error.kind == ErrorKind::Credentials => Error {
                message: format!("with the profile `{profile}`: {}", error.message),
                ..error
            },
            _ => error,
        }
    }
}

fn caller(
    answer: aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput,
) -> Result<Caller> {
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) => Ok(Caller { account, arn }),
        _ => Err(refused(
            CALL,
            ErrorKind::Other,
            "the response contains no principal",
        )),
    }
}

/// Converts a key to the SDK's type.
pub(super) fn credentials(key: &KeyPair) -> Credentials {
    let secret = key.secret.expose_secret();
    Credentials::new(key.id.clone(), secret, None, None, "keyrota")
}

/// Returns the credentials provider of a profile.
pub(super) fn profile_provider(
    profile: &str,
    region: Option<&Region>,
) -> ProfileFileCredentialsProvider {
    let config = ProviderConfig::without_region()
        .with_region(region.cloned())
        .with_http_client(super::http_client());
    ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_name(profile)
        .build()
}
