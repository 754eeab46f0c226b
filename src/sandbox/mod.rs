//! A local AWS: ministack with what rotation needs, as a child process.
//!
//! The emulator is a Python package that is part of this program. On first use
//! it gets a virtual environment of its own with pinned requirements, in the
//! user's cache. It listens on 127.0.0.1 only, sees nothing of the caller's
//! environment, and ends with its parent: it watches its standard input, whose
//! other end closes however the parent ends. Everything on this machine can reach
//! the port; so its root has a random key, which the emulator reads from there,
//! and what no program of the caller's would send is refused.

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

pub use error::Error;
pub use python::Rejected;
pub use root_key::RootKey;
pub use server::Sandbox;

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; any free one where there is none.
    pub port: Option<u16>,
    /// The Region for clients.
    pub region: String,
    /// The user's cache; `keyrota` is a folder in it.
    pub cache: PathBuf,
    /// The Python interpreter; looked for on the search path where there is
    /// none.
    pub python: Option<OsString>,
    /// Where programs are looked for, in the form of `PATH`.
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
    LikeAws,
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
            Self::LikeAws => vec!["--like-aws".to_owned()],
            Self::Virtual { items, seed } => {
                let option = |name: &str, value: &str| format!("--{name}={value}");
                vec![option("strict", items), option("seed", &seed.to_string())]
            }
        }
    }
}

impl Options {
    /// Returns what the environment says: `XDG_CACHE_HOME` or `~/.cache`,
    /// `KEYROTA_PYTHON`, `PATH`.
    ///
    /// # Errors
    ///
    /// Returns that there is no place for a cache.
    pub fn of_this_process() -> Result<Self, Error> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .ok_or(Error::NoCache)?;
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

/// Starts a local AWS and returns it when it answers. It ends when the value is
/// dropped. The first use takes as long as its packages take to download.
///
/// # Errors
///
/// Returns that there is no fit Python, or what kept the environment from being
/// made or the emulator from starting.
pub async fn start(options: &Options, listener: &dyn Listener) -> Result<Sandbox, Error> {
    if let Some(port) = options.port {
        server::expect_free(port)?;
    }
    let environment = environment::prepare(options, &package::RECIPE, listener).await?;
    let package = package::install(&environment)?;
    listener.on(Event::Stage(Stage::StartingSandbox));
    server::start(options, &environment.python(), &package).await
}

/// Adds what this project's own tests need (the template linter) to the
/// sandbox's virtual environment, and returns its folder. The linter is
/// `bin/cfn-lint` in it.
///
/// # Errors
///
/// As [`start`] does, as far as it gets.
pub async fn test_tools(options: &Options, listener: &dyn Listener) -> Result<PathBuf, Error> {
    let environment = environment::prepare(options, &package::RECIPE, listener).await?;
    environment
        .add(options, package::TEST_REQUIREMENTS, listener)
        .await?;
    Ok(environment.folder())
}

#[cfg(test)]
mod tests;
