//! Secrets Manager over the AWS SDK, and the configuration that all AWS clients share. No other
//! module names a type of the SDKs.

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

/// The maximum number of attempts for a call that may be repeated.
const ATTEMPTS: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(12);

/// Returns the current time in UTC, formatted as in RFC 3339.
pub fn timestamp() -> String {
    // The format cannot express years beyond 9999.
    DateTime::from(time_of_day())
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// Returns a timestamp of the SDK as a moment, without its fraction of a second.
pub fn moment(time: DateTime) -> Moment {
    Moment(time.secs())
}

/// Returns an HTTP client that uses rustls with ring, and the operating system's certificate
/// authorities. Lambda's Amazon Linux 2023 has them in `/etc/pki/tls/certs/ca-bundle.crt`,
/// which is among the paths that are searched. AWS keeps that file up to date, whereas
/// authorities built into the program would grow stale. `SSL_CERT_FILE` replaces them.
pub fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// Returns the timeouts of a call.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// Returns the retry configuration of a call that may be repeated.
pub fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(200))
}

/// Returns the retry configuration of a call that is sent once. The step decides whether to
/// send it again.
pub fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}

/// Returns the client configuration of a service, whose SDK crate is `$sdk`, from the
/// function's environment. The SDKs' configuration types share no trait.
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
