//! Finds a Python interpreter that is new enough and complete.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use tokio::process::Command;

use crate::port::{Event, Listener};
use crate::tool::{self, Output};

use super::{Error, Options};

/// The names of interpreters, in the order in which they are tried.
const NAMES: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];

/// The oldest version that the pinned requirements support.
const OLDEST: (u32, u32) = (3, 10);

/// Prints the version, the path of the interpreter itself (instead of a shim or a virtual
/// environment), and the missing modules.
const QUESTION: &str = "\
import importlib.util, sys
print('%d.%d.%d' % sys.version_info[:3])
print(getattr(sys, '_base_executable', None) or sys.executable)
print(' '.join(m for m in ('venv', 'ensurepip') if not importlib.util.find_spec(m)))";

/// A Python interpreter that the sandbox can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// Its path.
    pub path: PathBuf,
    /// Its version, such as `3.11.7`.
    pub version: String,
}

/// A Python interpreter that the sandbox cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    name: String,
    fault: Defect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Defect {
    Missing,
    DoesNotRun,
    TooOld { version: String },
    Incomplete { version: String, modules: String },
}

impl Rejected {
    /// Returns whether only the module `venv` is missing.
    pub const fn lacks_venv(&self) -> bool {
        matches!(self.fault, Defect::Incomplete { .. })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.fault {
            Defect::Missing => write!(formatter, "{name}, which does not exist"),
            Defect::DoesNotRun => write!(formatter, "{name}, which cannot be run"),
            Defect::TooOld { version } => write!(formatter, "{name}, which is Python {version}"),
            Defect::Incomplete { version, modules } => write!(
                formatter,
                "{name}, which is Python {version} without {modules}"
            ),
        }
    }
}

/// Finds the specified interpreter, or the first suitable one on the search path.
///
/// # Errors
///
/// Fails with the unsuitable interpreters that were found.
pub async fn find(options: &Options) -> Result<Python, Error> {
    let mut found = Vec::new();
    if let Some(asked) = &options.python {
        match inspect(asked.clone(), options).await {
            Ok(python) => return Ok(python),
            Err(rejected) => found.push(rejected),
        }
        return Err(Error::NoPython { found });
    }
    for name in NAMES {
        let Some(path) = tool::find(name, &options.search_path) else {
            continue;
        };
        match inspect(path.into_os_string(), options).await {
            Ok(python) => return Ok(python),
            Err(rejected) => found.push(rejected),
        }
    }
    Err(Error::NoPython { found })
}

async fn inspect(program: OsString, options: &Options) -> Result<Python, Rejected> {
    let rejected = |fault| Rejected {
        name: program.to_string_lossy().into_owned(),
        fault,
    };
    let resolved =
        resolve(&program, &options.search_path).ok_or_else(|| rejected(Defect::Missing))?;
    let mut command = Command::new(resolved);
    command.args(["-I", "-c", QUESTION]);
    let answer = tool::run(&mut command, Output::Collected, &SilentListener).await;
    let answer = match &answer {
        Ok(finished) if finished.status.success() => finished.output.as_slice(),
        _ => return Err(rejected(Defect::DoesNotRun)),
    };
    let [version, path, missing] = answer else {
        return Err(rejected(Defect::DoesNotRun));
    };
    let (version, path) = (version.clone(), PathBuf::from(path));
    if !is_new_enough(&version) {
        return Err(rejected(Defect::TooOld { version }));
    }
    if !missing.is_empty() {
        let modules = missing.replace(' ', " and ");
        return Err(rejected(Defect::Incomplete { version, modules }));
    }
    Ok(Python { path, version })
}

