//! The part of Secrets Manager in a rotation: it invokes the four steps.

use keyrota_function::arn::SecretArn;
use keyrota_function::error::Error;
use keyrota_function::event::{Event, Step};
use keyrota_function::log::Lines;
use keyrota_function::pin::Pins;
use keyrota_function::port::{Clock, Ports};
use keyrota_function::step::{self, Deadline};
use keyrota_function_base::port;
use keyrota_test_function::request::{self, ROTATION_TOKEN, TIMEOUT, conclude, lines, poll};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use super::aws::{FakeAws, SECRET_ARN, TOKEN};

/// The result of a step.
pub(crate) type Outcome = request::Outcome<(), Error>;

/// The ports of one request, with the log as in Lambda.
pub(crate) struct Request<'aws> {
    pub(super) aws: &'aws FakeAws,
    pub(super) lines: Lines<Vec<u8>>,
}

impl port::Ports for Request<'_> {
    type SecretsManager = FakeAws;
    type Clock = FakeAws;
    type Journal = Lines<Vec<u8>>;

    fn secrets_manager(&self) -> &FakeAws {
        self.aws
    }

    fn clock(&self) -> &FakeAws {
        self.aws
    }

    fn journal(&self) -> &Lines<Vec<u8>> {
        &self.lines
    }
}

impl Ports for Request<'_> {
    type Keys = FakeAws;
    type Authenticator = FakeAws;
    type Probe = FakeAws;

    fn keys(&self) -> &FakeAws {
        self.aws
    }

    fn authenticator(&self) -> &FakeAws {
        self.aws
    }

    fn probe(&self) -> &FakeAws {
        self.aws
    }

    fn pins(&self) -> &Pins {
        self.aws.pins.get()
    }
}

/// Returns the event for a step of the rotation that creates version `token`.
pub(crate) fn event(step: Step, token: &str) -> Event {
    let event = json!({
        "Step": step.name(),
        "SecretId": SECRET_ARN,
        "ClientRequestToken": token,
        "RotationToken": ROTATION_TOKEN,
    });
    Event::parse(&event).expect("an event")
}

/// Runs one step of the rotation that creates version [`TOKEN`].
pub(crate) fn run(aws: &FakeAws, step: Step) -> Outcome {
    run_for(aws, step, TOKEN)
}

/// Runs one step of a rotation.
pub(crate) fn run_for(aws: &FakeAws, step: Step, token: &str) -> Outcome {
    run_with(aws, step, token, async |request, event, deadline| {
        step::run(request, event, deadline).await
    })
}

/// Runs one step of a rotation with the given function.
pub(crate) fn run_with(
    aws: &FakeAws,
    step: Step,
    token: &str,
    function: impl AsyncFnOnce(&Request<'_>, &Event, Deadline) -> Result<(), Error>,
) -> Outcome {
    let (request, event, deadline) = requested(aws, step, token);
    let ended = poll(function(&request, &event, deadline));
    conclude(&aws.output, request.lines, &ended);
    ended
}

/// Runs one step of a rotation, whose calls wait for their turns.
pub(crate) async fn step_in_turns(aws: &FakeAws, step: Step, token: &str) -> Outcome {
    let (request, event, deadline) = requested(aws, step, token);
    let ended = Outcome::from(step::run(&request, &event, deadline).await);
    conclude(&aws.output, request.lines, &ended);
    ended
}

/// Returns the request for a step.
fn requested<'aws>(
    aws: &'aws FakeAws,
    step: Step,
    token: &str,
) -> (Request<'aws>, Event, Deadline) {
    aws.never_say(ROTATION_TOKEN);
    let secret = SecretArn::parse(SECRET_ARN).expect("an ARN");
    let request = Request {
        aws,
        lines: lines().about(&secret, step.name()),
    };
    let deadline = Deadline {
        at: aws.now() + TIMEOUT,
    };
    (request, event(step, token), deadline)
}

/// Runs a rotation as Secrets Manager does, from the first step to the last, or to the first
/// that does not succeed. `token` identifies the rotation: the same token means a retry of the
/// same rotation.
pub(crate) fn rotate(aws: &FakeAws, token: &str) -> Outcome {
    aws.begin(token);
    for step in Step::ALL {
        let ended = run_for(aws, step, token);
        if !ended.is_done() {
            return ended;
        }
    }
    aws.end();
    Outcome::Done(())
}
