//! The stack's rule, which starts a sweep every hour.

use keyrota_function::arn::SecretArn;
use keyrota_function::event::Invocation;
use keyrota_function::port::Clock;
use keyrota_function::step::Deadline;
use keyrota_function::sweep;
use keyrota_test_function::request::{TIMEOUT, conclude, lines, poll};
use serde_json::json;

use super::aws::{FakeAws, SECRET_ARN};
use super::rotation::{Outcome, Request};

/// Sweeps the secret.
pub(crate) fn sweep(aws: &FakeAws) -> Outcome {
    sweep_all(aws, &[SECRET_ARN])
}

/// Sweeps these secrets.
pub(crate) fn sweep_all(aws: &FakeAws, secrets: &[&str]) -> Outcome {
    let (request, secrets, deadline) = requested(aws, secrets);
    let ended = poll(sweep::run(&request, &secrets, deadline));
    conclude(&aws.output, request.lines, &ended);
    ended
}

/// Sweeps the secret. The sweep's calls wait for their turns.
pub(crate) async fn sweep_in_turns(aws: &FakeAws) -> Outcome {
    let (request, secrets, deadline) = requested(aws, &[SECRET_ARN]);
    let ended = Outcome::from(sweep::run(&request, &secrets, deadline).await);
    conclude(&aws.output, request.lines, &ended);
    ended
}

/// Returns the request for a sweep of these secrets.
fn requested<'aws>(
    aws: &'aws FakeAws,
    secrets: &[&str],
) -> (Request<'aws>, Vec<SecretArn>, Deadline) {
    let event = json!({ "keyrota": "sweep", "secrets": secrets });
    let Ok(Invocation::Sweep(secrets)) = Invocation::parse(&event) else {
        panic!("a sweep");
    };
    let request = Request {
        aws,
        lines: lines().sweeping(),
    };
    let deadline = Deadline {
        at: aws.now() + TIMEOUT,
    };
    (request, secrets, deadline)
}
