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
        (400, "ResourceNotFoundException", Fault::NotFound),
        (404, "NoSuchEntity", Fault::NotFound),
        (404, "NoSuchBucket", Fault::NotFound),
        (400, "ResourceExistsException", Fault::Exists),
        (409, "LimitExceeded", Fault::LimitExceeded),
        (403, "InvalidClientTokenId", Fault::NotAuthenticated),
        (403, "InvalidAccessKeyId", Fault::NotAuthenticated),
        (403, "SignatureDoesNotMatch", Fault::NotAuthenticated),
        (403, "AccessDenied", Fault::NotAuthorised),
        (400, "AccessDeniedException", Fault::NotAuthorised),
        (400, "DecryptionFailure", Fault::Undecryptable),
        (400, "Throttling", Fault::Throttled),
        (503, "ThrottlingException", Fault::Throttled),
        (503, "SlowDown", Fault::Throttled),
        (409, "ConcurrentModification", Fault::Throttled),
        (409, "EntityTemporarilyUnmodifiable", Fault::Throttled),
        (500, "InternalServiceError", Fault::Unclear),
        (500, "ServiceFailure", Fault::Unclear),
        (503, "ServiceUnavailable", Fault::Unclear),
        (400, "InvalidRequestException", Fault::Refused),
        (400, "RequestExpired", Fault::Refused),
    ] {
        assert_eq!(answered(status, Some(code), "").fault, expected, "{code}");
    }
}

#[test]
fn without_a_code_the_status_says() {
    for (status, expected) in [
        (429, Fault::Throttled),
        (500, Fault::Unclear),
        (502, Fault::Unclear),
        (400, Fault::Refused),
    ] {
        assert_eq!(answered(status, None, "").fault, expected, "{status}");
    }
}

/// The messages of other errors can repeat what was sent.
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
    let dispatch = |error| classify("iam:Any", &AnyError::dispatch_failure(error)).fault;
    let io = |kind| ConnectorError::io(std::io::Error::from(kind).into());
    assert_eq!(dispatch(io(ErrorKind::ConnectionRefused)), Fault::Unsent);
    assert_eq!(dispatch(io(ErrorKind::ConnectionReset)), Fault::Unclear);
    assert_eq!(dispatch(io(ErrorKind::BrokenPipe)), Fault::Unclear);
    assert_eq!(
        dispatch(ConnectorError::timeout("late".into())),
        Fault::Unclear
    );
    assert_eq!(
        dispatch(ConnectorError::other("hung up".into(), None)),
        Fault::Unclear
    );
    assert_eq!(
        dispatch(ConnectorError::user("no host".into())),
        Fault::Refused
    );
    assert_eq!(
        classify("iam:Any", &AnyError::timeout_error("late")).fault,
        Fault::Unclear
    );
    let built = AnyError::construction_failure("no region");
    assert_eq!(classify("iam:Any", &built).fault, Fault::Refused);
}

#[test]
fn an_answer_that_breaks_off_is_unclear() {
    let status = StatusCode::try_from(200).expect("a status");
    let response = HttpResponse::new(status, SdkBody::empty());
    let error = AnyError::response_error("cut short", response);
    assert_eq!(classify("iam:Any", &error).fault, Fault::Unclear);
}
