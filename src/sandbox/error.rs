//! Errors of the local AWS.

use std::io;
use std::path::PathBuf;

use super::python::Rejected;

/// Why the local AWS could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    #[error(
        "cannot find a cache directory for the sandbox: neither XDG_CACHE_HOME nor HOME is set"
    )]
    NoCache,
    /// No installed Python is new enough and complete.
    #[error("the sandbox requires Python 3.10 or newer, but found {}", listed(.found))]
    NoPython {
        /// Each interpreter that was found, and why it is unsuitable.
        found: Vec<Rejected>,
    },
    /// The rotation functions are Linux programs, which the local AWS runs.
    #[error(
        "the local AWS runs rotation functions, which are Linux programs, so it does not run on {0}"
    )]
    System(&'static str),
    /// Something is already listening on the port.
    #[error("the port {0} on 127.0.0.1 is already in use")]
    PortTaken(u16),
    /// The virtual environment could not be created.
    #[error("cannot create the sandbox's virtual environment: {doing} failed{}", shown(.tail))]
    Environment {
        /// The operation that failed.
        doing: String,
        /// The last lines of the tool's output.
        tail: Vec<String>,
    },
    /// A file or a program is not available.
    #[error("cannot {doing}")]
    Io {
        /// The operation that failed.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// The emulator ended before it answered a request.
    #[error("the local AWS did not start{}", shown(.tail))]
    DidNotStart {
        /// The last lines of its log.
        tail: Vec<String>,
    },
    /// The emulator runs but does not answer.
    #[error("the local AWS did not respond within {seconds} s{}", shown(.tail))]
    NoAnswer {
        /// The time that was waited, in seconds.
        seconds: u64,
        /// The last lines of its log.
        tail: Vec<String>,
    },
    /// The emulator ended after it had answered.
    #[error("the local AWS stopped unexpectedly ({status}){}", shown(.tail))]
    Ended {
        /// Its exit status.
        status: String,
        /// The last lines of its log.
        tail: Vec<String>,
    },
}

fn shown(tail: &[String]) -> String {
    tail.iter().map(|line| format!("\n{line}")).collect()
}

fn listed(found: &[Rejected]) -> String {
    if found.is_empty() {
        return "none on the PATH".to_owned();
    }
    let found: Vec<String> = found.iter().map(Rejected::to_string).collect();
    found.join(", ")
}

impl Error {
    /// Returns a function for `map_err` that adds the operation to an operating system error.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// Returns a function for `map_err` that says which file or folder cannot be written.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing: format!("write {}", path.display()),
            source,
        }
    }

    /// Returns the next step, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPython { found } if found.iter().any(Rejected::lacks_venv) => Some(
                "install its `venv` module (Debian, Ubuntu: `apt install python3-venv`), \
                 or set KEYROTA_PYTHON to another interpreter",
            ),
            Self::NoPython { .. } => {
                Some("install Python 3.10 or newer, or set KEYROTA_PYTHON to an interpreter")
            }
            Self::System(_) => {
                Some("use a Linux machine, a container, or the Windows Subsystem for Linux")
            }
            Self::PortTaken(_) => {
                Some("choose another `--port`, or omit the option to use a free port")
            }
            Self::Environment { .. } => Some(
                "the packages are installed from PyPI, or as pip's own settings \
                 (PIP_INDEX_URL, PIP_CONFIG_FILE) and the proxy variables specify",
            ),
            Self::NoCache
            | Self::Io { .. }
            | Self::DidNotStart { .. }
            | Self::NoAnswer { .. }
            | Self::Ended { .. } => None,
        }
    }
}
