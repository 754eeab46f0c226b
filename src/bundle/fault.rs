//! The possible faults of an executable or a zip file.

use std::fmt;

/// A processor architecture of Lambda, as an executable names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit x86, Lambda's `x86_64`.
    X86_64,
    /// 64-bit Arm, Lambda's `arm64`.
    Aarch64,
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "arm64 (aarch64)",
        })
    }
}

/// The number in a symbol version, such as 2.34 in `GLIBC_2.34`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    /// Parses numbers that are separated by dots.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        parts.ok().map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        formatter.write_str(&parts.join("."))
    }
}

/// A reason why Lambda cannot run a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageFault {
    /// The file is not an ELF file.
    #[error("the program is not an ELF executable")]
    NotElf,
    /// The file begins like an ELF file, but is damaged.
    #[error("the program is corrupt or truncated: {0}")]
    Damaged(String),
    /// A 32-bit or big-endian ELF file.
    #[error("the program is not a 64-bit little-endian executable, which Lambda requires")]
    NotSixtyFourBit,
    /// A shared library, an object file, or a core dump.
    #[error("the program is {found}, not an executable")]
    NotExecutable {
        /// What it is instead, with an article.
        found: &'static str,
    },
    /// An executable for another architecture.
    #[error("the program is built for {found}, but the function's architecture is {asked}")]
    OtherMachine {
        /// The executable's architecture.
        found: String,
        /// The function's architecture.
        asked: Machine,
    },
    /// The executable requires a dynamic linker that the runtime does not have.
    #[error(
        "the program requires the dynamic linker {found}, but the runtime provided.al2023 has {expected}"
    )]
    Interpreter {
        /// The path that the executable requires.
        found: String,
        /// The path on Amazon Linux 2023.
        expected: &'static str,
    },
    /// A shared library that the runtime does not provide.
    #[error(
        "the program requires the shared library {0}, which the runtime provided.al2023 does not have"
    )]
    Library(String),
    /// A symbol version that the runtime's library does not define.
    #[error(
        "the program requires {version} of {library}, but Amazon Linux 2023 has at most {newest}"
    )]
    SymbolVersion {
        /// Such as `libc.so.6`.
        library: String,
        /// Such as `GLIBC_2.38`.
        version: String,
        /// Such as `GLIBC_2.34`.
        newest: String,
    },
    /// The file is not a zip file, or is damaged.
    #[error("the package is not a valid zip file: {0}")]
    NotZip(String),
    /// The zip file is larger than Lambda allows.
    #[error("the package has more than {limit} bytes, which is the most that Lambda accepts")]
    ZipTooLarge {
        /// The maximum in bytes.
        limit: u64,
    },
    /// The unpacked content is larger than Lambda allows.
    #[error("the unpacked package exceeds Lambda's limit of {limit} bytes")]
    ContentTooLarge {
        /// The maximum in bytes.
        limit: u64,
    },
    /// The zip file does not contain the executable.
    #[error("the package does not contain a file `bootstrap` at its root{}", elsewhere(.found))]
    NoBootstrap {
        /// The path of a `bootstrap` elsewhere in the zip file, if there is one.
        found: Option<String>,
    },
    /// The zip file lacks certificates by which servers are verified.
    #[error(
        "the package does not contain the file `{0}` with certificates that the manifest names"
    )]
    NoAuthorities(String),
    /// The executable says that it is another function.
    #[error("the program is {found}, not {asked}")]
    OtherFunction {
        /// The function that it is, with an article.
        found: &'static str,
        /// The function that is needed.
        asked: &'static str,
    },
    /// Two entries have the same name, and Lambda would run either of them.
    #[error("the package contains two entries with the same name")]
    Duplicate,
    /// The entry is a directory or a link instead of a file.
    #[error("`bootstrap` in the package is not a regular file")]
    NotFile,
    /// The mode does not let Lambda's user run the executable.
    #[error("`bootstrap` in the package has the mode {}, so Lambda's user cannot run it", mode(.0))]
    Mode(Option<u32>),
}

fn elsewhere(found: &Option<String>) -> String {
    found
        .as_ref()
        .map(|path| format!(", only `{path}`"))
        .unwrap_or_default()
}

fn mode(mode: &Option<u32>) -> String {
    mode.map_or_else(
        || "of a system without file modes".to_owned(),
        |mode| format!("{:o}", mode & 0o7777),
    )
}

impl PackageFault {
    /// Returns the remedy, if there is one.
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::OtherMachine { .. } => Some(
                "build for the architecture that the manifest names under `function`, \
                 or change it there",
            ),
            Self::Interpreter { .. } | Self::SymbolVersion { .. } => Some(
                "link against glibc 2.34: `pip install cargo-zigbuild ziglang`, \
                 then `cargo zigbuild --target TRIPLE.2.34`",
            ),
            Self::Library(_) => Some("link the library statically, or remove the dependency"),
            Self::NoBootstrap { .. } => {
                Some("name the executable `bootstrap`, and put it at the root of the zip file")
            }
            Self::NoAuthorities(_) => Some(
                "create the zip file again with this manifest: `keyrota bundle --kind database`",
            ),
            Self::Mode(_) => Some("run `chmod 755 bootstrap` before you create the zip file"),
            Self::ZipTooLarge { .. } | Self::ContentTooLarge { .. } => Some(
                "build with the Cargo profile `function`, which optimizes for size and strips symbols",
            ),
            Self::NotElf
            | Self::Damaged(_)
            | Self::NotSixtyFourBit
            | Self::NotExecutable { .. }
            | Self::NotZip(_)
            | Self::OtherFunction { .. }
            | Self::Duplicate
            | Self::NotFile => None,
        }
    }
}

/// A package or an executable that Lambda would not run, with every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.faults))]
pub struct Refused {
    faults: Vec<PackageFault>,
}

fn lines(faults: &[PackageFault]) -> String {
    let lines: Vec<String> = faults.iter().map(PackageFault::to_string).collect();
    lines.join("\n")
}

impl Refused {
    /// Returns an error if there are faults.
    pub(super) fn unless_empty(faults: Vec<PackageFault>) -> Result<(), Self> {
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Self { faults })
        }
    }

    /// Returns the faults. There is at least one.
    pub fn faults(&self) -> &[PackageFault] {
        &self.faults
    }

    /// Returns the hint: each remedy once, in the order of the faults.
    pub fn hint(&self) -> Option<String> {
        let mut remedies: Vec<&str> = Vec::new();
        for remedy in self.faults.iter().filter_map(PackageFault::remedy) {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        (!remedies.is_empty()).then(|| remedies.join("\n"))
    }
}

impl From<PackageFault> for Refused {
    fn from(fault: PackageFault) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}
