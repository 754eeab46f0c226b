//! What a line of the log can say. [`Line`] is the allow-list; no user's
//! password, no version's ID and no text of a server's has a place in it.

use std::io::Write;

use keyrota_function_base::log::Page;
use serde::Serialize;

pub use keyrota_function_base::log::Level;

use crate::arn::SecretArn;
use crate::error::Error;
use crate::metric::Metric;
use crate::port::Journal;

/// A decision to record. Its words are fixed when the program is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was decided.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The secret that it is about, where the request is about several.
    pub secret: Option<String>,
}

impl Note {
    /// Returns a note.
    pub fn new(decision: &'static str, reason: &'static str) -> Self {
        Self {
            decision,
            reason,
            secret: None,
        }
    }

    /// Says which secret the note is about.
    #[must_use]
    pub fn of(mut self, secret: &SecretArn) -> Self {
        self.secret = Some(secret.name().to_owned());
        self
    }
}

/// Everything that a line of the log can say.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'line> {
    timestamp: String,
    level: Level,
    request_id: &'line str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'line str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// Writes the lines of one request.
pub struct Lines<W> {
    page: Page<W>,
    secret: Option<String>,
    step: Option<&'static str>,
}

impl<W: Write> Lines<W> {
    /// Returns the log of one request. `timestamp` returns the time as RFC 3339
    /// writes it.
    pub fn new(writer: W, least: Level, timestamp: fn() -> String, request_id: String) -> Self {
        Self {
            page: Page::new(writer, least, timestamp, request_id),
            secret: None,
            step: None,
        }
    }

    /// Writes metrics too, as those of this function. `milliseconds` returns
    /// the time since 1970 began. Without it there are none.
    #[must_use]
    pub fn metering(mut self, function: Option<String>, milliseconds: fn() -> u64) -> Self {
        self.page = self.page.metering(function, milliseconds);
        self
    }

    /// Says on each further line which secret and what work on it it is about.
    #[must_use]
    pub fn about(mut self, secret: &SecretArn, step: &'static str) -> Self {
        self.secret = Some(secret.name().to_owned());
        self.step = Some(step);
        self
    }

    /// Says on each further line that it belongs to a sweep.
    #[must_use]
    pub fn sweeping(mut self) -> Self {
        self.step = Some("sweep");
        self
    }

    /// Records that the request failed.
    pub fn failed(&self, error: &Error) {
        self.write(&self.error(error));
    }

    /// Returns what was written.
    pub fn into_writer(self) -> W {
        self.page.into_writer()
    }

    fn line(&self, level: Level) -> Line<'_> {
        Line {
            timestamp: self.page.timestamp(),
            level,
            request_id: self.page.request_id(),
            secret: self.secret.as_deref(),
            step: self.step,
            decision: None,
            reason: None,
            error_type: None,
            error_message: None,
        }
    }

    fn error(&self, error: &Error) -> Line<'_> {
        Line {
            error_type: Some(error.name()),
            error_message: Some(error.sentence()),
            ..self.line(Level::Error)
        }
    }

    fn write(&self, line: &Line<'_>) {
        self.page.write(line.level, line);
    }
}

impl<W: Write> Journal for Lines<W> {
    fn note(&self, note: Note) {
        let line = self.line(Level::Info);
        self.write(&Line {
            secret: note.secret.as_deref().or(line.secret),
            decision: Some(note.decision),
            reason: Some(note.reason),
            ..line
        });
    }

    fn trouble(&self, secret: &SecretArn, error: &Error) {
        self.write(&Line {
            secret: Some(secret.name()),
            ..self.error(error)
        });
    }

    fn measure(&self, metrics: &[Metric]) {
        self.page.measure(metrics);
    }
}
