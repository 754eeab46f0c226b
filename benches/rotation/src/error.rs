//! Why there is nothing to show.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// Why the benchmark stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, process, or socket is not available.
    #[error("cannot {doing}")]
    Io {
        /// The operation that failed.
        doing: String,
        /// Why it was not.
        source: io::Error,
    },
    /// The certificates for the endpoints could not be made.
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
        /// Why not.
        faults: String,
    },
    /// Something that the Python side needs is not on this machine.
    #[error(
        "the Python function cannot be run: {missing}\n\nHint: {hint}, or measure ours alone with \
         `--without-python`"
    )]
    Prerequisite {
        /// What is missing.
        missing: String,
        /// Where to get it.
        hint: &'static str,
    },
    /// A function's process did something else than it should.
    #[error("{subject_function}: {what}{}", told(.log))]
    Misbehaved {
        /// Whose function.
        subject_function: &'static str,
        /// What it did.
        what: String,
        /// The end of what it wrote.
        log: String,
    },
    /// A wish that cannot be met.
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
