//! The ports, over the AWS SDKs. No other room names a type of theirs.
//!
//! The clients are made when a step first needs them and live as long as the
//! process. They share one HTTP client, so that connections outlive a request.

mod authenticator;
mod environment;
mod fault;
mod keys;
mod probe;
mod vault;

use std::time::Duration;

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

pub use authenticator::Sts;
pub use environment::{Environment, EnvironmentError};
pub use keys::Iam;
pub use vault::SecretsManager;

use crate::clock::{SystemClock, time_of_day};
use crate::port::{CallError, Journal, KeyPair, Moment, Ports, Probe};
use crate::tag::Permission;
use probe::Buckets;

/// How often a call is sent that may be repeated.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(12);

/// The services, and time.
pub struct Services {
    vault: SecretsManager,
    keys: Iam,
    authenticator: Sts,
    buckets: Buckets,
    clock: SystemClock,
}

impl Services {
    /// Returns the services as the function's environment describes them. No
    /// client is made yet.
    pub fn new(environment: &Environment) -> Self {
        let http = http_client();
        Self {
            vault: SecretsManager::new(environment.clone(), http.clone()),
            keys: Iam::new(environment.clone(), http.clone()),
            authenticator: Sts::new(environment.clone(), http.clone()),
            buckets: Buckets::new(environment.clone(), http),
            clock: SystemClock::start(),
        }
    }

    /// Returns the ports of one request, which is logged in `journal`.
    pub fn with_journal<'services, J: Journal>(
        &'services self,
        journal: &'services J,
    ) -> Request<'services, J> {
        Request {
            services: self,
            journal,
        }
    }
}

impl Probe for Services {
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError> {
        match permission {
            Permission::ListBucket {
                partition,
                bucket,
                region,
            } => self.buckets.list(key, partition, bucket, region).await,
            Permission::AssumeRole { role } => self.authenticator.assume(key, role).await,
        }
    }
}

/// The ports of one request.
pub struct Request<'services, J> {
    services: &'services Services,
    journal: &'services J,
}

impl<J: Journal> Ports for Request<'_, J> {
    type Vault = SecretsManager;
    type Keys = Iam;
    type Authenticator = Sts;
    type Probe = Services;
    type Clock = SystemClock;
    type Journal = J;

    fn vault(&self) -> &Self::Vault {
        &self.services.vault
    }

    fn keys(&self) -> &Self::Keys {
        &self.services.keys
    }

    fn authenticator(&self) -> &Self::Authenticator {
        &self.services.authenticator
    }

    fn probe(&self) -> &Self::Probe {
        self.services
    }

    fn clock(&self) -> &Self::Clock {
        &self.services.clock
    }

    fn journal(&self) -> &Self::Journal {
        self.journal
    }
}

/// Returns the time of day as RFC 3339 writes it, in UTC.
pub fn timestamp() -> String {
    // The format cannot express years beyond 9999.
    DateTime::from(time_of_day())
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// Returns a moment as the SDKs tell it, without its fraction of a second.
fn moment(time: DateTime) -> Moment {
    Moment(time.secs())
}

/// Returns an HTTP client with rustls over ring, and the machine's certificate
/// authorities. Lambda's Amazon Linux 2023 has them in
/// `/etc/pki/tls/certs/ca-bundle.crt`, which is among the places looked at, and
/// keeps them up to date, which authorities built into the program would not be;
/// `SSL_CERT_FILE` replaces them.
fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(200))
}

/// For a call that is sent once, since the step decides about another.
fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}
