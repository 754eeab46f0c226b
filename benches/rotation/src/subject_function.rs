//! The functions that are measured beside each other.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::python::Module;

/// A function, and how it is started.
pub struct SubjectFunction {
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// What `_HANDLER` says; nothing where it names the function's pins.
    pub handler: Option<&'static str>,
    /// The folder that it is started in, which is its own.
    pub task_root: PathBuf,
}

impl SubjectFunction {
    /// Returns our function, with its executable written to a folder.
    ///
    /// # Errors
    ///
    /// Returns that it cannot be written.
    pub fn ours(executable: &[u8], folder: &Path) -> Result<Self, Error> {
        let task_root = own_folder(folder, "ours")?;
        let program = task_root.join("bootstrap");
        write(&program, executable)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).map_err(Error::io("write", &program))?;
        Ok(Self {
            name: "ours",
            program,
            arguments: Vec::new(),
            handler: None,
            task_root,
        })
    }

    /// Returns the Python function of these modules, run by an interpreter that has
    /// `awslambdaric`, `boto3` and what else they need.
    ///
    /// # Errors
    ///
    /// Returns that it cannot be written.
    pub fn python(interpreter: &Path, modules: &[Module], folder: &Path) -> Result<Self, Error> {
        let task_root = own_folder(folder, "python")?;
        for module in modules {
            write(&task_root.join(module.name), module.source.as_bytes())?;
        }
        let handler = "handler.lambda_handler";
        Ok(Self {
            name: "Python",
            program: interpreter.to_owned(),
            arguments: ["-m", "awslambdaric", handler].map(str::to_owned).into(),
            handler: Some(handler),
            task_root,
        })
    }
}

fn own_folder(folder: &Path, name: &str) -> Result<PathBuf, Error> {
    let own = folder.join(name);
    std::fs::create_dir(&own).map_err(Error::io("make", &own))?;
    Ok(own)
}

/// Writes a file of a function.
///
/// # Errors
///
/// Returns that it cannot be written.
#[expect(
    clippy::disallowed_methods,
    reason = "functions are started from files"
)]
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(Error::io("write", path))
}
