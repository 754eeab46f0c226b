//! The functions that a distribution build of this program contains.
//!
//! `build.rs` compiles the zip files that `release/functions` made into the program, with a
//! record of the commit and the toolchain that they were built from. They contain no pins and no
//! certificates, which depend on the manifest and are added when a function is deployed. A
//! program from `cargo build` contains no functions.

mod record;
#[cfg(test)]
mod tests;

use crate::bundle::{Bundle, Refused, sha256_hex};
use crate::model::Architecture;
use crate::render::FunctionCode;

pub use record::{EmbeddedFunction, Record};

/// The functions that a program contains.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The record of their build, in JSON. Empty if the program contains no functions.
    record: &'static str,
    zips: &'static [EmbeddedZip],
}

/// The zip file of a function for an architecture.
#[derive(Clone, Copy)]
struct EmbeddedZip {
    code: FunctionCode,
    architecture: Architecture,
    bytes: &'static [u8],
}

impl std::fmt::Debug for EmbeddedZip {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedZip")
            .field("code", &self.code)
            .field("architecture", &self.architecture)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// What `build.rs` chose.
static OF_THIS_PROGRAM: Embedded = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Why a function that the program contains cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record of the build is not as `release/functions` writes it.
    #[error("this program's record of its functions is damaged: {0}")]
    Record(#[from] serde_json::Error),
    /// The record does not list a function that the program contains.
    #[error("this program's record of its functions does not list {0}")]
    Unlisted(String),
    /// The bytes of the zip file are not those that were built.
    #[error("this program's {file} is damaged: its SHA-256 is {found}, but {recorded} was built")]
    Damaged {
        /// The name of the zip file.
        file: String,
        /// The SHA-256 of the bytes in the program.
        found: String,
        /// The SHA-256 in the record.
        recorded: String,
    },
    /// Lambda cannot run the function.
    #[error("Lambda cannot run this program's {file}: {refused}")]
    Unfit {
        /// The name of the zip file.
        file: String,
        /// The reasons.
        refused: Refused,
    },
}

impl Embedded {
    /// Returns the functions that this program contains.
    pub fn of_this_program() -> &'static Self {
        &OF_THIS_PROGRAM
    }

    /// Returns whether there are no functions.
    pub const fn is_empty(&self) -> bool {
        self.zips.is_empty()
    }

    /// Returns the architectures that there are functions for, in the order of [`Architecture`].
    pub fn architectures(&self) -> Vec<Architecture> {
        let mut all: Vec<Architecture> = self.zips.iter().map(|zip| zip.architecture).collect();
        all.dedup();
        all
    }

    /// Returns the SHA-256 of a function's executable in hexadecimal, as the record says. `None`
    /// if the program does not contain the function.
    pub fn executable_sha256(
        &self,
        code: FunctionCode,
        architecture: Architecture,
    ) -> Option<String> {
        self.zip(code, architecture)?;
        let record = self.record().ok()?;
        let function = record.function(code, architecture).ok()?;
        Some(function.executable_sha256.clone())
    }

    /// Returns whether there is a function for an architecture.
    pub fn has(&self, code: FunctionCode, architecture: Architecture) -> bool {
        self.zip(code, architecture).is_some()
    }

    fn zip(&self, code: FunctionCode, architecture: Architecture) -> Option<&EmbeddedZip> {
        let is_asked = |zip: &&EmbeddedZip| zip.code == code && zip.architecture == architecture;
        self.zips.iter().find(is_asked)
    }

    /// Returns the record of the build.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, or if it does not list exactly the functions in the program.
    pub fn record(&self) -> Result<Record, Error> {
        if self.is_empty() {
            return Ok(Record::default());
        }
        let record = Record::read(self.record)?;
        for zip in self.zips {
            record.function(zip.code, zip.architecture)?;
        }
        Ok(record)
    }

    /// Returns the package of a function for an architecture, without pins and certificates, or
    /// `None` if the program does not contain it. The bytes are those that were built.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are others, or if Lambda cannot run them.
    pub fn bundle(
        &self,
        code: FunctionCode,
        architecture: Architecture,
    ) -> Result<Option<Bundle>, Error> {
        let Some(zip) = self.zip(code, architecture) else {
            return Ok(None);
        };
        let record = self.record()?;
        let function = record.function(code, architecture)?;
        let file = || function.file.clone();
        let found = sha256_hex(zip.bytes);
        if found != function.sha256 {
            return Err(Error::Damaged {
                file: file(),
                found,
                recorded: function.sha256.clone(),
            });
        }
        let bundle = Bundle::inspect(zip.bytes.to_vec(), architecture.into());
        let bundle = bundle.map_err(|refused| Error::Unfit {
            file: file(),
            refused,
        })?;
        Ok(Some(bundle))
    }
}
