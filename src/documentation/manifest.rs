//! The tables of manifest fields in `docs/reference/manifest.md` follow from the
//! JSON Schema, which follows from the definitions of the fields.

use std::fmt::Write as _;

use serde_json::Value;

use super::assert_section;
use crate::model::schema::schema;

/// Each table: its heading, the definition in the schema (the schema itself for the
/// empty name), and what its fields are prefixed with.
const TABLES: &[(&str, &str, &str)] = &[
    ("Top level", "", ""),
    ("`access_keys`", "AccessKey", "access_keys[]."),
    ("`databases`", "Database", "databases[]."),
    ("`password` of a database", "Password", "password."),
    ("`clients` of a database", "Clients", "clients."),
    ("`services`", "Service", "services[]."),
    ("`adapter` of a service", "Adapter", "adapter."),
    ("`password` of a service", "ServicePassword", "password."),
    ("`fields` of an access key", "AccessKeyFields", "fields."),
    ("`fields` of a database", "DatabaseFields", "fields."),
    ("`fields` of a service", "ServiceFields", "fields."),
    ("`old_key`", "Retirement", "old_key."),
    ("`replicas[]` as a mapping", "Replica", "replicas[]."),
    ("`probe` with `s3:ListBucket`", "ListBucket", "probe."),
    ("`probe` with `sts:AssumeRole`", "AssumeRole", "probe."),
    ("`probe` with `smtp`", "SmtpLogin", "probe."),
    ("`function`", "Function", "function."),
    ("`network`", "Network", "network."),
    ("`alarms`", "Alarms", "alarms."),
    ("`encrypt`", "Encrypt", "encrypt."),
    ("`exceptions`", "Exception", "exceptions[]."),
    ("`accounts`", "Account", "accounts[]."),
];

/// Definitions that are described without a table of their own: those in `defaults` and
/// `environments` repeat fields of other tables, and the others are choices between two.
const WITHOUT_A_TABLE: &[&str] = &["Defaults", "Environment", "Fields", "OldKey", "Probe"];

fn tables(schema: &Value) -> String {
    let mut text = String::new();
    let defaults = schema["$defs"]["Defaults"]["properties"]
        .as_object()
        .unwrap();
    for (heading, definition, prefix) in TABLES {
        let object = match *definition {
            "" => schema,
            name => &schema["$defs"][name],
        };
        writeln!(text, "### {heading}\n").unwrap();
        writeln!(text, "| field | type | default | meaning |").unwrap();
        writeln!(text, "| --- | --- | --- | --- |").unwrap();
        let entry = matches!(*definition, "AccessKey" | "Database" | "Service");
        for (name, property, required) in ordered(object) {
            let mark = if entry && defaults.contains_key(name) {
                " ◆"
            } else {
                ""
            };
            let default = match (required, &property["default"]) {
                (true, _) => "required".to_owned(),
                (false, Value::Null) => "–".to_owned(),
                (false, Value::String(default)) => format!("`{default}`"),
                (false, default) => format!("`{default}`"),
            };
            let meaning = property["description"].as_str().unwrap();
            writeln!(
                text,
                "| `{prefix}{name}`{mark} | {} | {} | {} |",
                type_of(property),
                cell(&default),
                cell(meaning)
            )
            .unwrap();
        }
        text.push('\n');
    }
    text
}

/// Returns the fields of an object: the required ones first, in the order in which the
/// schema requires them, then the others by name.
fn ordered(object: &Value) -> Vec<(&str, &Value, bool)> {
    let properties = object["properties"].as_object().into_iter().flatten();
    let required: Vec<&str> = object["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let first = required
        .iter()
        .map(|name| (*name, &object["properties"][*name], true));
    let rest = properties
        .filter(|(name, _)| !required.contains(&name.as_str()))
        .map(|(name, property)| (name.as_str(), property, false));
    first.chain(rest).collect()
}

/// Says what a field takes, without `null`, which means the default everywhere.
fn type_of(property: &Value) -> String {
    if let Some(constant) = property.get("const").and_then(Value::as_str) {
        return format!("`{constant}`");
    }
    if let Some(values) = property["enum"].as_array() {
        let values = values.iter().filter(|value| !value.is_null());
        let mut values: Vec<String> = values
            .map(|value| match value.as_str() {
                Some(text) => format!("`{text}`"),
                None => format!("`{value}`"),
            })
            .collect();
        values.dedup_by_key(|value| value.trim_matches(['`', '"']).to_owned());
        return values.join(", ");
    }
    let names = |value: &Value| match value {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            names.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let mut names = names(&property["type"]);
    names.retain(|name| name != "null");
    // A number or truth value is accepted where text is expected, as YAML users write it.
    if names.iter().any(|name| name == "string") {
        return match names.iter().any(|name| name == "array") {
            true => "string or list".to_owned(),
            false => "string".to_owned(),
        };
    }
    match names.first().map(String::as_str) {
        Some("array") => "list".to_owned(),
        Some("object") | None => "mapping".to_owned(),
        Some(name) => name.to_owned(),
    }
}

/// Writes a text so that it stays in its cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[test]
fn the_tables_of_the_manifest_are_up_to_date() {
    assert_section("docs/reference/manifest.md", "fields", &tables(&schema()));
}

#[test]
fn every_definition_of_the_schema_has_a_table() {
    let schema = schema();
    for name in schema["$defs"].as_object().unwrap().keys() {
        let shown = TABLES.iter().any(|(_, definition, _)| definition == name);
        assert!(
            shown != WITHOUT_A_TABLE.contains(&name.as_str()),
            "{name} has to be in one of the two lists"
        );
    }
}

#[test]
fn a_table_puts_required_fields_first_and_marks_what_defaults_may_set() {
    let text = tables(&schema());
    let line = |start: &str| {
        text.lines()
            .position(|line| line.starts_with(start))
            .unwrap()
    };
    assert!(
        line("| `access_keys[].user` | string | required |")
            < line("| `access_keys[].create_user` | boolean | `false` |")
    );
    line("| `access_keys[].schedule` ◆ | string | `rate(30 days)` |");
    line("| `databases[].password` | mapping | – |");
    line("| `databases[].engine` | `postgres`, `mysql`, `mariadb` | required |");
}
