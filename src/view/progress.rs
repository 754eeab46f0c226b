//! Progress on stderr: a spinner on a terminal, and plain lines elsewhere.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::text::{self, Styling as _, paragraph, visible};
use crate::port::{Event, Listener, Stage};

/// How much progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Volume {
    Quiet,
    Normal,
    Verbose,
}

/// Draws events on stderr.
pub struct Progress {
    volume: Volume,
    spinner: Option<ProgressBar>,
    last: RefCell<Option<String>>,
}

impl Progress {
    /// Returns progress that is `quiet` (only warnings), `verbose` (also the first events of
    /// each resource and the output of tools), or in between.
    pub fn new(quiet: bool, verbose: bool) -> Self {
        let volume = match (quiet, verbose) {
            (true, _) => Volume::Quiet,
            (false, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        };
        let moving = volume == Volume::Normal && text::stderr_is_terminal();
        Self {
            volume,
            spinner: moving.then(spinner),
            last: RefCell::new(None),
        }
    }

    /// Returns the last activity, for the message about an interruption.
    pub fn last(&self) -> Option<String> {
        self.last.borrow().clone()
    }

    /// Removes the spinner before other output.
    pub fn finish(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let write = || text::write_err(&format!("{}\n", paragraph(text)));
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    fn busy(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => {
                spinner.enable_steady_tick(Duration::from_millis(120));
                spinner.set_message(visible(text).into_owned());
            }
            None => self.line(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    let spinner = ProgressBar::new_spinner();
    spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner
}

impl Listener for Progress {
    fn on(&self, event: Event) {
        match event {
            Event::Stage(stage) => {
                let text = describe(&stage);
                if self.volume > Volume::Quiet {
                    self.busy(&text);
                }
                *self.last.borrow_mut() = Some(text);
            }
            Event::Warning(text) => self.line(&format!("{} {text}", "warning:".yellow().bold())),
            Event::Done(text) if self.volume > Volume::Quiet => self.line(&format!("  {text}")),
            Event::Output(text) if self.volume == Volume::Verbose => {
                self.line(&format!("  {}", text.dimmed()));
            }
            Event::Output(text) => {
                if let Some(spinner) = &self.spinner
                    && let Some(last) = self.last.borrow().as_deref()
                {
                    spinner.set_message(visible(&format!("{last}: {}", text.trim())).into_owned());
                }
            }
            Event::Resource {
                logical_id,
                kind,
                status,
                reason,
            } => {
                let ended = !status.ends_with("_IN_PROGRESS");
                let told = match self.volume {
                    Volume::Quiet => false,
                    Volume::Normal => ended,
                    Volume::Verbose => true,
                };
                if told {
                    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
                    self.line(&format!("  {status:<18} {logical_id} ({kind}){reason}"));
                }
            }
            Event::Done(_) => {}
        }
    }
}

fn describe(stage: &Stage) -> String {
    match stage {
        Stage::Checking => "Checking the account".into(),
        Stage::Building {
            function,
            architecture,
        } => format!("Building {function} for {architecture}"),
        Stage::PreparingSandbox => "Installing the local AWS (first run only)".into(),
        Stage::StartingSandbox => "Starting the local AWS".into(),
        Stage::Uploading => "Uploading the code".into(),
        Stage::Importing => "Importing what exists already".into(),
        Stage::Comparing => "Comparing with the deployed stack".into(),
        Stage::Deploying => "Waiting for CloudFormation".into(),
        Stage::DeletingInterfaces => {
            "Waiting for Lambda to delete the function's network interfaces, which can take up to 40 minutes".into()
        }
        Stage::Seeding => "Storing the first credentials".into(),
        Stage::Rotating(secret) => format!("Rotating {secret}"),
        Stage::Verifying(secret) => format!("Verifying the credential in {secret}"),
        Stage::Rehearsing(secret) => format!("Rehearsing the next rotation of {secret}"),
        Stage::AwaitingKey(secret) => format!("Waiting for IAM to list the new key in {secret}"),
        Stage::Removing => "Deleting the stack and its resources".into(),
        Stage::Surveying(what) => format!("Looking at {what}"),
    }
}
