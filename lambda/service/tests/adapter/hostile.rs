//! Tests the HTTP adapter with a server that an impostor runs, or that is broken. It ends each request
//! in bounded time and memory, claims nothing, and goes nowhere else.

use keyrota_service_function::service::{Cause, ServiceError, ServiceFault};

use crate::server::{Reply, TestServer};

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn bytes(text: impl Into<Vec<u8>>) -> Reply {
    Reply::Bytes(text.into())
}

/// A hostile answer, and what the adapter makes of it.
fn replies() -> Vec<(&'static str, Reply, Cause)> {
    let head = |rest: &str| format!("{OK}{rest}\r\n");
    let long = "x".repeat(20_000);
    vec![
        ("no answer", bytes(""), Cause::Broken),
        ("no HTTP", bytes("SSH-2.0-OpenSSH_9.6\r\n"), Cause::Broken),
        (
            "binary",
            bytes([0_u8, 159, 146, 150, 13, 10, 13, 10]),
            Cause::Broken,
        ),
        (
            "another version",
            bytes("HTTP/9.9 200 OK\r\n\r\n"),
            Cause::Broken,
        ),
        (
            "half a head",
            bytes("HTTP/1.1 200 OK\r\ncontent-le"),
            Cause::Broken,
        ),
        (
            "control characters in a header",
            bytes(head("x-a: b\u{1}c\r\ncontent-length: 0\r\n")),
            Cause::Broken,
        ),
        (
            "a NUL in a header's name",
            bytes(head("x\u{0}a: b\r\ncontent-length: 0\r\n")),
            Cause::Broken,
        ),
        (
            "a long header",
            bytes(head(&format!("x-a: {long}\r\n"))),
            Cause::Broken,
        ),
        (
            "endless headers",
            Reply::Endless(OK.into(), b"x-a: b\r\n".to_vec()),
            Cause::Broken,
        ),
        (
            "an endless header",
            Reply::Endless(format!("{OK}x-a: ").into(), vec![b'x'; 4096]),
            Cause::Broken,
        ),
        (
            "a long body",
            bytes(head("content-length: 20000\r\n") + &long),
            Cause::TooLong,
        ),
        (
            "a body that is said to be huge",
            Reply::Endless(
                head("content-length: 2147483648\r\n").into(),
                vec![b'x'; 4096],
            ),
            Cause::TooLong,
        ),
        (
            "endless chunks",
            Reply::Endless(
                head("transfer-encoding: chunked\r\n").into(),
                format!("1000\r\n{}\r\n", "x".repeat(4096)).into(),
            ),
            Cause::TooLong,
        ),
        (
            "a body without an end",
            Reply::Endless(head("connection: close\r\n").into(), vec![b'x'; 4096]),
            Cause::TooLong,
        ),
        (
            "garbage for chunks",
            bytes(head("transfer-encoding: chunked\r\n") + "zz\r\nx\r\n"),
            Cause::Broken,
        ),
        (
            "a chunk that is said to be huge",
            bytes(head("transfer-encoding: chunked\r\n") + "ffffffffffffffffff\r\nx"),
            Cause::Broken,
        ),
        (
            "half a body",
            bytes(head("content-length: 100\r\n") + "{\"kept\":true}"),
            Cause::Broken,
        ),
        (
            "two lengths",
            bytes(head("content-length: 1\r\ncontent-length: 2\r\n") + "xx"),
            Cause::Broken,
        ),
        ("silence", Reply::Hang(Vec::new()), Cause::TimedOut),
        (
            "silence after the status",
            Reply::Hang(OK.into()),
            Cause::TimedOut,
        ),
        (
            "silence in the body",
            Reply::Hang(head("content-length: 100\r\n").into()),
            Cause::TimedOut,
        ),
        (
            "interim answers without an end",
            Reply::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            Cause::TimedOut,
        ),
    ]
}

#[tokio::test]
async fn a_hostile_answer_is_unclear() {
    for (name, reply, cause) in replies() {
        let server = TestServer::start(move |_| reply.clone());
        let account = server.account(|_| {});
        let expected = ServiceError::unclear(cause);
        assert_eq!(
            server.authenticate(&account).await,
            Err(expected.clone()),
            "{name}"
        );
        let server = TestServer::start({
            let again = replies();
            move |_| {
                let found = again.iter().find(|(it, ..)| *it == name);
                found.expect("the same").1.clone()
            }
        });
        let account = server.account(|_| {});
        assert_eq!(server.change(&account).await, Err(expected), "{name}");
        assert_eq!(server.requests().len(), 1, "{name}: nothing is sent again");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = TestServer::start(|_| Reply::status(200));
        let location = format!("location: {}\r\n", other.url("/"));
        let server = TestServer::start(move |_| Reply::with(status, &location, ""));
        let account = server.account(|_| {});
        let code = Some(format!("HTTP {status}"));
        let expected = ServiceError::unclear(Cause::Unmatched).with(code);
        assert_eq!(server.authenticate(&account).await, Err(expected.clone()));
        assert_eq!(server.change(&account).await, Err(expected));
        assert!(other.requests().is_empty());
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn no_cookie_is_kept() {
    let server = TestServer::start(|_| Reply::with(200, "set-cookie: session=1\r\n", ""));
    let (account, adapters) = (server.account(|_| {}), server.adapters());
    use keyrota_service_function::service::Service;
    let password = secrecy::SecretString::from("p");
    for _ in 0..2 {
        assert_eq!(adapters.authenticate(&account, &password).await, Ok(()));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[1].to_lowercase().contains("cookie"));
}

/// A body is read as it is: no server can make a small answer a large one.
#[tokio::test]
async fn nothing_is_decompressed_and_deep_json_is_no_json() {
    let zipped = "content-encoding: gzip\r\n";
    let deep = "[".repeat(16_000);
    for (headers, body) in [(zipped, r#"{"error":"other"}"#.to_owned()), ("", deep)] {
        let server = TestServer::start(move |_| Reply::with(422, headers, &body));
        let account = server.account(|_| {});
        let error = server.change(&account).await.expect_err("no match");
        assert_eq!(
            (error.fault, error.cause),
            (ServiceFault::Unclear, Cause::Unmatched)
        );
        assert!(
            !server.requests()[0]
                .to_lowercase()
                .contains("accept-encoding")
        );
    }
}
