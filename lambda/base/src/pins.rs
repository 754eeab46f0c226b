//! The pins: what the manifest specifies for each secret that the function serves.
//!
//! Principals with permissions on one secret can write its value, labels, and tags. Therefore
//! these do not determine which user, server, or administrator the function acts on. The pins
//! do. They are a file in the function's deployment package, `pins/DIGEST.json`, and the
//! template names that file in the function's `Handler`. A principal that can change either of
//! them can also change the function's code.
//!
//! The name contains the file's SHA-256 digest. A package that was built for another template
//! therefore does not contain the file, and the function refuses every request.
//!
//! Source: `_HANDLER` and `LAMBDA_TASK_ROOT` in "Defined runtime environment
//! variables" of the Lambda Developer Guide.

use std::collections::BTreeMap;
use std::path::Path;

use keyrota_contract::pins::{Document, VERSION, digest};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The pin of each secret, by the secret's name.
#[derive(Clone, Debug)]
pub struct Pins<Entry> {
    secrets: BTreeMap<String, Entry>,
}

/// Why the pins cannot be used. The function then refuses every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(prefix = "Pins")]
pub enum PinsError {
    /// The function's `Handler` does not name a file with pins.
    #[error(
        "read the pins: the function's handler is not `pins/DIGEST.json`, so the function serves no \
         secret; deploy the template that keyrota rendered, or run `keyrota bootstrap`"
    )]
    NotNamed,
    /// The package has no such file.
    #[error(
        "read the pins: the function's package does not hold the file that its handler names, so the \
         package is not for this template and the function serves no secret; build the package again \
         with `keyrota bundle` and the same manifest, or run `keyrota bootstrap`; while the stack is \
         being updated this passes by itself"
    )]
    Absent,
    /// The file's content does not match the digest in its name.
    #[error(
        "read the pins: the digest of the file in the function's package is not the one in the \
         handler, so the function serves no secret; run `keyrota bootstrap`"
    )]
    Altered,
    /// The file cannot be parsed as pins.
    #[error(
        "read the pins: the file in the function's package is not in the format that this function \
         reads, so the function serves no secret; run `keyrota bootstrap`, which deploys the function \
         and its pins together"
    )]
    Unreadable,
}

impl<Entry: DeserializeOwned> Pins<Entry> {
    /// Loads the pins that `handler` names from the function's package, which is extracted in
    /// the folder `package`.
    ///
    /// # Errors
    ///
    /// Fails if the handler names no file with pins, or if the package does not contain exactly
    /// that file.
    #[expect(
        clippy::disallowed_methods,
        reason = "the file is a part of the function, read once when it starts"
    )]
    pub fn load(handler: &str, package: &Path) -> Result<Self, PinsError> {
        let digest = digest(handler).ok_or(PinsError::NotNamed)?;
        let text = std::fs::read(package.join(handler)).map_err(|_| PinsError::Absent)?;
        let found: String = Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if found != digest {
            return Err(PinsError::Altered);
        }
        Self::parse(&text)
    }

    /// Parses the content of the file.
    ///
    /// # Errors
    ///
    /// Fails if the content is not in the format of this version. An unknown field is an error,
    /// since it may restrict what the others allow.
    pub fn parse(text: &[u8]) -> Result<Self, PinsError> {
        let document: Document<Entry> =
            serde_json::from_slice(text).map_err(|_| PinsError::Unreadable)?;
        match document.version {
            VERSION => Ok(Self {
                secrets: document.secrets,
            }),
            _ => Err(PinsError::Unreadable),
        }
    }
}

impl<Entry> Pins<Entry> {
    /// Returns the pin of the secret with this name.
    pub fn of(&self, secret: &str) -> Option<&Entry> {
        self.secrets.get(secret)
    }
}

#[cfg(test)]
mod tests;
