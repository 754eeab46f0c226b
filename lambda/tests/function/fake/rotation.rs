//! The part of Secrets Manager in a rotation: it invokes the four steps.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyrota_function::arn::SecretArn;
use keyrota_function::error::{Error, NamedError};
use keyrota_function::event::{Event, Step};
use keyrota_function::log::{Level, Lines};
use keyrota_function::pin::Pins;
use keyrota_function::port::{Clock, Ports};
use keyrota_function::step::{self, Deadline};
use keyrota_function_base::port;
use serde_json::json;

use super::aws::{FakeAws, SECRET_ARN, TOKEN};

/// The timeout of a step.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The result of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The step succeeded.
    Done,
    /// The step failed.
    Failed(Error),
    /// The process died.
    Died,
}

impl Outcome {
    /// Returns the error's name, or `done`, or `died`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(error) => error.name(),
            Self::Died => "died",
        }
    }
}

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

const ROTATION_TOKEN: &str = "rotation-token-0123456789abcdef";

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
    aws.never_say(ROTATION_TOKEN);
    let lines = Lines::new(
        Vec::new(),
        Level::Info,
        || "2026-11-22T00:00:00Z".into(),
        "r-1".into(),
    );
    let lines = lines.metering(Some("rotator".to_owned()), || 1_795_305_600_000);
    let secret = SecretArn::parse(SECRET_ARN).expect("an ARN");
    let request = Request {
        aws,
        lines: lines.about(&secret, step.name()),
    };
    let deadline = Deadline {
        at: aws.now() + TIMEOUT,
    };
    let event = event(step, token);
    let ended = poll(function(&request, &event, deadline));
    conclude(request, ended)
}

/// Polls once. Every call completes immediately, so a pending future is a process that died.
pub(super) fn poll(future: impl Future<Output = Result<(), Error>>) -> Outcome {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Outcome::Done,
        Poll::Ready(Err(error)) => Outcome::Failed(error),
        Poll::Pending => Outcome::Died,
    }
}

/// Collects all output of a request, and checks that it contains no secret.
pub(super) fn conclude(request: Request<'_>, ended: Outcome) -> Outcome {
    let Request { aws, lines } = request;
    if let Outcome::Failed(error) = &ended {
        lines.failed(error);
        aws.say(&format!("{} {error:?}\n", error.sentence()));
    }
    aws.say(&String::from_utf8(lines.into_writer()).expect("UTF-8"));
    aws.assert_silent();
    ended
}

/// Runs a rotation as Secrets Manager does, from the first step to the last, or to the first
/// that does not succeed. `token` identifies the rotation: the same token means a retry of the
/// same rotation.
pub(crate) fn rotate(aws: &FakeAws, token: &str) -> Outcome {
    aws.begin(token);
    for step in Step::ALL {
        let ended = run_for(aws, step, token);
        if !matches!(ended, Outcome::Done) {
            return ended;
        }
    }
    aws.end();
    Outcome::Done
}
