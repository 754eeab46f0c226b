//! The one place that says what an error of AWS means.
//!
//! Sources: "Common errors" in the API references of IAM, STS and Secrets
//! Manager, and the errors of each action there; "Error responses" in the API
//! reference of S3.

use std::error::Error;
use std::io::ErrorKind;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::vault::{Answer, CallError, Fault};

/// The longest reason of a denial that is repeated, in characters.
const LONGEST_DENIAL: usize = 400;

/// Returns what an SDK's error means.
pub fn classify<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata,
{
    let service = match error {
        SdkError::ServiceError(service) => Some(service),
        _ => None,
    };
    let code = service.and_then(|service| service.err().code());
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    let fault = match (error, status) {
        (SdkError::ConstructionFailure(_), _) => Fault::Refused,
        (SdkError::DispatchFailure(failure), _) if failure.is_user() => Fault::Refused,
        (SdkError::DispatchFailure(failure), _) => {
            let source = failure.as_connector_error().and_then(Error::source);
            if source.is_some_and(was_not_sent) {
                Fault::Unsent
            } else {
                Fault::Unclear
            }
        }
        (SdkError::ServiceError(_), Some(status)) => fault(code, status),
        _ => Fault::Unclear,
    };
    let denial = service
        .filter(|_| fault == Fault::NotAuthorised)
        .and_then(|service| service.err().message())
        .map(|message| message.chars().take(LONGEST_DENIAL).collect());
    let answer = error.raw_response().map(|response| {
        let code = code.map(str::to_owned);
        Box::new(Answer {
            code,
            request_id: request_id(response),
            denial,
        })
    });
    CallError {
        action,
        fault,
        answer,
    }
}

/// Returns an error for an answer that lacks what it must have.
pub fn incomplete_answer(action: &'static str) -> CallError {
    CallError {
        action,
        fault: Fault::Unclear,
        answer: None,
    }
}

fn fault(code: Option<&str>, status: u16) -> Fault {
    match code {
        Some(
            "ResourceNotFoundException" | "NoSuchEntity" | "NoSuchEntityException" | "NoSuchBucket",
        ) => Fault::NotFound,
        Some("ResourceExistsException") => Fault::Exists,
        Some("LimitExceeded" | "LimitExceededException") => Fault::LimitExceeded,
        Some(
            "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException",
        ) => Fault::NotAuthenticated,
        Some("AccessDenied" | "AccessDeniedException") => Fault::NotAuthorised,
        Some("DecryptionFailure" | "DecryptionFailureException") => Fault::Undecryptable,
        Some(
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "ConcurrentModification"
            | "ConcurrentModificationException"
            | "EntityTemporarilyUnmodifiable"
            | "EntityTemporarilyUnmodifiableException",
        ) => Fault::Throttled,
        Some("RequestTimeout" | "RequestTimeoutException") => Fault::Unclear,
        _ if status == 429 => Fault::Throttled,
        _ if status >= 500 => Fault::Unclear,
        _ => Fault::Refused,
    }
}

/// Whether a connection failed before anything could be sent over it.
fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            );
        }
        cause = error.source();
    }
    false
}

fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id"]
        .iter()
        .find_map(|header| response.headers().get(*header))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
