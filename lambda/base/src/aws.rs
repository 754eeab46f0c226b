//! Secrets Manager over the AWS SDK, and what the clients of other services are
//! made with. No other room names a type of the SDKs.

mod classify;
mod environment;
mod secrets_manager;

use std::time::Duration;

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

pub use classify::{classify, incomplete_answer};
pub use environment::{Environment, EnvironmentError};
pub use secrets_manager::SecretsManagerClient;

use crate::clock::time_of_day;
use crate::moment::Moment;

/// How often a call is sent that may be repeated.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(12);

/// Returns the time of day as RFC 3339 writes it, in UTC.
pub fn timestamp() -> String {
    // The format cannot express years beyond 9999.
    DateTime::from(time_of_day())
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// Returns a moment as the SDKs tell it, without its fraction of a second.
pub fn moment(time: DateTime) -> Moment {
    Moment(time.secs())
}

/// Returns an HTTP client with rustls over ring, and the machine's certificate
/// authorities. Lambda's Amazon Linux 2023 has them in
/// `/etc/pki/tls/certs/ca-bundle.crt`, which is among the places looked at, and
/// keeps them up to date, which authorities built into the program would not be;
/// `SSL_CERT_FILE` replaces them.
pub fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// Returns how long a call may take.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// For a call that may be repeated.
pub fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(200))
}

/// For a call that is sent once, since the step decides about another.
pub fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}

/// Returns the configuration of a client of a service, whose SDK crate is `$sdk`, as the function's
/// environment describes it. The SDKs' configurations are types without a common trait.
#[macro_export]
macro_rules! client_config {
    ($sdk:ident, $environment:expr, $http:expr, $endpoint:expr, $retries:expr) => {{
        let environment: &$crate::aws::Environment = $environment;
        let mut config = $sdk::config::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::new(environment.region.clone()))
            .use_fips(environment.fips)
            .use_dual_stack(environment.dual_stack)
            .http_client($http.clone())
            .retry_config($retries)
            .timeout_config($crate::aws::timeouts());
        config.set_endpoint_url($endpoint.clone());
        config
    }};
}
