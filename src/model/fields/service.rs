//! The fields of a service.

use super::database::PRINTABLE;
use super::entry::{COMMON, SECRET};
use super::names::SERVICE_FIELDS;
use super::{FieldDefinition as Field, Form, MappingDefinition, Text};

/// The fields of a service only.
pub(super) static OWN: [Field; 8] = [
    Field::required("secret", Form::Text(SECRET), "The name of the secret."),
    Field::required(
        "username",
        Form::Text(PRINTABLE.at_most(256).or(&["number", "boolean"])),
        "The name of the user of the service.",
    )
    .examples(&["billing@example.com"]),
    Field::required(
        "adapter",
        Form::Mapping(&ADAPTER),
        "The adapter, which logs in to the service and changes the password.",
    ),
    Field::optional(
        "settings",
        Form::TextMap(
            Text::matching(r"^[^\u0000-\u001f\u007f]*$")
                .at_most(1_024)
                .or(&["number", "boolean"]),
        ),
        "Values that are passed to the adapter with each request, by name. They are not secret: everyone who may read the function's code or the repository sees them.",
    ),
    Field::optional(
        "password",
        Form::Mapping(&PASSWORD),
        "The rule for new passwords.",
    ),
    Field::optional(
        "propagation",
        Form::Duration,
        "How long it takes until every member of a farm of servers knows a new password, `1s` to `10m`. The rotation waits for it before it makes the new password AWSCURRENT.",
    )
    .examples(&["30s"]),
    Field::default(
        "initial_password",
        Form::Text(Text::matching(
            "^(env:[A-Za-z_][A-Za-z0-9_]*|arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@!-]{1,6}|[A-Za-z0-9/_+=.@!-]{0,505}[A-Za-z0-9/_+=.@!][A-Za-z0-9/_+=.@!-]{6})$",
        )),
        "prompt",
        "The source of the first password: `prompt`, `env:NAME`, or the name or full ARN of a secret. It is never the password itself.",
    )
    .examples(&["prompt", "env:PORTAL_PASSWORD", "ops/portal-first-password"]),
    Field::optional(
        "network",
        Form::Choice(&["none"]),
        "`none` means that a function outside the manifest's `network` rotates the password. Without it, the function is in that network, if there is one.",
    )
    .examples(&["none"]),
];

/// What knows a service.
pub(in crate::model) static ADAPTER: MappingDefinition = MappingDefinition {
    one_of: &["function", "http"],
    ..MappingDefinition::new(
        "Adapter",
        "What knows a service: a Lambda function or a file. Exactly one is required.",
        &[&[
            Field::optional(
                "function",
                Form::Text(Text::matching(
                    r"^arn:[^:]+:lambda:[^:]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?$",
                )),
                "The ARN of the Lambda function that answers the requests of `docs/reference/adapter.md`. With a version or an alias at its end, only that one is invoked.",
            )
            .examples(&["arn:aws:lambda:eu-west-1:111122223333:function:portal-adapter"]),
            Field::optional(
                "http",
                Form::Text(PRINTABLE.at_most(1_024)),
                "A YAML file that describes the HTTPS requests of the service, relative to the manifest.",
            )
            .examples(&["portal.yaml"]),
        ]],
    )
};

/// The rule for new passwords.
static PASSWORD: MappingDefinition = MappingDefinition::new(
    "ServicePassword",
    "The rule for new passwords.",
    &[&[
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
        Field::optional(
            "require",
            Form::Choices(&["upper", "lower", "digit", "symbol"]),
            "The classes of which a password must contain a character. Without it, one of each class that `exclude` does not exclude completely.",
        )
        .examples(&["upper", "digit"]),
    ]],
);

/// A user of a service.
pub(in crate::model) static SERVICE: MappingDefinition = MappingDefinition::new(
    "Service",
    "A user of any service whose password is in a secret and rotates.",
    &[&OWN, &COMMON, &SERVICE_FIELDS],
);