/// Returns the path of a program. A name is searched for, and a path is kept.
fn resolve(program: &OsStr, search_path: &OsStr) -> Option<PathBuf> {
    match program.to_str() {
        Some(name) if !name.contains('/') => tool::find(name, search_path),
        _ => Some(PathBuf::from(program)).filter(|path| path.is_file()),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// Discards the output of an unsuitable interpreter, because the error summarizes it.
struct SilentListener;

impl Listener for SilentListener {
    fn on(&self, _: Event) {}
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sandbox::Strictness;
    use crate::tool::testing::script;

    fn options(folder: &Path, python: Option<&str>) -> Options {
        Options {
            port: None,
            region: "us-east-1".to_owned(),
            cache: folder.join("cache"),
            python: python.map(OsString::from),
            search_path: folder.into(),
            strictness: Strictness::default(),
        }
    }

    /// Returns the error and its hint, with the folder's name replaced.
    async fn refusal(folder: &Path, python: Option<&str>) -> String {
        let error = find(&options(folder, python)).await.unwrap_err();
        format!("{error}\n\nHint: {}", error.hint().unwrap())
            .replace(&folder.display().to_string(), "FOLDER")
    }

    #[tokio::test]
    async fn without_python_the_error_says_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        insta::assert_snapshot!(refusal(folder.path(), None).await, @"
        the sandbox requires Python 3.10 or newer, but found none on the PATH

        Hint: install Python 3.10 or newer, or set KEYROTA_PYTHON to an interpreter
        ");
    }

    #[tokio::test]
    async fn every_unfit_python_is_named() {
        let folder = tempfile::tempdir().unwrap();
        script(
            folder.path(),
            "python3",
            "echo 3.9.2; echo /usr/bin/python3.9; echo",
        );
        script(
            folder.path(),
            "python3.13",
            "echo 'pyenv: python3.13: command not found' >&2; exit 127",
        );
        insta::assert_snapshot!(refusal(folder.path(), None).await, @"
        the sandbox requires Python 3.10 or newer, but found FOLDER/python3, which is Python 3.9.2, FOLDER/python3.13, which cannot be run

        Hint: install Python 3.10 or newer, or set KEYROTA_PYTHON to an interpreter
        ");
        script(
            folder.path(),
            "python3.11",
            "echo 3.11.4; echo /usr/bin/python3.11; echo ensurepip",
        );
        insta::assert_snapshot!(refusal(folder.path(), None).await, @"
        the sandbox requires Python 3.10 or newer, but found FOLDER/python3, which is Python 3.9.2, FOLDER/python3.13, which cannot be run, FOLDER/python3.11, which is Python 3.11.4 without ensurepip

        Hint: install its `venv` module (Debian, Ubuntu: `apt install python3-venv`), or set KEYROTA_PYTHON to another interpreter
        ");
    }

    #[tokio::test]
    async fn the_first_fit_python_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        script(
            folder.path(),
            "python3",
            "echo 3.9.2; echo /usr/bin/python3.9; echo",
        );
        script(
            folder.path(),
            "python3.12",
            "echo 3.12.1; echo /opt/python3.12; echo",
        );
        script(
            folder.path(),
            "python3.10",
            "echo 3.10.1; echo /opt/python3.10; echo",
        );
        let python = find(&options(folder.path(), None)).await.unwrap();
        assert_eq!(python.path, Path::new("/opt/python3.12"));
        assert_eq!(python.version, "3.12.1");
    }

    #[tokio::test]
    async fn a_python_that_is_asked_for_is_the_only_one_tried() {
        let folder = tempfile::tempdir().unwrap();
        script(
            folder.path(),
            "python3",
            "echo 3.13.1; echo /opt/python3.13; echo",
        );
        insta::assert_snapshot!(refusal(folder.path(), Some("python3.10")).await, @"
        the sandbox requires Python 3.10 or newer, but found python3.10, which does not exist

        Hint: install Python 3.10 or newer, or set KEYROTA_PYTHON to an interpreter
        ");
        let path = script(
            folder.path(),
            "old",
            "echo 2.7.18; echo /usr/bin/python2; echo",
        );
        insta::assert_snapshot!(refusal(folder.path(), path.to_str()).await, @"
        the sandbox requires Python 3.10 or newer, but found FOLDER/old, which is Python 2.7.18

        Hint: install Python 3.10 or newer, or set KEYROTA_PYTHON to an interpreter
        ");
        let python = find(&options(folder.path(), Some("python3")))
            .await
            .unwrap();
        assert_eq!(python.version, "3.13.1");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, fit) in [
            ("3.10.0", true),
            ("3.9.18", false),
            ("3.100.0", true),
            ("4.0.0", true),
            ("2.7.18", false),
            ("three", false),
        ] {
            assert_eq!(is_new_enough(version), fit, "{version}");
        }
    }
}
