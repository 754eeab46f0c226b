//! The fields at the top of the manifest, and of the mappings that stand there once.

use super::database::{DATABASE, NETWORK};
use super::entry::{ACCESS_KEY, DEFAULTS, NOTIFY};
use super::service::SERVICE;
use super::{FieldDefinition as Field, Form, MappingDefinition, Text};
use crate::model::Architecture;

/// The number of tags that leave room for keyrota's own: a resource has at most 50 tags, six
/// of keyrota's stay on a secret, and three are there for a while.
pub(in crate::model) const MAX_TAGS: usize = 41;
/// An IAM path.
pub(super) const PATH: Text = Text::matching(r"^/([!-#%-)+->@-~]+/)?$").at_most(512);
/// The form of a Region.
pub(super) const REGION_PATTERN: &str = "^[a-z0-9-]*-[a-z0-9-]*-[a-z0-9-]*[0-9]$";
/// A Region.
pub(super) const REGION: Text = Text::matching(REGION_PATTERN).at_most(32);

/// The manifest.
pub(in crate::model) static MANIFEST: MappingDefinition = MappingDefinition {
    one_of: &["access_keys", "environments", "databases", "services"],
    ..MappingDefinition::new(
        "keyrota manifest",
        "The credentials that keyrota rotates, and the CloudFormation stack that does it.",
        &[&FIELDS],
    )
};

/// An environment: overrides for every field of the manifest except `environments`.
pub(in crate::model) static ENVIRONMENT: MappingDefinition = MappingDefinition {
    selects: |field| field.name != "environments",
    is_partial: true,
    ..MappingDefinition::new(
        "Environment",
        "Overrides for the rest of the manifest.",
        &[&FIELDS],
    )
};

static FIELDS: [Field; 19] = [
    Field::required(
        "version",
        Form::Version,
        "The version of the manifest's format.",
    ),
    Field::required(
        "stack",
        Form::Text(Text::matching("^[A-Za-z][A-Za-z0-9-]{0,127}$")),
        "The name of the CloudFormation stack.",
    ),
    Field::optional(
        "account",
        // YAML takes an account number without quotes for an integer.
        Form::Text(Text::matching("^[0-9]{12}$").or(&["integer"])),
        "The AWS account, as twelve digits in quotes. keyrota refuses to run in another account.",
    )
    .examples(&["111122223333"]),
    Field::optional(
        "region",
        Form::Text(REGION),
        "The Region. Without it, the Region of the AWS SDK's own settings. `--region` takes precedence.",
    )
    .examples(&["eu-west-1"]),
    Field::optional(
        "tags",
        Form::Tags,
        "Tags for every resource that takes tags: at most 41, without empty values, without keys that differ only in case, and without keys that begin with `aws:` or `keyrota:`.",
    ),
    Field::optional(
        "permissions_boundary",
        Form::Text(Text::matching(
            r"^arn:[^:*?$]+:iam::([0-9]{12}|aws):policy/[^*?$]*[^/*?$]$",
        )),
        "The ARN of a policy that is the permissions boundary of the functions' execution roles and of the users that the stack creates.",
    ),
    Field::optional(
        "role_path",
        Form::Text(PATH),
        "The IAM path of the functions' execution roles and managed policies.",
    )
    .examples(&["/keyrota/"]),
    Field::optional(
        "exceptions",
        Form::List(&EXCEPTION),
        "Rules (docs/reference/rules.md) whose findings are accepted, each with a reason.",
    ),
    Field::optional(
        "defaults",
        Form::Mapping(&DEFAULTS),
        "Settings for all entries. An entry's own setting takes precedence.",
    ),
    Field::optional("function", Form::Mapping(&FUNCTION), "The rotation functions."),
    Field::optional("alarms", Form::Mapping(&ALARMS), "Who is notified by alarms."),
    Field::optional(
        "notify",
        Form::Texts(NOTIFY, Some(5)),
        "The ARNs of SNS topics, SQS queues, Lambda functions, or event buses that receive an event for each promotion of every entry, in addition to those of the entry.",
    )
    .examples(&["arn:aws:sns:eu-west-1:111122223333:rotated"]),
    Field::optional(
        "encrypt",
        Form::Mapping(&ENCRYPT),
        "Customer managed KMS keys for the log groups, the topic, and the functions' environment. Each is `create`, for one key that the stack creates, or the ARN of a key, which keyrota checks and never changes.",
    ),
    Field::optional(
        "access_keys",
        Form::List(&ACCESS_KEY),
        "The IAM users whose access keys rotate.",
    ),
    Field::optional(
        "databases",
        Form::List(&DATABASE),
        "The database users whose passwords rotate.",
    ),
    Field::optional(
        "services",
        Form::List(&SERVICE),
        "The users of other services whose passwords rotate.",
    ),
    Field::optional(
        "network",
        Form::Mapping(&NETWORK),
        "The VPC of the functions of databases and services. Without it, they are in no VPC.",
    ),
    Field::optional(
        "accounts",
        Form::List(&ACCOUNT),
        "Accounts and organizational units of an organization, to which a StackSet deploys the stack. `generate --stack-set` renders the StackSet, and the other commands find its stacks.",
    ),
    Field::optional(
        "environments",
        Form::Named(&ENVIRONMENT),
        "Overrides by name, which `-e NAME` applies to the rest of the manifest. Mappings are merged, and every other value is replaced.",
    ),
];

