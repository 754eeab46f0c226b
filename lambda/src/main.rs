//! The program that Lambda runs, packaged as `bootstrap`. It wires the modules of the library
//! together.

use std::io::Stdout;
use std::process::ExitCode;

use keyrota_contract::event::{CHECK, DROP_USER};
use keyrota_contract::marker;
use keyrota_function::aws::Services;
use keyrota_function::error::{Error, RequestError};
use keyrota_function::event::{EventError, Invocation, Payload};
use keyrota_function::log::Lines;
use keyrota_function::metric::Metric;
use keyrota_function::pin::Pins;
use keyrota_function::pins::PinsError;
use keyrota_function::port::Journal;
use keyrota_function::{check, step, sweep};
use keyrota_function_base::lambda::{Program, in_time};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let program = match Program::start(marker::ACCESS_KEYS) {
        Ok(program) => program,
        Err(code) => return code,
    };
    let function = Function {
        pins: Pins::load(&program.handler, &program.package),
        services: Services::new(&program.environment),
    };
    let handle = async |event| handle(&program, &function, event).await;
    program.serve(handle).await
}

/// The state that outlives a request.
struct Function {
    /// The pins. Without them, the function refuses every request, and both Lambda and the log
    /// report why.
    pins: Result<Pins, PinsError>,
    services: Services,
}

async fn handle(
    program: &Program,
    function: &Function,
    event: LambdaEvent<Payload>,
) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let log: Lines<Stdout> = program.log(&context);
    let invocation = match Invocation::read(&payload) {
        Ok(invocation) => invocation,
        Err(error) => return Err(failed(&log, RequestError::from(error).into())),
    };
    let log = match &invocation {
        Invocation::Step(event) => log.about(&event.secret, event.step.name()),
        Invocation::Sweep(_) => log.sweeping(),
        Invocation::Check(check) => log.about(&check.secret, CHECK),
        Invocation::DropUser(secret) => log.about(secret, DROP_USER),
    };
    carry_out(function, &log, &context, &invocation)
        .await
        .map_err(|error| match invocation {
            // Only a step is a part of a rotation.
            Invocation::Check(_) | Invocation::DropUser(_) => unmeasured(&log, error),
            _ => failed(&log, error),
        })
}

/// Runs the requested work within the available time.
async fn carry_out(
    function: &Function,
    log: &Lines<Stdout>,
    context: &Context,
    invocation: &Invocation,
) -> Result<Value, Error> {
    let pins = function.pins.as_ref();
    let pins = pins.map_err(|error| RequestError::from(*error))?;
    let ports = function.services.with(log, pins);
    let ended = in_time(
        context,
        function.services.clock(),
        async |deadline| match invocation {
            Invocation::Step(event) => step::run(&ports, event, deadline)
                .await
                .map(|()| Value::Null),
            Invocation::Sweep(secrets) => sweep::run(&ports, secrets, deadline)
                .await
                .map(|()| Value::Null),
            Invocation::Check(check) => {
                let checked = timeout(check::LIMIT, check::run(&ports, check)).await;
                let late = |_| RequestError::out_of_time(invocation);
                let answer = checked.map_err(late)??;
                Ok(serde_json::to_value(answer).unwrap_or_default())
            }
            Invocation::DropUser(_) => Err(RequestError::from(EventError::DropsNoUser).into()),
        },
    );
    ended
        .await
        .unwrap_or_else(|| Err(RequestError::out_of_time(invocation).into()))
}

/// Logs that a request failed, and counts the failure in a metric. A sweep has already counted
/// its own failures.
fn failed(log: &Lines<Stdout>, error: Error) -> Error {
    if !matches!(error, Error::Request(RequestError::SweepFailed { .. })) {
        log.measure(&[Metric::Failures(1)]);
    }
    unmeasured(log, error)
}

/// Logs that a request failed.
fn unmeasured(log: &Lines<Stdout>, error: Error) -> Error {
    log.failed(&error);
    error
}
