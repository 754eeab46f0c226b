//! Calls of services that speak the AWS JSON protocol.
//!
//! Source: "AWS JSON 1.0 protocol" in the Smithy documentation.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::error::ErrorMetadata;
use serde_json::Value as Json;

use super::request::{self, SignedRequest};
use crate::port::Result;

/// A call.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonCall {
    /// The action, as it is written in policies.
    pub(super) call: &'static str,
    /// The service, as it is signed and as its host begins.
    pub(super) service: &'static str,
    /// The operation, with the name of the service before it.
    pub(super) target: &'static str,
    /// The media type, with the version of the protocol.
    pub(super) media_type: &'static str,
}

/// Makes a call, and returns its answer.
///
/// # Errors
///
/// Returns what the service refuses, and why it cannot be reached.
pub(super) async fn send(config: &SdkConfig, call: JsonCall, asked: &Json) -> Result<Json> {
    let request = SignedRequest {
        call: call.call,
        service: call.service,
        operation: call.target,
        headers: vec![
            ("content-type", call.media_type),
            ("x-amz-target", call.target),
        ],
        body: asked.to_string(),
    };
    request::send(config, request, answer).await
}

fn answer(response: &HttpResponse) -> std::result::Result<Json, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(refusal(body)));
    }
    serde_json::from_slice(body).map_err(|error| OrchestratorError::other(BoxError::from(error)))
}

/// Parses `{"__type": "NAMESPACE#CODE", "message": "…"}`.
fn refusal(body: &[u8]) -> ErrorMetadata {
    let told: Json = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| told[name].as_str());
    let mut refusal = ErrorMetadata::builder();
    if let Some(code) = text(["__type", "code"]) {
        refusal = refusal.code(code.rsplit('#').next().unwrap_or_default());
    }
    if let Some(message) = text(["message", "Message"]) {
        refusal = refusal.message(message);
    }
    refusal.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_refusal_by_its_code() {
        let refused = refusal(
            br#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"No such queue."}"#,
        );
        assert_eq!(refused.code(), Some("QueueDoesNotExist"));
        assert_eq!(refused.message(), Some("No such queue."));
        let refused = refusal(br#"{"__type":"AccessDeniedException","Message":"No."}"#);
        assert_eq!(refused.code(), Some("AccessDeniedException"));
        assert_eq!(refused.message(), Some("No."));
        assert_eq!(refusal(b"not JSON").code(), None);
    }
}
