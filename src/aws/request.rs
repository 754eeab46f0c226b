//! Requests to services that there is no client for here, signed and sent with the crates that the
//! SDKs use, and with the SDKs' settings.
//!
//! Source: "AWS service endpoints" in the AWS General Reference.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::error::{answered, causes, kind_of, refused};
use super::system::SystemClock;
use super::throttle::ThrottlingPatience;
use crate::model::Region;
use crate::port::{Clock, ErrorKind, Result};

/// A request, without what depends on the caller.
#[derive(Clone, Debug)]
pub(super) struct SignedRequest {
    /// The action, as it is written in policies.
    pub(super) call: &'static str,
    /// The service, as it is signed and as its host begins.
    pub(super) service: &'static str,
    /// The operation, as the service names it.
    pub(super) operation: &'static str,
    /// The headers, which are signed.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub(super) body: String,
}

/// Sends a request by POST to the path `/`, and reads the answer.
///
/// # Errors
///
/// Returns what the service refuses, and why it cannot be reached.
pub(super) async fn send<T, F>(config: &SdkConfig, request: SignedRequest, read: F) -> Result<T>
where
    T: std::fmt::Debug + Send + Sync + 'static,
    F: Fn(&HttpResponse) -> std::result::Result<T, OrchestratorError<ErrorMetadata>>
        + Send
        + Sync
        + 'static,
{
    let call = request.call;
    let region = config.region().map(ToString::to_string);
    let region =
        region.ok_or_else(|| refused(call, ErrorKind::Invalid, "no Region is configured"))?;
    let absent = || {
        refused(
            call,
            ErrorKind::Credentials,
            "no credentials are configured",
        )
    };
    let provider = config.credentials_provider().ok_or_else(absent)?;
    let credentials = provider.provide_credentials().await;
    let credentials =
        credentials.map_err(|error| refused(call, ErrorKind::Credentials, causes(&error)))?;
    let url = endpoint(config, request.service, &region);
    let http = config
        .http_client()
        .ok_or_else(|| refused(call, ErrorKind::Invalid, "no HTTP client is configured"))?;
    let target = url.clone();
    let standard = RetryConfig::standard();
    let mut operation = Operation::builder()
        .service_name(request.service)
        .operation_name(request.operation)
        .http_client(http)
        .endpoint_url(&url)
        .no_auth()
        .standard_retry(config.retry_config().unwrap_or(&standard))
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(ThrottlingCodes)
        .interceptor(ThrottlingPatience);
    if let Some(sleep) = config.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(TimeoutConfig::clone(timeouts));
    }
    let operation = operation
        .serializer(move |(): ()| {
            let now = SystemTime::from(SystemClock.now());
            signed(&credentials, &region, &target, &request, now)
        })
        .deserializer(read)
        .build();
    answered(call, operation.invoke(())).await
}

/// Recognizes throttled requests by their error code.
///
/// EC2 refuses too many requests with the status 503, but services with the AWS JSON protocol do so
/// with the status 400, which alone says nothing.
#[derive(Debug)]
struct ThrottlingCodes;

impl ClassifyRetry for ThrottlingCodes {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let code = context
            .output_or_error()
            .and_then(|answer| answer.err())
            .and_then(OrchestratorError::as_operation_error)
            .and_then(|error| error.downcast_ref::<ErrorMetadata>())
            .and_then(ErrorMetadata::code);
        match code.map(kind_of) {
            Some(ErrorKind::Throttled) => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "ThrottlingCodes"
    }

    // The code of a request that is throttled with the status 503 decides.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Returns the URL of a service in a Region, or the configured one.
fn endpoint(config: &SdkConfig, service: &str, region: &str) -> String {
    if let Some(url) = config.endpoint_url() {
        return url.trim_end_matches('/').to_owned();
    }
    host(
        service,
        region,
        config.use_fips() == Some(true),
        config.use_dual_stack() == Some(true),
    )
}

fn host(service: &str, region: &str, fips: bool, dual_stack: bool) -> String {
    let known = Region::parse(region).ok();
    let partition = known.as_ref().map_or("aws", Region::partition);
    let suffix = known.as_ref().map_or("amazonaws.com", Region::dns_suffix);
    let suffix = match (dual_stack, partition) {
        (true, "aws-cn") => "api.amazonwebservices.com.cn",
        (true, _) => "api.aws",
        (false, _) => suffix,
    };
    // In AWS GovCloud, every endpoint is a FIPS endpoint.
    let fips = match fips && (dual_stack || partition != "aws-us-gov") {
        true => "-fips",
        false => "",
    };
    format!("https://{service}{fips}.{region}.{suffix}")
}

fn signed(
    credentials: &Credentials,
    region: &str,
    url: &str,
    wanted: &SignedRequest,
    time: SystemTime,
) -> std::result::Result<HttpRequest, BoxError> {
    let identity = Identity::from(credentials.clone());
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(wanted.service)
        .time(time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let whole = format!("{url}/");
    let bytes = SignableBody::Bytes(wanted.body.as_bytes());
    let headers = wanted.headers.iter().copied();
    let signable = SignableRequest::new("POST", &whole, headers, bytes)?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();

    let mut request = HttpRequest::new(SdkBody::from(wanted.body.as_str()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    for (name, value) in &wanted.headers {
        request.headers_mut().try_insert(*name, *value)?;
    }
    for (name, value) in instructions.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_that_of_the_region() {
        for (region, fips, dual_stack, expected) in [
            ("eu-west-1", false, false, "ec2.eu-west-1.amazonaws.com"),
            ("eu-west-1", true, false, "ec2-fips.eu-west-1.amazonaws.com"),
            ("eu-west-1", false, true, "ec2.eu-west-1.api.aws"),
            (
                "cn-north-1",
                false,
                false,
                "ec2.cn-north-1.amazonaws.com.cn",
            ),
            (
                "cn-north-1",
                false,
                true,
                "ec2.cn-north-1.api.amazonwebservices.com.cn",
            ),
            (
                "us-gov-west-1",
                true,
                false,
                "ec2.us-gov-west-1.amazonaws.com",
            ),
        ] {
            let host = host("ec2", region, fips, dual_stack);
            assert_eq!(host, format!("https://{expected}"));
        }
    }
}
