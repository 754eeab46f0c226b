//! The log: one JSON object a line on standard output, which Lambda hands to
//! CloudWatch Logs.
//!
//! [`Line`] is the allow-list. There is no other way into the log: no
//! subscriber is ever installed for the `tracing` events of the SDKs and of the
//! Lambda runtime, so that no environment variable can make them show requests
//! and their bodies.

use std::cell::RefCell;
use std::io::Write;

use serde::Serialize;

use crate::decide::AccessKeyId;
use crate::error::Error;
use crate::port::Journal;

/// A decision to record. Its words are fixed when the program is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was decided.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The keys that it is about.
    pub keys: Vec<AccessKeyId>,
}

impl Note {
    /// Returns a note that is about no key.
    pub fn new(decision: &'static str, reason: &'static str) -> Self {
        Self {
            decision,
            reason,
            keys: Vec::new(),
        }
    }

    /// Adds a key that the note is about.
    #[must_use]
    pub fn about(mut self, key: &AccessKeyId) -> Self {
        self.keys.push(key.clone());
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_key_ids: Vec<&'line str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// A decision.
    Info,
    /// The step failed.
    Error,
}

impl Level {
    /// Returns the least level to write, from the value of
    /// `AWS_LAMBDA_LOG_LEVEL`, which Lambda's logging controls set.
    pub fn from_setting(setting: Option<&str>) -> Self {
        match setting {
            Some("WARN" | "ERROR" | "FATAL") => Self::Error,
            _ => Self::Info,
        }
    }
}

/// Writes the lines of one request.
pub struct Lines<W> {
    writer: RefCell<W>,
    least: Level,
    timestamp: fn() -> String,
    request_id: String,
    secret: Option<String>,
    step: Option<&'static str>,
}

impl<W: Write> Lines<W> {
    /// Returns the log of one request. `timestamp` returns the time as RFC 3339
    /// writes it.
    pub fn new(writer: W, least: Level, timestamp: fn() -> String, request_id: String) -> Self {
        let writer = RefCell::new(writer);
        Self {
            writer,
            least,
            timestamp,
            request_id,
            secret: None,
            step: None,
        }
    }

    /// Says on each further line which secret and step it is about.
    #[must_use]
    pub fn about(mut self, secret: &str, step: &'static str) -> Self {
        self.secret = Some(secret.to_owned());
        self.step = Some(step);
        self
    }

    /// Records that the step failed.
    pub fn failed(&self, error: &Error) {
        let line = Line {
            error_type: Some(error.name()),
            error_message: Some(error.sentence()),
            ..self.line(Level::Error)
        };
        self.write(line);
    }

    /// Returns what was written.
    pub fn into_writer(self) -> W {
        self.writer.into_inner()
    }

    fn line(&self, level: Level) -> Line<'_> {
        Line {
            timestamp: (self.timestamp)(),
            level,
            request_id: &self.request_id,
            secret: self.secret.as_deref(),
            step: self.step,
            decision: None,
            reason: None,
            access_key_ids: Vec::new(),
            error_type: None,
            error_message: None,
        }
    }

    fn write(&self, line: Line<'_>) {
        if line.level < self.least {
            return;
        }
        // A log that cannot be written is no reason to break off a rotation.
        let Ok(mut text) = serde_json::to_vec(&line) else {
            return;
        };
        text.push(b'\n');
        let mut writer = self.writer.borrow_mut();
        let _ = writer.write_all(&text).and_then(|()| writer.flush());
    }
}

impl<W: Write> Journal for Lines<W> {
    fn note(&self, note: Note) {
        let line = Line {
            decision: Some(note.decision),
            reason: Some(note.reason),
            access_key_ids: note.keys.iter().map(AccessKeyId::as_str).collect(),
            ..self.line(Level::Info)
        };
        self.write(line);
    }
}
