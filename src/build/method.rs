//! Chooses the tool that links for Lambda, from the installed tools.

use std::ffi::OsString;
use std::fmt;
use std::process::Stdio;

use tokio::process::Command;

use crate::model::Architecture;

use super::setting::Setting;
use super::toolchain::Toolchain;

/// A way to build an executable for an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Cargo alone, if the host has that architecture.
    Native,
    /// `cargo zigbuild`, which links against any glibc.
    Zigbuild,
    /// `cargo lambda build`, which can also link against any glibc.
    CargoLambda,
    /// Cargo with a linker for the other architecture.
    CrossLinker(OsString),
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => formatter.write_str("linked by cargo build"),
            Self::Zigbuild => formatter.write_str("linked by cargo zigbuild"),
            Self::CargoLambda => formatter.write_str("linked by cargo lambda build"),
            Self::CrossLinker(linker) => write!(formatter, "linked by {}", linker.display()),
        }
    }
}

/// The installed tools.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Whether Rust's standard library for the architecture is installed.
    pub standard_library: bool,
    /// Whether `cargo zigbuild` is installed.
    pub zigbuild: bool,
    /// Whether `cargo lambda` is installed.
    pub cargo_lambda: bool,
    /// Whether Zig is installed. Both of them link with it.
    pub zig: bool,
    /// A linker for the architecture.
    pub cross_linker: Option<OsString>,
    /// Whether rustup manages the toolchain.
    pub rustup: bool,
}

impl Tools {
    /// Looks for the tools.
    pub async fn found(
        setting: &Setting,
        architecture: Architecture,
        toolchain: &Toolchain,
    ) -> Self {
        let compiler = match architecture {
            Architecture::X86_64 => "x86_64-linux-gnu-gcc",
            Architecture::Arm64 => "aarch64-linux-gnu-gcc",
        };
        Self {
            standard_library: toolchain.has_standard_library,
            zigbuild: setting.find("cargo-zigbuild").is_some(),
            cargo_lambda: setting.find("cargo-lambda").is_some(),
            zig: has_zig(setting).await,
            cross_linker: setting
                .variable(&linker_variable(architecture))
                .map(OsString::from)
                .or_else(|| setting.find(compiler).map(|_| compiler.into())),
            rustup: setting.find("rustup").is_some(),
        }
    }

    /// Returns whether `cargo zigbuild` and everything that it needs are installed.
    pub const fn can_choose_glibc(&self) -> bool {
        self.zigbuild && self.zig
    }
}

/// Returns whether Zig is installed, as a program or as a Python package.
async fn has_zig(setting: &Setting) -> bool {
    if setting.variable("CARGO_ZIGBUILD_ZIG_PATH").is_some()
        || ["zig", "python-zig"]
            .iter()
            .any(|name| setting.find(name).is_some())
    {
        return true;
    }
    let Some(python) = setting.find("python3") else {
        return false;
    };
    Command::new(python)
        .args(["-c", "import ziglang"])
        .env_clear()
        .envs(setting.variables())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .is_ok_and(|status| status.success())
}

/// Something that is required to build for an architecture and is not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Rust's standard library for the architecture.
    StandardLibrary {
        /// Its target.
        target: &'static str,
        /// Whether rustup can install it.
        rustup: bool,
    },
    /// A tool that links for the architecture.
    Linker,
    /// Zig, which the installed tool links with.
    Zig,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardLibrary { target, .. } => {
                write!(formatter, "the Rust target {target} is not installed")
            }
            Self::Linker => formatter.write_str(
                "neither cargo-zigbuild, cargo-lambda, nor a cross compiler is on the PATH",
            ),
            Self::Zig => {
                formatter.write_str("cargo-zigbuild or cargo-lambda is installed, but Zig is not")
            }
        }
    }
}

