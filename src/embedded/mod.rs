//! The functions that a distribution build of this program contains.
//!
//! `release/functions` compresses the executables of an architecture together, because they share
//! most of their code: three zip files would take twice the room. `build.rs` compiles the result
//! into the program, with a record of the commit and the toolchain. When a function is used, its
//! executable is packed as after a build, so the zip file is the same. A program from
//! `cargo build` contains no functions.

mod record;
#[cfg(test)]
mod tests;

use std::io::Read as _;

use ruzstd::decoding::StreamingDecoder;

use crate::bundle::sha256_hex;
use crate::model::Architecture;
use crate::render::FunctionCode;

pub use record::{EmbeddedFunction, Record};

/// The functions that a program contains.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The record of their build, in JSON. Empty if the program contains no functions.
    record: &'static str,
    archives: &'static [EmbeddedArchive],
}

/// The executables of an architecture, one after the other, compressed with Zstandard.
#[derive(Clone, Copy)]
struct EmbeddedArchive {
    architecture: Architecture,
    bytes: &'static [u8],
}

impl std::fmt::Debug for EmbeddedArchive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedArchive")
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
    /// The record does not list a function for an architecture that the program contains.
    #[error("this program's record of its functions does not list {0}")]
    Unlisted(String),
    /// The executables cannot be decompressed.
    #[error("this program's copy of {function} is damaged: {why}")]
    Unreadable {
        /// The function and the architecture.
        function: String,
        /// What is wrong.
        why: String,
    },
    /// The executable is not the one that was built.
    #[error(
        "this program's copy of {function} is damaged: its SHA-256 is {found}, but {recorded} was built"
    )]
    Damaged {
        /// The function and the architecture.
        function: String,
        /// The SHA-256 of the bytes in the program.
        found: String,
        /// The SHA-256 in the record.
        recorded: String,
    },
}

impl Embedded {
    /// Returns the functions that this program contains.
    pub fn of_this_program() -> &'static Self {
        &OF_THIS_PROGRAM
    }

    /// Returns the architectures that there are functions for.
    pub fn architectures(&self) -> impl Iterator<Item = Architecture> {
        self.archives.iter().map(|archive| archive.architecture)
    }

    /// Returns whether there are functions for an architecture.
    pub fn has(&self, architecture: Architecture) -> bool {
        self.architectures().any(|one| one == architecture)
    }

    /// Returns the record of the build. It is empty if the program contains no functions.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, or if it does not list a function that the program must contain.
    pub fn record(&self) -> Result<Record, Error> {
        if self.archives.is_empty() {
            return Ok(Record::default());
        }
        let record = Record::read(self.record)?;
        for architecture in self.architectures() {
            for code in FunctionCode::ALL {
                record.function(code, architecture)?;
            }
        }
        Ok(record)
    }

    /// Returns the SHA-256 of a function's executable in hexadecimal, as the record says. `None`
    /// if the program does not contain the function.
    pub fn executable_sha256(
        &self,
        code: FunctionCode,
        architecture: Architecture,
    ) -> Option<String> {
        let record = self.has(architecture).then(|| self.record())?.ok()?;
        let function = record.function(code, architecture).ok()?;
        Some(function.executable_sha256.clone())
    }

    /// Returns the executable of a function for an architecture, or `None` if the program does not
    /// contain it. The bytes are those that were built.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are others.
    pub fn executable(
        &self,
        code: FunctionCode,
        architecture: Architecture,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut archives = self.archives.iter();
        let Some(archive) = archives.find(|one| one.architecture == architecture) else {
            return Ok(None);
        };
        let record = self.record()?;
        let recorded = record.function(code, architecture)?;
        let named = || format!("{} for {}", code.title(), architecture.as_str());
        let executable = extract(archive.bytes, recorded.offset, recorded.size);
        let executable = executable.map_err(|why| Error::Unreadable {
            function: named(),
            why,
        })?;
        let found = sha256_hex(&executable);
        match found == recorded.executable_sha256 {
            true => Ok(Some(executable)),
            false => Err(Error::Damaged {
                function: named(),
                found,
                recorded: recorded.executable_sha256.clone(),
            }),
        }
    }
}

/// Returns a part of what was compressed.
fn extract(archive: &[u8], offset: u64, size: u64) -> Result<Vec<u8>, String> {
    let mut decoder = StreamingDecoder::new(archive).map_err(|error| error.to_string())?;
    let skipped = std::io::copy(&mut (&mut decoder).take(offset), &mut std::io::sink());
    let skipped = skipped.map_err(|error| error.to_string())?;
    let mut part = Vec::new();
    let read = decoder.take(size).read_to_end(&mut part);
    read.map_err(|error| error.to_string())?;
    match skipped == offset && u64::try_from(part.len()) == Ok(size) {
        true => Ok(part),
        false => Err("it ends too early".to_owned()),
    }
}
