//! The result of `bundle`, in both formats.

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::text::Styling as _;

/// The result of `bundle`.
#[derive(Clone, Debug, Serialize)]
pub struct BundleResult {
    /// The path of the zip file.
    pub file: String,
    /// The architecture.
    pub architecture: &'static str,
    /// Cargo's profile that the executable was built with.
    pub profile: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The same in base64, as Lambda reports it.
    pub code_sha256: String,
    /// The SHA-256 of its executable, which does not depend on the manifest.
    pub executable_sha256: String,
}

impl Show for BundleResult {
    fn human(&self) -> String {
        format!(
            "{}  {}  {}  {} bytes  sha256 {}\n",
            self.file.bold(),
            self.architecture,
            self.profile,
            self.bytes,
            self.sha256
        )
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
