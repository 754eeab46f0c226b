//! The program that Lambda runs, packed as `bootstrap`: it wires the rooms of
//! the library together.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use keyrota_function::arn::SecretArn;
use keyrota_function::aws::{Environment, Services, timestamp};
use keyrota_function::error::{Error, SweepError};
use keyrota_function::event::{Event, Invocation, Payload};
use keyrota_function::log::{Level, Lines};
use keyrota_function::metric::Metric;
use keyrota_function::pin::Pins;
use keyrota_function::pins::PinsError;
use keyrota_function::port::{Clock, Journal, Ports};
use keyrota_function::step::{self, Deadline};
use keyrota_function::sweep;
use keyrota_function_base::lambda::{ANSWERING, Failure, die_silently, left, milliseconds, refuse};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    die_silently();
    let environment = match Environment::read(|name| std::env::var(name).ok()) {
        Ok(environment) => environment,
        Err(error) => return refuse(error),
    };
    let setting = |name| std::env::var(name).ok();
    let handler = setting("_HANDLER").unwrap_or_default();
    let package = PathBuf::from(setting("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned()));
    let function = Function {
        pins: Pins::load(&handler, &package),
        services: Services::new(&environment),
        name: setting("AWS_LAMBDA_FUNCTION_NAME"),
        least: Level::from_setting(setting("AWS_LAMBDA_LOG_LEVEL").as_deref()),
    };
    let handler = service_fn(async |event: LambdaEvent<Payload>| {
        handle(&function, event).await.map_err(|error| Failure {
            name: error.name(),
            sentence: error.sentence(),
        })
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => refuse("reach the Lambda runtime API; run this program as a Lambda function"),
    }
}

/// What outlives a request.
struct Function {
    /// Without pins, every request is refused, which Lambda and the log then tell.
    pins: Result<Pins, PinsError>,
    services: Services,
    name: Option<String>,
    least: Level,
}

async fn handle(function: &Function, event: LambdaEvent<Payload>) -> Result<(), Error> {
    let LambdaEvent { payload, context } = event;
    let log = Lines::new(
        io::stdout(),
        function.least,
        timestamp,
        context.request_id.clone(),
    );
    let log = log.metering(function.name.clone(), milliseconds);
    let invocation = match Invocation::read(&payload) {
        Ok(invocation) => invocation,
        Err(error) => return Err(failed(&log, error.into())),
    };
    let log = match &invocation {
        Invocation::Step(event) => log.about(event.secret.name(), event.step.name()),
        Invocation::Sweep(_) => log.sweeping(),
    };
    let pins = match &function.pins {
        Ok(pins) => pins,
        Err(error) => return Err(failed(&log, (*error).into())),
    };
    let left = left(&context);
    let ports = function.services.with(&log, pins);
    match invocation {
        Invocation::Step(event) => rotate(&ports, &event, left)
            .await
            .map_err(|error| failed(&log, error)),
        Invocation::Sweep(secrets) => {
            sweep_up(&ports, &secrets, left)
                .await
                .map_err(|error| match error {
                    // What it failed on is measured already.
                    Error::Sweep(SweepError::SweepFailed { .. }) => {
                        log.failed(&error);
                        error
                    }
                    error => failed(&log, error),
                })
        }
    }
}

/// Logs and measures that a request failed.
fn failed(log: &Lines<io::Stdout>, error: Error) -> Error {
    log.failed(&error);
    log.measure(&[Metric::Failures(1)]);
    error
}

async fn rotate(ports: &impl Ports, event: &Event, left: Duration) -> Result<(), Error> {
    let deadline = Deadline {
        at: ports.clock().now() + left.saturating_sub(ANSWERING),
    };
    // Boxed, since the future holds those of all the calls in it.
    let step = Box::pin(step::run(ports, event, deadline));
    tokio::time::timeout(left, step).await.unwrap_or_else(|_| {
        let secret = event.secret.name().to_owned();
        Err(Error::OutOfTime {
            secret,
            step: event.step.name(),
        })
    })
}

async fn sweep_up(ports: &impl Ports, secrets: &[SecretArn], left: Duration) -> Result<(), Error> {
    let deadline = Deadline {
        at: ports.clock().now() + left.saturating_sub(ANSWERING),
    };
    let sweep = Box::pin(sweep::run(ports, secrets, deadline));
    tokio::time::timeout(left, sweep)
        .await
        .unwrap_or_else(|_| Err(SweepError::SweepOutOfTime { all: secrets.len() }.into()))
}
