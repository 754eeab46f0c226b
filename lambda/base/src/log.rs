//! The log: one JSON object per line on standard output, which Lambda sends to CloudWatch Logs.
//!
//! [`Lines`] writes the fields that every function has, and each function defines a type for
//! its own fields ([`Details`]). Together they are an allow-list. Nothing else can write to the
//! log: the functions install no subscriber for the `tracing` events of the SDKs and the Lambda
//! runtime, so no environment variable can make them show requests and their bodies.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write;
use std::marker::PhantomData;

use keyrota_contract::error;
use keyrota_contract::event::SWEEP;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::arn::SecretArn;
use crate::error::NamedError;
use crate::metric::{self, Metric};

/// The fields that a function's notes can have besides their text.
pub trait Details: Default {
    /// A subject of a note, such as an access key's ID.
    type Subject;

    /// Adds a subject to the note.
    fn add(&mut self, subject: &Self::Subject);

    /// Returns the names and values of the fields.
    fn fields(&self) -> Vec<(&'static str, Value)>;
}

/// No fields besides a note's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoDetails;

impl Details for NoDetails {
    type Subject = Infallible;

    fn add(&mut self, subject: &Infallible) {
        match *subject {}
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// A decision to record. Its text is fixed at build time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<D> {
    /// What was decided.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The secret that the note is about, if the request covers several.
    pub secret: Option<String>,
    /// The function's own fields.
    pub details: D,
}

impl<D: Details> Note<D> {
    /// Returns a note.
    pub fn new(decision: &'static str, reason: &'static str) -> Self {
        Self {
            decision,
            reason,
            secret: None,
            details: D::default(),
        }
    }

    /// Adds a subject to the note.
    #[must_use]
    pub fn about(mut self, subject: &D::Subject) -> Self {
        self.details.add(subject);
        self
    }

    /// Sets the secret that the note is about.
    #[must_use]
    pub fn of(mut self, secret: &SecretArn) -> Self {
        self.secret = Some(secret.name().to_owned());
        self
    }
}

/// Where the steps and sweeps record decisions.
pub trait Journal {
    /// The fields that a note can have besides its text.
    type Details: Details;
    /// The type of a failed request's error.
    type Error: NamedError;

    /// Records a decision.
    fn note(&self, note: Note<Self::Details>);

    /// Records a failure that concerns one secret. The request continues.
    fn trouble(&self, secret: &SecretArn, error: &Self::Error);

    /// Records measurements.
    fn measure(&self, metrics: &[Metric]);
}

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A decision.
    Info,
    /// The step failed.
    Error,
}

impl Level {
    /// Returns the minimum level to write, from the value of `AWS_LAMBDA_LOG_LEVEL`, which
    /// Lambda's logging controls set.
    pub fn from_setting(setting: Option<&str>) -> Self {
        match setting {
            Some("WARN" | "ERROR" | "FATAL") => Self::Error,
            _ => Self::Info,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}

/// The content of a line. Absent fields are left out.
#[derive(Default)]
struct Line<'line> {
    secret: Option<&'line str>,
    decision: Option<&'static str>,
    reason: Option<&'static str>,
    details: Vec<(&'static str, Value)>,
    error_type: Option<&'static str>,
    error_message: Option<String>,
}

/// A line, with the fields that all lines of the request share.
struct WholeLine<'line> {
    timestamp: String,
    level: Level,
    request_id: &'line str,
    step: Option<&'static str>,
    line: Line<'line>,
}

impl Serialize for WholeLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = &self.line;
        let before = [
            ("timestamp", Some(self.timestamp.as_str())),
            ("level", Some(self.level.name())),
            ("requestId", Some(self.request_id)),
            ("secret", line.secret),
            ("step", self.step),
            ("decision", line.decision),
            ("reason", line.reason),
        ];
        let after = [
            (error::TYPE_FIELD, line.error_type),
            (error::MESSAGE_FIELD, line.error_message.as_deref()),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (field, text) in before {
            text.map_or(Ok(()), |text| map.serialize_entry(field, text))?;
        }
        for (field, value) in &line.details {
            map.serialize_entry(field, value)?;
        }
        for (field, text) in after {
            text.map_or(Ok(()), |text| map.serialize_entry(field, text))?;
        }
        map.end()
    }
}

/// Writes the log lines of one request. `D` is the type of the function's own fields, and `E`
/// the type of its errors.
pub struct Lines<W, D, E> {
    writer: RefCell<W>,
    least: Level,
    timestamp: fn() -> String,
    request_id: String,
    metering: Option<Metering>,
    secret: Option<String>,
    step: Option<&'static str>,
    of: PhantomData<(D, E)>,
}

/// What the metrics need besides their values.
struct Metering {
    function: String,
    milliseconds: fn() -> u64,
}

impl<W: Write, D, E: NamedError> Lines<W, D, E> {
    /// Returns the log of one request. `timestamp` returns the current time, formatted as in
    /// RFC 3339.
    pub fn new(writer: W, least: Level, timestamp: fn() -> String, request_id: String) -> Self {
        Self {
            writer: RefCell::new(writer),
            least,
            timestamp,
            request_id,
            metering: None,
            secret: None,
            step: None,
            of: PhantomData,
        }
    }

