//! The reader and the table have the same fields.

use serde_json::{Map, Value, json};

use super::{Form, MANIFEST, MappingDefinition};
use crate::model::load;

/// Puts a mapping into the manifest that has nothing else.
type Around<'a> = &'a dyn Fn(Value) -> Value;

/// Sets each field to a value of a wrong type, and returns the paths whose fields the reader
/// does not report.
fn unread(definition: &MappingDefinition, path: &str, around: Around<'_>) -> Vec<String> {
    let mut unread = Vec::new();
    let constants: Map<String, Value> = definition
        .fields()
        .filter_map(|field| match field.form {
            Form::Constant(word) => Some((field.name.to_owned(), json!(word))),
            _ => None,
        })
        .collect();
    for field in definition.fields() {
        let name = field.name;
        let place = match path {
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        };
        let around = |value: Value| {
            let mut mapping = constants.clone();
            mapping.insert(name.to_owned(), value);
            around(Value::Object(mapping))
        };
        let manifest = around(json!([[{ "a": 1 }]])).to_string();
        let found = load(&manifest, None).unwrap_err();
        let is_read = found.iter().any(|finding| {
            let known = !["unknown-key", "missing"].contains(&finding.kind);
            known && finding.path.starts_with(&place)
        });
        if !is_read {
            unread.push(place.clone());
        }
        unread.extend(match &field.form {
            Form::Mapping(inner) => self::unread(inner, &place, &around),
            Form::List(inner) | Form::TextsOrMappings(_, inner) => {
                self::unread(inner, &format!("{place}[0]"), &|value| {
                    around(json!([value]))
                })
            }
            Form::Named(inner) => self::unread(inner, &format!("{place}.any"), &|value| {
                around(json!({ "any": value }))
            }),
            Form::Either(alternatives) => {
                let mappings = alternatives.mappings.iter();
                mappings
                    .flat_map(|inner| self::unread(inner, &place, &around))
                    .collect()
            }
            _ => Vec::new(),
        });
    }
    unread
}

#[test]
fn the_reader_reads_every_field_of_the_table() {
    assert_eq!(unread(&MANIFEST, "", &|value| value), [""; 0]);
}

#[test]
fn an_environment_has_no_environments() {
    let text = "{ version: 1, stack: keys, access_keys: [{ user: ada }], environments: { a: { environments: {} } } }";
    for environment in [None, Some("a")] {
        let found = load(text, environment).unwrap_err();
        let kinds: Vec<_> = found.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, ["unknown-key"]);
    }
}
