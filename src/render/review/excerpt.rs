//! Formats a statement for the page: the JSON in its file, with short values on one line, and
//! with long lists shortened.

use super::{action, prose};
use crate::render::tree::Value;

/// A longer list in a statement is shortened.
const LONGEST_LIST: usize = 12;
/// The number of items that remain in such a list.
const SHOWN: usize = 3;
/// The maximum length of a line.
const LINE: usize = 66;

/// Returns a statement's JSON, and whether it was shortened.
pub fn excerpt(value: &Value) -> (String, bool) {
    let mut shortened = false;
    let value = shorten(value, &mut shortened);
    let mut text = String::new();
    write(&value, 0, 0, &mut text);
    (text, shortened)
}

/// Writes JSON, with values on one line if they fit.
fn write(value: &Value, indent: usize, before: usize, text: &mut String) {
    let flat = flat(value);
    let whole = indent == 0 && matches!(value, Value::Mapping(_));
    if !whole && indent + before + flat.chars().count() <= LINE {
        text.push_str(&flat);
        return;
    }
    let deeper = " ".repeat(indent + 2);
    match value {
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "[\n" } else { ",\n" });
                text.push_str(&deeper);
                write(item, indent + 2, 0, text);
            }
            text.extend(["\n", &deeper[2..], "]"]);
        }
        Value::Mapping(entries) => {
            for (index, (key, item)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "{\n" } else { ",\n" });
                let key = json(key) + ": ";
                text.extend([deeper.as_str(), &key]);
                write(item, indent + 2, key.len(), text);
            }
            text.extend(["\n", &deeper[2..], "}"]);
        }
        _ => text.push_str(&flat),
    }
}

/// Writes JSON on one line, with spaces for readability.
fn flat(value: &Value) -> String {
    match value {
        Value::Sequence(items) => {
            format!(
                "[{}]",
                items.iter().map(flat).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| format!("{}: {}", json(key), flat(item)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        _ => json(value),
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn shorten(value: &Value, shortened: &mut bool) -> Value {
    match value {
        Value::Sequence(items) if items.len() > LONGEST_LIST && !of_actions(items) => {
            *shortened = true;
            let more = format!("… {} more", prose::number(items.len() - SHOWN));
            let excerpt = items.iter().take(SHOWN).cloned();
            Value::Sequence(excerpt.chain([Value::String(more)]).collect())
        }
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|one| shorten(one, shortened)).collect())
        }
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), shorten(value, shortened)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// Returns whether a list contains actions. Such a list is never shortened, because it is what
/// the reader must see.
fn of_actions(items: &[Value]) -> bool {
    let text = items.first().and_then(Value::as_str).unwrap_or_default();
    action::words(text).is_some() || !text.starts_with("arn:")
}
