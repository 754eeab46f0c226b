//! The fields that entries of every kind have, those of an access key, and `defaults`.

use super::manifest::{PATH, REGION, REGION_PATTERN};
use super::{
    Alternatives, Except, FieldDefinition as Field, Form, MappingDefinition, Text, database, names,
    service,
};
use crate::model::{FirstRotation, probe};

/// A secret's name. Secrets Manager would take a hyphen and six characters at the end for the
/// suffix of an ARN.
pub(super) const SECRET: Text =
    Text::matching("^[A-Za-z0-9/_+=.@-]{1,512}$").except(Except::Pattern("-.{6}$"));
/// The name or full ARN of an administrator's secret, or a word. The seventh character from the end
/// of a name is no hyphen, because such a name looks like an ARN's suffix.
pub(super) const ADMINISTRATOR: Text = Text::matching(
    "^(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@!-]{1,6}|[A-Za-z0-9/_+=.@!-]{0,249}[A-Za-z0-9/_+=.@!][A-Za-z0-9/_+=.@!-]{6})$",
);

/// The fields that entries of every kind have.
pub(super) static COMMON: [Field; 11] = [
    Field::default(
        "adopt",
        Form::Boolean,
        "false",
        "Whether the secret exists already. `keyrota bootstrap` imports it into the stack with its name, ARN, value, and versions.",
    ),
    Field::default(
        "schedule",
        Form::Text(
            Text::matching(
                r"^(rate\((0*([4-9]|[1-9][0-9]+) hours?|0*[1-9][0-9]{0,2} days?)\)|cron\(0 [0-9/]+ [0-9L,*?/-]+ [0-9A-Z,*/-]+ [0-9A-Z,*?/#-]+ \*\))$",
            )
            .at_most(256),
        ),
        "rate(30 days)",
        "When the credential rotates, in UTC and at most every four hours: `rate(N hours)`, `rate(N days)`, or `cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)`. `keyrota schedule` shows the rotation windows of an expression.",
    )
    .examples(&[
        "rate(7 days)",
        "cron(0 2 ? * SUN *)",
        "cron(0 8 1,15 * ? *)",
        "cron(0 /8 * * ? *)",
    ])
    .in_defaults(),
    Field::optional(
        "window",
        Form::Duration,
        "The rotation window in whole hours, `1h` to `24h`. Without it, `3h`, or AWS's own default if three hours do not fit the schedule.",
    )
    .examples(&["3h"])
    .in_defaults(),
    Field::default(
        "kms_key",
        Form::Text(Text::matching(
            "^(aws/secretsmanager|create|arn:[^:]+:kms:[^:]*:[^:]*:key/.*)$",
        )),
        "aws/secretsmanager",
        "The KMS key that encrypts the secret: `aws/secretsmanager`, `create` for a customer managed key that the stack creates, or the ARN of a key.",
    )
    .examples(&["aws/secretsmanager", "create"])
    .in_defaults(),
    Field::optional(
        "old_key",
        Form::Either(&OLD_KEY),
        "What happens to the credential that was replaced. Without it, `until_next_rotation`.",
    )
    .in_defaults(),
    Field::optional(
        "first_rotation",
        Form::Choice(&[
            FirstRotation::Now.name(),
            FirstRotation::Scheduled.name(),
            FirstRotation::OnRequest.name(),
        ]),
        "When the first rotation takes place: `now` (`keyrota bootstrap` rotates), `scheduled` (in the first rotation window), or `on_request` (the first `keyrota rotate NAME` rotates and turns on the schedule). Without it, `now` for an access key, for users that alternate, and with `initial_password: set`, and `scheduled` for other databases and for services.",
    )
    .in_defaults(),
    Field::optional(
        "readers",
        Form::Texts(
            "^(self|arn:[^:*?$]+:iam:[^:*?$]*:[0-9]{12}:(root|(role|user)/[^*?$]*))$",
            None,
        ),
        "ARNs of IAM roles, IAM users, or account roots that may read the secret. For an access key, `self` lets the IAM user itself read this secret, for a host without another identity.",
    )
    .examples(&["arn:aws:iam::111122223333:role/application"])
    .in_defaults(),
    Field::optional(
        "description",
        Form::Text(
            Text::matching(r"^[^\u0000-\u001f\u007f-\u009f]+$")
                .at_most(2_048)
                .or(&["number", "boolean"]),
        ),
        "The description of the secret. Without it, it names the credential.",
    )
    .examples(&["Used by the nightly export"]),
    Field::optional(
        "tags",
        Form::Tags,
        "Tags of the secret, in addition to those of the manifest. Of two with the same key, the entry's takes precedence. No other resource gets them.",
    ),
    Field::optional(
        "replicas",
        Form::TextsOrMappings(REGION, &REPLICA),
        "The Regions in which the secret has a replica: each a Region, or a mapping with a Region and the KMS key there.",
    )
    .examples(&["us-west-2"])
    .in_defaults(),
    Field::optional(
        "notify",
        Form::Texts(NOTIFY, Some(5)),
        "The ARNs of SNS topics, SQS queues, Lambda functions, or event buses of the stack's account and Region that receive an event for each promotion, at most 5 with those at the top of the manifest.",
    )
    .examples(&["arn:aws:sns:eu-west-1:111122223333:rotated"])
    .in_defaults(),
];

