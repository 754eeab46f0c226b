//! Runs cargo once, and finds the executable that it built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::bundle::NEWEST_GLIBC;
use crate::model::Architecture;
use crate::port::Listener;
use crate::tool::{self, Output};

use super::function::Function;
use super::method::{Method, linker_variable, target};
use super::profile::Profile;
use super::setting::Setting;
use super::toolchain::Toolchain;
use super::{Error, message};

/// The inputs of a build.
#[derive(Clone, Copy)]
pub struct BuildInputs<'a> {
    pub function: Function,
    pub architecture: Architecture,
    pub profile: Profile,
    pub method: &'a Method,
}

/// Builds the function and returns the executable.
///
/// # Errors
///
/// Fails if cargo fails, with the end of its output.
pub async fn run(
    setting: &Setting,
    source: &Path,
    toolchain: &Toolchain,
    inputs: BuildInputs<'_>,
    listener: &dyn Listener,
) -> Result<Vec<u8>, Error> {
    let BuildInputs {
        function,
        architecture,
        profile,
        method,
    } = inputs;
    let binary = function.binary();
    let target_folder = target_folder(setting, source);
    let lambda_folder = target_folder
        .join("keyrota-lambda")
        .join(target(architecture));
    let mut command = Command::new("cargo");
    command
        .current_dir(source)
        .env_clear()
        .envs(setting.variables());
    if profile == Profile::Function {
        let flags = rust_flags(setting, source, &target_folder, toolchain);
        command.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    let words: &[&str] = match method {
        Method::Native | Method::CrossLinker(_) => &["build"],
        Method::Zigbuild => &["zigbuild"],
        Method::CargoLambda => &["lambda", "build"],
    };
    command
        .args(words)
        .args(["--locked", "--profile", profile.name()])
        .args(profile.packages().flat_map(|name| ["--package", name]))
        .args(["--bin", binary]);
    match method {
        Method::Native => {}
        Method::CrossLinker(linker) => {
            command
                .args(["--target", target(architecture)])
                .env(linker_variable(architecture), linker);
        }
        Method::Zigbuild | Method::CargoLambda => {
            command.arg("--target");
            command.arg(format!("{}.{NEWEST_GLIBC}", target(architecture)));
        }
    }
    if *method == Method::CargoLambda {
        command.arg("--lambda-dir").arg(&lambda_folder);
    } else {
        command.args(["--message-format", "json-render-diagnostics"]);
    }
    let program = format!("cargo {}", words.join(" "));
    let finished = tool::run(&mut command, Output::Collected, listener)
        .await
        .map_err(|source| Error::Start {
            program: program.clone(),
            source,
        })?;
    if !finished.status.success() {
        return Err(Error::Failed {
            program,
            status: finished.status,
            tail: finished.tail,
        });
    }
    let path = if *method == Method::CargoLambda {
        // cargo-lambda gives every binary this name.
        lambda_folder.join(binary).join("bootstrap")
    } else {
        message::executable(&finished.output, binary).ok_or(Error::Unclear {
            program,
            what: "where the executable is",
        })?
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the build is an edge: cargo leaves its result in a file"
    )]
    std::fs::read(&path).map_err(|source| Error::Read { path, source })
}

/// Returns the target directory of the build.
fn target_folder(setting: &Setting, source: &Path) -> PathBuf {
    let folder = setting
        .variable("CARGO_TARGET_DIR")
        .or_else(|| setting.variable("CARGO_BUILD_TARGET_DIR"))
        .map_or_else(|| "target".into(), PathBuf::from);
    source.join(folder)
}

/// Returns the compiler flags in cargo's encoding.
///
/// Panic messages contain the paths of source files. Without their leading folders, the bytes
/// do not depend on where the workspace, the registry, and the target directory are. The
/// standard library's files get the same paths whether or not its source is installed.
fn rust_flags(
    setting: &Setting,
    source: &Path,
    target_folder: &Path,
    toolchain: &Toolchain,
) -> OsString {
    let mut folders = vec![
        (source.to_owned(), "/keyrota".to_owned()),
        (target_folder.to_owned(), "/target".to_owned()),
    ];
    if let Some(home) = setting.cargo_home() {
        if let Ok(canonical) = home.canonicalize() {
            folders.push((canonical, "/cargo".to_owned()));
        }
        folders.push((home, "/cargo".to_owned()));
    }
    if let Some(commit) = &toolchain.commit {
        folders.push((
            toolchain.sysroot.join("lib/rustlib/src/rust"),
            format!("/rustc/{commit}"),
        ));
    }
    // The compiler uses the last prefix that matches, so the longest must be last.
    folders.sort_by_key(|(folder, _)| folder.as_os_str().len());
    let mut flags = OsString::new();
    for (folder, name) in folders {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_folder_comes_last() {
        let variables = [("HOME", "/home/me"), ("CARGO_TARGET_DIR", "results")]
            .map(|(name, value)| (name.into(), value.into()));
        let setting = Setting::new(variables, Some(Path::new("/nowhere")));
        let source = Path::new("/src");
        let toolchain = Toolchain {
            version: String::new(),
            host: String::new(),
            commit: Some("c0ffee".to_owned()),
            sysroot: "/rust".into(),
            has_standard_library: true,
        };
        let flags = rust_flags(
            &setting,
            source,
            &target_folder(&setting, source),
            &toolchain,
        );
        let flags: Vec<&str> = flags.to_str().unwrap().split('\u{1f}').collect();
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/src=/keyrota",
                "--remap-path-prefix=/src/results=/target",
                "--remap-path-prefix=/home/me/.cargo=/cargo",
                "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/c0ffee",
            ]
        );
    }
}
