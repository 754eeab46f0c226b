//! The manifest's JSON Schema, for editors.
//!
//! The types are read by nobody: they say what the manifest may hold in a form that
//! a schema can be made of, while `manifest.rs` and `entry.rs` read it and say what
//! is wrong with it, where, and what else there is to know. The tests hold the two
//! together.

mod database;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::manifest::LOG_RETENTIONS;
use database::{Database, Network};

/// Where the schema is published.
pub const ADDRESS: &str =
    "https://raw.githubusercontent.com/keyrota/keyrota/main/schema/keyrota.schema.json";

/// Returns the schema as it is published, draft 2020-12.
pub fn text() -> String {
    format!("{:#}\n", schema())
}

/// Returns the schema.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Manifest>().to_value();
    schema["$id"] = json!(ADDRESS);
    if let Some(definitions) = schema["$defs"].as_object_mut() {
        definitions.values_mut().for_each(require);
    }
    require(&mut schema);
    // What may stand in the defaults may stand on an entry; a database has no probe,
    // and a `rotate_as` of its own.
    let mut shared = schema["$defs"]["Defaults"]["properties"].clone();
    extend(
        &mut schema["$defs"]["AccessKey"]["properties"],
        shared.clone(),
    );
    if let Some(shared) = shared.as_object_mut() {
        shared.remove("probe");
        shared.remove("rotate_as");
    }
    extend(&mut schema["$defs"]["Database"]["properties"], shared);
    // An environment may hold whatever the manifest holds, but environments.
    let mut properties = schema["properties"].clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("environments");
    }
    extend(
        &mut schema["$defs"]["Environment"]["properties"],
        properties,
    );
    schema
}

/// Leaves what may be null out of what is required: the reader makes no difference
/// between the two.
fn require(object: &mut Value) {
    let properties = object["properties"].clone();
    let nullable = |key: &Value| {
        let property = &properties[key.as_str().unwrap_or_default()];
        ["type", "enum"].iter().any(|word| {
            let accepted = property[word].as_array().into_iter().flatten();
            accepted
                .into_iter()
                .any(|one| one.is_null() || one == "null")
        })
    };
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|key| !nullable(key));
    }
}

fn extend(properties: &mut Value, more: Value) {
    let (Value::Object(more), false) = (more, properties.is_string()) else {
        return;
    };
    if !properties.is_object() {
        *properties = json!({});
    }
    if let Some(properties) = properties.as_object_mut() {
        properties.extend(more);
    }
}

/// What keyrota renders to a CloudFormation stack and deploys.
#[derive(JsonSchema)]
#[schemars(
    title = "keyrota manifest",
    deny_unknown_fields,
    extend("anyOf" = [
        { "required": ["access_keys"], "properties": { "access_keys": { "minItems": 1 } } },
        { "required": ["environments"] },
        { "required": ["databases"], "properties": { "databases": { "minItems": 1 } } }
    ])
)]
#[expect(dead_code, reason = "only its schema is used")]
struct Manifest {
    /// The version of this format.
    #[schemars(schema_with = "version")]
    version: (),
    /// The CloudFormation stack's name.
    #[schemars(schema_with = "stack")]
    stack: (),
    /// Twelve digits, in quotes. Another account is refused.
    #[schemars(schema_with = "account")]
    account: Option<()>,
    /// The Region; without it, that of the AWS SDK's own settings. `--region` goes before it.
    #[schemars(schema_with = "region")]
    region: Option<()>,
    /// On every resource that takes tags; at most 41, none that begins with `aws:` or `keyrota:`.
    #[schemars(schema_with = "tags")]
    tags: Option<()>,
    /// What holds for every entry that says nothing else.
    defaults: Option<Defaults>,
    /// The rotation function.
    function: Option<Function>,
    /// Who is told of what goes wrong.
    alarms: Option<Alarms>,
    /// The ARN of a policy that bounds what the function's role and the users of the stack's own may do.
    #[schemars(schema_with = "permissions_boundary")]
    permissions_boundary: Option<()>,
    /// The path of the function's role and of its managed policies, such as `/keyrota/`.
    #[schemars(schema_with = "role_path")]
    role_path: Option<()>,
    /// Rules of the check (docs/reference/rules.md) whose findings are accepted, each with the reason.
    exceptions: Option<Vec<Exception>>,
    /// The IAM users whose access keys rotate.
    access_keys: Option<Vec<AccessKey>>,
    /// The databases' users whose passwords rotate.
    databases: Option<Vec<Database>>,
    /// The VPC that the databases' function stands in; without it, in none.
    network: Option<Network>,
    /// By name: with `-e NAME`, laid over all of the rest. Mappings merge, everything else is replaced.
    environments: Option<BTreeMap<String, Option<Environment>>>,
}

