//! The manifest's JSON Schema, which editors use to complete and check a manifest. It follows
//! from the table of fields.

mod adapter;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::fields::{
    Alternatives, Except, FieldDefinition, Form, HTTP_ADAPTER, MANIFEST, MAX_TAGS,
    MappingDefinition, Presence, Text,
};

/// Where the schema is published.
pub const ADDRESS: &str =
    "https://raw.githubusercontent.com/keyrota/keyrota/main/schema/keyrota.schema.json";
/// Where the schema of an HTTP adapter's file is published.
pub const HTTP_ADAPTER_ADDRESS: &str =
    "https://raw.githubusercontent.com/keyrota/keyrota/main/schema/http-adapter.schema.json";
/// The dialect, draft 2020-12.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What a tag cannot contain. The opposite, what it can contain, needs `\p{L}`, which not all
/// validators know: ECMA 262 with `u` does, Python's `re` fails.
const TAG: &str = r##"^[^\x00-\x1f\x7f!"#$%&'()*,;<>?\[\\\]^`{|}~]*$"##;
/// The prefixes of keys that AWS and keyrota reserve, in any case.
const RESERVED: &str = "^([aA][wW][sS]|[kK][eE][yY][rR][oO][tT][aA]):";

pub use adapter::adapter;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaOf {
    /// The manifest.
    Manifest,
    /// Requests to a Lambda adapter, and its responses.
    Adapter,
    /// The file of an HTTP adapter.
    HttpAdapter,
}

impl SchemaOf {
    /// Returns the schema as it is published.
    pub fn text(self) -> String {
        let schema = match self {
            Self::Manifest => schema(),
            Self::Adapter => adapter(),
            Self::HttpAdapter => http_adapter(),
        };
        format!("{schema:#}\n")
    }
}

/// Returns the schema.
pub fn schema() -> Value {
    complete(&MANIFEST, ADDRESS)
}

/// Returns the schema of an HTTP adapter's file.
pub fn http_adapter() -> Value {
    complete(&HTTP_ADAPTER, HTTP_ADAPTER_ADDRESS)
}

