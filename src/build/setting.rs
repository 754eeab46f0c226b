//! The environment of the build: which variables of this process it keeps.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::{system, tool};

use super::{Error, packed};

/// The environment of the build's tools.
pub struct Setting {
    variables: BTreeMap<OsString, OsString>,
    source: Option<PathBuf>,
    /// The folder from which this program was built, if it builds functions from there.
    built_from: Option<PathBuf>,
}

impl Setting {
    /// Returns this process's environment without the variables that must not reach the build.
    pub fn of_this_process() -> Self {
        // `build.rs` sets it. In a distribution build, it is empty.
        let built_from = env!("KEYROTA_BUILT_FROM");
        let built_from = (!built_from.is_empty()).then(|| Path::new(built_from));
        Self::new(std::env::vars_os(), built_from)
    }

    /// Returns an environment without the variables that must not reach the build. `built_from`
    /// is the folder from which this program was built, unless it is of no use.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        built_from: Option<&Path>,
    ) -> Self {
        let mut variables: BTreeMap<_, _> = variables
            .into_iter()
            .map(|(name, value)| (system::variable_name(&name), value))
            .filter(|(name, _)| name.to_str().is_none_or(is_kept))
            .collect();
        let source = variables
            .remove(OsStr::new("KEYROTA_SOURCE"))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        Self {
            variables,
            source,
            built_from: built_from.map(Path::to_owned),
        }
    }

    /// Returns the variables for the tools.
    pub const fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// Returns a variable, unless it is empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Looks variables up for `system`.
    fn owned(&self) -> impl Fn(&str) -> Option<OsString> {
        |name| self.variable(name).map(OsStr::to_owned)
    }

    /// Returns the path of a program.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        tool::find(program, self.variable("PATH")?)
    }

    /// Returns cargo's home folder, which contains the registry.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        match self.variable("CARGO_HOME") {
            Some(path) => Some(path.into()),
            None => Some(system::home_folder(self.owned())?.join(".cargo")),
        }
    }

    /// Returns the folder for what can be made again.
    fn cache(&self) -> Option<PathBuf> {
        let folder = system::cache_folder(self.owned())?;
        Some(folder.join("keyrota"))
    }

    /// Returns the folder of the workspace that contains the function.
    ///
    /// # Errors
    ///
    /// Fails if there is no such workspace.
    pub fn source(&self) -> Result<PathBuf, Error> {
        let named = self.source.is_some();
        if let (None, Some(zip)) = (&self.source, packed::PACKED) {
            return packed::unpack(zip, &self.cache().ok_or(Error::NoSource)?);
        }
        let folder = self.source.as_ref().or(self.built_from.as_ref());
        let folder = folder.ok_or(Error::NoSource)?;
        match folder.canonicalize() {
            Ok(folder) if folder.join("lambda/Cargo.toml").is_file() => Ok(folder),
            _ => Err(Error::SourceMissing {
                folder: folder.clone(),
                named,
            }),
        }
    }
}

/// Returns whether a variable reaches the build.
///
/// The locations of cargo, its downloads, and its target directory do. Variables that a
/// surrounding `cargo run` sets, and those that change the function's bytes, do not. Neither do
/// credentials, which build scripts of dependencies must not see, nor variables that add a
/// backtrace to a tool's error.
fn is_kept(name: &str) -> bool {
    const KEPT: [&str; 4] = [
        "CARGO_HOME",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_JOBS",
    ];
    const KEPT_FAMILIES: [&str; 6] = [
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
        "CARGO_ZIGBUILD_",
    ];
    let is_linker = name.starts_with("CARGO_TARGET_") && name.ends_with("_LINKER");
    if name == "CARGO" || name.starts_with("CARGO_") {
        return KEPT.contains(&name)
            || is_linker
            || KEPT_FAMILIES.iter().any(|family| name.starts_with(family));
    }
    !(["RUSTFLAGS", "RUST_BACKTRACE", "RUST_LOG"].contains(&name) || name.starts_with("AWS_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(names: &[&str]) -> Setting {
        let variables = names.iter().map(|name| (name.into(), "value".into()));
        Setting::new(variables, Some(Path::new("/nowhere")))
    }

    #[test]
    fn the_build_sees_where_things_are_and_nothing_that_changes_the_bytes() {
        let kept = [
            "CARGO_BUILD_JOBS",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_MIRROR_INDEX",
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_TARGET_DIR",
            "HOME",
            "HTTPS_PROXY",
            "PATH",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
        ];
        let dropped = [
            "AWS_SECRET_ACCESS_KEY",
            "CARGO",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_PKG_VERSION",
            "CARGO_PROFILE_FUNCTION_OPT_LEVEL",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_TERM_COLOR",
            "KEYROTA_SOURCE",
            "RUSTFLAGS",
            "RUST_BACKTRACE",
        ];
        let names: Vec<&str> = kept.iter().chain(&dropped).copied().collect();
        let setting = setting(&names);
        let left: Vec<&str> = setting
            .variables()
            .keys()
            .filter_map(|name| name.to_str())
            .collect();
        assert_eq!(left, kept);
    }

    #[test]
    fn a_missing_source_is_an_error_with_the_way_on() {
        let named = setting(&["KEYROTA_SOURCE"]).source().unwrap_err();
        insta::assert_snapshot!(named, @"cannot find the function's source in value, which KEYROTA_SOURCE names");
        let built_from = setting(&[]).source().unwrap_err();
        insta::assert_snapshot!(built_from, @"cannot find the function's source in /nowhere, which keyrota was built from");
        insta::assert_snapshot!(built_from.hint().unwrap(), @"set KEYROTA_SOURCE to a checkout of keyrota, or use a function that was bundled on another machine: `--function-zip FILE`");
        let distributed = Setting::new([], None).source().unwrap_err();
        insta::assert_snapshot!(distributed, @"cannot build the function: this program was installed without its source");
        assert_eq!(distributed.hint(), built_from.hint());
    }
}
