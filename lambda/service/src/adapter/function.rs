//! Invokes an adapter's Lambda function, once for each request, with the execution role.
//!
//! Source: `Invoke` in the Lambda API Reference. Passwords are in the payload only.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{Config, Region};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use keyrota_contract::adapter::{Operation, Previous, Request};
use keyrota_contract::pins::service::rules::LONGEST_TIMEOUT;
use keyrota_function_base::aws::{Environment, classify, no_retries};
use keyrota_function_base::client_config;
use keyrota_function_base::secrets_manager::{CallError, CallErrorKind};
use serde_json::Value;

use super::response;
use crate::service::{Cause, ServiceError, ServiceFault};

const INVOKE: &str = "lambda:InvokeFunction";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an invocation may take, the start of the function included.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(LONGEST_TIMEOUT as u64);

/// Invokes adapters' functions.
pub struct FunctionAdapter {
    environment: Environment,
    http: SharedHttpClient,
}

/// Returns the Region in the ARN of a function, which may have a version or an alias, or `None` if the
/// text is no such ARN.
pub fn region(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let (head, qualifier) = match parts.len() {
        7 => (&parts[..], None),
        8 => (&parts[..7], Some(parts[7])),
        _ => return None,
    };
    let &[arn, partition, service, region, account, kind, name] = head else {
        return None;
    };
    let plain = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
        !text.is_empty() && text.bytes().all(allowed)
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_function = (arn, service, kind) == ("arn", "lambda", "function");
    (is_function && is_account && plain(partition) && plain(name) && qualifier.is_none_or(plain))
        .then_some(region)
        .filter(|region| plain(region))
}

impl FunctionAdapter {
    /// Returns an adapter. It creates a client for each request.
    pub fn new(environment: Environment, http: SharedHttpClient) -> Self {
        Self { environment, http }
    }

    /// Sends a request, once.
    ///
    /// # Errors
    ///
    /// Fails unless the function answers `success`.
    pub async fn send(&self, arn: &str, request: &Request<'_>) -> Result<Previous, ServiceError> {
        let unbuilt = |_| ServiceError::not_sent(Cause::Unbuilt);
        let payload = serde_json::to_vec(request).map_err(unbuilt)?;
        let config = self.config(arn);
        let invoked = Client::from_conf(config)
            .invoke()
            .function_name(arn)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload))
            .send()
            .await;
        match invoked {
            Ok(answer) => read(request.request, &answer),
            Err(error) => Err(not_invoked(classify(INVOKE, &error))),
        }
    }

    /// Returns the configuration of the client for a function, which may be in another Region.
    fn config(&self, arn: &str) -> Config {
        let region = region(arn).unwrap_or(&self.environment.region).to_owned();
        // A timeout that is not set here would be the one of other calls.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(INVOKE_TIMEOUT)
            .operation_timeout(INVOKE_TIMEOUT)
            .build();
        let config = client_config!(
            aws_sdk_lambda,
            &self.environment,
            self.http,
            self.environment.lambda_endpoint,
            no_retries()
        );
        config
            .region(Region::new(region))
            .credentials_provider(self.environment.role.clone())
            .timeout_config(timeouts)
            .build()
    }
}

/// Returns what the answer of an invoked function means.
fn read(operation: Operation, answer: &InvokeOutput) -> Result<Previous, ServiceError> {
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    match answer.function_error() {
        None => response::read(operation, payload),
        Some(_) if timed_out(payload) => Err(ServiceError::unclear(Cause::FunctionTimedOut)),
        Some(_) => Err(ServiceError::unclear(Cause::FunctionFailed)),
    }
}

/// Returns whether Lambda ended the function because of its timeout. It decides the advice only.
fn timed_out(payload: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    answer.get("errorType").and_then(Value::as_str) == Some("Sandbox.Timedout")
}

/// Returns the error of a function that Lambda did not invoke, or may not have invoked.
fn not_invoked(error: CallError) -> ServiceError {
    let (fault, cause) = match error.kind {
        CallErrorKind::NotFound => (ServiceFault::NotSent, Cause::NoFunction),
        CallErrorKind::NotAuthorised | CallErrorKind::NotAuthenticated => {
            (ServiceFault::NotSent, Cause::Denied)
        }
        CallErrorKind::Throttled => (ServiceFault::NotSent, Cause::Throttled),
        CallErrorKind::Unsent => (ServiceFault::NotSent, Cause::EndpointUnreachable),
        CallErrorKind::Unclear => (ServiceFault::Unclear, Cause::NoAnswer),
        CallErrorKind::Exists
        | CallErrorKind::LimitExceeded
        | CallErrorKind::Undecryptable
        | CallErrorKind::Refused => (ServiceFault::NotSent, Cause::Refused),
    };
    let code = error.answer.and_then(|answer| answer.code);
    ServiceError { fault, cause, code }
}

#[cfg(test)]
mod tests;
