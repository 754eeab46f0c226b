//! The log: one JSON object a line on standard output, which Lambda hands to
//! CloudWatch Logs.
//!
//! Each function has its own type for what a line can say, which is its
//! allow-list. There is no other way into the log: no subscriber is ever
//! installed for the `tracing` events of the SDKs and of the Lambda runtime, so
//! that no environment variable can make them show requests and their bodies.

use std::cell::RefCell;
use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::metric::{self, Metric};

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

/// Where the lines of one request are written.
pub struct Page<W> {
    writer: RefCell<W>,
    least: Level,
    timestamp: fn() -> String,
    request_id: String,
    metering: Option<Metering>,
}

/// What the metrics need beside their values.
struct Metering {
    function: String,
    milliseconds: fn() -> u64,
}

impl<W: Write> Page<W> {
    /// Returns the page of one request. `timestamp` returns the time as RFC 3339
    /// writes it.
    pub fn new(writer: W, least: Level, timestamp: fn() -> String, request_id: String) -> Self {
        Self {
            writer: RefCell::new(writer),
            least,
            timestamp,
            request_id,
            metering: None,
        }
    }

    /// Writes metrics too, as those of this function. `milliseconds` returns
    /// the time since 1970 began. Without it there are none.
    #[must_use]
    pub fn metering(mut self, function: Option<String>, milliseconds: fn() -> u64) -> Self {
        self.metering = function.map(|function| Metering {
            function,
            milliseconds,
        });
        self
    }

    /// Returns the time, as lines tell it.
    pub fn timestamp(&self) -> String {
        (self.timestamp)()
    }

    /// Returns Lambda's ID of the request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Returns what was written.
    pub fn into_writer(self) -> W {
        self.writer.into_inner()
    }

    /// Writes a line, if it matters enough.
    pub fn write(&self, level: Level, line: &impl Serialize) {
        if level >= self.least {
            self.write_object(line);
        }
    }

    /// Writes metrics, at any level. (Lambda itself drops them with the other
    /// lines of level INFO, where its own log level is set higher.)
    pub fn measure(&self, metrics: &[Metric]) {
        let Some(metering) = &self.metering else {
            return;
        };
        let milliseconds = (metering.milliseconds)();
        for mut fields in metric::lines(&metering.function, milliseconds, metrics) {
            let more = [
                ("timestamp", (self.timestamp)()),
                ("level", "INFO".to_owned()),
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

    fn write_object(&self, object: &impl Serialize) {
        // A log that cannot be written is no reason to break off a rotation.
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

/// Returns JSON with an escape for every character that is not printable ASCII. What AWS
/// or a server says can hold names that others chose, and a terminal that shows the log
/// must not obey them: `serde_json` leaves DEL, C1, and bidirectional controls as they are.
/// Outside of strings, JSON is ASCII.
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
