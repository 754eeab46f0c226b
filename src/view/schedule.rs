//! The next rotation windows, in both formats.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Show;
use super::human::{moment, table};
use crate::model::Window;
use crate::model::schedule::Calendar;

/// The windows of an expression that Secrets Manager accepts.
#[derive(Clone, Debug)]
pub struct ScheduleResult {
    /// The expression.
    pub expression: String,
    /// The parsed expression.
    pub calendar: Calendar,
    /// The windows open after this time.
    pub from: Timestamp,
    /// The next windows.
    pub windows: Vec<Window>,
}

impl Show for ScheduleResult {
    fn human(&self) -> String {
        let rows = self.windows.iter().map(|window| {
            let day = |at: Timestamp| at.strftime("%a").to_string();
            vec![
                format!("{} {}", day(window.opens), moment(Some(window.opens))),
                format!("{} {}", day(window.closes), moment(Some(window.closes))),
                span(window.opens.as_second() - self.from.as_second()),
            ]
        });
        let mut text = table(&["opens", "closes", "in"], rows.collect());
        if self.windows.is_empty() {
            text = format!("No window opens after {}.\n", moment(Some(self.from)));
        }
        if matches!(self.calendar, Calendar::Rate { .. }) {
            let _ = writeln!(
                text,
                "\nSecrets Manager counts a rate from the last rotation. These windows assume a rotation at {}.",
                moment(Some(self.from))
            );
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "valid": true,
            "error": null,
            "windows": self.windows,
            "expression": self.expression,
            "from": self.from,
            "calendar": self.calendar,
        })
    }
}

/// An expression that Secrets Manager refuses, for scripts.
#[derive(Clone, Debug)]
pub struct RefusedSchedule {
    /// The reason.
    pub error: String,
}

impl Show for RefusedSchedule {
    fn human(&self) -> String {
        format!("{}\n", self.error)
    }

    fn json(&self) -> Value {
        json!({ "valid": false, "error": self.error, "windows": [] })
    }
}

/// Returns a length of time in its two largest units.
fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (
        seconds / 86_400,
        seconds % 86_400 / 3_600,
        seconds % 3_600 / 60,
    );
    match (days, hours) {
        (0, 0) => format!("{minutes}min"),
        (0, _) => format!("{hours}h {minutes}min"),
        (_, 0) => format!("{days}d"),
        _ => format!("{days}d {hours}h"),
    }
}
