//! A local AWS: ministack with the additions that rotation needs, as a child process.
//!
//! The emulator is a Python package that is compiled into this program. On first use, its
//! pinned requirements are installed into a virtual environment in the user's cache. It listens
//! on 127.0.0.1 only, gets an empty environment, and ends with its parent: it watches its
//! standard input, which closes when the parent ends for any reason. Every process on this
//! machine can reach the port. Therefore its root has a random key, which the emulator reads
//! from standard input, and it refuses requests that only a browser would send.

mod environment;
mod error;
mod health;
mod package;
mod python;
mod root_key;
mod server;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::port::{Event, Listener, Stage};
use crate::system;

pub use error::Error;
pub use python::Rejected;
pub use root_key::RootKey;
pub use server::Sandbox;

/// The options of a sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1. If absent, any free port.
    pub port: Option<u16>,
    /// The Region for clients.
    pub region: String,
    /// The user's cache folder, in which `keyrota` is a folder.
    pub cache: PathBuf,
    /// The Python interpreter. If absent, it is searched for.
    pub python: Option<OsString>,
    /// The folders to search for programs, in the format of `PATH`.
    pub search_path: OsString,
    /// How much of what makes AWS harder to use than a local AWS is on.
    pub strictness: Strictness,
}

/// How much of what makes AWS harder to use than a local AWS is on: changes that take
/// time to be seen, rates of calls, text that is lost. The emulator's README has the
/// items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// None of it.
    #[default]
    Lenient,
    /// All of it, in real time.
    LikeAws {
        /// What decides each lag. By default, another number with each start.
        seed: Option<u32>,
    },
    /// Some of it, in virtual time, which passes with each request and where root
    /// advances it.
    Virtual {
        /// The items, separated by commas, or `all`.
        items: String,
        /// What decides each lag, so that a run can be repeated.
        seed: u32,
    },
}

impl Strictness {
    /// Returns the emulator's arguments.
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Lenient => Vec::new(),
            Self::LikeAws { seed } => {
                let seed = seed.map(|seed| format!("--seed={seed}"));
                std::iter::once("--like-aws".to_owned())
                    .chain(seed)
                    .collect()
            }
            Self::Virtual { items, seed } => {
                vec![format!("--strict={items}"), format!("--seed={seed}")]
            }
        }
    }
}

impl Options {
    /// Returns the options from this process's environment: `XDG_CACHE_HOME` or `~/.cache`,
    /// `KEYROTA_PYTHON`, and `PATH`.
    ///
    /// # Errors
    ///
    /// Fails if there is no cache folder.
    pub fn of_this_process() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = system::cache_folder(variable).ok_or(Error::NoCache)?;
        Ok(Self {
            port: None,
            region: "us-east-1".to_owned(),
            cache,
            python: variable("KEYROTA_PYTHON"),
            search_path: variable("PATH").unwrap_or_default(),
            strictness: Strictness::default(),
        })
    }
}

/// Starts a local AWS, and waits until it answers. It ends when the value is dropped. The first
/// start downloads its packages.
///
/// # Errors
///
/// Fails if this system is not Linux, if no suitable Python is found, or if the environment or the
/// emulator cannot be started.
pub async fn start(options: &Options, listener: &dyn Listener) -> Result<Sandbox, Error> {
    if !system::RUNS_LINUX_PROGRAMS {
        return Err(Error::System(std::env::consts::OS));
    }
    if let Some(port) = options.port {
        server::expect_free(port)?;
    }
    let environment = environment::prepare(options, &package::RECIPE, listener).await?;
    let package = package::install(&environment)?;
    listener.on(Event::Stage(Stage::StartingSandbox));
    server::start(options, &environment.python(), &package).await
}

/// Adds the tools that this project's tests need (the template linter) to the sandbox's virtual
/// environment, and returns its folder. The linter is `bin/cfn-lint` in it.
///
/// # Errors
///
/// Fails like [`start`].
pub async fn test_tools(options: &Options, listener: &dyn Listener) -> Result<PathBuf, Error> {
    let environment = environment::prepare(options, &package::RECIPE, listener).await?;
    environment
        .add(options, package::TEST_REQUIREMENTS, listener)
        .await?;
    Ok(environment.folder())
}

#[cfg(test)]
mod tests;
