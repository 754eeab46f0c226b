//! The program that Lambda runs, packed as `bootstrap`: it wires the rooms of
//! the library together.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use keyrota_function::aws::{Environment, Services, timestamp};
use keyrota_function::clock::time_of_day;
use keyrota_function::error::Error;
use keyrota_function::event::Event;
use keyrota_function::log::{Level, Lines};
use keyrota_function::port::{Clock, Ports};
use keyrota_function::step::{self, Deadline};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

/// The time kept for answering: what a step may still have in hand when its
/// time is up is dropped, and Secrets Manager hears why.
const ANSWERING: Duration = Duration::from_millis(500);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // A panic's message may hold what was being worked on; its place does not.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            io::stderr(),
            "{{\"level\":\"ERROR\",\"panicAt\":\"{place}\"}}"
        );
    }));
    let environment = match Environment::read(|name| std::env::var(name).ok()) {
        Ok(environment) => environment,
        Err(error) => return refuse(&error.to_string()),
    };
    let least = Level::from_setting(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let services = Services::new(&environment);
    let handler = service_fn(async |event: LambdaEvent<Value>| {
        handle(&services, least, event).await.map_err(Failure)
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => refuse("reach the Lambda runtime API; run this program as a Lambda function"),
    }
}

async fn handle(services: &Services, least: Level, event: LambdaEvent<Value>) -> Result<(), Error> {
    let LambdaEvent { payload, context } = event;
    let log = Lines::new(io::stdout(), least, timestamp, context.request_id.clone());
    let event = Event::parse(&payload)
        .map_err(Error::from)
        .inspect_err(|error| log.failed(error))?;
    let log = log.about(event.secret.name(), event.step.name());
    rotate(services, &log, &event, &context)
        .await
        .inspect_err(|error| log.failed(error))
}

async fn rotate(
    services: &Services,
    log: &Lines<io::Stdout>,
    event: &Event,
    context: &Context,
) -> Result<(), Error> {
    let ports = services.with_journal(log);
    let left = context
        .deadline()
        .duration_since(time_of_day())
        .unwrap_or_default();
    let left = left.saturating_sub(ANSWERING);
    let deadline = Deadline {
        at: ports.clock().now() + left.saturating_sub(ANSWERING),
    };
    // Boxed, since the future holds those of all the calls in it.
    let step = Box::pin(step::run(&ports, event, deadline));
    tokio::time::timeout(left, step).await.unwrap_or_else(|_| {
        let secret = event.secret.name().to_owned();
        Err(Error::OutOfTime {
            secret,
            step: event.step.name(),
        })
    })
}

fn refuse(reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "failed to {reason}");
    ExitCode::FAILURE
}

/// An error on its way to Lambda.
#[derive(Debug)]
struct Failure(Error);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: error.sentence(),
        }
    }
}
