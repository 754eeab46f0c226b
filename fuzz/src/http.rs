//! An answer to an adapter: over HTTP, or from a Lambda function. The first byte chooses the operation
//! and the kind of adapter, and the second one the rules for HTTP.

use std::sync::LazyLock;

use keyrota::model::read_http_adapter;
use keyrota_contract::adapter::{
    LONGEST_CODE, LONGEST_RESPONSE, Operation, Outcome, Request, Response, VERSION,
};
use keyrota_contract::pins::service::{Http, HttpRequest};
use keyrota_service_function::adapter::http::build::build;
use keyrota_service_function::adapter::http::{answers, exchange};
use keyrota_service_function::adapter::response;
use keyrota_service_function::service::ServiceError;
use secrecy::SecretString;

use crate::played::{Parts, Played};
use crate::{CANARY, assert_silent, block_on, choices};

/// Adapters, whose rules are those of the examples.
static ADAPTERS: LazyLock<Vec<Http>> = LazyLock::new(|| {
    let read = |text| read_http_adapter(text, None).expect("it is an example").0;
    let texts = [
        include_str!("../../examples/adapters/portal.yaml"),
        include_str!("../adapters/all.yaml"),
    ];
    texts.into_iter().map(read).collect()
});

/// Reads the answer.
///
/// # Panics
///
/// Panics if an answer counts as a success that does not say so, if one is read without a limit, or if
/// an error says more than a code.
pub fn run(input: &[u8]) {
    let ([choice, rules], input) = choices(input);
    let operation = Operation::ALL[usize::from(choice & 1)];
    match choice & 2 {
        0 => {
            let adapter = &ADAPTERS[usize::from(rules) % ADAPTERS.len()];
            let described = match operation {
                Operation::Authenticate => &adapter.authenticate,
                Operation::Change => &adapter.change,
            };
            over_http(operation, described, Parts::of(input, choice & 4 != 0));
        }
        _ => of_function(operation, input),
    }
}

fn over_http(operation: Operation, described: &HttpRequest, answer: Parts) {
    let (old, new) = (SecretString::from(CANARY), SecretString::from(CANARY));
    let settings = [("tenant".to_owned(), "4711".to_owned())].into();
    let request = Request {
        version: VERSION,
        request: operation,
        username: "billing@example.com",
        password: &old,
        new_password: (operation == Operation::Change).then_some(&new),
        settings: &settings,
    };
    let built = build(described, &request).expect("the values fit");
    let (stream, written) = Played::new(answer);
    let exchanged = block_on(exchange(stream, built.request));
    let written = written.lock().expect("no panic").clone();
    let requests = [b"GET ".as_slice(), b"POST ", b"PUT ", b"PATCH "];
    assert!(written.is_empty() || requests.iter().any(|it| written.starts_with(it)));
    let answer = match exchanged {
        Ok(answer) => answer,
        Err(error) => return check(&error),
    };
    assert!(answer.body.len() <= LONGEST_RESPONSE);
    let meaning = answers::meaning(operation, &described.answers, &answer);
    let of_status = || {
        let mut rules = described.answers.iter();
        rules.any(|rule| rule.outcome == Outcome::Success && rule.status.contains(&answer.status))
    };
    match meaning {
        Ok(_) => assert!(of_status(), "{} counts as a success", answer.status),
        Err(error) => {
            assert_eq!(error.code, Some(format!("HTTP {}", answer.status)));
            check(&error);
        }
    }
}

fn of_function(operation: Operation, answer: &[u8]) {
    match response::read(operation, answer) {
        Ok(previous) => {
            // Of a field that is there twice, the last one counts.
            let read: serde_json::Value = serde_json::from_slice(answer).expect("it was read");
            let read: Response = serde_json::from_value(read).expect("it was read");
            assert_eq!((read.version, read.outcome), (VERSION, Outcome::Success));
            assert_eq!(read.previous, previous);
            assert!(answer.len() <= LONGEST_RESPONSE);
        }
        Err(error) => {
            let code = error.code.as_deref().unwrap_or("-");
            let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
            assert!((1..=LONGEST_CODE).contains(&code.len()) && code.bytes().all(is_printable));
        }
    }
}

fn check(error: &ServiceError) {
    assert_silent(&format!("{error:?}"));
}
