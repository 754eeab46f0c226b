//! The Python functions, and a virtual environment for each kind: made once, in the user's
//! cache, in a folder that is named after what it is made from.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use keyrota::bundle::sha256_hex;
use tokio::process::Command;

use crate::database::Engine;
use crate::error::Error;
use crate::kind::FunctionKind;
use crate::progress;

/// What Lambda's runtime brings.
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// What the databases' function brings with it.
const DRIVERS: &str = include_str!("../python/database/requirements.txt");

/// Prints how large a zip is.
const SIZE: &str = include_str!("../python/database/size.py");

/// A module of a function.
pub struct Module {
    pub name: &'static str,
    pub source: &'static str,
}

/// The modules of the function that rotates access keys.
pub const ACCESS_KEYS: [Module; 1] = [Module {
    name: "handler.py",
    source: include_str!("../python/handler.py"),
}];

/// Returns the modules of the function that rotates passwords of a kind of server.
pub const fn database(engine: Engine) -> [Module; 2] {
    let handler = Module {
        name: "handler.py",
        source: include_str!("../python/database/handler.py"),
    };
    let driver = Module {
        name: "driver.py",
        source: match engine {
            Engine::Postgres => include_str!("../python/database/postgres.py"),
            Engine::MariaDb => include_str!("../python/database/mariadb.py"),
        },
    };
    [handler, driver]
}

/// Returns the packages that are in the zip of that function.
const fn packages(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Postgres => &["psycopg", "psycopg-binary", "typing_extensions"],
        Engine::MariaDb => &["pymysql"],
    }
}

/// Prints the version and the interpreter's own path; fails where it is too old
/// or cannot make virtual environments.
const QUESTION: &str = "\
import sys
if sys.version_info < (3, 10): sys.exit('it is Python %d.%d' % sys.version_info[:2])
import venv, ensurepip
print('%d.%d.%d' % sys.version_info[:3])
print(getattr(sys, '_base_executable', None) or sys.executable)";

/// Variables of the caller that would lead Python or pip elsewhere.
const MISLEADING: [&str; 6] = [
    "PIP_PREFIX",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
];

/// A virtual environment that has all that the function needs.
pub struct Environment {
    pub interpreter: PathBuf,
    /// Python's version.
    pub version: String,
    /// What is installed in it.
    requirements: String,
}

impl Environment {
    /// Returns the versions that are pinned of some packages, of those that are
    /// there.
    pub fn pinned(&self, names: &[&str]) -> String {
        let pins = self.requirements.lines().filter_map(|line| {
            let (name, version) = line.split_once("==")?;
            names.contains(&name).then(|| format!("{name} {version}"))
        });
        pins.collect::<Vec<_>>().join(", ")
    }

    /// Returns how large the zip is of a function for a kind of server, in bytes:
    /// its modules in a folder, and its driver.
    ///
    /// # Errors
    ///
    /// Returns what Python says.
    pub async fn zip(&self, engine: Engine, folder: &Path) -> Result<usize, Error> {
        let modules = database(engine);
        let mut arguments = ["-I", "-c", SIZE].map(OsStr::new).to_vec();
        arguments.push(folder.as_os_str());
        arguments.extend(modules.iter().map(|module| OsStr::new(module.name)));
        arguments.push(OsStr::new("--"));
        arguments.extend(packages(engine).iter().map(OsStr::new));
        let said = run(self.interpreter.as_os_str(), arguments).await;
        let size = said.and_then(|said| said.trim().parse().map_err(|_| said));
        size.map_err(|why| Error::Usage(format!("the Python function cannot be packed: {why}")))
    }
}

/// Returns the environment, making it where there is none.
///
/// # Errors
///
/// Returns what is missing.
pub async fn prepare(kind: FunctionKind) -> Result<Environment, Error> {
    let requirements = match kind {
        FunctionKind::AccessKeys => REQUIREMENTS.to_owned(),
        FunctionKind::Database => format!("{REQUIREMENTS}{DRIVERS}"),
    };
    let (version, python) = find().await?;
    let identity = sha256_hex(format!("{version}\n{python}\n{requirements}").as_bytes());
    let home = cache()?.join(format!("keyrota/bench-rotation-{}", &identity[..16]));
    std::fs::create_dir_all(&home).map_err(Error::io("make", &home))?;
    // Another run of the benchmark may be making it.
    let lock = home.with_extension("lock");
    let lock = std::fs::File::create(&lock).map_err(Error::io("write", &lock))?;
    lock.lock()
        .map_err(Error::doing("lock a virtual environment"))?;
    let interpreter = home.join("venv/bin/python");
    let complete = home.join("complete");
    if !(complete.exists() && interpreter.exists()) {
        progress::say("making a virtual environment for Python");
        std::fs::remove_dir_all(&home).map_err(Error::io("remove", &home))?;
        make(&python, &home, &interpreter, &requirements).await?;
        write(&complete, "")?;
    }
    Ok(Environment {
        interpreter,
        version,
        requirements,
    })
}

/// Returns the version of a Python that does, and where its interpreter is.
async fn find() -> Result<(String, String), Error> {
    let python = variable("KEYROTA_PYTHON").unwrap_or_else(|| "python3".into());
    let name = python.to_string_lossy().into_owned();
    let unfit = |why: &str| Error::Prerequisite {
        missing: format!("it needs Python 3.10 or newer with venv, and {name} does not do: {why}"),
        hint: "install it (Debian, Ubuntu: `apt install python3-venv`), let KEYROTA_PYTHON name \
               an interpreter",
    };
    let question = [OsStr::new("-I"), OsStr::new("-c"), OsStr::new(QUESTION)];
    let answer = run(&python, question).await.map_err(|why| unfit(&why))?;
    let mut lines = answer.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(version), Some(path)) => Ok((version, path)),
        _ => Err(unfit("it does not say its version")),
    }
}

async fn make(
    python: &str,
    home: &Path,
    interpreter: &Path,
    requirements: &str,
) -> Result<(), Error> {
    std::fs::create_dir_all(home).map_err(Error::io("make", home))?;
    let list = home.join("requirements.txt");
    write(&list, requirements)?;
    let folder = home.join("venv");
    let arguments = [OsStr::new("-m"), OsStr::new("venv"), folder.as_os_str()];
    let made = run(OsStr::new(python), arguments).await;
    made.map_err(|why| Error::Prerequisite {
        missing: format!("its virtual environment cannot be made: {why}"),
        hint: "look at what Python said",
    })?;
    let install = "-m pip install --quiet --disable-pip-version-check --no-input --requirement";
    let mut arguments: Vec<&OsStr> = install.split(' ').map(OsStr::new).collect();
    arguments.push(list.as_os_str());
    let installed = run(interpreter.as_os_str(), arguments).await;
    installed.map_err(|why| Error::Prerequisite {
        missing: format!("its packages cannot be installed: {why}"),
        hint: "they come from PyPI, or from where pip's own settings say",
    })?;
    Ok(())
}

/// Runs a program and returns what it says, or why it failed.
async fn run(
    program: &OsStr,
    arguments: impl IntoIterator<Item = &OsStr>,
) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for name in MISLEADING {
        command.env_remove(name);
    }
    // Credentials are no business of a package's installer.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let output = command.output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn cache() -> Result<PathBuf, Error> {
    variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or_else(|| Error::Prerequisite {
            missing: "a place for its virtual environment".to_owned(),
            hint: "let XDG_CACHE_HOME or HOME name one",
        })
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a virtual environment is made from files"
)]
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::io("write", path))
}
