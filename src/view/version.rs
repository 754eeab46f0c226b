//! The result of `--version`, in both formats.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Show;
use super::text::visible;
use crate::embedded::Record;

/// The result of `--version`.
#[derive(Clone, Debug)]
pub struct VersionResult {
    /// The version of the program.
    pub version: &'static str,
    /// The functions that the program contains.
    pub embedded: Record,
    /// Whether the functions are shown to people too.
    pub verbose: bool,
}

impl Show for VersionResult {
    fn human(&self) -> String {
        let mut text = format!("keyrota {}\n", self.version);
        if !self.verbose {
            return text;
        }
        if self.embedded.functions.is_empty() {
            text.push_str(
                "This program contains no functions. It builds them from source when they are first needed.\n",
            );
            return text;
        }
        let _ = writeln!(
            text,
            "This program contains these functions, built from the commit {}:",
            visible(&self.embedded.commit)
        );
        for one in &self.embedded.functions {
            let _ = writeln!(
                text,
                "  {} for {}: {} bytes, {}\n    zip file    sha256 {}\n    executable  sha256 {}",
                visible(&one.kind),
                visible(&one.architecture),
                one.bytes,
                visible(&one.toolchain),
                visible(&one.sha256),
                visible(&one.executable_sha256),
            );
        }
        text
    }

    fn json(&self) -> Value {
        let commit = match self.embedded.functions.is_empty() {
            true => Value::Null,
            false => json!(self.embedded.commit),
        };
        json!({
            "version": self.version,
            "commit": commit,
            "functions": self.embedded.functions,
        })
    }
}