/// What holds for every entry that says nothing else.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Defaults {
    /// When the key rotates, in UTC and no more often than every four hours: `rate(N hours)`,
    /// `rate(N days)` or `cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)`. `keyrota schedule`
    /// tells of an expression when its windows open.
    #[schemars(schema_with = "schedule")]
    schedule: Option<()>,
    /// Whole hours, `1h` to `24h`, in which a rotation may begin. By default `3h`, and left to
    /// AWS where three hours do not fit the schedule.
    #[schemars(schema_with = "duration", example = "3h")]
    window: Option<()>,
    /// Whose credentials make the IAM calls: `self` (the user's own key), `role` (the function's
    /// role), or the name or full ARN of an administrator's secret.
    #[schemars(schema_with = "rotate_as")]
    rotate_as: Option<()>,
    /// What the secret is encrypted with: `aws/secretsmanager`, `create` for a key of the
    /// stack's own, or a key's ARN.
    #[schemars(schema_with = "kms_key")]
    kms_key: Option<()>,
    /// What becomes of the key that was replaced.
    old_key: Option<OldKey>,
    /// A call that a new key must be allowed to make before it is promoted.
    probe: Option<Probe>,
    /// ARNs of roles, users or accounts' roots that may read the secret.
    #[schemars(schema_with = "readers")]
    readers: Option<()>,
}

/// An IAM user whose access key lives in a secret and rotates.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct AccessKey {
    /// The IAM user's name, without a path.
    #[schemars(schema_with = "user")]
    user: (),
    /// The secret's name; by default `STACK/USER`.
    #[schemars(schema_with = "secret")]
    secret: Option<()>,
    /// The stack makes the user; every key of it is then the stack's own.
    #[schemars(extend("default" = false))]
    create_user: Option<bool>,
    /// Where the first key comes from: `create`, or `profile:NAME` to adopt the key of a profile.
    #[schemars(schema_with = "initial_key")]
    initial_key: Option<()>,
}

/// Laid over the rest of the manifest.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Environment {}

/// What becomes of the key that was replaced.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OldKey {
    /// It stays active until the next rotation needs its place.
    #[schemars(schema_with = "until_next_rotation")]
    UntilNextRotation(()),
    /// It goes when its time has come and no client uses it.
    After(Retirement),
}

/// How the key goes that was replaced. One of the first two is required.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("anyOf" = [{ "required": ["deactivate_after"] }, { "required": ["delete_after"] }])
)]
#[expect(dead_code, reason = "only its schema is used")]
struct Retirement {
    /// From the moment it was replaced until it is deactivated; `0` is at once. By default as `delete_after`.
    #[schemars(schema_with = "duration", example = "1d")]
    deactivate_after: Option<()>,
    /// From the moment it was replaced until it is deleted; not less. By default as `deactivate_after`.
    #[schemars(schema_with = "duration", example = "7d")]
    delete_after: Option<()>,
    /// A key that was used so recently is held back.
    #[schemars(schema_with = "duration", extend("default" = "1d"))]
    hold_if_used_within: Option<()>,
    /// It is deactivated then even if it is in use; never by default.
    #[schemars(schema_with = "duration", example = "30d")]
    force_after: Option<()>,
}

/// A call that a new key must be allowed to make before it is promoted.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Probe {
    /// No call but the one that tells who the key belongs to.
    #[schemars(schema_with = "none")]
    None(()),
    /// To list a bucket.
    ListBucket(ListBucket),
    /// To assume a role.
    AssumeRole(AssumeRole),
}

/// To list a bucket.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ListBucket {
    /// The call.
    #[schemars(extend("const" = "s3:ListBucket"))]
    action: String,
    /// The bucket's ARN.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    resource: String,
    /// The bucket's Region; the stack's own by default.
    #[schemars(schema_with = "region")]
    region: Option<()>,
}

/// To assume a role.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct AssumeRole {
    /// The call.
    #[schemars(extend("const" = "sts:AssumeRole"))]
    action: String,
    /// The role's ARN.
    #[schemars(regex(
        pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9/_+=.@-]*[A-Za-z0-9_+=.@-]$"
    ))]
    resource: String,
}

/// The rotation function.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Function {
    /// The processor.
    #[schemars(schema_with = "architecture")]
    architecture: Option<()>,
    /// MiB, 128 to 10,240.
    #[schemars(range(min = 128, max = 10_240), extend("default" = 128))]
    memory: Option<u32>,
    /// For one step, `10s` to `15m`.
    #[schemars(schema_with = "duration", extend("default" = "60s"))]
    timeout: Option<()>,
    /// How long the log is kept.
    #[schemars(schema_with = "log_retention")]
    log_retention: Option<()>,
    /// An existing bucket for the function's zip, in the stack's Region and with
    /// versioning enabled; one is made by default.
    #[schemars(schema_with = "bucket")]
    artifact_bucket: Option<()>,
}

