//! The pins: a file in the function's package that says which user, server, or
//! administrator the function may act on.
//!
//! The file's path contains the SHA-256 digest of its content, and is the function's
//! `Handler`: a package for another template does not contain the file.

pub mod access_key;
pub mod database;
pub mod service;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the format. A function refuses any other version.
pub const VERSION: u32 = 1;

/// The folder of the package that contains the file.
const FOLDER: &str = "pins/";
/// The extension of the file's name.
const SUFFIX: &str = ".json";

/// The content of the file. An unknown field is an error, since it may restrict what the
/// others allow.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document<Entry> {
    /// The version of the format.
    pub version: u32,
    /// The pin of each secret, by the secret's name.
    pub secrets: BTreeMap<String, Entry>,
}

impl<Entry> Document<Entry> {
    /// Returns a document of the current version.
    pub fn new(secrets: impl IntoIterator<Item = (String, Entry)>) -> Self {
        Self {
            version: VERSION,
            secrets: secrets.into_iter().collect(),
        }
    }
}

/// Returns the file's path in the package, which is the function's handler. `digest` is the
/// SHA-256 digest of the content in lower-case hexadecimal digits.
pub fn path(digest: &str) -> String {
    format!("{FOLDER}{digest}{SUFFIX}")
}

/// Returns the digest in a function's handler, or `None` if the handler does not name a file
/// with pins.
pub fn digest(handler: &str) -> Option<&str> {
    let digest = handler.strip_prefix(FOLDER)?.strip_suffix(SUFFIX)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digest.len() == 64 && digest.bytes().all(is_digit)).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_handler() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(digest(&path(&text)), Some(text.as_str()));
        assert_eq!(digest(&path(&text.to_uppercase())), None);
        assert_eq!(digest(&path(&text[1..])), None);
    }
}
