//! Tests the HTTP adapter with servers that behave.

use std::io::{Read, Write};

use keyrota_contract::adapter::Previous;
use keyrota_service_function::service::{Adapter, Cause, Operation, ServiceError, ServiceFault};
use keyrota_test_servers::Certificate;
use serde_json::json;

use crate::server::{Reply, TestServer, closed, silent};

fn code(status: u16) -> Option<String> {
    Some(format!("HTTP {status}"))
}

#[tokio::test]
async fn an_answer_means_what_the_file_says() {
    for (status, expected) in [
        (200, Ok(())),
        (
            401,
            Err(ServiceError::answered(
                ServiceFault::WrongPassword,
                code(401),
            )),
        ),
        (
            403,
            Err(ServiceError::answered(
                ServiceFault::WrongPassword,
                code(403),
            )),
        ),
        (
            503,
            Err(ServiceError::answered(ServiceFault::Unreachable, code(503))),
        ),
        (
            404,
            Err(ServiceError::unclear(Cause::Unmatched).with(code(404))),
        ),
        (
            500,
            Err(ServiceError::unclear(Cause::Unmatched).with(code(500))),
        ),
    ] {
        let server = TestServer::start(move |_| Reply::status(status));
        let account = server.account(|_| {});
        assert_eq!(server.authenticate(&account).await, expected);
        assert_eq!(server.requests().len(), 1, "nothing is sent again");
    }
}

#[tokio::test]
async fn the_body_of_an_answer_counts() {
    let rejected = ServiceError::answered(ServiceFault::PasswordRejected, code(422));
    let unmatched = |status| ServiceError::unclear(Cause::Unmatched).with(code(status));
    for (status, body, expected) in [
        (200, r#"{"kept":true}"#, Ok(Previous::Works)),
        (200, r#"{"kept":1}"#, Ok(Previous::Void)),
        (200, "", Ok(Previous::Void)),
        (204, "", Ok(Previous::Void)),
        (422, r#"{"error":"weak"}"#, Err(rejected)),
        (422, r#"{"error":"other"}"#, Err(unmatched(422))),
        (422, r#"{"error":"weak""#, Err(unmatched(422))),
        (422, "weak", Err(unmatched(422))),
    ] {
        let server = TestServer::start(move |_| Reply::with(status, "", body));
        let account = server.account(|_| {});
        assert_eq!(server.change(&account).await, expected, "{status} {body}");
    }
}

/// Nothing reaches the server before its certificate was checked.
#[tokio::test]
async fn a_server_without_a_trusted_certificate_gets_no_request() {
    for (certificate, cause) in [
        (Certificate::OtherName, Cause::Untrusted),
        (Certificate::OtherAuthority, Cause::Untrusted),
        (Certificate::Expired, Cause::Untrusted),
        // It closes the connection after the beginning of a handshake.
        (Certificate::None, Cause::Broken),
    ] {
        let server = TestServer::showing(certificate, |_| Reply::status(200));
        let account = server.account(|_| {});
        let error = server.change(&account).await.expect_err("a refusal");
        assert_eq!((error.fault, error.cause), (ServiceFault::NotSent, cause));
        let sent = server.requests().join("");
        assert!(!sent.contains("POST"), "{certificate:?}: {sent}");
    }
    // The operating system does not trust the authority of the tests.
    let server = TestServer::start(|_| Reply::status(200));
    let account = server.account(|http| drop(http.as_object_mut().unwrap().remove("tls_ca")));
    let error = server.change(&account).await.expect_err("a refusal");
    assert_eq!(error.fault, ServiceFault::NotSent);
    let account = server.account(|http| http["tls_ca"] = json!("absent.pem"));
    let error = server.change(&account).await.expect_err("a refusal");
    assert_eq!(error.cause, Cause::Untrusted);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_gets_no_request() {
    let server = TestServer::start(|_| Reply::status(200));
    let (_listener, silent) = silent();
    for (url, cause) in [
        (
            format!("https://localhost:{}/", closed()),
            Cause::NoConnection,
        ),
        ("https://keyrota.invalid/".to_owned(), Cause::NameUnknown),
        (
            format!("https://localhost:{silent}/"),
            Cause::ConnectTimedOut,
        ),
    ] {
        let account = server.account(|http| http["change"]["url"] = json!(url));
        let error = server.change(&account).await.expect_err("a failure");
        assert_eq!(error, ServiceError::not_sent(cause), "{url}");
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_request() {
    let (listener, port) = silent();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let sent = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        sent.expect("an answer");
        // Until the client gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let server = TestServer::start(|_| Reply::status(200));
    let url = format!("https://localhost:{port}/");
    let account = server.account(|http| http["change"]["url"] = json!(url));
    let error = server.change(&account).await.expect_err("a refusal");
    assert_eq!(error, ServiceError::not_sent(Cause::NoTls));
}

/// A port that the pinned URL does not name is another server.
#[tokio::test]
async fn both_requests_go_to_their_own_hosts() {
    let server = TestServer::start(|_| Reply::status(200));
    let other = TestServer::start(|_| Reply::status(200));
    let account = server.account(|http| http["change"]["url"] = json!(other.url("/password")));
    assert_eq!(server.authenticate(&account).await, Ok(()));
    // Another authority issued that certificate.
    let error = server.change(&account).await.expect_err("a refusal");
    assert_eq!(error.cause, Cause::Untrusted);
    assert_eq!(other.change(&account).await, Ok(Previous::Void));
    assert_eq!((server.requests().len(), other.requests().len()), (1, 1));
}

/// The login and the change may go to different hosts.
#[test]
fn an_error_names_the_host_of_its_request() {
    let server = TestServer::start(|_| Reply::status(200));
    let account = server.account(|http| {
        http["authenticate"]["url"] = json!("https://login.example.com/");
        http["change"]["url"] = json!("https://[::1]:8443/users/{{username}}");
    });
    let login = account.service(Operation::Authenticate);
    assert_eq!(login, "login.example.com");
    assert_eq!(account.service(Operation::Change), "[::1]:8443");
    let function = "arn:aws:lambda:eu-west-1:444455556666:function:portal";
    let account = crate::server::account(Adapter::Function(function.to_owned()));
    for operation in [Operation::Authenticate, Operation::Change] {
        let service = account.service(operation);
        assert_eq!(service, format!("the service behind {function}"));
    }
}