/// Returns the schema of a file.
fn complete(file: &'static MappingDefinition, address: &str) -> Value {
    let mut definitions = Map::new();
    let mut schema = mapping(file, &mut definitions);
    schema["$schema"] = json!(DIALECT);
    schema["$id"] = json!(address);
    schema["title"] = json!(file.name);
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// Returns the schema of a mapping, and adds those that it refers to.
fn mapping(definition: &'static MappingDefinition, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<String, Value> = definition
        .fields()
        .map(|field| (field.name.to_owned(), property(field, definitions)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": definition.meaning,
        "additionalProperties": false,
        "properties": properties,
    });
    if !definition.is_partial {
        let required = definition
            .fields()
            .filter(|field| matches!(field.presence, Presence::Required));
        schema["required"] = required.map(|field| field.name).collect();
    }
    let one_of = definition.one_of.iter().map(|name| {
        let mut option = json!({ "required": [name] });
        let form = definition.field(name).map(|field| &field.form);
        if let Some(Form::List(_)) = form {
            option["properties"] = json!({ *name: { "minItems": 1 } });
        }
        option
    });
    if !definition.one_of.is_empty() {
        schema["anyOf"] = one_of.collect();
    }
    schema
}

/// Returns the schema of a field. `null` is the same as an absent field, except for a required
/// one.
fn property(field: &'static FieldDefinition, definitions: &mut Map<String, Value>) -> Value {
    let is_required = matches!(field.presence, Presence::Required);
    let types = |types: &[&str]| {
        let mut types = types.to_vec();
        if !is_required {
            types.push("null");
        }
        match types.as_slice() {
            [one] => json!(one),
            several => json!(several),
        }
    };
    let or_null = |schema: Value| match is_required {
        true => schema,
        false => json!({ "anyOf": [schema, { "type": "null" }] }),
    };
    let mut schema = match &field.form {
        Form::Version => json!({ "enum": [1, "1"] }),
        Form::Text(text) => {
            let mut schema = text_schema(text);
            let all: Vec<&str> = ["string"].iter().chain(text.also).copied().collect();
            schema["type"] = types(&all);
            schema
        }
        Form::Duration => json!({
            "type": types(&["string", "integer"]),
            "pattern": "^([0-9]+[smhd]|0)$",
            "minimum": 0,
            "maximum": 0,
        }),
        Form::Boolean => json!({ "type": types(&["boolean"]) }),
        Form::Integer(low, high) => json!({
            "type": types(&["integer"]),
            "format": "uint32",
            "minimum": low,
            "maximum": high,
        }),
        Form::Choice(words) => {
            let words = words.iter().map(|word| json!(word));
            let null = (!is_required).then_some(Value::Null);
            json!({ "enum": words.chain(null).collect::<Vec<Value>>() })
        }
        Form::Constant(word) => json!({ "type": "string", "const": word }),
        Form::Texts(pattern, most) => {
            let mut schema = json!({
                "type": types(&["array"]),
                "items": { "type": "string", "pattern": pattern },
            });
            if let Some(most) = most {
                schema["maxItems"] = json!(most);
            }
            schema
        }
        Form::TextOrTexts(text) => {
            let all: Vec<&str> = ["string"].iter().chain(text.also).copied().collect();
            let mut item = text_schema(text);
            let mut schema = item.clone();
            item["type"] = json!(all);
            schema["type"] = types(&[all.as_slice(), &["array"]].concat());
            schema["items"] = item;
            schema["minItems"] = json!(1);
            schema["uniqueItems"] = json!(true);
            schema
        }
        Form::WordOrTexts(word, text, count) => {
            let mut item = text_schema(text);
            item["type"] = json!(["string"].iter().chain(text.also).collect::<Vec<_>>());
            or_null(json!({
                "anyOf": [
                    { "const": word },
                    {
                        "type": "array",
                        "items": item,
                        "minItems": count,
                        "maxItems": count,
                        "uniqueItems": true,
                    },
                ],
            }))
        }
        Form::Choices(words) => json!({
            "type": types(&["array"]),
            "items": { "enum": words },
            "uniqueItems": true,
        }),
        Form::Integers(low, high) => {
            let one = json!({ "type": "integer", "minimum": low, "maximum": high });
            or_null(json!({
                "anyOf": [one, { "type": "array", "items": one, "minItems": 1, "uniqueItems": true }],
            }))
        }
        Form::TextMap(text) => {
            let mut one = text_schema(text);
            one["type"] = json!(["string"].iter().chain(text.also).collect::<Vec<_>>());
            json!({ "type": types(&["object"]), "additionalProperties": one })
        }
        Form::Json => json!({}),
        Form::Tags => json!({
            "type": types(&["object"]),
            "maxProperties": MAX_TAGS,
            "propertyNames": {
                "minLength": 1,
                "maxLength": 128,
                "pattern": TAG,
                "not": { "pattern": RESERVED },
            },
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "minLength": 1,
                "maxLength": 256,
                "pattern": TAG,
            },
        }),
        Form::Mapping(definition) => or_null(reference(definition, definitions)),
        Form::List(definition) => json!({
            "type": types(&["array"]),
            "items": reference(definition, definitions),
        }),
        Form::TextsOrMappings(text, definition) => {
            let mut one = text_schema(text);
            one["type"] = json!("string");
            json!({
                "type": types(&["array"]),
                "items": { "anyOf": [one, reference(definition, definitions)] },
            })
        }
        Form::Named(definition) => json!({
            "type": types(&["object"]),
            "additionalProperties": {
                "anyOf": [reference(definition, definitions), { "type": "null" }],
            },
        }),
        Form::Either(alternatives) => or_null(either(alternatives, definitions)),
    };
    schema["description"] = json!(field.meaning);
    if let Presence::Default(text) = field.presence {
        schema["default"] = match field.form {
            // Numbers and truth values are written in YAML as in JSON.
            Form::Integer(..) | Form::Boolean => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
            _ => json!(text),
        };
    }
    match (&field.form, field.examples) {
        (_, []) => {}
        (Form::Texts(..) | Form::Choices(..) | Form::TextsOrMappings(..), items) => {
            schema["examples"] = json!([items])
        }
        (_, examples) => schema["examples"] = json!(examples),
    }
    schema
}

fn text_schema(text: &Text) -> Value {
    let Text {
        pattern,
        shortest,
        longest,
        except,
        also: _,
    } = text;
    let mut schema = json!({});
    if let Some(pattern) = pattern {
        schema["pattern"] = json!(pattern);
    }
    if let Some(shortest) = shortest {
        schema["minLength"] = json!(shortest);
    }
    if let Some(longest) = longest {
        schema["maxLength"] = json!(longest);
    }
    match except {
        Some(Except::Pattern(pattern)) => {
            schema["not"] = json!({ "type": "string", "pattern": pattern });
        }
        Some(Except::Word(word)) => schema["not"] = json!({ "const": word }),
        None => {}
    }
    schema
}

/// Returns a reference to a mapping's schema, and adds the schema unless it is there.
fn reference(
    definition: &'static MappingDefinition,
    definitions: &mut Map<String, Value>,
) -> Value {
    if !definitions.contains_key(definition.name) {
        // It may refer to itself.
        definitions.insert(definition.name.to_owned(), Value::Null);
        let schema = mapping(definition, definitions);
        definitions.insert(definition.name.to_owned(), schema);
    }
    refer_to(definition.name)
}

fn either(alternatives: &'static Alternatives, definitions: &mut Map<String, Value>) -> Value {
    let word = json!({ "const": alternatives.word, "description": alternatives.word_meaning });
    let mappings = alternatives.mappings.iter().map(|definition| {
        let mut schema = reference(definition, definitions);
        schema["description"] = json!(definition.meaning);
        schema
    });
    let all: Vec<Value> = [word].into_iter().chain(mappings).collect();
    let schema = json!({ "description": alternatives.meaning, "anyOf": all });
    definitions.insert(alternatives.name.to_owned(), schema);
    refer_to(alternatives.name)
}

fn refer_to(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}