/// Who is told of what goes wrong.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Alarms {
    /// Addresses; each confirms once.
    #[schemars(schema_with = "email")]
    email: Option<()>,
}

/// A rule whose findings are accepted.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Exception {
    /// The rule's ID.
    #[schemars(length(min = 1))]
    rule: String,
    /// Why, in a sentence; the review shows it.
    #[schemars(length(min = 10, max = 500))]
    reason: String,
    /// The logical ID or path that alone it is accepted for; everywhere by default.
    resource: Option<String>,
}

fn version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [1, "1"] })
}

fn stack(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]{0,127}$" })
}

/// A number without quotes is one too, unless it begins with a zero, which is lost
/// on whoever reads it as a number.
fn account(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer", "null"],
        "pattern": "^[0-9]{12}$",
        "examples": ["111122223333"],
    })
}

fn region(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^[a-z0-9-]*-[a-z0-9-]*-[a-z0-9-]*[0-9]$",
        "maxLength": 32,
        "examples": ["eu-west-1"],
    })
}

/// What a tag may consist of, by what it may not: validators differ in whether they
/// know `\p{L}` (ECMA 262 with `u` does, Python's `re` ends with an error).
const TAG: &str = r##"^[^\x00-\x1f\x7f!"#$%&'()*,;<>?\[\\\]^`{|}~]*$"##;

fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "maxProperties": 41,
        "propertyNames": {
            "minLength": 1,
            "maxLength": 128,
            "pattern": TAG,
            "not": { "pattern": "^([aA][wW][sS]|[kK][eE][yY][rR][oO][tT][aA]):" },
        },
        "additionalProperties": {
            "type": ["string", "number", "boolean"],
            "maxLength": 256,
            "pattern": TAG,
        },
    })
}

fn permissions_boundary(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": r"^arn:[^:*?$]+:iam::([0-9]{12}|aws):policy/[^*?$]*[^/*?$]$",
    })
}

fn role_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": r"^/([!-#%-)+->@-~]+/)?$",
        "maxLength": 512,
        "examples": ["/keyrota/"],
    })
}

fn schedule(_: &mut SchemaGenerator) -> Schema {
    let rate = r"rate\((0*([4-9]|[1-9][0-9]+) hours?|0*[1-9][0-9]{0,2} days?)\)";
    let cron = r"cron\(0 [0-9/]+ [0-9L,*?/-]+ [0-9A-Z,*/-]+ [0-9A-Z,*?/#-]+ \*\)";
    json_schema!({
        "type": ["string", "null"],
        "pattern": format!("^({rate}|{cron})$"),
        "maxLength": 256,
        "default": "rate(30 days)",
        "examples": ["rate(7 days)", "cron(0 2 ? * SUN *)", "cron(0 8 1,15 * ? *)", "cron(0 /8 * * ? *)"],
    })
}

fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer", "null"],
        "pattern": "^([0-9]+[smhd]|0)$",
        "maximum": 0,
        "minimum": 0,
    })
}

fn rotate_as(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^(arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:.*-.{6}|[A-Za-z0-9/_+=.@-]{1,256})$",
        "default": "self",
        "examples": ["self", "role", "ops/iam-administrator"],
    })
}

fn kms_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^(aws/secretsmanager|create|arn:[^:]+:kms:[^:]*:[^:]*:key/.*)$",
        "default": "aws/secretsmanager",
        "examples": ["aws/secretsmanager", "create"],
    })
}

fn readers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": {
            "type": "string",
            "pattern": "^arn:[^:*?$]+:iam:[^:*?$]*:[0-9]{12}:(root|(role|user)/[^*?$]*)$",
        },
        "examples": [["arn:aws:iam::111122223333:role/application"]],
    })
}

fn user(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9+=,.@_-]{1,64}$" })
}

fn secret(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9/_+=.@-]{1,512}$",
        // It looks like the suffix of an ARN.
        "not": { "type": "string", "pattern": "-.{6}$" },
    })
}

fn initial_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": r"^(create|profile:[^\u0000-\u001f\u007f]+)$",
        "default": "create",
        "examples": ["create", "profile:ci-deployer"],
    })
}

fn until_next_rotation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": "until_next_rotation" })
}

fn none(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": "none" })
}

fn architecture(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["x86_64", "arm64", null], "default": "x86_64" })
}

fn log_retention(_: &mut SchemaGenerator) -> Schema {
    let days = LOG_RETENTIONS.map(|days| Value::String(format!("{days}d")));
    let mut accepted = days.to_vec();
    accepted.push(Value::Null);
    json_schema!({ "enum": accepted, "default": "30d" })
}

fn bucket(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "pattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    })
}

fn email(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "items": { "type": "string", "pattern": r#"^[^@,;<>"\\\s]+@[^,;<>"\\\s]*\.[^,;<>"\\\s]*$"# },
        "examples": [["ops@example.com"]],
    })
}
