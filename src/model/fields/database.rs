//! The fields of a database, and of the network of its function.

use super::entry::{ADMINISTRATOR, COMMON, SECRET};
use super::names::DATABASE_FIELDS;
use super::{Except, FieldDefinition as Field, Form, MappingDefinition, Text};
use crate::model::{ALTERNATE, Engine, Hosts, Verification};

/// Text without control characters.
pub(super) const PRINTABLE: Text = Text::matching(r"^[^\u0000-\u001f\u007f]+$");

/// A host name or an IP address.
const HOST: Text = Text::matching("^[A-Za-z0-9_.:-]+$")
    .at_most(253)
    .or(&["number"]);

/// The fields of a database only.
pub(super) static OWN: [Field; 18] = [
    Field::required("secret", Form::Text(SECRET), "The name of the secret."),
    Field::required(
        "engine",
        Form::Choice(&[
            Engine::Postgres.name(),
            Engine::MySql.name(),
            Engine::MariaDb.name(),
        ]),
        "The engine of the server.",
    ),
    Field::required(
        "host",
        Form::Text(HOST),
        "The server's host name or IP address.",
    )
    .examples(&["orders.internal"]),
    Field::optional(
        "port",
        Form::Integer(1, 65_535),
        "The TCP port. Without it, the engine's default: 5432 for PostgreSQL, and 3306 for MySQL and MariaDB.",
    ),
    Field::optional(
        "dbname",
        Form::Text(PRINTABLE.at_most(64).or(&["number", "boolean"])),
        "The database to connect to. Without it, PostgreSQL uses the user's name, and the other engines need none.",
    ),
    Field::optional(
        "username",
        Form::Text(PRINTABLE.at_most(80).or(&["number", "boolean"])),
        "The name of the database user. It can be absent only if `users` lists a pair; then the first of the pair is current first.",
    )
    .examples(&["orders_app"]),
    Field::optional(
        "users",
        Form::WordOrTexts(
            ALTERNATE,
            PRINTABLE.at_most(80).or(&["number", "boolean"]),
            2,
        ),
        "Two users that alternate, so that clients are never refused; this requires an administrator in `rotate_as`. `alternate` keeps the user and `NAME_clone`, and a list names both. Each rotation gives the user that is not current the same rights and a new password, and makes it current.",
    )
    .examples(&["alternate"]),
    Field::default(
        "initial_password",
        Form::Text(Text::matching(
            "^(env:[A-Za-z_][A-Za-z0-9_]*|arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@!-]{1,6}|[A-Za-z0-9/_+=.@!-]{0,505}[A-Za-z0-9/_+=.@!][A-Za-z0-9/_+=.@!-]{6})$",
        )),
        "prompt",
        "The source of the first password: `prompt`, `env:NAME`, the name or full ARN of a secret, or `set`: the administrator sets a password that nobody knows, which voids the present one. With `create_user: true`, the default is `set`. It is never the password itself.",
    )
    .examples(&["prompt", "set", "env:ORDERS_PASSWORD", "ops/orders-first-password"]),
    Field::default(
        "create_user",
        Form::Boolean,
        "false",
        "Whether the function creates the user, with the rights in `grants` and `roles`. It needs an administrator. `keyrota teardown` drops the user.",
    ),
    Field::optional(
        "grants",
        Form::Texts(r"^[^\u0000-\u001f\u007f;]+ [Oo][Nn] [^\u0000-\u001f\u007f;]+$", None),
        "The privileges of a user that the function creates: for each, the text between GRANT and TO.",
    )
    .examples(&["SELECT, INSERT ON shop.*"]),
    Field::optional(
        "roles",
        Form::Texts(r"^[^\u0000-\u001f\u007f]{1,80}$", None),
        "The roles of a user that the function creates. MariaDB activates one role at a login, so it can have one.",
    )
    .examples(&["readers"]),
    Field::default(
        "tls",
        Form::Choice(&[
            Verification::Full.name(),
            Verification::Authority.name(),
            Verification::None.name(),
        ]),
        Verification::Full.name(),
        "The verification of the server's certificate: `verify-full` (its authority and its host name), `verify-ca` (its authority), or `require` (none, so that any server is accepted).",
    ),
    Field::optional(
        "tls_ca",
        Form::Text(PRINTABLE.at_most(1024)),
        "A PEM file with the certificates of the trusted authorities, relative to the manifest. Without it, the authorities that the operating system trusts.",
    )
    .examples(&["rds.pem"]),
    Field::optional(
        "password",
        Form::Mapping(&PASSWORD),
        "The rule for new passwords.",
    ),
    Field::default(
        "rotate_as",
        Form::Text(ADMINISTRATOR.except(Except::Word("role"))),
        "self",
        "The user that changes the password: `self`, or the one in an administrator's secret, by its name or full ARN.",
    )
    .examples(&["self", "ops/orders-administrator"])
    .in_defaults(),
    Field::optional(
        "hosts",
        Form::Choice(&[Hosts::All.name(), Hosts::Own.name()]),
        "MySQL and MariaDB only: which accounts of the user's name change. `all` changes each of them, and `own` states that clients use only the account that the function's own login uses. Without it, a rotation is refused if there are several accounts, or may be.",
    )
    .examples(&["all"]),
    Field::optional(
        "clients",
        Form::Mapping(&CLIENTS),
        "Where clients log in, such as a pooler, a proxy, or an endpoint for readers. The secret's value contains this host and port. Without it, they are the server's.",
    ),
    Field::optional(
        "propagation",
        Form::Duration,
        "How long it takes until every member of a farm of servers knows a new password, `1s` to `10m`. The rotation waits for it before it makes the new password AWSCURRENT.",
    )
    .examples(&["30s"]),
];

