//! Queries the Rust compiler for its host, its commit, and its libraries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::model::Architecture;
use crate::port::Listener;
use crate::tool::{self, Output};

use super::Error;
use super::method::target;
use super::setting::Setting;

/// A Rust toolchain.
#[derive(Debug)]
pub struct Toolchain {
    /// The compiler's version, as `rustc --version` prints it.
    pub version: String,
    /// The target that it runs on.
    pub host: String,
    /// The commit that it was built from. A distribution's compiler may not report it.
    pub commit: Option<String>,
    /// The folder of its libraries.
    pub sysroot: PathBuf,
    /// Whether it has the standard library for the requested architecture.
    pub has_standard_library: bool,
}

/// Queries the compiler that cargo will use.
///
/// # Errors
///
/// Fails if the compiler cannot be run.
pub async fn inspect(
    setting: &Setting,
    architecture: Architecture,
    listener: &dyn Listener,
) -> Result<Toolchain, Error> {
    let rustc = setting
        .variable("RUSTC")
        .map_or_else(|| "rustc".into(), OsString::from);
    let version = ask(setting, &rustc, &["-vV"], listener).await?;
    let field = |name: &str| {
        version
            .iter()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
    };
    let unclear = |what| Error::Unclear {
        program: rustc.to_string_lossy().into_owned(),
        what,
    };
    // The first line is the version, which `rustc -V` prints alone.
    let release = version.iter().find(|line| line.starts_with("rustc "));
    let release = release.map_or("an unknown rustc", |line| line.trim());
    let host = field("host:").ok_or_else(|| unclear("which machine it runs on"))?;
    let target = target(architecture);
    let paths = ask(
        setting,
        &rustc,
        &[
            "--print",
            "sysroot",
            "--print",
            "target-libdir",
            "--target",
            target,
        ],
        listener,
    )
    .await?;
    let [sysroot, libraries] = paths.as_slice() else {
        return Err(unclear("where its libraries are"));
    };
    Ok(Toolchain {
        version: release.to_owned(),
        host,
        commit: field("commit-hash:").filter(|commit| commit != "unknown"),
        sysroot: PathBuf::from(sysroot),
        has_standard_library: holds_standard_library(Path::new(libraries)),
    })
}

/// Runs the compiler in the build's folder, because rustup selects the toolchain by folder.
async fn ask(
    setting: &Setting,
    rustc: &OsString,
    arguments: &[&str],
    listener: &dyn Listener,
) -> Result<Vec<String>, Error> {
    let program = || format!("{} {}", rustc.to_string_lossy(), arguments.join(" "));
    let mut command = Command::new(rustc);
    command
        .args(arguments)
        .current_dir(setting.source()?)
        .env_clear()
        .envs(setting.variables());
    let finished = tool::run(&mut command, Output::Collected, listener)
        .await
        .map_err(|source| Error::Start {
            program: program(),
            source,
        })?;
    if !finished.status.success() {
        return Err(Error::Failed {
            program: program(),
            status: finished.status,
            tail: finished.tail,
        });
    }
    Ok(finished.output)
}

fn holds_standard_library(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}
