//! What a program needs to be run by Lambda.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::{Context, Diagnostic};

use crate::clock::{since_1970, time_of_day};
use crate::dump;

/// The time kept for answering: what a step may still have in hand when its
/// time is up is dropped, and the caller hears why.
pub const ANSWERING: Duration = Duration::from_millis(500);

/// Sees to it that the process tells no secret when it dies: no image of its
/// memory, and of a panic its place only, since the message may hold what was
/// being worked on.
pub fn die_silently() {
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
pub fn left(context: &Context) -> Duration {
    context
        .deadline()
        .duration_since(time_of_day())
        .unwrap_or_default()
        .saturating_sub(ANSWERING)
}

/// Returns how long ago 1970 began, in milliseconds.
pub fn milliseconds() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or_default()
}

/// Says what the program failed to do, and returns the exit code.
pub fn refuse(reason: impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "failed to {reason}");
    ExitCode::FAILURE
}

/// An error on its way to Lambda.
#[derive(Debug)]
pub struct Failure {
    /// Lambda's `errorType`.
    pub name: &'static str,
    /// Lambda's `errorMessage`.
    pub sentence: String,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.name.to_owned(),
            error_message: failure.sentence,
        }
    }
}
