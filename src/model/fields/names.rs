//! The names of the fields of a secret's value, of each kind of credential.

use keyrota_contract::value::{
    ACCESS_KEY, DBNAME, ENGINE, HOST, MASTER_ARN, PASSWORD, PORT, SECRET_ARN, SECRET_KEY, USERNAME,
};

use super::{FieldDefinition as Field, Form, MappingDefinition, Text};

/// The longest name, in characters.
pub(in crate::model) const LONGEST: u32 = 256;

/// A name.
const NAME: Text = Text::matching(r"^[^\u0000-\u001f\u007f]+$")
    .at_most(LONGEST)
    .or(&["number", "boolean"]);

const fn name(field: &'static str, meaning: &'static str) -> Field {
    Field::optional(field, Form::TextOrTexts(NAME), meaning)
}

static OF_ACCESS_KEYS: [Field; 4] = [
    name(
        ACCESS_KEY,
        "The name of the field with the access key ID. With a list, the first is the name, and the value may have the field under the others too.",
    )
    .examples(&["AWS_ACCESS_KEY_ID"]),
    name(
        SECRET_KEY,
        "The name of the field with the secret access key.",
    )
    .examples(&["AWS_SECRET_ACCESS_KEY"]),
    name(USERNAME, "The name of the field with the user."),
    name(
        SECRET_ARN,
        "The name of the field with the ARN of the secret whose credential makes the IAM calls.",
    ),
];

static OF_DATABASES: [Field; 7] = [
    name(ENGINE, "The name of the field with the engine."),
    name(HOST, "The name of the field with the server's host name."),
    name(PORT, "The name of the field with the TCP port."),
    name(DBNAME, "The name of the field with the database."),
    name(USERNAME, "The name of the field with the user.").examples(&["PGUSER"]),
    name(
        PASSWORD,
        "The name of the field with the password. With a list, the first is the name, and the value may have the field under the others too.",
    )
    .examples(&["PGPASSWORD"]),
    name(
        MASTER_ARN,
        "The name of the field with the ARN of the administrator's secret.",
    ),
];

static OF_SERVICES: [Field; 2] = [
    name(USERNAME, "The name of the field with the user.").examples(&["login"]),
    name(
        PASSWORD,
        "The name of the field with the password. With a list, the first is the name, and the value may have the field under the others too.",
    )
    .examples(&["secret"]),
];

/// What the mapping means.
const MEANING: &str = "The names of the fields of the secret's value, by their default names. A field that is absent has its default name.";

static ACCESS_KEY_NAMES: MappingDefinition =
    MappingDefinition::new("AccessKeyFields", MEANING, &[&OF_ACCESS_KEYS]);

static DATABASE_NAMES: MappingDefinition =
    MappingDefinition::new("DatabaseFields", MEANING, &[&OF_DATABASES]);

static SERVICE_NAMES: MappingDefinition =
    MappingDefinition::new("ServiceFields", MEANING, &[&OF_SERVICES]);

static ALL_NAMES: MappingDefinition =
    MappingDefinition::new("Fields", MEANING, &[&OF_ACCESS_KEYS, &OF_DATABASES]);

const fn fields(definition: &'static MappingDefinition, meaning: &'static str) -> Field {
    Field::optional("fields", Form::Mapping(definition), meaning).in_defaults()
}

/// The field of an access key.
pub(super) static ACCESS_KEY_FIELDS: [Field; 1] = [fields(
    &ACCESS_KEY_NAMES,
    "The names of the fields of the secret's value, for clients that expect other names.",
)];

/// The field of a database.
pub(super) static DATABASE_FIELDS: [Field; 1] = [fields(
    &DATABASE_NAMES,
    "The names of the fields of the secret's value, for clients that expect other names.",
)];

/// The field of a service.
pub(super) static SERVICE_FIELDS: [Field; 1] = [fields(
    &SERVICE_NAMES,
    "The names of the fields of the secret's value, for clients that expect other names.",
)];

/// The field of `defaults`, with the names of all kinds.
pub(super) static DEFAULT_FIELDS: [Field; 1] = [fields(
    &ALL_NAMES,
    "The names of the fields of the secrets' values. An entry takes those of its kind, and its own names take precedence.",
)];
