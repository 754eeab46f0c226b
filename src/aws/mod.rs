//! AWS through its SDKs: one adapter a service, one error classifier. The only
//! room of this crate that names SDK types.

mod artifacts;
mod demo;
mod encryption;
mod error;
mod functions;
mod identity;
mod keys;
mod secrets;
mod stacks;
mod system;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::port::KeyPair;

pub use system::SystemClock;

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// The SDK clients, ready for use. Making them opens no connection.
pub struct Aws {
    config: SdkConfig,
    profile: Option<String>,
    cloudformation: aws_sdk_cloudformation::Client,
    iam: aws_sdk_iam::Client,
    kms: aws_sdk_kms::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    secretsmanager: aws_sdk_secretsmanager::Client,
    sts: aws_sdk_sts::Client,
}

/// What the command line and the manifest say about where to go; all else comes
/// from the SDK's own environment variables and files.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// Where every service answers, for a local AWS.
    pub endpoint_url: Option<String>,
    /// A key to use in place of the chain's.
    pub key: Option<KeyPair>,
}

impl Aws {
    /// Reads the configuration and makes the clients.
    pub async fn new(settings: &Settings) -> Self {
        let http = http_client();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(key) = &settings.key {
            loader = loader.credentials_provider(identity::credentials(key));
        }
        let mut config = loader.load().await;
        // A profile that is asked for goes before keys in the environment, as with
        // the AWS CLI; the SDK's own chain has it the other way round.
        if let Some(profile) = &settings.profile {
            let provider = identity::profile_provider(profile, config.region());
            let provider = SharedCredentialsProvider::new(provider);
            config = config.into_builder().credentials_provider(provider).build();
        }
        // A local AWS has no DNS names for its buckets.
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .build();
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            secretsmanager: aws_sdk_secretsmanager::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            profile: settings.profile.clone(),
            config,
        }
    }

    /// Returns the Region that was settled on.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }

    /// Returns whether the services answer on this machine, where polling costs nothing.
    pub fn is_local(&self) -> bool {
        let host = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.starts_with("127.") || rest.starts_with("localhost") || rest.starts_with("[::1]")
        };
        self.config.endpoint_url().is_some_and(host)
    }
}
