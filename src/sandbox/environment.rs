//! The virtual environment, created once in the user's cache.
//!
//! The folder's name is a digest of everything that the environment is created from, so another
//! version of this program or of Python gets its own. If several processes need it at once, one
//! creates it while the others wait for its lock. A marker file is written last. An environment
//! without it was interrupted and is created again.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::bundle::sha256_hex;
use crate::port::{Event, Listener, Stage};
use crate::tool::{self, Output};

use super::python::{self, Python};
use super::{Error, Options};

/// How often a lock is tried again.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Variables of the caller that would change what Python or pip does.
const MISLEADING: [&str; 8] = [
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
];

/// What a virtual environment is created from.
pub struct Recipe {
    /// The requirements, in pip's format.
    pub requirements: &'static str,
}

/// A complete virtual environment, and its parent folder.
#[derive(Debug)]
pub struct Environment {
    /// The folder that contains the environment and other files for it.
    pub home: PathBuf,
}

impl Environment {
    /// Returns the folder of the virtual environment.
    pub fn folder(&self) -> PathBuf {
        self.home.join("venv")
    }

    /// Returns its interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder().join("bin/python")
    }

    /// Returns whether the environment is complete. Its interpreter is a link that breaks when
    /// the Python that created it is removed.
    fn is_complete(&self) -> bool {
        self.marker().exists() && self.python().exists()
    }

    fn marker(&self) -> PathBuf {
        self.home.join("complete")
    }

    /// Installs further requirements, once.
    ///
    /// # Errors
    ///
    /// Fails if pip fails, with its output.
    pub async fn add(
        &self,
        options: &Options,
        requirements: &'static str,
        listener: &dyn Listener,
    ) -> Result<(), Error> {
        let marker = self
            .home
            .join(format!("added-{}", short_hash(requirements)));
        if marker.exists() {
            return Ok(());
        }
        let _lock = lock(&self.home.with_extension("lock")).await?;
        if marker.exists() {
            return Ok(());
        }
        listener.on(Event::Stage(Stage::PreparingSandbox));
        self.install(options, requirements, listener).await?;
        write(&marker, "")
    }

    async fn make(
        &self,
        options: &Options,
        python: &Python,
        recipe: &Recipe,
        listener: &dyn Listener,
    ) -> Result<(), Error> {
        if self.home.exists() {
            fs::remove_dir_all(&self.home)
                .map_err(Error::io(format!("remove {}", self.home.display())))?;
        }
        fs::create_dir_all(&self.home).map_err(Error::write(&self.home))?;
        let folder = self.folder();
        run(
            options,
            python.path.as_os_str(),
            &[OsStr::new("-m"), OsStr::new("venv"), folder.as_os_str()],
            listener,
        )
        .await?;
        self.install(options, recipe.requirements, listener).await?;
        write(&self.marker(), "")
    }

    async fn install(
        &self,
        options: &Options,
        requirements: &str,
        listener: &dyn Listener,
    ) -> Result<(), Error> {
        let file = self
            .home
            .join(format!("requirements-{}.txt", short_hash(requirements)));
        write(&file, requirements)?;
        let arguments =
            "-m pip install --disable-pip-version-check --no-input --require-hashes --requirement";
        let mut arguments: Vec<&OsStr> = arguments.split(' ').map(OsStr::new).collect();
        arguments.push(file.as_os_str());
        run(options, self.python().as_os_str(), &arguments, listener).await
    }
}

/// Returns a complete virtual environment, and creates it if necessary.
///
/// # Errors
///
/// Fails if no suitable Python is found, or if the environment cannot be created.
pub async fn prepare(
    options: &Options,
    recipe: &Recipe,
    listener: &dyn Listener,
) -> Result<Environment, Error> {
    let python = python::find(options).await?;
    let identity = format!(
        "{}\n{}\n{}",
        python.version,
        python.path.display(),
        recipe.requirements
    );
    let cache = options.cache.join("keyrota");
    let environment = Environment {
        home: cache.join(format!("sandbox-{}", short_hash(&identity))),
    };
    if environment.is_complete() {
        return Ok(environment);
    }
    listener.on(Event::Stage(Stage::PreparingSandbox));
    fs::create_dir_all(&cache).map_err(Error::write(&cache))?;
    let _lock = lock(&environment.home.with_extension("lock")).await?;
    if !environment.is_complete() {
        environment.make(options, &python, recipe, listener).await?;
    }
    Ok(environment)
}

/// Takes a lock that is held while the file is open. It polls instead of blocking, so that an
/// interrupt is handled meanwhile.
async fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::write(path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
            Err(TryLockError::Error(source)) => {
                return Err(Error::io(format!("lock {}", path.display()))(source));
            }
        }
    }
}

/// Runs Python with the caller's settings for proxies and package indexes.
async fn run(
    options: &Options,
    python: &OsStr,
    arguments: &[&OsStr],
    listener: &dyn Listener,
) -> Result<(), Error> {
    let mut command = Command::new(python);
    command.args(arguments).env("PATH", &options.search_path);
    for name in MISLEADING {
        command.env_remove(name);
    }
    // A package's installer must not see credentials.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let doing = || {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        format!("{} {}", python.to_string_lossy(), words.join(" "))
    };
    let finished = tool::run(&mut command, Output::Emitted, listener)
        .await
        .map_err(|source| Error::io(format!("run {}", doing()))(source))?;
    if finished.status.success() {
        return Ok(());
    }
    Err(Error::Environment {
        doing: doing(),
        tail: finished.tail,
    })
}

/// Returns enough digits of a hash to distinguish folders.
pub fn short_hash(text: &str) -> String {
    let mut digits = sha256_hex(text.as_bytes());
    digits.truncate(16);
    digits
}

/// Writes a file.
///
/// # Errors
///
/// Fails if it cannot be written.
pub fn write(path: &Path, content: &str) -> Result<(), Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox is an edge: its files are in the user's cache"
    )]
    fs::write(path, content).map_err(Error::write(path))
}
