//! The program that Lambda runs, packaged as `bootstrap`. It wires the modules of the library
//! together.

use std::io::Stdout;
use std::process::ExitCode;

use keyrota_contract::event::{CHECK, DROP_USER};
use keyrota_contract::marker;
use keyrota_database_function::aws::Services;
use keyrota_database_function::engine::Engines;
use keyrota_database_function::error::{Error, RequestError};
use keyrota_database_function::event::{Invocation, Payload};
use keyrota_database_function::log::Lines;
use keyrota_database_function::metric::Metric;
use keyrota_database_function::pin::Pins;
use keyrota_database_function::pins::PinsError;
use keyrota_database_function::port::Journal;
use keyrota_database_function::{check, removal, step, sweep};
use keyrota_function_base::lambda::{Program, in_time};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let program = match Program::start(marker::DATABASES) {
        Ok(program) => program,
        Err(code) => return code,
    };
    let function = Function {
        pins: Pins::load(&program.handler, &program.package),
        services: Services::new(&program.environment, Engines::new(&program.package)),
    };
    let handle = async |event| handle(&program, &function, event).await;
    program.serve(handle).await
}

/// The state that outlives a request.
struct Function {
    /// The pins. Without them, the function refuses every request, and both Lambda and the log
    /// report why.
    pins: Result<Pins, PinsError>,
    services: Services<Engines>,
}

async fn handle(
    program: &Program,
    function: &Function,
    event: LambdaEvent<Payload>,
) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let log: Lines<Stdout> = program.log(&context);
    let work = match Invocation::read(&payload) {
        Ok(work) => work,
        Err(error) => return Err(failed(&log, RequestError::from(error).into())),
    };
    let log = match &work {
        Invocation::Step(event) => log.about(&event.secret, event.step.name()),
        Invocation::Sweep(_) => log.sweeping(),
        Invocation::Check(check) => log.about(&check.secret, CHECK),
        Invocation::DropUser(secret) => log.about(secret, DROP_USER),
    };
    carry_out(function, &log, &context, &work)
        .await
        .map_err(|error| match (&work, &error) {
            // A sweep has already counted its own failures, and nothing else than a step is a failed
            // rotation.
            (Invocation::Check(_) | Invocation::DropUser(_), _)
            | (_, Error::Request(RequestError::SweepFailed { .. })) => unmeasured(&log, error),
            _ => failed(&log, error),
        })
}

/// Runs the requested work within the available time.
async fn carry_out(
    function: &Function,
    log: &Lines<Stdout>,
    context: &Context,
    work: &Invocation,
) -> Result<Value, Error> {
    let pins = function.pins.as_ref();
    let pins = pins.map_err(|error| RequestError::from(*error))?;
    let ports = function.services.with(log, pins);
    let ended = in_time(
        context,
        function.services.clock(),
        async |deadline| match work {
            Invocation::Step(event) => step::run(&ports, event, deadline)
                .await
                .map(|()| Value::Null),
            Invocation::Sweep(secrets) => sweep::run(&ports, secrets, deadline)
                .await
                .map(|()| Value::Null),
            Invocation::Check(check) => {
                let answer = check::run(&ports, check).await?;
                Ok(serde_json::to_value(answer).unwrap_or_default())
            }
            Invocation::DropUser(secret) => {
                let answer = removal::run(&ports, secret).await?;
                Ok(serde_json::to_value(answer).unwrap_or_default())
            }
        },
    );
    ended
        .await
        .unwrap_or_else(|| Err(RequestError::out_of_time(work).into()))
}

/// Logs that a request failed, and counts the failure in a metric.
fn failed(log: &Lines<Stdout>, error: Error) -> Error {
    log.measure(&[Metric::Failures(1)]);
    unmeasured(log, error)
}

/// Logs that a request failed.
fn unmeasured(log: &Lines<Stdout>, error: Error) -> Error {
    log.failed(&error);
    error
}
