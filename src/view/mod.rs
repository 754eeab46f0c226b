//! The output for people and scripts: results on stdout in two formats, progress and
//! failures on stderr. The only module that prints.

#[cfg(feature = "aws")]
mod adapter;
mod bootstrap;
mod bundle;
mod cost;
mod credentials;
mod doctor;
mod follow;
mod generate;
mod human;
mod init;
mod json;
mod leak;
mod manual;
mod plan;
mod progress;
mod rotate;
mod sandbox;
mod schedule;
mod stack_set;
mod status;
mod survey;
mod teardown;
#[cfg(test)]
mod tests;
mod text;
mod tour;
mod tree;
mod version;
mod watch;

use std::io::ErrorKind;
use std::sync::OnceLock;

use anstream::ColorChoice;

use crate::model::Finding;

#[cfg(feature = "aws")]
pub use adapter::AdapterResult;
pub use bootstrap::{BootstrapResult, DeployedFunction, DeployedSecret, first_rotations};
pub use bundle::{BundleResult, VerifiedFunction, VerifyResult};
pub use credentials::CredentialsResult;
pub use follow::{FollowResult, FollowUnitsResult};
pub use generate::{GenerateResult, StackSetSteps, WrittenFile};
pub use init::{InitResult, candidate_note};
pub use manual::ManualResult;
pub use plan::{PlanResult, imported};
pub use progress::Progress;
pub use rotate::{RotateResult, RotatedSecret};
pub use sandbox::{LIKE_AWS_VARIABLE, SandboxResult};
pub use schedule::{RefusedSchedule, ScheduleResult};
pub use survey::{SurveyResult, WrittenManifest, survey_page};
pub use text::{Questions, stderr_for_child, stderr_is_terminal, visible};
pub use tour::Tour;
pub use version::VersionResult;
pub use watch::Watch;

/// The output format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// A table of comma-separated values, for `survey` only.
    Csv,
}

/// When to use color in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// If the output is a terminal and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A result that can be shown in each format.
pub trait Show {
    /// Returns the text for people, which ends with a line feed.
    fn human(&self) -> String;
    /// Returns it as one JSON document.
    fn json(&self) -> serde_json::Value;
    /// Returns it as comma-separated values, if it is a table.
    fn csv(&self) -> Option<String> {
        None
    }
}

/// A failure, as it is shown.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind of failure, a stable name for scripts.
    pub kind: &'static str,
    /// What failed and why. It follows "error: ".
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// All findings, if the manifest or the account was refused.
    pub findings: Vec<Finding>,
}

/// The first error of writing to stdout.
static WRITE_ERROR: OnceLock<String> = OnceLock::new();

/// Writes to stdout without buffering: buffered output would be lost without an error when the
/// program ends. A reader that closes the pipe has read all that it wanted.
fn write_out(text: &str) {
    match text::write_out(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = WRITE_ERROR.set(error.to_string());
        }
        _ => {}
    }
}

/// Shows results and failures.
#[derive(Clone, Copy, Debug)]
pub struct View {
    format: Format,
}

impl View {
    /// Returns a view. The choice of color applies to the whole process.
    pub fn new(format: Format, color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self { format }
    }

    /// Writes a result to stdout.
    pub fn show(&self, result: &dyn Show) {
        let text = match self.format {
            Format::Human => result.human(),
            Format::Json => text::document(&result.json()),
            // The command line refuses the format for every other result.
            Format::Csv => result.csv().unwrap_or_else(|| result.human()),
        };
        write_out(&text);
    }

    /// Returns a view of a report that is shown again and again.
    pub fn watch(&self) -> Watch {
        Watch::new(self.format)
    }

    /// Writes a text to stdout that is the same in every format.
    pub fn text(&self, text: &str) {
        write_out(text);
    }

    /// Reports on stderr that a result could not be written, and returns whether that happened:
    /// a script must not mistake an empty file for a result.
    pub fn report_write_error(&self) -> bool {
        let Some(error) = WRITE_ERROR.get() else {
            return false;
        };
        let view = Self {
            format: Format::Human,
        };
        view.fail(&Failure {
            kind: "output",
            message: format!("cannot write the result to stdout: {error}"),
            hint: Some("the command is complete; only its output was lost".to_owned()),
            findings: Vec::new(),
        });
        true
    }

    /// Shows a refusal that has its own result for scripts.
    pub fn refuse(&self, result: &dyn Show, failure: &Failure) {
        match self.format {
            Format::Human | Format::Csv => self.fail(failure),
            Format::Json => self.show(result),
        }
    }

    /// Shows a result together with the failure that it has for scripts too.
    pub fn show_failed(&self, result: &dyn Show, failure: &Failure) {
        self.show(result);
        if self.format != Format::Json {
            self.fail(failure);
        }
    }

    /// Writes warnings to stderr.
    pub fn warn(&self, findings: &[Finding]) {
        text::write_err(&human::findings(findings));
    }

    /// Shows a failure: on stderr for people, and on stdout for scripts.
    pub fn fail(&self, failure: &Failure) {
        if self.format == Format::Json {
            write_out(&text::document(&json::failure(failure)));
            return;
        }
        text::write_err(&human::failure(failure));
    }
}