/// The rotation functions.
pub(in crate::model) static FUNCTION: MappingDefinition = MappingDefinition::new(
    "Function",
    "The rotation functions.",
    &[&[
        Field::default(
            "architecture",
            Form::Choice(&[Architecture::X86_64.as_str(), Architecture::Arm64.as_str()]),
            Architecture::X86_64.as_str(),
            "The instruction set architecture.",
        ),
        Field::default(
            "memory",
            Form::Integer(128, 10_240),
            "128",
            "Memory in MiB, 128 to 10,240.",
        ),
        Field::default(
            "timeout",
            Form::Duration,
            "60s",
            "The timeout of one rotation step, `10s` to `15m`.",
        ),
        Field::default(
            "log_retention",
            // What CloudWatch Logs accepts (`API_PutRetentionPolicy`).
            Form::Choice(&[
                "1d", "3d", "5d", "7d", "14d", "30d", "60d", "90d", "120d", "150d", "180d", "365d",
                "400d", "545d", "731d", "1096d", "1827d", "2192d", "2557d", "2922d", "3288d",
                "3653d",
            ]),
            "30d",
            "How long CloudWatch Logs keeps the logs.",
        ),
        Field::optional(
            "artifact_bucket",
            Form::Text(Text::matching("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")),
            "An existing bucket for the functions' zip files, in the stack's Region and with versioning enabled. Without it, keyrota creates one.",
        ),
    ]],
);

/// Accounts to which a StackSet deploys the stack. The forms of the IDs are those of
/// `API_Account`, `API_OrganizationalUnit`, and `API_Root` in the AWS Organizations API Reference.
pub(in crate::model) static ACCOUNT: MappingDefinition = MappingDefinition {
    one_of: &["id", "ou"],
    ..MappingDefinition::new(
        "Account",
        "An account or an organizational unit to which a StackSet deploys the stack.",
        &[&[
            Field::optional(
                "id",
                Form::Text(Text::matching("^[0-9]{12}$").or(&["integer"])),
                "An account of the organization, as twelve digits in quotes. Exclusive with `ou`.",
            )
            .examples(&["111122223333"]),
            Field::optional(
                "ou",
                Form::Text(Text::matching(
                    "^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$",
                )),
                "The ID of an organizational unit or of a root, whose accounts all get the stack. Exclusive with `id`.",
            )
            .examples(&["ou-ab12-cdef3456"]),
            Field::optional(
                "regions",
                Form::Texts(REGION_PATTERN, None),
                "The Regions of the stacks. Without it, `region` of the manifest. A manifest with access keys has one Region in each account, because IAM users are global.",
            )
            .examples(&["eu-west-1"]),
        ]],
    )
};

/// Who is notified.
static ALARMS: MappingDefinition = MappingDefinition::new(
    "Alarms",
    "Who is notified by alarms.",
    &[&[Field::optional(
        "email",
        Form::Texts(r#"^[^@,;<>"\\\s]+@[^,;<>"\\\s]*\.[^,;<>"\\\s]*$"#, None),
        "E-mail addresses to notify. Each one confirms its subscription once.",
    )
    .examples(&["ops@example.com"])]],
);

/// The keys that AWS services use on the stack's behalf.
static ENCRYPT: MappingDefinition = MappingDefinition::new(
    "Encrypt",
    "Customer managed KMS keys for the log groups, the topic, and the functions' environment.",
    &[&[
        Field::optional(
            "logs",
            Form::Text(SERVICE_KEY),
            "The key of the log groups. Without it, CloudWatch Logs encrypts them with a key of its own.",
        )
        .examples(&["create"]),
        Field::optional(
            "topic",
            Form::Text(SERVICE_KEY),
            "The key of the topic that the alarms notify. Without it, SNS does not encrypt the topic.",
        )
        .examples(&["create"]),
        Field::optional(
            "environment",
            Form::Text(SERVICE_KEY),
            "The key of the functions' environment variables. Without it, Lambda encrypts them with a key of its own.",
        )
        .examples(&["create"]),
    ]],
);

/// A key that the stack creates, or one that exists.
const SERVICE_KEY: Text = Text::matching("^(create|arn:[^:]+:kms:[^:]*:[^:]*:key/[A-Za-z0-9-]+)$");

/// An accepted finding.
pub(in crate::model) static EXCEPTION: MappingDefinition = MappingDefinition::new(
    "Exception",
    "A rule whose findings are accepted.",
    &[&[
        Field::required(
            "rule",
            Form::Text(Text::ANY.at_least(1)),
            "The ID of the rule.",
        ),
        Field::required(
            "reason",
            Form::Text(Text::ANY.at_least(10).at_most(500)),
            "Why the findings are accepted, in a sentence of 10 to 500 characters. The review page shows it.",
        ),
        Field::optional(
            "resource",
            Form::Text(Text::ANY),
            "The logical ID or path of the findings. Without it, all findings of the rule are accepted.",
        ),
    ]],
);
