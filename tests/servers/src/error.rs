//! What can go wrong before a test begins.

use std::io;
use std::path::Path;

/// A server cannot be had, or does not do what it is there for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// The operation that failed.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A program ended with a failure.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: String,
        /// What it said.
        output: String,
    },
    /// The server is not on this machine, and cannot be fetched.
    #[error(
        "{engine} is not on this machine, and there is no {tool} to get it from Debian's archive with; install the server's package, or {tool}"
    )]
    Missing {
        /// The server.
        engine: &'static str,
        /// The program that fetching needs.
        tool: &'static str,
    },
    /// The packages came, and lack something.
    #[error(
        "Debian's packages for {engine} have no {file}: the packages' names in `programs` need another look"
    )]
    Incomplete {
        /// The server.
        engine: &'static str,
        /// What is not in them.
        file: String,
    },
    /// The server does not come up.
    #[error("{engine} does not answer: {client}; its log ends: {log}")]
    Silent {
        /// The server.
        engine: &'static str,
        /// What its own client said.
        client: Box<Error>,
        /// The end of its log.
        log: String,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Error {
    /// Returns a function for `map_err` that adds the operation to an operating system error.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// The same, for what is done with a file.
    pub fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }
}
