//! The parts of Secrets Manager in a rotation, of the rule in a sweep, and of the bootstrap in
//! a check.

use keyrota_function_base::port;
use keyrota_service_function::check::{self, CheckAnswer};
use keyrota_service_function::error::Error;
use keyrota_service_function::event::{Invocation, Step};
use keyrota_service_function::log::Lines;
use keyrota_service_function::pin::Pins;
use keyrota_service_function::port::{Clock, Ports};
use keyrota_service_function::step::{self, Deadline};
use keyrota_service_function::sweep;
use keyrota_test_function::request::{self, ROTATION_TOKEN, TIMEOUT, conclude, lines, poll};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use super::services::{FakeServices, SECRET_ARN, TOKEN};

/// The result of a request.
pub(crate) type Outcome<T = ()> = request::Outcome<T, Error>;

/// The ports of one request, with the log as in Lambda.
struct Request<'services> {
    services: &'services FakeServices,
    lines: Lines<Vec<u8>>,
}

impl port::Ports for Request<'_> {
    type SecretsManager = FakeServices;
    type Clock = FakeServices;
    type Journal = Lines<Vec<u8>>;

    fn secrets_manager(&self) -> &FakeServices {
        self.services
    }

    fn clock(&self) -> &FakeServices {
        self.services
    }

    fn journal(&self) -> &Lines<Vec<u8>> {
        &self.lines
    }
}

impl Ports for Request<'_> {
    type Service = FakeServices;

    fn service(&self) -> &FakeServices {
        self.services
    }

    fn pins(&self) -> &Pins {
        self.services.pins.get()
    }
}

/// Makes a request, polls it once, and collects its output.
fn request<T>(
    services: &FakeServices,
    event: Value,
    work: impl AsyncFnOnce(&Request<'_>, Invocation, Deadline) -> Result<T, Error>,
) -> Outcome<T> {
    services.broken_off.replace(None);
    services.wrong_logins.set(0);
    let (request, parsed, deadline) = requested(services, &event);
    let ended = poll(work(&request, parsed, deadline));
    conclude(&services.output, request.lines, &ended);
    ended
}

/// Makes a request whose calls wait for their turns, and collects its output.
async fn request_in_turns<T>(
    services: &FakeServices,
    event: Value,
    work: impl AsyncFnOnce(&Request<'_>, Invocation, Deadline) -> Result<T, Error>,
) -> Outcome<T> {
    let (request, parsed, deadline) = requested(services, &event);
    let ended = Outcome::from(work(&request, parsed, deadline).await);
    conclude(&services.output, request.lines, &ended);
    ended
}

fn requested<'services>(
    services: &'services FakeServices,
    event: &Value,
) -> (Request<'services>, Invocation, Deadline) {
    services.never_say(ROTATION_TOKEN);
    let lines = lines();
    let request = Request { services, lines };
    let deadline = Deadline {
        at: services.now() + TIMEOUT,
    };
    (
        request,
        Invocation::parse(event).expect("an event"),
        deadline,
    )
}

/// Runs one step of the rotation that creates version [`TOKEN`].
pub(crate) fn run(services: &FakeServices, step: Step) -> Outcome {
    run_for(services, step, TOKEN)
}

/// Runs one step of a rotation.
pub(crate) fn run_for(services: &FakeServices, step: Step, token: &str) -> Outcome {
    request(services, step_event(step, token), a_step)
}

/// Runs one step of a rotation, whose calls wait for their turns.
pub(crate) async fn step_in_turns(services: &FakeServices, step: Step, token: &str) -> Outcome {
    request_in_turns(services, step_event(step, token), a_step).await
}

fn step_event(step: Step, token: &str) -> Value {
    json!({
        "Step": step.name(),
        "SecretId": SECRET_ARN,
        "ClientRequestToken": token,
        "RotationToken": ROTATION_TOKEN,
    })
}

async fn a_step(request: &Request<'_>, work: Invocation, deadline: Deadline) -> Result<(), Error> {
    let Invocation::Step(event) = work else {
        panic!("a step");
    };
    step::run(request, &event, deadline).await
}

/// Sweeps the secret.
pub(crate) fn sweep(services: &FakeServices) -> Outcome {
    request(services, sweep_event(), a_sweep)
}

/// Sweeps the secret. The sweep's calls wait for their turns.
pub(crate) async fn sweep_in_turns(services: &FakeServices) -> Outcome {
    request_in_turns(services, sweep_event(), a_sweep).await
}

fn sweep_event() -> Value {
    json!({ "keyrota": "sweep", "secrets": [SECRET_ARN] })
}

async fn a_sweep(request: &Request<'_>, work: Invocation, deadline: Deadline) -> Result<(), Error> {
    let Invocation::Sweep(secrets) = work else {
        panic!("a sweep");
    };
    sweep::run(request, &secrets, deadline).await
}

/// Checks a version of the secret.
pub(crate) fn check(services: &FakeServices, version: &str) -> Outcome<CheckAnswer> {
    request(services, check_event(version), a_check)
}

/// Rehearses the next rotation.
pub(crate) fn rehearse(services: &FakeServices) -> Outcome<CheckAnswer> {
    let event = json!({ "keyrota": "check", "secret": SECRET_ARN });
    request(services, event, a_check)
}

/// Checks a version of the secret. The check's calls wait for their turns.
pub(crate) async fn check_in_turns(services: &FakeServices, version: &str) -> Outcome<CheckAnswer> {
    request_in_turns(services, check_event(version), a_check).await
}

fn check_event(version: &str) -> Value {
    json!({ "keyrota": "check", "secret": SECRET_ARN, "version": version })
}

async fn a_check(
    request: &Request<'_>,
    work: Invocation,
    _: Deadline,
) -> Result<CheckAnswer, Error> {
    let Invocation::Check(check) = work else {
        panic!("a check");
    };
    check::run(request, &check).await
}

/// Runs a rotation as Secrets Manager does, from the first step to the last, or to the first
/// that does not succeed. `token` identifies the rotation: the same token means a retry of the
/// same rotation.
pub(crate) fn rotate(services: &FakeServices, token: &str) -> Outcome {
    services.begin(token);
    for step in Step::ALL {
        let ended = run_for(services, step, token);
        if !ended.is_done() {
            return ended;
        }
    }
    services.end();
    Outcome::Done(())
}
