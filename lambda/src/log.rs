//! The log: one JSON object a line on standard output, which Lambda hands to
//! CloudWatch Logs.
//!
//! [`Line`] is the allow-list. There is no other way into the log: no
//! subscriber is ever installed for the `tracing` events of the SDKs and of the
//! Lambda runtime, so that no environment variable can make them show requests
//! and their bodies.

use std::io::Write;

pub use keyrota_function_base::log::Level;

use keyrota_function_base::log::Page;
use serde::Serialize;

use crate::arn::SecretArn;
use crate::decide::AccessKeyId;
use crate::error::Error;
use crate::metric::Metric;
use crate::port::{Journal, LastUsed};

/// The longest name of AWS's that is repeated, in characters.
const LONGEST_WORD: usize = 64;

/// A decision to record. Its words are fixed when the program is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was decided.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The keys that it is about.
    pub keys: Vec<AccessKeyId>,
    /// The secret that it is about, where the request is about several.
    pub secret: Option<String>,
    /// The last request that the key signed.
    pub last_used: Option<LastUsed>,
}

impl Note {
    /// Returns a note that is about no key.
    pub fn new(decision: &'static str, reason: &'static str) -> Self {
        Self {
            decision,
            reason,
            keys: Vec::new(),
            secret: None,
            last_used: None,
        }
    }

    /// Adds a key that the note is about.
    #[must_use]
    pub fn about(mut self, key: &AccessKeyId) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// Says which secret the note is about.
    #[must_use]
    pub fn of(mut self, secret: &SecretArn) -> Self {
        self.secret = Some(secret.name().to_owned());
        self
    }

    /// Says when, where and for what the key was last used.
    #[must_use]
    pub fn last_used(mut self, last_used: Option<LastUsed>) -> Self {
        self.last_used = last_used;
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
    last_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_region: Option<String>,
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

    /// Says on each further line which secret and step it is about.
    #[must_use]
    pub fn about(mut self, secret: &str, step: &'static str) -> Self {
        self.secret = Some(secret.to_owned());
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
            access_key_ids: Vec::new(),
            last_used: None,
            last_used_service: None,
            last_used_region: None,
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
        let used = note.last_used.as_ref();
        self.write(&Line {
            secret: note.secret.as_deref().or(line.secret),
            decision: Some(note.decision),
            reason: Some(note.reason),
            access_key_ids: note.keys.iter().map(AccessKeyId::as_str).collect(),
            last_used: used.map(|used| used.at.to_string()),
            last_used_service: used.map(|used| word(&used.service)),
            last_used_region: used.map(|used| word(&used.region)),
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

/// Returns a name that AWS gave, such as a service's, as far as it is one.
fn word(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || ".-_ ".contains(*letter))
        .take(LONGEST_WORD)
        .collect()
}
