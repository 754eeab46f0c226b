//! Running one request to its end, or to the death of its process.

use std::fmt::Debug;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyrota_function_base::error::NamedError;
use keyrota_function_base::log::{Level, Lines};

use crate::output::Output;

/// The timeout of a request.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The rotation token of all events, which must never appear in output.
pub const ROTATION_TOKEN: &str = "rotation-token-0123456789abcdef";

/// The result of a request.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// The request succeeded.
    Done(T),
    /// The request failed.
    Failed(E),
    /// The process died.
    Died,
}

impl<T, E> From<Result<T, E>> for Outcome<T, E> {
    fn from(ended: Result<T, E>) -> Self {
        match ended {
            Ok(answer) => Self::Done(answer),
            Err(error) => Self::Failed(error),
        }
    }
}

impl<T, E: NamedError> Outcome<T, E> {
    /// Returns the error's name, or `done`, or `died`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(error) => error.name(),
            Self::Died => "died",
        }
    }

    /// Returns whether the request succeeded.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// Returns the log of a request, as in Lambda.
pub fn lines<D, E: NamedError>() -> Lines<Vec<u8>, D, E> {
    let time = || "2026-11-22T00:00:00Z".into();
    let lines = Lines::new(Vec::new(), Level::Info, time, "r-1".into());
    lines.metering(Some("rotator".to_owned()), || 1_795_305_600_000)
}

/// Polls a request once. Every call of a fake completes immediately, so a pending future is a
/// process that died.
pub fn poll<T, E>(request: impl Future<Output = Result<T, E>>) -> Outcome<T, E> {
    match pin!(request).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ended) => Outcome::from(ended),
        Poll::Pending => Outcome::Died,
    }
}

/// Collects the output of a request, and checks that it contains no secret.
///
/// # Panics
///
/// Panics if it contains one.
pub fn conclude<T, D, E: NamedError + Debug>(
    output: &Output,
    lines: Lines<Vec<u8>, D, E>,
    ended: &Outcome<T, E>,
) {
    if let Outcome::Failed(error) = ended {
        lines.failed(error);
        output.say(&format!("{} {error:?}\n", error.sentence()));
    }
    let log = String::from_utf8(lines.into_writer());
    output.say(&log.expect("the log is UTF-8"));
    output.assert_silent();
}
