//! keyrota itself, which checks a secret.

use keyrota_function::check::{self, CheckAnswer};
use keyrota_function::error::Error;
use keyrota_function::event::Invocation;
use keyrota_test_function::request::{self, conclude, lines, poll};
use serde_json::{Value, json};

use super::aws::{FakeAws, SECRET_ARN};
use super::rotation::Request;

/// The result of a check.
pub(crate) type Checked = request::Outcome<CheckAnswer, Error>;

/// Rehearses the next rotation of the secret.
pub(crate) fn rehearse(aws: &FakeAws) -> Checked {
    check(aws, &json!({ "keyrota": "check", "secret": SECRET_ARN }))
}

/// Sends the event of a check.
pub(crate) fn check(aws: &FakeAws, event: &Value) -> Checked {
    let Ok(Invocation::Check(event)) = Invocation::parse(event) else {
        panic!("a check");
    };
    let request = Request {
        aws,
        lines: lines().about(&event.secret, "check"),
    };
    let ended = poll(check::run(&request, &event));
    conclude(&aws.output, request.lines, &ended);
    if let Checked::Done(answer) = &ended {
        aws.output
            .say(&serde_json::to_string(answer).expect("JSON"));
        aws.output.assert_silent();
    }
    ended
}
