//! The result of `generate`, in both formats.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use crate::model::Finding;

/// The result of `generate`.
#[derive(Clone, Debug, Serialize)]
pub struct GenerateResult {
    /// The directory.
    pub directory: String,
    /// Whether the files were only compared, not written.
    pub checked: bool,
    /// Each rendered file, and each file that is no longer rendered.
    pub files: Vec<WrittenFile>,
    /// The record of the stacks, beside the manifest, if there are several stacks.
    pub record: Option<WrittenFile>,
    /// The warnings of the check. For people, they are on stderr.
    pub findings: Vec<Finding>,
}

/// A rendered file.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenFile {
    /// The path, relative to the directory.
    pub path: String,
    /// `unchanged`, `written`, `removed`; with `--check` `differs`, `missing`, `stale`.
    pub state: &'static str,
}

impl GenerateResult {
    /// Returns whether the directory matches the rendering.
    pub fn is_up_to_date(&self) -> bool {
        let mut all = self.files.iter().chain(&self.record);
        all.all(|file| file.state == "unchanged")
    }
}

impl Show for GenerateResult {
    fn human(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            if file.state != "unchanged" || !self.checked {
                let _ = writeln!(text, "{:9}  {}/{}", file.state, self.directory, file.path);
            }
        }
        for record in self
            .record
            .iter()
            .filter(|record| record.state != "unchanged")
        {
            let _ = writeln!(text, "{:9}  {}", record.state, record.path);
        }
        if self.checked && self.is_up_to_date() {
            let _ = writeln!(text, "{} is up to date.", self.directory);
        }
        text
    }

    fn json(&self) -> Value {
        let mut result = json!({
            "directory": self.directory,
            "up_to_date": self.is_up_to_date(),
            "files": self.files,
            "findings": self.findings,
        });
        if let Some(record) = &self.record {
            result["record"] = json!(record);
        }
        result
    }
}
