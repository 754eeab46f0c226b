//! SMTP logins, at a real mail server with TLS on 127.0.0.1.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use keyrota_contract::value::smtp;
use keyrota_function::aws::MailServers;
use keyrota_function::permission::MailServer as Address;
use keyrota_function::port::{CallError, CallErrorKind, KeyPair};
use keyrota_test_servers::{Certificate, MailOptions, MailServer};
use secrecy::{ExposeSecret as _, SecretString};

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn start(options: MailOptions) -> MailServer {
    MailServer::start(options).expect("a mail server")
}

fn key() -> KeyPair {
    KeyPair {
        id: ID.to_owned(),
        secret: SecretString::from(SECRET),
    }
}

fn address(server: &MailServer, options: MailOptions) -> Address {
    Address {
        host: "localhost".to_owned(),
        port: server.port(),
        region: MailServer::REGION.to_owned(),
        begins_with_tls: options.implicit,
    }
}

/// Logs in with the key.
fn log_in(server: &MailServer, options: MailOptions) -> Result<(), CallError> {
    let servers = MailServers::trusting(server.folder(), "authority.pem");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(servers.log_in(&key(), &address(server, options)))
}

/// Returns the kind and the code of a failed login.
fn refused(server: &MailServer, options: MailOptions) -> (CallErrorKind, String) {
    let error = log_in(server, options).expect_err("it is refused");
    let said = error.to_string();
    let password = smtp::password(&SECRET.into(), MailServer::REGION);
    for secret in [SECRET, password.expose_secret()] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(said.contains("smtp:AUTH"), "{said}");
    let code = error.answer.and_then(|answer| answer.code);
    (error.kind, code.unwrap_or_default())
}

#[test]
fn the_password_of_a_key_logs_in_over_tls() {
    for implicit in [false, true] {
        for mechanisms in [&["PLAIN"][..], &["LOGIN"]] {
            let options = MailOptions {
                implicit,
                starttls: !implicit,
                mechanisms,
                ..MailOptions::default()
            };
            let server = start(options);
            // A key that the server does not know yet.
            let (kind, code) = refused(&server, options);
            assert_eq!((kind, code.as_str()), (CallErrorKind::NotAuthorised, "535"));
            server.know(&[(ID, SECRET)]).expect("written");
            log_in(&server, options).unwrap_or_else(|error| panic!("{options:?}: {error}"));
            assert!(server.log().contains("a login was tried"));
            server.know(&[(ID, "another")]).expect("written");
            let (kind, _) = refused(&server, options);
            assert_eq!(kind, CallErrorKind::NotAuthorised);
        }
    }
}

#[test]
fn a_server_that_cannot_be_trusted_gets_no_password() {
    for (options, code) in [
        (
            MailOptions {
                starttls: false,
                ..MailOptions::default()
            },
            "no STARTTLS",
        ),
        (
            MailOptions {
                mechanisms: &[],
                ..MailOptions::default()
            },
            "no AUTH PLAIN or LOGIN",
        ),
        (
            MailOptions {
                certificate: Certificate::OtherName,
                ..MailOptions::default()
            },
            "certificate NotValidForName",
        ),
        (
            MailOptions {
                certificate: Certificate::OtherAuthority,
                implicit: true,
                ..MailOptions::default()
            },
            "certificate UnknownIssuer",
        ),
        (
            MailOptions {
                certificate: Certificate::Expired,
                ..MailOptions::default()
            },
            "certificate Expired",
        ),
    ] {
        let server = start(options);
        server.know(&[(ID, SECRET)]).expect("written");
        let found = refused(&server, options);
        assert_eq!(
            found,
            (CallErrorKind::Refused, code.to_owned()),
            "{options:?}"
        );
        let log = server.log();
        assert!(!log.contains("a login was tried"), "{options:?}: {log}");
    }
}

/// Without TLS, a server gets these commands only. A line after the answer to STARTTLS would be read as if
/// it came over TLS.
#[test]
fn nothing_secret_is_sent_before_tls() {
    for (offers, answer, code, commands) in [
        (
            "250 mail.test\r\n",
            "",
            "no STARTTLS",
            "EHLO [127.0.0.1]\r\n",
        ),
        (
            "250-mail.test\r\n250 STARTTLS\r\n",
            "220 go\r\n250 AUTH PLAIN\r\n",
            "data before TLS",
            "EHLO [127.0.0.1]\r\nSTARTTLS\r\n",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
            let mut received = String::new();
            stream.write_all(b"220 mail.test\r\n").expect("sent");
            reader.read_line(&mut received).expect("EHLO");
            stream.write_all(offers.as_bytes()).expect("sent");
            if !answer.is_empty() {
                reader.read_line(&mut received).expect("STARTTLS");
                stream.write_all(answer.as_bytes()).expect("sent");
            }
            // A client that goes away with unread data resets the connection.
            let _ = reader.read_to_string(&mut received);
            received
        });
        let address = Address {
            host: "127.0.0.1".to_owned(),
            port,
            region: MailServer::REGION.to_owned(),
            begins_with_tls: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let outcome = runtime
            .expect("a runtime")
            .block_on(MailServers::new().log_in(&key(), &address));
        let error = outcome.expect_err("it is refused");
        let found = error.answer.and_then(|answer| answer.code);
        assert_eq!(found.as_deref(), Some(code));
        assert_eq!(server.join().expect("it ends"), commands);
    }
}

/// A mail server is not asked for what another protocol speaks.
#[test]
fn the_start_of_tls_is_that_of_the_port() {
    let options = MailOptions::default();
    let server = start(options);
    let other = MailOptions {
        implicit: true,
        ..options
    };
    let (kind, _) = refused(&server, other);
    assert_eq!(kind, CallErrorKind::Refused);
}

#[test]
fn a_server_that_is_silent_or_gone_is_tried_again_later() {
    let options = MailOptions {
        hangs: true,
        ..MailOptions::default()
    };
    let server = start(options);
    let (kind, code) = refused(&server, options);
    assert_eq!(
        (kind, code.as_str()),
        (CallErrorKind::Unclear, "no answer in time")
    );
    assert!(kind.is_transient());
    let gone = address(&server, options);
    drop(server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let servers = MailServers::new();
    let outcome = runtime
        .expect("a runtime")
        .block_on(servers.log_in(&key(), &gone));
    let error = outcome.expect_err("nothing listens");
    assert_eq!(error.kind, CallErrorKind::Unsent);
}
