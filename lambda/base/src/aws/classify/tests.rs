use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;

type AnyError = SdkError<ErrorMetadata, HttpResponse>;

fn answered(status: u16, code: Option<&str>, message: &str) -> CallError {
    let mut metadata = ErrorMetadata::builder().message(message);
    if let Some(code) = code {
        metadata = metadata.code(code);
    }
    let status = StatusCode::try_from(status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::empty());
    response
        .headers_mut()
        .insert("x-amzn-requestid", "request-1");
    classify(
        "iam:Any",
        &AnyError::service_error(metadata.build(), response),
    )
}

#[test]
fn a_code_says_what_may_be_done() {
    for (status, code, expected) in [
        (400, "ResourceNotFoundException", CallErrorKind::NotFound),
        (404, "NoSuchEntity", CallErrorKind::NotFound),
        (404, "NoSuchBucket", CallErrorKind::NotFound),
        (400, "ResourceExistsException", CallErrorKind::Exists),
        (409, "LimitExceeded", CallErrorKind::LimitExceeded),
        (403, "InvalidClientTokenId", CallErrorKind::NotAuthenticated),
        (403, "InvalidAccessKeyId", CallErrorKind::NotAuthenticated),
        (
            403,
            "SignatureDoesNotMatch",
            CallErrorKind::NotAuthenticated,
        ),
        (403, "AccessDenied", CallErrorKind::NotAuthorised),
        (400, "AccessDeniedException", CallErrorKind::NotAuthorised),
        (400, "DecryptionFailure", CallErrorKind::Undecryptable),
        (400, "Throttling", CallErrorKind::Throttled),
        (503, "ThrottlingException", CallErrorKind::Throttled),
        (503, "SlowDown", CallErrorKind::Throttled),
        (409, "ConcurrentModification", CallErrorKind::Throttled),
        (
            409,
            "EntityTemporarilyUnmodifiable",
            CallErrorKind::Throttled,
        ),
        (500, "InternalServiceError", CallErrorKind::Unclear),
        (500, "ServiceFailure", CallErrorKind::Unclear),
        (503, "ServiceUnavailable", CallErrorKind::Unclear),
        (400, "InvalidRequestException", CallErrorKind::Refused),
        (400, "RequestExpired", CallErrorKind::Refused),
    ] {
        assert_eq!(answered(status, Some(code), "").kind, expected, "{code}");
    }
}

#[test]
fn without_a_code_the_status_says() {
    for (status, expected) in [
        (429, CallErrorKind::Throttled),
        (500, CallErrorKind::Unclear),
        (502, CallErrorKind::Unclear),
        (400, CallErrorKind::Refused),
    ] {
        assert_eq!(answered(status, None, "").kind, expected, "{status}");
    }
}

/// The messages of other errors can repeat the request.
#[test]
fn only_the_message_of_a_denial_is_repeated() {
    let denial = answered(403, Some("AccessDenied"), "no policy allows it")
        .answer
        .expect("one");
    assert_eq!(denial.denial.as_deref(), Some("no policy allows it"));
    assert_eq!(denial.request_id.as_deref(), Some("request-1"));
    let repeated = "x-amz-security-token:IQoJb3JpZ2lu";
    for code in [
        "SignatureDoesNotMatch",
        "ValidationError",
        "InvalidParameterException",
    ] {
        let error = answered(403, Some(code), repeated);
        assert!(!format!("{error} {error:?}").contains("IQoJ"), "{code}");
    }
}

#[test]
fn a_connection_says_whether_the_request_got_out() {
    let dispatch = |error| classify("iam:Any", &AnyError::dispatch_failure(error)).kind;
    let io = |kind| ConnectorError::io(std::io::Error::from(kind).into());
    assert_eq!(
        dispatch(io(ErrorKind::ConnectionRefused)),
        CallErrorKind::Unsent
    );
    assert_eq!(
        dispatch(io(ErrorKind::ConnectionReset)),
        CallErrorKind::Unclear
    );
    assert_eq!(dispatch(io(ErrorKind::BrokenPipe)), CallErrorKind::Unclear);
    assert_eq!(
        dispatch(ConnectorError::timeout("late".into())),
        CallErrorKind::Unclear
    );
    assert_eq!(
        dispatch(ConnectorError::other("hung up".into(), None)),
        CallErrorKind::Unclear
    );
    assert_eq!(
        dispatch(ConnectorError::user("no host".into())),
        CallErrorKind::Refused
    );
    assert_eq!(
        classify("iam:Any", &AnyError::timeout_error("late")).kind,
        CallErrorKind::Unclear
    );
    let built = AnyError::construction_failure("no region");
    assert_eq!(classify("iam:Any", &built).kind, CallErrorKind::Refused);
}

#[test]
fn an_answer_that_breaks_off_is_unclear() {
    let status = StatusCode::try_from(200).expect("a status");
    let response = HttpResponse::new(status, SdkBody::empty());
    let error = AnyError::response_error("cut short", response);
    assert_eq!(classify("iam:Any", &error).kind, CallErrorKind::Unclear);
}
