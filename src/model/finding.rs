//! Findings: what a check reports, each with its place and the next step.

use serde::Serialize;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is refused.
    Warning,
    /// The input is refused.
    Error,
}

/// One thing a check found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// Whether the input is refused because of it.
    pub severity: Severity,
    /// A stable name of the kind, such as `unknown-key`.
    pub kind: &'static str,
    /// Where: a path such as `access_keys[1].user`, or the name of an AWS resource.
    pub path: String,
    /// The line in the manifest, counted from 1. `None` if it has none.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// Returns an error without a line.
    pub fn error(kind: &'static str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind,
            path: path.into(),
            line: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns a warning without a line.
    pub fn warning(
        kind: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(kind, path, message)
        }
    }

    /// Adds the line.
    #[must_use]
    pub fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Moves the path under a parent, such as `environments.staging`.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => parent.to_owned(),
            path => format!("{parent}.{path}"),
        };
        self
    }

    /// Returns whether the input is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