    /// Enables metrics, under the name of this function. `milliseconds` returns the time since
    /// 1970. Without this call, the log writes no metrics.
    #[must_use]
    pub fn metering(mut self, function: Option<String>, milliseconds: fn() -> u64) -> Self {
        self.metering = function.map(|function| Metering {
            function,
            milliseconds,
        });
        self
    }

    /// Adds the secret and the kind of work to each further line.
    #[must_use]
    pub fn about(mut self, secret: &SecretArn, step: &'static str) -> Self {
        self.secret = Some(secret.name().to_owned());
        self.step = Some(step);
        self
    }

    /// Marks each further line as part of a sweep.
    #[must_use]
    pub fn sweeping(mut self) -> Self {
        self.step = Some(SWEEP);
        self
    }

    /// Records that the request failed.
    pub fn failed(&self, error: &E) {
        self.write(Level::Error, error_line(self.secret.as_deref(), error));
    }

    /// Returns the lines that were written.
    pub fn into_writer(self) -> W {
        self.writer.into_inner()
    }

    /// Writes a line if its level is high enough.
    fn write(&self, level: Level, line: Line<'_>) {
        if level >= self.least {
            self.write_object(&WholeLine {
                timestamp: (self.timestamp)(),
                level,
                request_id: &self.request_id,
                step: self.step,
                line,
            });
        }
    }

    fn write_object(&self, object: &impl Serialize) {
        // A failure to write the log must not interrupt a rotation.
        let Ok(text) = serde_json::to_string(object) else {
            return;
        };
        let mut line = ascii(&text);
        line.push('\n');
        let mut writer = self.writer.borrow_mut();
        let _ = writer
            .write_all(line.as_bytes())
            .and_then(|()| writer.flush());
    }
}

fn error_line<'line>(secret: Option<&'line str>, error: &impl NamedError) -> Line<'line> {
    Line {
        secret,
        error_type: Some(error.name()),
        error_message: Some(error.sentence()),
        ..Line::default()
    }
}

impl<W: Write, D: Details, E: NamedError> Journal for Lines<W, D, E> {
    type Details = D;
    type Error = E;

    fn note(&self, note: Note<D>) {
        let line = Line {
            secret: note.secret.as_deref().or(self.secret.as_deref()),
            decision: Some(note.decision),
            reason: Some(note.reason),
            details: note.details.fields(),
            ..Line::default()
        };
        self.write(Level::Info, line);
    }

    fn trouble(&self, secret: &SecretArn, error: &E) {
        self.write(Level::Error, error_line(Some(secret.name()), error));
    }

    /// Writes metrics at any level. (If Lambda's own log level is set higher than INFO, Lambda
    /// drops them with the other INFO lines.)
    fn measure(&self, metrics: &[Metric]) {
        let Some(metering) = &self.metering else {
            return;
        };
        let milliseconds = (metering.milliseconds)();
        for mut fields in metric::lines(&metering.function, milliseconds, metrics) {
            let more = [
                ("timestamp", (self.timestamp)()),
                ("level", Level::Info.name().to_owned()),
                ("requestId", self.request_id.clone()),
            ];
            let more: Map<String, Value> = more
                .into_iter()
                .map(|(field, value)| (field.to_owned(), Value::from(value)))
                .collect();
            fields.extend(more);
            self.write_object(&fields);
        }
    }
}

/// Escapes every character in JSON that is not printable ASCII. Messages from AWS or a server
/// can contain names that other people chose, and these must not control a terminal that shows
/// the log. `serde_json` leaves DEL, C1, and bidirectional controls unescaped. Outside of
/// strings, JSON is ASCII.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::ascii;

    #[test]
    fn a_line_is_printable_and_says_the_same() {
        let value = serde_json::json!({
            "a": "x\u{1b}[31m \u{7f} \u{9b} \u{202e} 키 \u{1f511} \"\\"
        });
        let line = ascii(&value.to_string());
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, value);
    }
}
