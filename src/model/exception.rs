//! Findings about the rendered stack that the manifest accepts, each with a reason for the review.
//! `render` knows which rules exist.

use super::fields::{EXCEPTION, Fields};
use super::reader::Field;

/// The minimum number of characters of a reason, which should be a sentence.
const MIN_REASON: usize = 10;
/// The maximum number of characters of a reason, which is shown in a table.
const MAX_REASON: usize = 500;

/// An accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule's ID.
    pub rule: String,
    /// Why it is accepted.
    pub reason: String,
    /// The logical ID or path for which it is accepted, or `None` for all.
    pub resource: Option<String>,
    /// Its place in the manifest, such as `exceptions[1]`.
    pub path: String,
    /// Its line.
    pub line: usize,
}

/// Reads the list, and refuses duplicates.
pub(super) fn read(field: &Field<'_>) -> Vec<Exception> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for item in field.list().unwrap_or_default() {
        let fields = Fields::of(&item, &EXCEPTION);
        let Some(exception) = fields.and_then(|fields| read_one(&item, &fields)) else {
            continue;
        };
        let same = |other: &&Exception| {
            other.rule == exception.rule && other.resource == exception.resource
        };
        match exceptions.iter().find(same) {
            Some(other) => item.refuse(
                "contradiction",
                format!("the same exception is already on line {}", other.line),
            ),
            None => exceptions.push(exception),
        }
    }
    exceptions
}

fn read_one(item: &Field<'_>, exception: &Fields<'_>) -> Option<Exception> {
    let word = |text: &str| match text.trim().is_empty() || text.contains(char::is_control) {
        true => Err("expected a name".to_owned()),
        false => Ok(text.to_owned()),
    };
    let rule = exception
        .require("rule")
        .and_then(|field| field.parse("invalid-value", word));
    let reason = exception
        .require("reason")
        .and_then(|field| field.parse("invalid-value", parse_reason));
    let resource = exception.optional("resource", |field| field.parse("invalid-value", word));
    Some(Exception {
        rule: rule?,
        reason: reason?,
        resource: resource?,
        path: item.path().to_owned(),
        line: item.line(),
    })
}

fn parse_reason(text: &str) -> Result<String, String> {
    let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = reason.chars().count();
    if reason.contains(char::is_control) {
        return Err("a reason cannot contain control characters".to_owned());
    }
    match (MIN_REASON..=MAX_REASON).contains(&count) {
        true => Ok(reason),
        false => Err(format!(
            "a reason must have {MIN_REASON} to {MAX_REASON} characters, but this one has {count}"
        )),
    }
}
