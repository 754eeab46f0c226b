//! Why the function could not be built.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::bundle::Refused;
use crate::model::Architecture;

use super::method::Missing;

/// Why the function could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no source code to build.
    #[error("cannot find the function's source in {}{}", .folder.display(), source_of(*.named))]
    SourceMissing {
        /// The folder that was searched.
        folder: PathBuf,
        /// Whether `KEYROTA_SOURCE` named the folder.
        named: bool,
    },
    /// The program was distributed without source code, and no folder was named.
    #[error("cannot build the function: this program was installed without its source")]
    NoSource,
    /// The source code in the program could not be unpacked.
    #[error("cannot unpack the functions' source in {}: {error}", .folder.display())]
    Unpack {
        /// The folder for it.
        folder: PathBuf,
        /// The cause.
        error: String,
    },
    /// Cargo is not on the `PATH`.
    #[error("cannot build the function: cargo is not on the PATH")]
    CargoMissing,
    /// A tool could not be started, or its output could not be read.
    #[error("cannot run {program}")]
    Start {
        /// The tool.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// A tool ran and failed.
    #[error("{program} failed ({status}){}", shown(.tail))]
    Failed {
        /// The tool and its subcommand.
        program: String,
        /// The exit status.
        status: ExitStatus,
        /// The last lines of its output.
        tail: Vec<String>,
    },
    /// The output of a tool was not as expected.
    #[error("{program} did not report {what}")]
    Unclear {
        /// The tool.
        program: String,
        /// The information that the tool should have printed.
        what: &'static str,
    },
    /// The executable could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The executable or a folder that contains it.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// This machine cannot build for the architecture.
    #[error(
        "this machine cannot build the function for {}: {}",
        .architecture.as_str(),
        .missing.iter().map(Missing::to_string).collect::<Vec<_>>().join("; ")
    )]
    Missing {
        /// The target architecture.
        architecture: Architecture,
        /// Everything that is missing.
        missing: Vec<Missing>,
    },
    /// The executable needs a newer glibc than Lambda has, and no installed tool links against
    /// an older one.
    #[error("this machine's glibc is newer than Lambda's\n{0}")]
    TooNew(Refused),
    /// The executable cannot run on Lambda.
    #[error("the build produced an executable that Lambda cannot run\n{0}")]
    Unfit(Refused),
}

fn source_of(named: bool) -> &'static str {
    if named {
        ", which KEYROTA_SOURCE names"
    } else {
        ", which keyrota was built from"
    }
}

fn shown(tail: &[String]) -> String {
    tail.iter().map(|line| format!("\n{line}")).collect()
}

impl Error {
    /// Returns the hint, if there is one.
    pub fn hint(&self) -> Option<String> {
        const ELSEWHERE: &str =
            "or use a function that was bundled on another machine: `--function-zip FILE`";
        match self {
            Self::SourceMissing { .. } | Self::NoSource => Some(
                "set KEYROTA_SOURCE to a checkout of keyrota, \
                 or use a function that was bundled on another machine: `--function-zip FILE`"
                    .to_owned(),
            ),
            Self::CargoMissing => Some(format!("install Rust: https://rustup.rs\n{ELSEWHERE}")),
            Self::Missing { missing, .. } => {
                let mut lines: Vec<String> = missing.iter().map(Missing::remedy).collect();
                lines.push(ELSEWHERE.to_owned());
                Some(lines.join("\n"))
            }
            Self::TooNew(_) => Some(format!(
                "install a linker for an older glibc: `pip install cargo-zigbuild ziglang`\n{ELSEWHERE}"
            )),
            Self::Unfit(refused) => refused.hint(),
            Self::Unpack { .. } => Some(
                "set XDG_CACHE_HOME to a folder that can be written, or KEYROTA_SOURCE to a checkout of keyrota"
                    .to_owned(),
            ),
            Self::Start { .. } | Self::Failed { .. } | Self::Unclear { .. } | Self::Read { .. } => {
                None
            }
        }
    }
}
