//! Errors of the benchmark.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// Why the benchmark stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation of the operating system failed.
    #[error("cannot {doing}")]
    Io {
        /// The operation that failed.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// The certificates for the endpoints could not be created.
    #[error("cannot make the endpoints' certificates: {0}")]
    Certificates(String),
    /// The function could not be built.
    #[error("cannot build the function")]
    Build(#[from] keyrota::build::Error),
    /// A database server is not available, or refused a request.
    #[error("cannot measure with a database server")]
    Server(#[from] keyrota_test_servers::Error),
    /// Lambda would not run the function.
    #[error("Lambda would not run {function}\n{faults}")]
    Unfit {
        /// The function's executable.
        function: String,
        /// The reasons.
        faults: String,
    },
    /// A requirement of the Python side is missing.
    #[error(
        "the Python function cannot be run: {missing}\n\nHint: {hint}, or measure ours alone with \
         `--without-python`"
    )]
    Prerequisite {
        /// The requirement.
        missing: String,
        /// How to install it.
        hint: &'static str,
    },
    /// A function's process did not do what it should.
    #[error("{subject_function}: {what}{}", told(.log))]
    Misbehaved {
        /// The name of the function.
        subject_function: &'static str,
        /// What it did.
        what: String,
        /// The last lines of its output.
        log: String,
    },
    /// The arguments cannot be satisfied.
    #[error("{0}")]
    Usage(String),
}

fn told(log: &str) -> String {
    match log {
        "" => ", and wrote nothing".to_owned(),
        log => format!("\n{log}"),
    }
}

impl Error {
    /// Returns an error of the operating system, with the operation that failed.
    pub fn io(verb: &str, object: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        Self::doing(format!("{verb} {}", object.as_ref().display()))
    }

    /// Returns an error of the operating system, with the operation that failed.
    pub fn doing(doing: impl Display) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.to_string();
        move |source| Self::Io { doing, source }
    }
}
