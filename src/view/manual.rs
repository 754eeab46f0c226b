//! The manual pages that `man` wrote, in both formats.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Show, WrittenFile};

/// The result of `man -o`.
#[derive(Clone, Debug, Serialize)]
pub struct ManualResult {
    /// The directory.
    pub directory: String,
    /// Each page.
    pub files: Vec<WrittenFile>,
}

impl Show for ManualResult {
    fn human(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let _ = writeln!(text, "{:9}  {}/{}", file.state, self.directory, file.path);
        }
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
