//! AWS through its SDKs: one adapter for each service, and one error classifier. This is the
//! only room of the program that names SDK types.

mod artifacts;
mod demo;
mod drift;
mod encryption;
mod error;
mod functions;
mod identity;
mod json_call;
mod keys;
mod networks;
mod request;
mod secrets;
mod stack_sets;
mod stacks;
mod system;
mod targets;
mod throttle;
mod topics;
mod trails;
mod user_policies;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::port::KeyPair;

pub use system::SystemClock;
use throttle::ThrottlingPatience;

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// The SDK clients. Creating them opens no connection.
pub struct Aws {
    config: SdkConfig,
    profile: Option<String>,
    cloudformation: aws_sdk_cloudformation::Client,
    cloudtrail: aws_sdk_cloudtrail::Client,
    iam: aws_sdk_iam::Client,
    kms: aws_sdk_kms::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    secretsmanager: aws_sdk_secretsmanager::Client,
    sns: aws_sdk_sns::Client,
    sts: aws_sdk_sts::Client,
}

/// The settings from the command line and the manifest. The SDK reads all others from its
/// environment variables and files.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The endpoint of every service, for a local AWS.
    pub endpoint_url: Option<String>,
    /// A key that replaces the default credential chain.
    pub key: Option<KeyPair>,
}

impl Aws {
    /// Reads the configuration and creates the clients.
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
        // A selected profile takes precedence over keys in the environment, as in the AWS CLI.
        // The SDK's own chain reads the environment first.
        if let Some(profile) = &settings.profile {
            let provider = identity::profile_provider(profile, config.region());
            let provider = SharedCredentialsProvider::new(provider);
            config = config.into_builder().credentials_provider(provider).build();
        }
        /// Creates the client of a service. Each has types of its own.
        macro_rules! client {
            ($service:ident $(, $option:ident = $value:expr)?) => {{
                let builder = $service::config::Builder::from(&config);
                let builder = builder.interceptor(ThrottlingPatience)$(.$option($value))?;
                $service::Client::from_conf(builder.build())
            }};
        }
        // A local AWS has no DNS names for buckets.
        let has_no_names = config.endpoint_url().is_some();
        Self {
            cloudformation: client!(aws_sdk_cloudformation),
            cloudtrail: client!(aws_sdk_cloudtrail),
            iam: client!(aws_sdk_iam),
            kms: client!(aws_sdk_kms),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            s3: client!(aws_sdk_s3, force_path_style = has_no_names),
            secretsmanager: client!(aws_sdk_secretsmanager),
            sns: client!(aws_sdk_sns),
            sts: client!(aws_sdk_sts),
            profile: settings.profile.clone(),
            config,
        }
    }

    /// Returns the Region, if one is configured.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }

    /// Returns the endpoint of every service, if one is configured.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// Returns a client of Secrets Manager in another Region.
    fn secretsmanager_in(&self, region: &str) -> aws_sdk_secretsmanager::Client {
        let builder = aws_sdk_secretsmanager::config::Builder::from(&self.config);
        let builder = builder.region(Region::new(region.to_owned()));
        aws_sdk_secretsmanager::Client::from_conf(builder.interceptor(ThrottlingPatience).build())
    }

    /// Returns a client of Secrets Manager with another key.
    fn secretsmanager_with(&self, key: &KeyPair) -> aws_sdk_secretsmanager::Client {
        let builder = aws_sdk_secretsmanager::config::Builder::from(&self.config);
        let builder = builder.credentials_provider(identity::credentials(key));
        aws_sdk_secretsmanager::Client::from_conf(builder.interceptor(ThrottlingPatience).build())
    }

    /// Returns a client of KMS in another Region.
    fn kms_in(&self, region: &str) -> aws_sdk_kms::Client {
        let builder = aws_sdk_kms::config::Builder::from(&self.config);
        let builder = builder.region(Region::new(region.to_owned()));
        aws_sdk_kms::Client::from_conf(builder.interceptor(ThrottlingPatience).build())
    }

    /// Returns whether the endpoint is on this machine, where polling costs nothing.
    pub fn is_local(&self) -> bool {
        let host = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.starts_with("127.") || rest.starts_with("localhost") || rest.starts_with("[::1]")
        };
        self.config.endpoint_url().is_some_and(host)
    }
}
