//! Environments of servers that are Python packages. They are created once, in the cache, from pinned
//! requirements.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{find, run};
use crate::cache;
use crate::error::Error;

/// Whether an interpreter is one that the requirements are pinned for.
const QUESTION: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

/// A virtual environment.
#[derive(Clone, Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// Returns the environment with these pinned requirements, and creates it if it is absent.
    ///
    /// # Errors
    ///
    /// Fails if the machine has no Python 3.11 or newer, or if a package cannot be installed.
    pub fn with(name: &'static str, requirements: &str) -> Result<Self, Error> {
        let python = interpreter(name)?;
        let mut hasher = DefaultHasher::new();
        (requirements, &python).hash(&mut hasher);
        let folder = format!("{name}-{:016x}", hasher.finish());
        let place = cache::once(&folder, |partial, _| {
            install(&python, requirements, partial)
        })?;
        Ok(Self { folder: place })
    }

    /// Returns the interpreter.
    pub fn program(&self) -> PathBuf {
        self.folder.join("environment/bin/python")
    }

    /// Returns a file that is installed below the environment's packages.
    ///
    /// # Errors
    ///
    /// Fails if the packages have no such file.
    pub fn packaged(&self, package: &'static str, path: &str) -> Result<PathBuf, Error> {
        let question = format!("import {package}; print({package}.__path__[0])");
        let mut command = Command::new(self.program());
        let folder = run(command.args(["-I", "-c", &question]))?;
        let file = Path::new(folder.trim()).join(path);
        match file.exists() {
            true => Ok(file),
            false => Err(Error::Incomplete {
                engine: package,
                file: path.to_owned(),
            }),
        }
    }
}

/// Returns the first interpreter on the `PATH` that is new enough.
fn interpreter(engine: &'static str) -> Result<PathBuf, Error> {
    let names = [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
    ];
    let fits = |path: &PathBuf| run(Command::new(path).args(["-I", "-c", QUESTION])).is_ok();
    names
        .iter()
        .filter_map(|name| find(name))
        .find(fits)
        .ok_or(Error::NoPython { engine })
}

fn install(python: &Path, requirements: &str, partial: &Path) -> Result<(), Error> {
    let environment = partial.join("environment");
    run(Command::new(python).args(["-m", "venv"]).arg(&environment))?;
    let file = partial.join("requirements.txt");
    cache::write(&file, requirements)?;
    let mut command = Command::new(environment.join("bin/python"));
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--require-hashes", "--prefer-binary", "--requirement"])
        .arg(file);
    run(&mut command).map(drop)
}