impl Missing {
    /// Returns how to install it.
    pub fn remedy(&self) -> String {
        match self {
            Self::StandardLibrary {
                target,
                rustup: true,
            } => format!("install the target: `rustup target add {target}`"),
            Self::StandardLibrary { target, .. } => format!(
                "install Rust's standard library for {target}, with the package manager \
                 that rustc came from or with https://rustup.rs"
            ),
            Self::Linker => "install a linker: `pip install cargo-zigbuild ziglang`".to_owned(),
            Self::Zig => "install Zig: `pip install ziglang`".to_owned(),
        }
    }
}

/// Returns the Rust target of an architecture.
pub const fn target(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
    }
}

/// Returns the variable that names cargo's linker for an architecture.
pub fn linker_variable(architecture: Architecture) -> String {
    let target = target(architecture).to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{target}_LINKER")
}

/// Chooses the method to build for an architecture on a host (a Rust target).
///
/// # Errors
///
/// Returns everything that is missing.
pub fn choose(
    host: &str,
    architecture: Architecture,
    tools: &Tools,
) -> Result<Method, Vec<Missing>> {
    let target = target(architecture);
    if host == target {
        return Ok(Method::Native);
    }
    let linker = if tools.can_choose_glibc() {
        Some(Method::Zigbuild)
    } else if tools.cargo_lambda && tools.zig {
        Some(Method::CargoLambda)
    } else {
        tools.cross_linker.clone().map(Method::CrossLinker)
    };
    match linker {
        Some(method) if tools.standard_library => Ok(method),
        linker => {
            let library = (!tools.standard_library).then_some(Missing::StandardLibrary {
                target,
                rustup: tools.rustup,
            });
            let waits_for_zig = tools.zigbuild || tools.cargo_lambda;
            let linker = linker.is_none().then_some(if waits_for_zig {
                Missing::Zig
            } else {
                Missing::Linker
            });
            Err(library.into_iter().chain(linker).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "x86_64-unknown-linux-gnu";
    const TARGET: &str = "aarch64-unknown-linux-gnu";

    #[test]
    fn a_machine_of_the_architecture_needs_cargo_alone() {
        let none = Tools::default();
        assert_eq!(
            choose(HOST, Architecture::X86_64, &none),
            Ok(Method::Native)
        );
        assert_eq!(
            choose(TARGET, Architecture::Arm64, &none),
            Ok(Method::Native)
        );
    }

    #[test]
    fn tools_that_can_choose_the_glibc_come_first() {
        let mut tools = Tools {
            standard_library: true,
            zigbuild: true,
            cargo_lambda: true,
            zig: true,
            cross_linker: Some("aarch64-linux-gnu-gcc".into()),
            rustup: false,
        };
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Ok(Method::Zigbuild)
        );
        tools.zigbuild = false;
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Ok(Method::CargoLambda)
        );
        tools.cargo_lambda = false;
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Ok(Method::CrossLinker("aarch64-linux-gnu-gcc".into()))
        );
        tools.cross_linker = None;
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Err(vec![Missing::Linker])
        );
    }

    #[test]
    fn everything_that_is_missing_is_listed() {
        for rustup in [false, true] {
            let tools = Tools {
                rustup,
                ..Tools::default()
            };
            assert_eq!(
                choose("aarch64-apple-darwin", Architecture::Arm64, &tools),
                Err(vec![
                    Missing::StandardLibrary {
                        target: TARGET,
                        rustup
                    },
                    Missing::Linker
                ])
            );
        }
        let tools = Tools {
            standard_library: true,
            cargo_lambda: true,
            ..Tools::default()
        };
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Err(vec![Missing::Zig])
        );
        let tools = Tools {
            zigbuild: true,
            zig: true,
            ..Tools::default()
        };
        assert_eq!(
            choose(HOST, Architecture::Arm64, &tools),
            Err(vec![Missing::StandardLibrary {
                target: TARGET,
                rustup: false
            }])
        );
    }

    #[test]
    fn the_linker_has_cargos_name() {
        assert_eq!(
            linker_variable(Architecture::Arm64),
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"
        );
    }
}