/// The ARN of a standard topic, a queue, a function, or an event bus other than the default one.
pub(super) const NOTIFY: &str = r"^arn:[^:]+:(sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}|sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?|lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,140}(:[A-Za-z0-9_-]{1,128})?|events:[a-z0-9-]+:[0-9]{12}:event-bus/(?!default$)[A-Za-z0-9._-]{1,256})$";

/// A replica of a secret.
pub(in crate::model) static REPLICA: MappingDefinition = MappingDefinition::new(
    "Replica",
    "A replica of a secret in another Region.",
    &[&[
        Field::required("region", Form::Text(REGION), "The Region of the replica.")
            .examples(&["eu-central-1"]),
        Field::default(
            "kms_key",
            Form::Text(Text::matching(
                "^(aws/secretsmanager|arn:[^:]+:kms:[^:]*:[^:]*:key/.*)$",
            )),
            "aws/secretsmanager",
            "The KMS key of that Region that encrypts the replica: `aws/secretsmanager`, or the ARN of a key.",
        ),
    ]],
);

/// The fields of an access key only.
static OWN: [Field; 9] = [
    Field::required(
        "user",
        Form::Text(Text::matching("^[A-Za-z0-9+=,.@_-]{1,64}$")),
        "The name of the IAM user, without its path.",
    ),
    Field::default(
        "path",
        Form::Text(PATH),
        "/",
        "The IAM path of the user. With `create_user`, the stack creates the user with it.",
    )
    .examples(&["/ci/"]),
    Field::optional(
        "secret",
        Form::Text(SECRET),
        "The name of the secret. Without it, `STACK/USER`.",
    ),
    Field::default(
        "create_user",
        Form::Boolean,
        "false",
        "Whether the stack creates the user. Every access key of such a user belongs to the stack.",
    ),
    Field::default(
        "initial_key",
        Form::Text(Text::matching(
            r"^(create|profile:[^\u0000-\u001f\u007f]+|secret:(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@-]{1,512}))$",
        )),
        "create",
        "The first access key: `create` creates one, `profile:NAME` adopts the access key of a profile, and `secret:NAME` that in another secret, by its name or full ARN. keyrota only reads the other secret.",
    )
    .examples(&["create", "profile:ci-deployer", "secret:legacy/ci-deployer"]),
    Field::default(
        "rotate_as",
        Form::Text(ADMINISTRATOR),
        "self",
        "The credentials for the IAM calls: `self` (the user's own access key), `role` (the function's execution role), or the name or full ARN of an administrator's secret.",
    )
    .examples(&["self", "role", "ops/iam-administrator"])
    .in_defaults(),
    Field::optional(
        "probe",
        Form::Either(&PROBE),
        "A call that must succeed with a new access key before the key is promoted. Without it, `none`.",
    )
    .in_defaults(),
    Field::optional(
        "max_key_age",
        Form::Duration,
        "The longest time for which an access key may be active. The manifest is refused if `schedule` and `old_key` allow an older key.",
    )
    .examples(&["90d"])
    .in_defaults(),
    Field::optional(
        "smtp",
        Form::Texts(REGION_PATTERN, None),
        "Regions of Amazon SES. Each new version also has `smtp_username`, one `smtp_password_REGION` for each Region, and `smtp_password` for the first.",
    )
    .examples(&["eu-west-1"]),
];

