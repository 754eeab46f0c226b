//! The only place that classifies errors from AWS.
//!
//! Sources: "Common errors" in the API references of IAM, STS and Secrets
//! Manager, and the errors of each action there; "Error responses" in the API
//! reference of S3.

use std::error::Error;
use std::io::ErrorKind;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::secrets_manager::{CallError, CallErrorKind, RefusalDetails};

/// The maximum length, in characters, of the reason of a denial that an error repeats.
const LONGEST_DENIAL: usize = 400;

/// Returns the classification of an SDK error.
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
    let kind = match (error, status) {
        (SdkError::ConstructionFailure(_), _) => CallErrorKind::Refused,
        (SdkError::DispatchFailure(failure), _) if failure.is_user() => CallErrorKind::Refused,
        (SdkError::DispatchFailure(failure), _) => {
            let source = failure.as_connector_error().and_then(Error::source);
            if source.is_some_and(was_not_sent) {
                CallErrorKind::Unsent
            } else {
                CallErrorKind::Unclear
            }
        }
        (SdkError::ServiceError(_), Some(status)) => kind_of(code, status),
        _ => CallErrorKind::Unclear,
    };
    let denial = service
        .filter(|_| kind == CallErrorKind::NotAuthorised)
        .and_then(|service| service.err().message())
        .map(|message| message.chars().take(LONGEST_DENIAL).collect());
    let answer = error.raw_response().map(|response| {
        let code = code.map(str::to_owned);
        Box::new(RefusalDetails {
            code,
            request_id: request_id(response),
            denial,
        })
    });
    CallError {
        action,
        kind,
        answer,
    }
}

/// Returns an error for a response without a required field.
pub fn incomplete_answer(action: &'static str) -> CallError {
    CallError {
        action,
        kind: CallErrorKind::Unclear,
        answer: None,
    }
}

fn kind_of(code: Option<&str>, status: u16) -> CallErrorKind {
    match code {
        Some(
            "ResourceNotFoundException" | "NoSuchEntity" | "NoSuchEntityException" | "NoSuchBucket",
        ) => CallErrorKind::NotFound,
        Some("ResourceExistsException") => CallErrorKind::Exists,
        Some("LimitExceeded" | "LimitExceededException") => CallErrorKind::LimitExceeded,
        Some(
            "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException",
        ) => CallErrorKind::NotAuthenticated,
        Some("AccessDenied" | "AccessDeniedException") => CallErrorKind::NotAuthorised,
        Some("DecryptionFailure" | "DecryptionFailureException") => CallErrorKind::Undecryptable,
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
        ) => CallErrorKind::Throttled,
        Some("RequestTimeout" | "RequestTimeoutException") => CallErrorKind::Unclear,
        _ if status == 429 => CallErrorKind::Throttled,
        _ if status >= 500 => CallErrorKind::Unclear,
        _ => CallErrorKind::Refused,
    }
}

/// Returns whether a connection failed before anything could be sent over it.
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
