//! The one classifier of AWS's errors. It looks at error codes and the kind of
//! transport failure, never at a message's text.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::port::{self, ErrorKind};

/// Returns a function for `map_err` that turns an SDK error into a port's.
pub(super) fn failed<E>(call: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> port::Error
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| {
        if let SdkError::ServiceError(service) = &error {
            let code = service.err().code().map(str::to_owned);
            let status = service.raw().status().as_u16();
            let message = service.err().message().map(str::to_owned);
            return port::Error {
                call,
                // An answer to HEAD has no body, and so no code.
                kind: code
                    .as_deref()
                    .map_or_else(|| kind_of_status(status), kind_of),
                code,
                message: message.unwrap_or_else(|| format!("HTTP status {status}")),
            };
        }
        let (kind, message) = match &error {
            SdkError::DispatchFailure(failure) => match credentials_error(failure) {
                Some(cause) => (ErrorKind::Credentials, causes(cause)),
                None => (ErrorKind::Unavailable, causes(&error)),
            },
            SdkError::ConstructionFailure(_) => (ErrorKind::Invalid, causes(&error)),
            _ => (ErrorKind::Unavailable, causes(&error)),
        };
        port::Error {
            call,
            kind,
            code: None,
            message,
        }
    }
}

/// Returns an error of a port's own making.
pub(super) fn refused(
    call: &'static str,
    kind: ErrorKind,
    message: impl Into<String>,
) -> port::Error {
    port::Error {
        call,
        kind,
        code: None,
        message: message.into(),
    }
}

/// Returns what kept credentials from being found, where that is the failure.
fn credentials_error(failure: &DispatchFailure) -> Option<&(dyn Error + 'static)> {
    let mut source = failure.as_connector_error().and_then(Error::source);
    while let Some(error) = source {
        if error.is::<CredentialsError>() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// The whole chain in one line: an SDK error's own text says only "dispatch failure".
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

fn kind_of(code: &str) -> ErrorKind {
    match code {
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "NotFoundException"
        | "ChangeSetNotFound"
        | "NoSuchTagSet" => ErrorKind::NotFound,
        "ResourceExistsException"
        | "EntityAlreadyExists"
        | "AlreadyExistsException"
        | "BucketAlreadyOwnedByYou" => ErrorKind::AlreadyExists,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "Forbidden"
        | "403" => ErrorKind::Denied,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "IncompleteSignature" => ErrorKind::Credentials,
        "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "SlowDown"
        | "RequestLimitExceeded"
        | "LimitExceededException.Throttling" => ErrorKind::Throttled,
        "InvalidRequestException"
        | "DeleteConflict"
        | "ConflictException"
        | "InvalidChangeSetStatus"
        | "KMSInvalidStateException"
        | "BucketNotEmpty"
        | "OperationAborted"
        | "ConcurrentModification" => ErrorKind::Conflict,
        "LimitExceeded" | "LimitExceededException" => ErrorKind::Limit,
        "ValidationError"
        | "ValidationException"
        | "InvalidParameterException"
        | "InvalidParameterValueException"
        | "MalformedPolicyDocument"
        | "InvalidInput" => ErrorKind::Invalid,
        "InternalFailure"
        | "InternalServiceError"
        | "InternalServerError"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ServiceFailure"
        | "RequestTimeout" => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}