/// An access key.
pub(in crate::model) static ACCESS_KEY: MappingDefinition = MappingDefinition::new(
    "AccessKey",
    "An IAM user whose access key is in a secret and rotates.",
    &[&OWN, &COMMON, &names::ACCESS_KEY_FIELDS],
);

/// Settings for all entries. A field that two kinds of entries have is read as that of the
/// first kind.
pub(super) static DEFAULTS: MappingDefinition = MappingDefinition {
    selects: |field| field.in_defaults,
    ..MappingDefinition::new(
        "Defaults",
        "Settings for all entries. An entry's own setting takes precedence.",
        &[
            &COMMON,
            &OWN,
            &database::OWN,
            &service::OWN,
            &names::DEFAULT_FIELDS,
        ],
    )
};

static OLD_KEY: Alternatives = Alternatives {
    name: "OldKey",
    meaning: "What happens to the credential that was replaced.",
    word: "until_next_rotation",
    word_meaning: "It stays active until the next rotation.",
    mappings: &[&RETIREMENT],
};

/// When the old key is removed.
pub(in crate::model) static RETIREMENT: MappingDefinition = MappingDefinition {
    one_of: &["deactivate_after", "delete_after"],
    ..MappingDefinition::new(
        "Retirement",
        "When the old key is removed. `deactivate_after` or `delete_after` is required.",
        &[&[
            Field::optional(
                "deactivate_after",
                Form::Duration,
                "The time from its replacement until it is deactivated. `0` deactivates it at once. Without it, the value of `delete_after`.",
            )
            .examples(&["1d"]),
            Field::optional(
                "delete_after",
                Form::Duration,
                "The time from its replacement until it is deleted, at least `deactivate_after`. Without it, the value of `deactivate_after`.",
            )
            .examples(&["7d"]),
            Field::default(
                "hold_if_used_within",
                Form::Duration,
                "1d",
                "A key is held back if it was used, or may have been used, within this time. With `15m` or less, only a use that IAM has recorded counts.",
            ),
            Field::optional(
                "force_after",
                Form::Duration,
                "The time from its replacement until it is deactivated even if it is in use. Without it, a key that is in use is never deactivated.",
            )
            .examples(&["30d"]),
        ]],
    )
};

static PROBE: Alternatives = Alternatives {
    name: "Probe",
    meaning: "A call that must succeed with a new access key before the key is promoted.",
    word: "none",
    word_meaning: "No call, except `sts:GetCallerIdentity`.",
    mappings: &[&LIST_BUCKET, &ASSUME_ROLE, &LOG_IN],
};

/// A probe that lists a bucket.
pub(in crate::model) static LIST_BUCKET: MappingDefinition = MappingDefinition::new(
    "ListBucket",
    "List a bucket.",
    &[&[
        Field::required("action", Form::Constant(probe::LIST_BUCKET), "The call."),
        Field::required(
            "resource",
            Form::Text(Text::matching(
                r"^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            )),
            "The ARN of the bucket.",
        ),
        Field::optional(
            "region",
            Form::Text(REGION),
            "The Region of the bucket. Without it, the stack's Region.",
        )
        .examples(&["eu-west-1"]),
    ]],
);

/// A probe that logs in at a mail server.
pub(in crate::model) static LOG_IN: MappingDefinition = MappingDefinition::new(
    "SmtpLogin",
    "Log in by SMTP.",
    &[&[Field::required(
        "smtp",
        Form::Text(Text::matching(
            r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:(465|587|2465|2587)$",
        )),
        "The host and the port of the mail server, at which the key must log in with its SMTP password, over TLS. The entry needs `smtp`.",
    )
    .examples(&["email-smtp.eu-west-1.amazonaws.com:587"])]],
);

/// A probe that assumes a role.
static ASSUME_ROLE: MappingDefinition = MappingDefinition::new(
    "AssumeRole",
    "Assume a role.",
    &[&[
        Field::required("action", Form::Constant(probe::ASSUME_ROLE), "The call."),
        Field::required(
            "resource",
            Form::Text(Text::matching(
                r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9/_+=.@-]*[A-Za-z0-9_+=.@-]$",
            )),
            "The ARN of the role.",
        ),
    ]],
);
