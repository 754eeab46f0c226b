//! The part of S3 that a probe needs: one request, signed and sent with the crates that the
//! SDKs use. S3's own client would add forty crates.
//!
//! Sources: `ListObjectsV2` and "Error responses" in the S3 API reference;
//! "Virtual hosting of general purpose buckets" in the S3 User Guide; "Amazon
//! S3 endpoints and quotas" in the AWS General Reference.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_xml::decode::{Document, try_data};
use keyrota_function_base::aws::{Environment, classify, timeouts};
use secrecy::ExposeSecret;

use crate::clock::time_of_day;
use crate::port::{CallError, KeyPair};

const LIST: &str = "s3:ListBucket";

/// One object is enough, since an empty response also shows that the call is allowed.
const QUERY: &str = "list-type=2&max-keys=1";

/// S3's buckets.
pub(super) struct Buckets {
    environment: Environment,
    http: SharedHttpClient,
}

impl Buckets {
    pub(super) fn new(environment: Environment, http: SharedHttpClient) -> Self {
        Self { environment, http }
    }

    /// Lists a bucket with a key. The response is discarded.
    pub(super) async fn list(
        &self,
        key: &KeyPair,
        partition: &str,
        bucket: &str,
        region: &str,
    ) -> Result<(), CallError> {
        let place = place(&self.environment, partition, bucket, region);
        let (key, region, target) = (key.clone(), region.to_owned(), place.clone());
        let operation = Operation::builder()
            .service_name("S3")
            .operation_name("ListObjectsV2")
            .http_client(self.http.clone())
            .endpoint_url(&place.host)
            .no_auth()
            .no_retry()
            .timeout_config(timeouts())
            .serializer(move |(): ()| signed(&key, &region, &target, time_of_day()))
            .deserializer(answer)
            .build();
        operation
            .invoke(())
            .await
            .map_err(|error| classify(LIST, &error))
    }
}

/// The URL of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BucketUrl {
    /// The scheme and the host, and a path if the configured endpoint has one.
    host: String,
    path: String,
}

/// Returns the URL of a bucket. The bucket's name becomes part of the host name, except if a
/// certificate would not cover that (a name with a dot) or an endpoint is configured.
fn place(environment: &Environment, partition: &str, bucket: &str, region: &str) -> BucketUrl {
    let by_path = |host| BucketUrl {
        host,
        path: format!("/{bucket}"),
    };
    if let Some(endpoint) = &environment.s3_endpoint {
        return by_path(endpoint.trim_end_matches('/').to_owned());
    }
    let fips = if environment.fips { "-fips" } else { "" };
    let dual_stack = if environment.dual_stack {
        ".dualstack"
    } else {
        ""
    };
    let host = format!("s3{fips}{dual_stack}.{region}.{}", domain(partition));
    if bucket.contains('.') {
        return by_path(format!("https://{host}"));
    }
    BucketUrl {
        host: format!("https://{bucket}.{host}"),
        path: "/".to_owned(),
    }
}

/// Returns the DNS suffix of a partition's services, from the SDKs' own table.
fn domain(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}

fn signed(
    key: &KeyPair,
    region: &str,
    place: &BucketUrl,
    time: SystemTime,
) -> Result<HttpRequest, BoxError> {
    let path = format!("{}?{QUERY}", place.path);
    let credentials = Credentials::new(&key.id, key.secret.expose_secret(), None, None, "secret");
    let identity = Identity::from(credentials);
    // The same as in the SDKs' own S3 client.
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(time)
        .settings(settings)
        .build()?
        .into();
    let whole = format!("{}{path}", place.host);
    let body = SignableBody::Bytes(b"");
    let signable = SignableRequest::new("GET", &whole, std::iter::empty(), body)?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();

    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_method("GET")?;
    request.set_uri(path)?;
    for (name, value) in instructions.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<(), OrchestratorError<ErrorMetadata>> {
    if response.status().is_success() {
        return Ok(());
    }
    let body = response.body().bytes().unwrap_or_default();
    Err(OrchestratorError::operation(refusal(body)))
}

/// Parses S3's `<Error><Code>…</Code><Message>…</Message></Error>`.
fn refusal(body: &[u8]) -> ErrorMetadata {
    let mut refusal = ErrorMetadata::builder();
    let Ok(mut document) = Document::try_from(body) else {
        return refusal.build();
    };
    if let Ok(mut root) = document.root_element() {
        while let Some(mut field) = root.next_tag() {
            let (code, message) = (
                field.start_el().matches("Code"),
                field.start_el().matches("Message"),
            );
            let Ok(text) = try_data(&mut field) else {
                break;
            };
            if text.is_empty() {
                continue;
            }
            if code {
                refusal = refusal.code(text);
            } else if message {
                refusal = refusal.message(text);
            }
        }
    }
    refusal.build()
}

#[cfg(test)]
mod tests;
