//! What a program needs to run on Lambda.

use std::fmt::Display;
use std::io::{self, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;

use crate::aws::{Environment, timestamp};
use crate::clock::{Clock, Deadline, since_1970, time_of_day};
use crate::dump;
use crate::error::NamedError;
use crate::event::Payload;
use crate::log::{Level, Lines};

/// The time reserved for the response. When the rest of the time is up, the function drops a
/// step that is still running and reports the reason.
const ANSWERING: Duration = Duration::from_millis(500);

/// The process that Lambda started.
pub struct Program {
    /// The Region, the credentials, and the endpoints.
    pub environment: Environment,
    /// The function's `Handler`, which names the file with the pins.
    pub handler: String,
    /// The folder that contains the function's package.
    pub package: PathBuf,
    name: Option<String>,
    least: Level,
}

impl Program {
    /// Reads the environment, and suppresses crash output. `mark` is one of
    /// [`keyrota_contract::marker`], and is in the executable because it is used here.
    ///
    /// # Errors
    ///
    /// Returns the exit code if Lambda's variables are missing.
    pub fn start(mark: &'static str) -> Result<Self, ExitCode> {
        std::hint::black_box(mark);
        suppress_crash_output();
        let setting = |name: &str| std::env::var(name).ok();
        let package = setting("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned());
        Ok(Self {
            environment: Environment::read(setting).map_err(refuse)?,
            handler: setting("_HANDLER").unwrap_or_default(),
            package: PathBuf::from(package),
            name: setting("AWS_LAMBDA_FUNCTION_NAME"),
            least: Level::from_setting(setting("AWS_LAMBDA_LOG_LEVEL").as_deref()),
        })
    }

    /// Returns the log of one request.
    pub fn log<D, E: NamedError>(&self, context: &Context) -> Lines<Stdout, D, E> {
        let request_id = context.request_id.clone();
        let log = Lines::new(io::stdout(), self.least, timestamp, request_id);
        log.metering(self.name.clone(), milliseconds)
    }

    /// Handles requests until Lambda ends the process.
    pub async fn serve<Answer: Serialize, E: NamedError>(
        &self,
        handle: impl AsyncFn(LambdaEvent<Payload>) -> Result<Answer, E>,
    ) -> ExitCode {
        let handler = service_fn(async |event: LambdaEvent<Payload>| {
            handle(event).await.map_err(|error| Failure {
                name: error.name(),
                sentence: error.sentence(),
            })
        });
        match lambda_runtime::run(handler).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => refuse("reach the Lambda runtime API; run this program as a Lambda function"),
        }
    }
}

/// Runs the requested work within the available time. Returns `None` if the time runs out.
pub async fn in_time<Answer>(
    context: &Context,
    clock: &impl Clock,
    work: impl AsyncFnOnce(Deadline) -> Answer,
) -> Option<Answer> {
    let left = remaining_time(context);
    let deadline = Deadline {
        at: clock.now() + left.saturating_sub(ANSWERING),
    };
    // Boxed, since this future contains the futures of all the calls in it.
    let work = Box::pin(work(deadline));
    tokio::time::timeout(left, work).await.ok()
}

/// Makes sure that a crash reveals no secret: the process writes no core dump, and a panic
/// reports only its location, since its message may contain the data being processed.
fn suppress_crash_output() {
    dump::forbid();
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
}

/// Returns how long a request may take.
fn remaining_time(context: &Context) -> Duration {
    context
        .deadline()
        .duration_since(time_of_day())
        .unwrap_or_default()
        .saturating_sub(ANSWERING)
}

/// Returns the time since 1970 in milliseconds.
fn milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or_default()
}

/// Reports what the program failed to do, and returns the exit code.
fn refuse(reason: impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "failed to {reason}");
    ExitCode::FAILURE
}

/// An error in the form that Lambda reports.
#[derive(Debug)]
struct Failure {
    /// Lambda's `errorType`.
    name: &'static str,
    /// Lambda's `errorMessage`.
    sentence: String,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.name.to_owned(),
            error_message: failure.sentence,
        }
    }
}
