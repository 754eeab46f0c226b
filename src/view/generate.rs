//! The result of `generate`, in both formats.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::text::visible;
use crate::model::Finding;
use crate::render::{FirstCredential, Step};

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
    /// How to deploy the StackSet, if one is rendered.
    pub stack_set: Option<StackSetSteps>,
    /// The warnings of the check. For people, they are on stderr.
    pub findings: Vec<Finding>,
}

/// How to deploy a StackSet.
#[derive(Clone, Debug, Serialize)]
pub struct StackSetSteps {
    /// How each secret gets its first credential.
    pub first_credentials: Vec<FirstCredential>,
    /// The commands, in order.
    pub steps: Vec<Step>,
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
        if let (Some(stack_set), false) = (&self.stack_set, self.checked) {
            text.push_str(&stack_set.human());
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
        if let Some(stack_set) = &self.stack_set {
            result["stack_set"] = json!(stack_set);
        }
        result
    }
}

impl StackSetSteps {
    fn human(&self) -> String {
        let mut text =
            "\nTo deploy the StackSet, run these commands in the account that administers it:\n"
                .to_owned();
        for step in &self.steps {
            let _ = writeln!(text, "\n# {}", step.what);
            for command in &step.commands {
                let _ = writeln!(text, "{command}");
            }
        }
        text.push_str("\nThe first credential of each secret, in each account:\n");
        for first in &self.first_credentials {
            let _ = writeln!(text, "  {}: {}", visible(&first.secret), first.how);
        }
        text
    }
}
