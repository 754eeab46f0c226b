//! Reads a template from the parser's events.
//!
//! `serde_yaml` can read a rendered template into the same tree, but takes several times as
//! long, and 10,000 entries result in 24 MB of templates. Its [`Number`] decides what is a
//! number, so scalars mean the same as in `serde_yaml`.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag as EventTag};
use serde_yaml::Number;
use serde_yaml::value::Tag;

use super::{Mapping, Tagged, Value};
use crate::model::document::last_line;

/// The maximum nesting depth. It bounds the recursion of all code that traverses the tree.
const MAX_DEPTH: usize = 128;
/// The maximum number of values that aliases can add. It bounds the expansion of aliases.
const MAX_ALIASED: usize = 1_000_000;

/// Why a text is not a YAML document, and the position.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct ReadError {
    reason: String,
    /// The line, counted from 1.
    line: usize,
    /// The column, counted from 1, in characters.
    column: usize,
}

impl ReadError {
    fn new(reason: impl Into<String>, place: Marker) -> Self {
        Self {
            reason: reason.into(),
            line: place.line(),
            column: place.col() + 1,
        }
    }
}

/// Returns the error of the parser, which says that the end of the text is on the line after it.
fn at(error: &ScanError, text: &str) -> ReadError {
    let mut told = ReadError::new(error.info(), *error.marker());
    let last = last_line(text);
    if told.line > last {
        let end = text.rsplit(['\n', '\r']).next().unwrap_or_default();
        told.line = last;
        told.column = end.chars().count() + 1;
    }
    told
}

/// Parses one YAML document. An empty text is null.
///
/// # Errors
///
/// Returns the position at which the text is invalid YAML, begins a second document, repeats a
/// key, or is nested too deeply.
pub fn read(text: &str) -> Result<Value, ReadError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| at(&error, text))?;
        builder.take(event, span.start)?;
    }
    Ok(builder.root.unwrap_or_default())
}

/// A list or mapping that is not complete yet.
struct Open {
    items: Items,
    tag: Option<Tag>,
    anchor: usize,
    start: Marker,
}

enum Items {
    Sequence(Vec<Value>),
    Mapping {
        entries: Vec<(Value, Value)>,
        /// The key whose value comes next.
        key: Option<Value>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Value>,
    /// The values by the parser's anchor IDs, which begin at 1.
    anchors: Vec<(usize, Value)>,
    aliased: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Marker) -> Result<(), ReadError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref(), place)?;
                self.add(value, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Items::Sequence(Vec::new()), anchor, tag, place)?;
            }
            Event::MappingStart(anchor, tag) => {
                let items = Items::Mapping {
                    entries: Vec::new(),
                    key: None,
                };
                self.begin(items, anchor, tag, place)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // The parser ends only what it has begun.
                if let Some(open) = self.open.pop() {
                    let value = match open.items {
                        Items::Sequence(items) => Value::Sequence(items),
                        Items::Mapping { entries, .. } => mapping(entries, open.start)?,
                    };
                    self.add(tagged(open.tag, value), open.anchor);
                }
            }
            Event::Alias(anchor) => {
                let mut anchors = self.anchors.iter();
                let found = anchors.find(|(known, _)| *known == anchor);
                let unknown = || ReadError::new("an alias inside its own anchor", place);
                let value = found.map(|(_, value)| value).ok_or_else(unknown)?.clone();
                self.aliased += size(&value);
                if self.aliased > MAX_ALIASED {
                    return Err(ReadError::new("aliases repeat too many values", place));
                }
                self.add(value, 0);
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(ReadError::new("a second YAML document begins", place));
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        items: Items,
        anchor: usize,
        tag: Option<Cow<'_, EventTag>>,
        start: Marker,
    ) -> Result<(), ReadError> {
        if self.open.len() == MAX_DEPTH {
            let reason = format!("values are nested deeper than {MAX_DEPTH} levels");
            return Err(ReadError::new(reason, start));
        }
        self.open.push(Open {
            items,
            tag: tag.as_deref().and_then(local_tag),
            anchor,
            start,
        });
        Ok(())
    }

    /// Adds a complete value to the enclosing list or mapping.
    fn add(&mut self, value: Value, anchor: usize) {
        if anchor > 0 {
            self.anchors.push((anchor, value.clone()));
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(value),
            Some(Items::Sequence(items)) => items.push(value),
            Some(Items::Mapping { entries, key }) => match key.take() {
                None => *key = Some(value),
                Some(key) => entries.push((key, value)),
            },
        }
    }
}

/// Returns the tag, such as `!Ref`, or `None` if it is one of YAML's own, such as `!!map`.
fn local_tag(tag: &EventTag) -> Option<Tag> {
    match tag.is_yaml_core_schema() || tag.suffix.is_empty() {
        true => None,
        false => Some(Tag::new(tag.to_string())),
    }
}

fn tagged(tag: Option<Tag>, value: Value) -> Value {
    match tag {
        Some(tag) => Value::Tagged(Box::new(Tagged { tag, value })),
        None => value,
    }
}

fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&EventTag>,
    place: Marker,
) -> Result<Value, ReadError> {
    let Some(tag) = tag else {
        return Ok(match style {
            ScalarStyle::Plain => plain(text),
            _ => Value::String(text.into_owned()),
        });
    };
    if !tag.is_yaml_core_schema() {
        let value = scalar(text, style, None, place)?;
        return Ok(tagged(local_tag(tag), value));
    }
    let fits = |value: &Value| match tag.suffix.as_str() {
        "null" => matches!(value, Value::Null),
        "bool" => matches!(value, Value::Bool(_)),
        "int" => matches!(value, Value::Number(number) if !number.is_f64()),
        "float" => matches!(value, Value::Number(_)),
        _ => false,
    };
    if tag.suffix == "str" {
        return Ok(Value::String(text.into_owned()));
    }
    let refused = || ReadError::new(format!("`{text}` does not fit the tag {tag}"), place);
    let value = plain(Cow::Borrowed(&text));
    if fits(&value) {
        Ok(value)
    } else {
        Err(refused())
    }
}

/// Returns the value of a scalar without quotation marks or tag.
fn plain(text: Cow<'_, str>) -> Value {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // Every number begins with one of these characters.
    let may_be_number = text.starts_with(|one: char| one.is_ascii_digit() || "+-.".contains(one));
    match may_be_number.then(|| text.parse::<Number>()) {
        Some(Ok(number)) => Value::Number(number),
        _ => Value::String(text.into_owned()),
    }
}

fn mapping(entries: Vec<(Value, Value)>, start: Marker) -> Result<Value, ReadError> {
    match Mapping::new(entries) {
        Ok(mapping) => Ok(Value::Mapping(mapping)),
        Err(key) => {
            let key = serde_json::to_string(&key).unwrap_or_default();
            let reason = format!("the key {key} is repeated in the mapping");
            Err(ReadError::new(reason, start))
        }
    }
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| size(key) + size(value))
            .sum(),
        Value::Tagged(tagged) => size(&tagged.value),
        _ => 0,
    }
}
