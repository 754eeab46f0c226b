//! The part of the schema that is about databases.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A database's user whose password lives in a secret and rotates.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Database {
    /// The secret's name.
    #[schemars(schema_with = "database_secret")]
    secret: (),
    /// What kind of server it is: `postgres`, `mysql` or `mariadb`.
    #[schemars(schema_with = "engine")]
    engine: (),
    /// Where the server listens: a name in DNS, or an address.
    #[schemars(schema_with = "host")]
    host: (),
    /// The TCP port; by default the engine's own, 5432 or 3306.
    #[schemars(range(min = 1, max = 65_535))]
    port: Option<u32>,
    /// The database to connect to. PostgreSQL takes the user's name where there is none.
    #[schemars(schema_with = "dbname")]
    dbname: Option<()>,
    /// The user whose password it is.
    #[schemars(schema_with = "username")]
    username: (),
    /// Where the first password comes from: `prompt`, `env:NAME`, or the name or full ARN of a
    /// secret that holds it. Never the password itself.
    #[schemars(schema_with = "initial_password")]
    initial_password: Option<()>,
    /// What is asked of the server's certificate: `verify-full` (its authority and its host's
    /// name), `verify-ca` (its authority) or `require` (nothing: whoever answers).
    #[schemars(schema_with = "tls")]
    tls: Option<()>,
    /// A file with the authorities' certificates in PEM, relative to the manifest; by default
    /// those that the operating system trusts.
    #[schemars(schema_with = "tls_ca")]
    tls_ca: Option<()>,
    /// What new passwords look like.
    password: Option<Password>,
    /// Who changes the password: `self`, or the name or full ARN of an administrator's secret.
    #[schemars(schema_with = "change_as")]
    rotate_as: Option<()>,
}

/// What new passwords look like.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Password {
    /// How many characters, 8 to 256.
    #[schemars(range(min = 8, max = 256), extend("default" = 32))]
    length: Option<u32>,
    /// Characters that must not be in it.
    #[schemars(schema_with = "exclude")]
    exclude: Option<()>,
}

/// The VPC that the databases' function stands in: both lists, or neither.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Network {
    /// IDs of subnets from which the databases can be reached; two Availability Zones are safer than one.
    #[schemars(schema_with = "subnets")]
    subnets: Option<()>,
    /// IDs of the security groups that the databases' own let in.
    #[schemars(schema_with = "security_groups")]
    security_groups: Option<()>,
}

fn database_secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9/_+=.@-]{1,512}$",
        // It looks like the suffix of an ARN.
        "not": { "type": "string", "pattern": "-.{6}$" },
    })
}

fn engine(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["postgres", "mysql", "mariadb"] })
}

fn host(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "number"],
        "pattern": "^[A-Za-z0-9_.:-]+$",
        "maxLength": 253,
        "examples": ["orders.internal"],
    })
}

fn dbname(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "number", "boolean", "null"],
        "pattern": r"^[^\u0000-\u001f\u007f]+$",
        "maxLength": 64,
    })
}

fn username(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "number", "boolean"],
        "pattern": r"^[^\u0000-\u001f\u007f]+$",
        "maxLength": 80,
        "examples": ["orders_app"],
    })
}

fn initial_password(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@-]{1,512})$",
        "default": "prompt",
        "examples": ["prompt", "env:ORDERS_PASSWORD", "ops/orders-first-password"],
    })
}

fn tls(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["verify-full", "verify-ca", "require", null], "default": "verify-full" })
}

fn tls_ca(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": r"^[^\u0000-\u001f\u007f]+$",
        "maxLength": 1024,
        "examples": ["rds.pem"],
    })
}

fn exclude(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "pattern": "^[ -~]*$", "default": "/@\"'\\" })
}

fn change_as(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@-]{1,256})$",
        "not": { "const": "role" },
        "default": "self",
        "examples": ["self", "ops/orders-administrator"],
    })
}

fn subnets(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": { "type": "string", "pattern": "^subnet-[0-9a-f]{8,17}$" },
        "maxItems": 16,
        "examples": [["subnet-0a1b2c3d4e5f67890", "subnet-0f9e8d7c6b5a43210"]],
    })
}

fn security_groups(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": { "type": "string", "pattern": "^sg-[0-9a-f]{8,17}$" },
        "maxItems": 5,
        "examples": [["sg-0a1b2c3d4e5f67890"]],
    })
}