/// Where clients log in.
static CLIENTS: MappingDefinition = MappingDefinition::new(
    "Clients",
    "Where clients log in.",
    &[&[
        Field::required("host", Form::Text(HOST), "The host name or IP address.")
            .examples(&["pooler.internal"]),
        Field::optional(
            "port",
            Form::Integer(1, 65_535),
            "The TCP port. Without it, the engine's default.",
        ),
    ]],
);

/// A database user.
pub(in crate::model) static DATABASE: MappingDefinition = MappingDefinition {
    one_of: &["username", "users"],
    ..MappingDefinition::new(
        "Database",
        "A database user whose password is in a secret and rotates.",
        &[&OWN, &COMMON, &DATABASE_FIELDS],
    )
};

/// The rule for new passwords.
static PASSWORD: MappingDefinition = MappingDefinition::new(
    "Password",
    "The rule for new passwords.",
    &[&[
        // A shorter password can be guessed. Clients cut off or refuse a longer one, and
        // MySQL's `caching_sha2_password` hashes no more than 256 bytes.
        Field::default(
            "length",
            Form::Integer(8, 256),
            "32",
            "The number of characters, 8 to 256.",
        ),
        Field::default(
            "exclude",
            Form::Text(Text::matching("^[ -~]*$")),
            "/@\"'\\",
            "Characters that a password must not contain.",
        ),
    ]],
);

/// The VPC of the functions of databases and services.
pub(super) static NETWORK: MappingDefinition = MappingDefinition::new(
    "Network",
    "The VPC of the functions of databases and services. Both lists are required, or neither.",
    &[&[
        // The limits are those of Lambda (`API_VpcConfig`).
        Field::optional(
            "subnets",
            Form::Texts("^subnet-[0-9a-f]{8,17}$", Some(16)),
            "IDs of subnets from which the databases and the services can be reached. Subnets in two Availability Zones are safer than in one.",
        )
        .examples(&["subnet-0a1b2c3d4e5f67890", "subnet-0f9e8d7c6b5a43210"]),
        Field::optional(
            "security_groups",
            Form::Texts("^sg-[0-9a-f]{8,17}$", Some(5)),
            "IDs of security groups that the databases' and the services' security groups admit.",
        )
        .examples(&["sg-0a1b2c3d4e5f67890"]),
    ]],
);
