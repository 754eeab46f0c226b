//! Tests the Lambda adapter with an endpoint that answers as Lambda does.

use std::path::Path;

use keyrota_contract::adapter::Previous;
use keyrota_function_base::aws::http_client;
use keyrota_service_function::adapter::Adapters;
use keyrota_service_function::service::{Adapter, Cause, Service, ServiceError, ServiceFault};
use secrecy::SecretString;

use crate::server::{NEW, OLD, account, closed, endpoint, environment};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:444455556666:function:portal:live";

/// Has the password changed, and returns the requests.
async fn change(
    status: u16,
    headers: &str,
    body: &str,
) -> (Result<Previous, ServiceError>, Vec<String>) {
    let (address, requests) = endpoint(status, headers, body);
    let adapters = Adapters::new(environment(Some(&address)), http_client(), Path::new("."));
    let account = account(Adapter::Function(FUNCTION.to_owned()));
    let (old, new) = (SecretString::from(OLD), SecretString::from(NEW));
    let changed = adapters.change(&account, &old, &new).await;
    let requests = requests.lock().expect("a list").clone();
    (changed, requests)
}

#[tokio::test]
async fn the_payload_is_the_contracts() {
    let (changed, requests) = change(200, "", r#"{"version":1,"outcome":"success"}"#).await;
    assert_eq!(changed, Ok(Previous::Void));
    let [request] = &requests[..] else {
        panic!("{} requests", requests.len());
    };
    let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
    let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A444455556666%3Afunction%3Aportal%3Alive/invocations";
    assert!(head.starts_with(&format!("POST {path} HTTP/1.1")), "{head}");
    assert!(head.contains("x-amz-invocation-type: RequestResponse"));
    assert!(
        head.contains("/eu-west-1/lambda/aws4_request"),
        "the function's Region signs"
    );
    assert!(!head.contains(OLD) && !head.contains(NEW));
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({
            "version": 1, "request": "change", "username": "billing@example.com", "password": OLD,
            "new_password": NEW, "settings": { "tenant": "4711" },
        })
    );
}

#[tokio::test]
async fn an_answer_means_what_it_says() {
    let answered =
        |fault, code: Option<&str>| Err(ServiceError::answered(fault, code.map(str::to_owned)));
    let unclear = |cause| Err(ServiceError::unclear(cause));
    let long = format!(
        r#"{{"version":1,"outcome":"success","code":"{}"}}"#,
        "x".repeat(2_000_000)
    );
    let secret = serde_json::json!({ "version": 1, "outcome": "unclear", "code": NEW }).to_string();
    let long_code = format!(
        r#"{{"version":1,"outcome":"unclear","code":"{}"}}"#,
        "x".repeat(65)
    );
    for (body, expected) in [
        (
            r#"{"version":1,"outcome":"success","previous":"works"}"#,
            Ok(Previous::Works),
        ),
        (
            r#"{"version":1,"outcome":"refused","code":"ERR 7"}"#,
            answered(ServiceFault::WrongPassword, Some("ERR 7")),
        ),
        (
            r#"{"version":1,"outcome":"password_rejected"}"#,
            answered(ServiceFault::PasswordRejected, None),
        ),
        (
            r#"{"version":1,"outcome":"unreachable"}"#,
            answered(ServiceFault::Unreachable, None),
        ),
        (
            r#"{"version":1,"outcome":"unclear"}"#,
            answered(ServiceFault::Unclear, None),
        ),
        // A code that must not be shown is dropped.
        (
            r#"{"version":1,"outcome":"unclear","code":"a\nb"}"#,
            answered(ServiceFault::Unclear, None),
        ),
        (
            r#"{"version":1,"outcome":"unclear","code":"é"}"#,
            answered(ServiceFault::Unclear, None),
        ),
        (&secret, answered(ServiceFault::Unclear, None)),
        (&long_code, answered(ServiceFault::Unclear, None)),
        // Everything else is no answer.
        (
            r#"{"version":2,"outcome":"success"}"#,
            unclear(Cause::OtherVersion),
        ),
        (
            r#"{"version":"1","outcome":"success"}"#,
            unclear(Cause::OtherVersion),
        ),
        (r#"{"outcome":"success"}"#, unclear(Cause::NotAResponse)),
        (r#"{"version":1}"#, unclear(Cause::NotAResponse)),
        (
            r#"{"version":1,"outcome":"Success"}"#,
            unclear(Cause::NotAResponse),
        ),
        (
            r#"{"version":1,"outcome":"success","x":1}"#,
            unclear(Cause::NotAResponse),
        ),
        (
            r#"{"version":1,"outcome":"success"} x"#,
            unclear(Cause::NotAResponse),
        ),
        ("success", unclear(Cause::NotAResponse)),
        ("null", unclear(Cause::NotAResponse)),
        ("", unclear(Cause::NotAResponse)),
        (&long, unclear(Cause::TooLong)),
    ] {
        let (changed, requests) = change(200, "", body).await;
        assert_eq!(changed, expected, "{}", &body[..body.len().min(80)]);
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn a_function_that_fails_may_have_changed_the_password() {
    let error = "x-amz-function-error: Unhandled\r\n";
    for (body, cause) in [
        (
            r#"{"errorType":"KeyError","errorMessage":"'x'"}"#,
            Cause::FunctionFailed,
        ),
        (
            r#"{"errorType":"Sandbox.Timedout"}"#,
            Cause::FunctionTimedOut,
        ),
        (
            r#"{"errorMessage":"2026-11-30T00:00:00Z x Task timed out after 3.00 seconds"}"#,
            Cause::FunctionFailed,
        ),
        (
            r#"{"version":1,"outcome":"success"}"#,
            Cause::FunctionFailed,
        ),
        ("", Cause::FunctionFailed),
    ] {
        let (changed, _) = change(200, error, body).await;
        assert_eq!(changed, Err(ServiceError::unclear(cause)), "{body}");
    }
}

/// No refusal of Lambda is repeated here: a step decides whether to ask again.
#[tokio::test]
async fn a_refusal_of_lambda_says_whether_the_function_ran() {
    let not_sent = ServiceFault::NotSent;
    for (status, code, fault, cause) in [
        (
            404,
            "ResourceNotFoundException",
            not_sent,
            Cause::NoFunction,
        ),
        (403, "AccessDeniedException", not_sent, Cause::Denied),
        (403, "UnrecognizedClientException", not_sent, Cause::Denied),
        (429, "TooManyRequestsException", not_sent, Cause::Throttled),
        (
            400,
            "InvalidRequestContentException",
            not_sent,
            Cause::Refused,
        ),
        (409, "ResourceConflictException", not_sent, Cause::Refused),
        (
            500,
            "ServiceException",
            ServiceFault::Unclear,
            Cause::NoAnswer,
        ),
        (
            502,
            "KMSAccessDeniedException",
            ServiceFault::Unclear,
            Cause::NoAnswer,
        ),
    ] {
        let headers = format!("x-amzn-errortype: {code}\r\n");
        let (changed, requests) = change(status, &headers, r#"{"Message":"m"}"#).await;
        let code = Some(code.to_owned());
        assert_eq!(changed, Err(ServiceError { fault, cause, code }));
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_gets_no_request() {
    let address = format!("http://127.0.0.1:{}", closed());
    let adapters = Adapters::new(environment(Some(&address)), http_client(), Path::new("."));
    let account = account(Adapter::Function(FUNCTION.to_owned()));
    let ended = adapters
        .authenticate(&account, &SecretString::from(OLD))
        .await;
    assert_eq!(
        ended,
        Err(ServiceError::not_sent(Cause::EndpointUnreachable))
    );
}
