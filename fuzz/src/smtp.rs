//! What a mail server sends: before TLS, or to a login. The first byte chooses which, and whether the
//! server ever ends.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keyrota_contract::value::smtp::password;
use keyrota_function::aws::smtp::{authenticate, start_tls};
use keyrota_function::permission::MailServer;
use keyrota_function::port::{CallError, KeyPair};
use secrecy::{ExposeSecret, SecretString};

use crate::played::{Parts, Played, contains};
use crate::{CANARY, assert_silent, block_on, choices};

const USER: &str = "AKIAIOSFODNN7EXAMPLE";

/// Plays the server.
///
/// # Panics
///
/// Panics if the client sends a password before TLS or without an offer to take it, if it reads
/// without an end, or if an error says more than a code.
pub fn run(input: &[u8]) {
    let ([choice], input) = choices(input);
    let (mut stream, written) = Played::new(Parts::of(input, choice & 1 != 0));
    let key = KeyPair {
        id: USER.to_owned(),
        secret: SecretString::from(CANARY),
    };
    let server = MailServer {
        host: "mail.example.com".to_owned(),
        port: 465,
        region: "eu-west-1".to_owned(),
        begins_with_tls: choice & 2 != 0,
    };
    let is_plain = choice & 4 != 0;
    let outcome = block_on(async {
        match is_plain {
            true => start_tls(&mut stream).await,
            false => authenticate(&mut stream, &key, &server).await,
        }
    });
    let written = written.lock().expect("no panic").clone();
    let written = String::from_utf8(written).expect("the client sends text");
    let password = password(&key.secret, &server.region);
    let encoded = BASE64_STANDARD.encode(password.expose_secret());
    let plain = BASE64_STANDARD.encode(format!("\0{USER}\0{}", password.expose_secret()));
    if is_plain {
        let commands = "EHLO [127.0.0.1]\r\nSTARTTLS\r\n";
        assert!(commands.starts_with(&written), "{written:?}");
        assert!(outcome.is_err() || written == commands);
    } else {
        // What a client may send, to its end or broken off.
        let dialogues = [
            format!("EHLO [127.0.0.1]\r\nAUTH PLAIN {plain}\r\nQUIT\r\n"),
            format!(
                "EHLO [127.0.0.1]\r\nAUTH LOGIN\r\n{}\r\n{encoded}\r\nQUIT\r\n",
                BASE64_STANDARD.encode(USER)
            ),
        ];
        assert!(
            dialogues.iter().any(|it| it.starts_with(&written)),
            "{written:?}"
        );
        if outcome.is_ok() {
            assert!(dialogues.contains(&written), "{written:?}");
            // The cuts are not part of the answer, and an endless one begins again.
            let cut = Parts::of(input, false).concat();
            assert!(
                contains(&[&*cut, &*cut].concat(), b"235"),
                "nobody has accepted the login"
            );
        }
    }
    if let Err(error) = outcome {
        check(&error);
    }
}

fn check(error: &CallError) {
    assert_silent(&error.to_string());
    let code = error
        .answer
        .as_ref()
        .and_then(|answer| answer.code.as_deref());
    let code = code.expect("each error has a code");
    let is_code = code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    let own = [
        "connection broken",
        "data before TLS",
        "no AUTH PLAIN or LOGIN",
        "no SMTP reply",
        "no STARTTLS",
    ];
    assert!(is_code || own.contains(&code), "{code}");
}
