//! The JSON Schema of what the service function asks a Lambda adapter, and of what the adapter answers.
//! A test holds it to the types that both sides serialize.

use keyrota_contract::adapter::{LONGEST_CODE, Operation, Outcome, VERSION};
use serde_json::{Value, json};

use super::DIALECT;

/// Where the schema is published.
const ADDRESS: &str =
    "https://raw.githubusercontent.com/keyrota/keyrota/main/schema/adapter.schema.json";

/// Returns the schema. A request and a response are also definitions of their own, `request` and
/// `response`.
pub fn adapter() -> Value {
    let outcomes: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
    let [authenticate, change] = Operation::ALL.map(Operation::name);
    json!({
        "$schema": DIALECT,
        "$id": ADDRESS,
        "title": "keyrota's adapter contract",
        "description": "A request that keyrota's service function sends to a Lambda adapter, or the adapter's response.",
        "oneOf": [{ "$ref": "#/$defs/request" }, { "$ref": "#/$defs/response" }],
        "$defs": {
            "request": {
                "type": "object",
                "description": "The event of the adapter's Lambda function. It contains passwords: do not log it.",
                "properties": {
                    "version": version(),
                    "request": {
                        "enum": [authenticate, change],
                        "description": "`authenticate` logs in and changes nothing. `change` logs in and replaces the password; it may be repeated.",
                    },
                    "username": { "type": "string", "minLength": 1, "description": "The user of the service." },
                    "password": { "type": "string", "description": "The password to log in with." },
                    "new_password": { "type": "string", "description": "The new password, for `change` only." },
                    "settings": {
                        "type": "object",
                        "description": "The settings of the entry in the manifest. They are not secret.",
                        "additionalProperties": { "type": "string" },
                    },
                },
                "required": ["version", "request", "username", "password", "settings"],
                "if": { "properties": { "request": { "const": change } } },
                "then": { "required": ["new_password"] },
                "else": { "not": { "required": ["new_password"] } },
            },
            "response": {
                "type": "object",
                "description": "What the adapter's Lambda function returns.",
                "properties": {
                    "version": version(),
                    "outcome": { "enum": outcomes, "description": "How the request ended." },
                    "previous": {
                        "enum": ["void", "works"],
                        "default": "void",
                        "description": "After a successful change: whether the previous password still works.",
                    },
                    "code": {
                        "type": "string",
                        "pattern": format!("^[ -~]{{1,{LONGEST_CODE}}}$"),
                        "description": "The service's own code for the log. It contains no secret.",
                    },
                },
                "required": ["version", "outcome"],
                "additionalProperties": false,
            },
        },
    })
}

fn version() -> Value {
    json!({ "const": VERSION, "description": "The version of the contract." })
}
