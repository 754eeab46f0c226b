//! Errors of the servers.

use std::io;
use std::path::Path;

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation of the operating system failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// The operation that failed.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: String,
        /// Its output.
        output: String,
    },
    /// The server is not on this machine and cannot be downloaded.
    #[error(
        "{engine} is not on this machine, and there is no {tool} to get it from Debian's archive with; install the server's package, or {tool}"
    )]
    Missing {
        /// The server.
        engine: &'static str,
        /// The program that is required to download it.
        tool: &'static str,
    },
    /// The downloaded packages lack a file.
    #[error("the packages of {engine} have no {file}: their names in `programs` need another look")]
    Incomplete {
        /// The server.
        engine: &'static str,
        /// The missing file.
        file: String,
    },
    /// The machine has no suitable Python.
    #[error(
        "{engine} needs Python 3.11 or newer with the module `venv`, and none is on the PATH; install it (python3-venv on Debian)"
    )]
    NoPython {
        /// The server.
        engine: &'static str,
    },
    /// The machine has no suitable Node.js.
    #[error(
        "{what} need npm and Node.js 20 or newer, and they are not on the PATH; install them (nodejs and npm on Debian)"
    )]
    NoNode {
        /// What needs it.
        what: &'static str,
    },
    /// The server does not answer.
    #[error("{engine} does not answer: {client}; its log ends: {log}")]
    Silent {
        /// The server.
        engine: &'static str,
        /// The error of its client.
        client: Box<Error>,
        /// The end of its log.
        log: String,
    },
    /// A certificate could not be created.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl Error {
    /// Returns a function for `map_err` that adds the operation to an operating system error.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// Does the same for an operation on a file.
    pub fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }
}
