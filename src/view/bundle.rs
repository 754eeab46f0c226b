//! The results of `bundle`, in both formats.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::text::Styling as _;

/// The result of `bundle`.
#[derive(Clone, Debug, Serialize)]
pub struct BundleResult {
    /// The path of the zip file.
    pub file: String,
    /// The kind of credential that the function rotates.
    pub kind: &'static str,
    /// The architecture.
    pub architecture: &'static str,
    /// `embedded` if this program contains the function, or `built`.
    pub source: &'static str,
    /// The commit that it was built from, if this program contains it.
    pub commit: Option<String>,
    /// The toolchain that it was built with.
    pub toolchain: String,
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
            "{}  {}  {}  {}  {} bytes  sha256 {}\n",
            self.file.bold(),
            self.source,
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

/// The result of `bundle --verify`.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyResult {
    /// The commit that the embedded functions were built from.
    pub commit: String,
    /// The functions that were built again.
    pub functions: Vec<VerifiedFunction>,
}

/// An embedded function that was built again.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedFunction {
    /// The kind of credential that the function rotates.
    pub kind: String,
    /// The architecture.
    pub architecture: String,
    /// Whether both executables have the same bytes.
    pub same: bool,
    /// The SHA-256 of the embedded executable in hexadecimal.
    pub executable_sha256: String,
    /// The toolchain that it was built with.
    pub toolchain: String,
    /// The SHA-256 of the executable that was built now.
    pub built_sha256: String,
    /// The toolchain that it was built with now.
    pub built_toolchain: String,
}

impl VerifyResult {
    /// Returns whether each function has the same bytes as the embedded one.
    pub fn is_same(&self) -> bool {
        self.functions.iter().all(|one| one.same)
    }
}

impl Show for VerifyResult {
    fn human(&self) -> String {
        let mut text = String::new();
        for one in &self.functions {
            let name = format!("{} for {}", one.kind, one.architecture);
            let name = name.bold();
            if one.same {
                let _ = writeln!(
                    text,
                    "{name}: the same bytes, sha256 {}",
                    one.executable_sha256
                );
                continue;
            }
            let _ = writeln!(
                text,
                "{name}: different bytes\n  embedded: sha256 {}, {}\n  built:    sha256 {}, {}",
                one.executable_sha256, one.toolchain, one.built_sha256, one.built_toolchain
            );
        }
        if !self.is_same() {
            let _ = writeln!(
                text,
                "\nThe bytes depend on the source and on the toolchain: check out the commit {}, and use the toolchain of the embedded function.",
                self.commit
            );
        }
        text
    }

    fn json(&self) -> Value {
        let mut value = json!(self);
        value["same"] = json!(self.is_same());
        value
    }
}
