//! The only classifier of AWS errors. It uses error codes and the kind of transport failure,
//! never a message's text.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::port::{self, ErrorKind, Optional};

/// Returns a function for `map_err` that converts an SDK error to a port error.
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
                // The response to HEAD has no body, and therefore no code.
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

/// Returns the answer to a call, once it was sent.
pub(super) async fn answered<T, E>(
    call: &'static str,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> port::Result<T>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    sent.await.map_err(failed(call))
}

/// Sends a call, whose answer says nothing.
pub(super) async fn done<T, E>(
    call: &'static str,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> port::Result<()>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    answered(call, sent).await.map(drop)
}

/// Returns the answer to a call about something that may not exist.
pub(super) async fn found<T, E>(
    call: &'static str,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> port::Result<Option<T>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    answered(call, sent).await.optional()
}

/// Returns an error that the adapter itself raises.
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

/// Returns why no credentials were found, if that is the cause of the failure.
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

/// Joins the chain of causes in one line: an SDK error's own text is only "dispatch failure".
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
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

/// Returns the kind of an error code.
pub(super) fn kind_of(code: &str) -> ErrorKind {
    match code {
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchVersion"
        | "NoSuchBucketPolicy"
        | "NoSuchPublicAccessBlockConfiguration"
        | "ServerSideEncryptionConfigurationNotFoundError"
        | "NotFound"
        | "NotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "ChangeSetNotFound"
        | "NoSuchTagSet"
        | "ReportExpired"
        | "ReportInProgress"
        | "ReportNotPresent" => ErrorKind::NotFound,
        "ResourceExistsException"
        | "EntityAlreadyExists"
        | "AlreadyExistsException"
        | "BucketAlreadyOwnedByYou" => ErrorKind::AlreadyExists,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
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
        | "Throttled"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "SlowDown"
        | "RequestLimitExceeded"
        | "LimitExceededException.Throttling" => ErrorKind::Throttled,
        "InvalidRequestException"
        | "DeleteConflict"
        | "ConflictException"
        | "InvalidChangeSetStatus"
        | "KMSInvalidStateException"
        | "ResourceConflictException"
        | "ResourceNotReadyException"
        | "BucketNotEmpty"
        | "OperationAborted"
        | "ConcurrentModification" => ErrorKind::Conflict,
        "DecryptionFailure" => ErrorKind::Undecryptable,
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

#[cfg(test)]
mod tests {
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(code: Option<&str>, status: u16) -> port::Error {
        let mut metadata = ErrorMetadata::builder().message("a message.");
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let status = StatusCode::try_from(status).unwrap();
        failed("sts:GetCallerIdentity")(SdkError::service_error(
            GetCallerIdentityError::generic(metadata.build()),
            HttpResponse::new(status, SdkBody::empty()),
        ))
    }

    #[test]
    fn codes_decide_and_texts_do_not() {
        for (code, kind) in [
            ("NoSuchEntity", ErrorKind::NotFound),
            ("ResourceNotFoundException", ErrorKind::NotFound),
            ("InvalidClientTokenId", ErrorKind::Credentials),
            ("UnrecognizedClientException", ErrorKind::Credentials),
            ("SignatureDoesNotMatch", ErrorKind::Credentials),
            ("AccessDenied", ErrorKind::Denied),
            ("AccessDeniedException", ErrorKind::Denied),
            ("AuthorizationError", ErrorKind::Denied),
            ("Throttling", ErrorKind::Throttled),
            ("RequestThrottled", ErrorKind::Throttled),
            ("Throttled", ErrorKind::Throttled),
            ("LimitExceeded", ErrorKind::Limit),
            ("InvalidRequestException", ErrorKind::Conflict),
            ("DeleteConflict", ErrorKind::Conflict),
            ("ValidationError", ErrorKind::Invalid),
            ("InternalServiceError", ErrorKind::Unavailable),
            ("Unheard", ErrorKind::Other),
        ] {
            assert_eq!(answered(Some(code), 400).kind, kind, "{code}");
        }
    }

    #[test]
    fn an_answer_without_a_code_is_told_by_its_status() {
        for (status, kind) in [
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (503, ErrorKind::Unavailable),
            (301, ErrorKind::Other),
        ] {
            assert_eq!(answered(None, status).kind, kind, "{status}");
        }
    }

    #[test]
    fn says_the_call_the_code_and_the_message() {
        let error = answered(Some("AccessDenied"), 403);
        assert_eq!(
            error.to_string(),
            "sts:GetCallerIdentity: AccessDenied: a message"
        );
    }

    #[test]
    fn no_answer_is_unavailable_and_worth_another_try() {
        let error: SdkError<GetCallerIdentityError, HttpResponse> = SdkError::timeout_error("late");
        let kind = failed("sts:GetCallerIdentity")(error).kind;
        assert!(kind == ErrorKind::Unavailable && kind.is_transient());
    }
}
