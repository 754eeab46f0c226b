//! The output of the demo: each command, its result, and the checks.

use std::cell::RefCell;

use serde::Serialize;
use serde_json::{Value, json};

use super::text::Styling as _;
use super::{Format, Show, View};

/// Shows the progress of the demo, and records its checks.
pub struct Tour {
    shown: bool,
    steps: RefCell<Vec<TourStep>>,
}

/// A step of the tour.
#[derive(Clone, Debug, Serialize)]
struct TourStep {
    command: String,
    checks: Vec<TourCheck>,
}

/// Something that must hold.
#[derive(Clone, Debug, Serialize)]
struct TourCheck {
    what: String,
    held: bool,
}

impl Tour {
    /// Returns a tour, which is shown while it runs, or at the end in JSON.
    pub fn new(view: &View) -> Self {
        Self {
            shown: view.format == Format::Human,
            steps: RefCell::default(),
        }
    }

    /// Begins a step with its command or its description.
    pub fn step(&self, command: impl Into<String>) {
        let command = command.into();
        self.say(&format!("\n{}", command.bold()));
        self.steps.borrow_mut().push(TourStep {
            command,
            checks: Vec::new(),
        });
    }

    /// Shows a note.
    pub fn note(&self, text: &str) {
        self.say(&format!("  {text}"));
    }

    /// Shows a check and records its result.
    pub fn check(&self, held: bool, what: impl Into<String>) {
        let what = what.into();
        match held {
            true => self.say(&format!("  {}  {what}", "ok".green())),
            false => self.say(&format!("  {}  {what}", "FAILED".red().bold())),
        }
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.checks.push(TourCheck { what, held });
        }
    }

    /// Returns the number of checks, and how many failed.
    pub fn count(&self) -> (usize, usize) {
        let steps = self.steps.borrow();
        let checks = || steps.iter().flat_map(|step| &step.checks);
        (
            checks().count(),
            checks().filter(|check| !check.held).count(),
        )
    }

    fn say(&self, text: &str) {
        if self.shown {
            super::write_out(&format!("{text}\n"));
        }
    }
}

impl Show for Tour {
    fn human(&self) -> String {
        let (all, failed) = self.count();
        match failed {
            0 => format!("\n{} {all} checks passed.\n", "All".green()),
            count => format!("\n{} of {all} checks failed.\n", count.red()),
        }
    }

    fn json(&self) -> Value {
        json!({ "steps": *self.steps.borrow() })
    }
}
