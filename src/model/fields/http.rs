//! The fields of an HTTP adapter's file.

use super::{FieldDefinition as Field, Form, MappingDefinition, Text};

/// A text with placeholders.
const TEMPLATE: Text = Text::matching(r"^[^\u0000-\u001f\u007f]*$")
    .at_most(4_096)
    .or(&["number", "boolean"]);

/// An HTTP adapter.
pub(in crate::model) static HTTP_ADAPTER: MappingDefinition = MappingDefinition::new(
    "keyrota HTTP adapter",
    "The HTTPS requests with which a service tries a login and changes a password.",
    &[&[
        Field::required("version", Form::Version, "The version of the file's format."),
        Field::required(
            "authenticate",
            Form::Mapping(&HTTP_REQUEST),
            "The request that tries a login and changes nothing.",
        ),
        Field::required(
            "change",
            Form::Mapping(&HTTP_REQUEST),
            "The request that replaces the password.",
        ),
        Field::optional(
            "tls_ca",
            Form::Text(TEMPLATE.at_most(1_024)),
            "A PEM file with the certificates of the authorities that are trusted, relative to this file. Without it, the authorities that the operating system trusts.",
        )
        .examples(&["portal-ca.pem"]),
    ]],
);

/// A request.
static HTTP_REQUEST: MappingDefinition = MappingDefinition::new(
    "HttpRequest",
    "One HTTPS request, and what its answers mean. `url`, `headers`, `basic`, `json`, and `form` may contain the placeholders `{{username}}`, `{{password}}`, `{{settings.NAME}}`, and, in `change`, `{{new_password}}`. Each value is escaped for its place.",
    &[&[
        Field::required(
            "method",
            Form::Choice(&["GET", "POST", "PUT", "PATCH"]),
            "The HTTP method.",
        ),
        Field::required(
            "url",
            Form::Text(Text::matching("^https://").at_most(2_048)),
            "The URL, which begins with `https://`. Its host and its port contain no placeholder. Values are percent-encoded in its path and its query.",
        )
        .examples(&["https://portal.example.com/api/login"]),
        Field::optional(
            "headers",
            Form::TextMap(TEMPLATE),
            "Headers of the request, by name.",
        ),
        Field::optional(
            "basic",
            Form::Mapping(&BASIC),
            "The user name and the password of an `Authorization` header of the method Basic.",
        ),
        Field::optional(
            "json",
            Form::Json,
            "The body as JSON. Placeholders are replaced in its strings, not in its keys.",
        ),
        Field::optional(
            "form",
            Form::TextMap(TEMPLATE),
            "The body as the fields of an HTML form.",
        ),
        Field::required(
            "answers",
            Form::List(&ANSWER),
            "What answers mean. The first that matches applies. An answer that none matches is unclear.",
        ),
        Field::default(
            "timeout",
            Form::Duration,
            "10s",
            "How long the request may take, `1s` to `20s`.",
        ),
    ]],
);

/// A user name and a password.
static BASIC: MappingDefinition = MappingDefinition::new(
    "Basic",
    "A user name and a password.",
    &[&[
        Field::required("username", Form::Text(TEMPLATE), "The user name."),
        Field::required("password", Form::Text(TEMPLATE), "The password."),
    ]],
);

/// What an answer means.
pub(in crate::model) static ANSWER: MappingDefinition = MappingDefinition::new(
    "Answer",
    "What an answer means.",
    &[&[
        Field::required(
            "status",
            Form::Integers(200, 599),
            "The HTTP status code, or a list of them.",
        ),
        Field::optional(
            "json",
            Form::Json,
            "The values that a JSON body must have, by JSON pointers (RFC 6901). Without it, any body matches.",
        ),
        Field::required(
            "outcome",
            Form::Choice(&[
                "success",
                "refused",
                "password_rejected",
                "unreachable",
                "unclear",
            ]),
            "`success`; `refused` (the password is wrong); `password_rejected` (the service's policy does not accept the new password); `unreachable` (nothing was changed, and the same request may succeed later); or `unclear`.",
        ),
        Field::default(
            "previous",
            Form::Choice(&["void", "works"]),
            "void",
            "Whether the previous password still works after a successful change: `void` or `works`.",
        ),
    ]],
);
