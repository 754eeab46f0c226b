//! The record of how the functions in the program were built.

use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::Architecture;
use crate::render::FunctionCode;

/// The record, as `release/functions` writes it to `build.json`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Record {
    /// The commit that the functions were built from.
    pub commit: String,
    /// The functions.
    pub functions: Vec<EmbeddedFunction>,
}

/// A function in the record: what `keyrota bundle` reported about it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EmbeddedFunction {
    /// The kind of credential that it rotates.
    pub kind: String,
    /// The architecture.
    pub architecture: String,
    /// Where its executable begins among those of the architecture, in bytes.
    pub offset: u64,
    /// The size of its executable in bytes.
    pub size: u64,
    /// The name of its zip file among the files of the release.
    pub file: String,
    /// The size of the zip file in bytes.
    pub bytes: usize,
    /// The SHA-256 of the zip file in hexadecimal.
    pub sha256: String,
    /// The SHA-256 of the executable in it.
    pub executable_sha256: String,
    /// The compiler and the tool that linked the executable.
    pub toolchain: String,
}

impl Record {
    /// Reads the record.
    pub(super) fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns a function's part of the record.
    ///
    /// # Errors
    ///
    /// Fails if the record does not list it.
    pub fn function(
        &self,
        code: FunctionCode,
        architecture: Architecture,
    ) -> Result<&EmbeddedFunction, Error> {
        let (kind, architecture) = (code.kind(), architecture.as_str());
        let is_asked =
            |one: &&EmbeddedFunction| one.kind == kind && one.architecture == architecture;
        let found = self.functions.iter().find(is_asked);
        found.ok_or_else(|| Error::Unlisted(format!("{kind} for {architecture}")))
    }
}
