//! The program that Lambda runs, packed as `bootstrap`: it wires the rooms of
//! the library together.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use keyrota_database_function::aws::{Environment, Services, timestamp};
use keyrota_database_function::check;
use keyrota_database_function::engine::Engines;
use keyrota_database_function::error::Error;
use keyrota_database_function::event::{Payload, Work};
use keyrota_database_function::log::{Level, Lines};
use keyrota_database_function::metric::Metric;
use keyrota_database_function::pin::Pins;
use keyrota_database_function::pins::PinsError;
use keyrota_database_function::port::{Clock, Journal, Ports};
use keyrota_database_function::step::{self, Deadline};
use keyrota_database_function::sweep;
use keyrota_function_base::lambda::{ANSWERING, Failure, die_silently, left, milliseconds, refuse};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    die_silently();
    let setting = |name: &str| std::env::var(name).ok();
    let environment = match Environment::read(setting) {
        Ok(environment) => environment,
        Err(error) => return refuse(error),
    };
    let task_root = PathBuf::from(setting("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned()));
    let handler = setting("_HANDLER").unwrap_or_default();
    let function = Function {
        pins: Pins::load(&handler, &task_root),
        services: Services::new(&environment, Engines::new(&task_root)),
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
    services: Services<Engines>,
    name: Option<String>,
    least: Level,
}

async fn handle(function: &Function, event: LambdaEvent<Payload>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let log = Lines::new(
        io::stdout(),
        function.least,
        timestamp,
        context.request_id.clone(),
    );
    let log = log.metering(function.name.clone(), milliseconds);
    let work = match Work::read(&payload) {
        Ok(work) => work,
        Err(error) => return Err(failed(&log, error.into())),
    };
    let log = match &work {
        Work::Step(event) => log.about(&event.secret, event.step.name()),
        Work::Check(check) => log.about(&check.secret, "check"),
        Work::Sweep(_) => log.sweeping(),
    };
    carry_out(function, &log, &work, left(&context))
        .await
        .map_err(|error| match error {
            // What a sweep failed on is measured already; a check that fails is
            // no rotation that does.
            error if matches!(error, Error::SweepFailed { .. }) => unmeasured(&log, error),
            error if matches!(work, Work::Check(_)) => unmeasured(&log, error),
            error => failed(&log, error),
        })
}

/// Does what was asked for, in the time that there is.
async fn carry_out(
    function: &Function,
    log: &Lines<io::Stdout>,
    work: &Work,
    left: Duration,
) -> Result<Value, Error> {
    let pins = function.pins.as_ref().map_err(|error| *error)?;
    let ports = function.services.with(log, pins);
    let deadline = Deadline {
        at: ports.clock().now() + left.saturating_sub(ANSWERING),
    };
    // Boxed, since the future holds those of all the calls in it.
    let work_done = Box::pin(async {
        match work {
            Work::Step(event) => step::run(&ports, event, deadline)
                .await
                .map(|()| Value::Null),
            Work::Sweep(secrets) => sweep::run(&ports, secrets, deadline)
                .await
                .map(|()| Value::Null),
            Work::Check(check) => {
                let answer = check::run(&ports, check).await?;
                Ok(serde_json::to_value(answer).unwrap_or_default())
            }
        }
    });
    let ended = tokio::time::timeout(left, work_done).await;
    ended.unwrap_or_else(|_| {
        Err(match work {
            Work::Step(event) => Error::OutOfTime {
                secret: event.secret.name().to_owned(),
                step: event.step.name(),
            },
            Work::Check(check) => Error::OutOfTime {
                secret: check.secret.name().to_owned(),
                step: "check",
            },
            Work::Sweep(secrets) => Error::SweepOutOfTime { all: secrets.len() },
        })
    })
}

/// Logs and measures that a request failed.
fn failed(log: &Lines<io::Stdout>, error: Error) -> Error {
    log.measure(&[Metric::Failures(1)]);
    unmeasured(log, error)
}

/// Logs that a request failed.
fn unmeasured(log: &Lines<io::Stdout>, error: Error) -> Error {
    log.failed(&error);
    error
}
