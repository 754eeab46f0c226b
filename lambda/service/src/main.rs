//! The program that Lambda runs, packaged as `bootstrap`. It wires the modules of the library
//! together.

use std::io::Stdout;
use std::process::ExitCode;

use keyrota_contract::event::CHECK;
use keyrota_contract::marker;
use keyrota_function_base::lambda::{Program, in_time};
use keyrota_service_function::adapter::Adapters;
use keyrota_service_function::aws::Services;
use keyrota_service_function::error::{Error, RequestError};
use keyrota_service_function::event::{EventError, Invocation, Payload};
use keyrota_service_function::log::Lines;
use keyrota_service_function::metric::Metric;
use keyrota_service_function::pin::Pins;
use keyrota_service_function::pins::PinsError;
use keyrota_service_function::port::Journal;
use keyrota_service_function::{check, step, sweep};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let program = match Program::start(marker::SERVICES) {
        Ok(program) => program,
        Err(code) => return code,
    };
    let function = Function {
        pins: Pins::load(&program.handler, &program.package),
        services: Services::new(&program.environment, &program.package),
    };
    let handle = async |event| handle(&program, &function, event).await;
    program.serve(handle).await
}

/// The state that outlives a request.
struct Function {
    /// The pins. Without them, the function refuses every request, and both Lambda and the log
    /// report why.
    pins: Result<Pins, PinsError>,
    services: Services<Adapters>,
}

async fn handle(
    program: &Program,
    function: &Function,
    event: LambdaEvent<Payload>,
) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    let log: Lines<Stdout> = program.log(&context);
    let work = match Invocation::read(&payload) {
        Ok(Invocation::DropUser(_)) => {
            return Err(unmeasured(&log, refused(EventError::DropsNoUser)));
        }
        Ok(work) => work,
        Err(error) => return Err(failed(&log, refused(error))),
    };
    let log = match &work {
        Invocation::Step(event) => log.about(&event.secret, event.step.name()),
        Invocation::Sweep(_) => log.sweeping(),
        Invocation::Check(check) => log.about(&check.secret, CHECK),
        Invocation::DropUser(_) => log,
    };
    carry_out(function, &log, &context, &work)
        .await
        .map_err(|error| match (&work, &error) {
            // A sweep has already counted its own failures, and a check is no failed rotation.
            (Invocation::Check(_), _) | (_, Error::Request(RequestError::SweepFailed { .. })) => {
                unmeasured(&log, error)
            }
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
            Invocation::Step(event) => {
                let done = step::run(&ports, event, deadline).await;
                done.map(|()| Value::Null)
            }
            Invocation::Sweep(secrets) => {
                let done = sweep::run(&ports, secrets, deadline).await;
                done.map(|()| Value::Null)
            }
            Invocation::Check(check) => {
                let answer = check::run(&ports, check).await?;
                Ok(serde_json::to_value(answer).unwrap_or_default())
            }
            Invocation::DropUser(_) => Err(refused(EventError::DropsNoUser)),
        },
    );
    ended
        .await
        .unwrap_or_else(|| Err(RequestError::out_of_time(work).into()))
}

/// Returns the error of an event that this function does not accept.
fn refused(error: EventError) -> Error {
    RequestError::from(error).into()
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
