//! Packages from npm. They are installed once, in the cache, from a lock file.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{find, run};
use crate::cache;
use crate::error::Error;

/// Whether a Node.js is one that the current AWS SDK supports.
const QUESTION: &str = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";

/// A Node.js with installed packages.
#[derive(Clone, Debug)]
pub struct Node {
    program: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// Returns a Node.js with the packages of a `package.json` and its `package-lock.json`, and
    /// installs them if they are absent. Their install scripts do not run.
    ///
    /// # Errors
    ///
    /// Fails if the machine has no npm or no Node.js 20 or newer, or if a package cannot be
    /// installed.
    pub fn with(name: &'static str, manifest: &str, lock: &str) -> Result<Self, Error> {
        let absent = || Error::NoNode { what: name };
        let program = find("node").ok_or_else(absent)?;
        run(Command::new(&program).args(["-e", QUESTION])).map_err(|_| absent())?;
        let npm = find("npm").ok_or_else(absent)?;
        let mut hasher = DefaultHasher::new();
        (manifest, lock).hash(&mut hasher);
        let folder = format!("{name}-{:016x}", hasher.finish());
        let folder = cache::once(&folder, |partial, _| install(&npm, manifest, lock, partial))?;
        Ok(Self { program, folder })
    }

    /// Returns the program `node`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the folder of the packages. A module finds them if its own folder, or one above,
    /// links to it as `node_modules`.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }
}

fn install(npm: &Path, manifest: &str, lock: &str, partial: &Path) -> Result<(), Error> {
    cache::write(&partial.join("package.json"), manifest)?;
    cache::write(&partial.join("package-lock.json"), lock)?;
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(command.arg("--loglevel=error").current_dir(partial)).map(drop)
}
