//! The secrets and the keys that encrypt them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Command::{Bootstrap, Doctor, Plan, Rotate, Status, Teardown};
use super::{Action, Grant, Scope, by_cloudformation, only_tags};
use crate::model::{Entry, InitialPassword, KmsKey, Model, SecretReference};
use crate::render::{SECRET_TAGS, STACK_ID_TAG, STACK_TAG, name};

/// By ARN, and by the bare name for the commands that meet secrets that are not
/// there: such a secret has no suffix yet. No secret has an ARN that ends in the name
/// of another, since names that end like one are refused.
const SECRETS: &[Action] = &[
    ("secretsmanager:CancelRotateSecret", &[Bootstrap]),
    ("secretsmanager:CreateSecret", &[Bootstrap]),
    (
        "secretsmanager:DescribeSecret",
        &[Plan, Bootstrap, Status, Doctor, Teardown],
    ),
    (
        "secretsmanager:GetSecretValue",
        &[Plan, Bootstrap, Status, Doctor, Teardown],
    ),
    ("secretsmanager:PutSecretValue", &[Bootstrap]),
    ("secretsmanager:RestoreSecret", &[Doctor]),
    ("secretsmanager:RotateSecret", &[Bootstrap, Doctor]),
    ("secretsmanager:UpdateSecret", &[Bootstrap]),
    (
        "secretsmanager:UpdateSecretVersionStage",
        &[Bootstrap, Doctor],
    ),
];

const DEPLOYED_SECRETS: &[Action] = &[
    ("secretsmanager:DescribeSecret", &[Rotate]),
    ("secretsmanager:GetSecretValue", &[Rotate]),
    ("secretsmanager:RotateSecret", &[Rotate]),
    ("secretsmanager:UpdateSecretVersionStage", &[Rotate]),
];

/// The tags of a secret are the template's, so that CloudFormation writes them. That is
/// granted on everything, since lists of names would fill policies: CloudFormation tags
/// what it makes or changes, which the caller needs the other permissions for.
const TAG_SECRETS: &[Action] = &[
    ("secretsmanager:TagResource", &[Bootstrap]),
    ("secretsmanager:UntagResource", &[Bootstrap]),
];

/// What somebody has changed is restored by the command itself: the manifest's own tags
/// and keyrota's are written again, and those of keyrota's that should not be there are
/// removed. The secrets are those of the stack by the tag that AWS alone writes.
const RESTORE_TAGS: &[Action] = &[
    ("secretsmanager:TagResource", &[Bootstrap]),
    ("secretsmanager:UntagResource", &[Bootstrap]),
];

/// A teardown also deletes the secrets that earlier manifests left and this one does not
/// name. They are the stack's by the tag that only AWS writes: a condition on a tag of
/// keyrota's would let this part delete any secret on which somebody wrote that tag.
const STACKS_SECRETS: &[Action] = &[
    ("secretsmanager:CancelRotateSecret", &[Teardown]),
    ("secretsmanager:DeleteSecret", &[Teardown]),
    ("secretsmanager:DescribeSecret", &[Teardown]),
    ("secretsmanager:GetSecretValue", &[Teardown]),
];

/// Tells names, no values, and IAM grants it on everything only.
const FIND: &[Action] = &[("secretsmanager:ListSecrets", &[Teardown])];

const READ_SECRETS: &[Action] = &[
    (
        "secretsmanager:DeleteResourcePolicy",
        &[Bootstrap, Teardown],
    ),
    ("secretsmanager:GetResourcePolicy", &[Bootstrap, Teardown]),
    ("secretsmanager:PutResourcePolicy", &[Bootstrap]),
];

/// Its full ARN goes into `secretarn`; its value is for the function alone.
const ADMINISTRATORS: &[Action] = &[(
    "secretsmanager:DescribeSecret",
    &[Plan, Bootstrap, Rotate, Doctor],
)];

/// What it holds is stored as the first value of another one.
const FIRST_PASSWORDS: &[Action] = &[("secretsmanager:GetSecretValue", &[Bootstrap])];

const EXISTING_KEYS: &[Action] = &[("kms:DescribeKey", &[Plan, Bootstrap, Rotate, Doctor])];

/// Through Secrets Manager: to read a secret takes one, to store it both.
const USE_KEYS: &[Action] = &[
    (
        "kms:Decrypt",
        &[Plan, Bootstrap, Rotate, Status, Doctor, Teardown],
    ),
    ("kms:GenerateDataKey", &[Bootstrap]),
];

/// A key that is not there yet has no ARN to name: the tag it must get stands for
/// it. The tag can be set by CloudFormation alone, since whoever could set it on any
/// key would have made that key the stack's.
const MAKE_KEY: &[Action] = &[
    ("kms:CreateKey", &[Bootstrap]),
    ("kms:TagResource", &[Bootstrap]),
];

/// The key's ID is not known before, so that it is told by its tag.
const OWN_KEY: &[Action] = &[
    ("kms:CreateAlias", &[Bootstrap]),
    ("kms:DeleteAlias", &[Bootstrap, Teardown]),
    ("kms:DescribeKey", &[Bootstrap, Teardown]),
    ("kms:EnableKeyRotation", &[Bootstrap]),
    ("kms:GetKeyPolicy", &[Bootstrap]),
    ("kms:GetKeyRotationStatus", &[Bootstrap]),
    ("kms:ListResourceTags", &[Bootstrap, Teardown]),
    ("kms:PutKeyPolicy", &[Bootstrap]),
    ("kms:TagResource", &[Bootstrap]),
    ("kms:UntagResource", &[Bootstrap]),
    ("kms:UpdateKeyDescription", &[Bootstrap]),
];

/// A principal that may tag a KMS key can make it look like the stack's, so that deleting one
/// requires the tag that only AWS writes.
const DELETE_KEY: &[Action] = &[("kms:ScheduleKeyDeletion", &[Teardown])];

const ALIAS: &[Action] = &[
    ("kms:CreateAlias", &[Bootstrap]),
    ("kms:DeleteAlias", &[Bootstrap, Teardown]),
];

/// IAM grants it on everything only.
const FIND_ALIAS: &[Action] = &[("kms:ListAliases", &[Bootstrap])];

/// Returns what keeps the secrets, and keeps and uses the KMS keys.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let mut grants = secrets(scope);
    grants.extend(existing_keys(scope));
    if scope
        .model
        .entries
        .iter()
        .any(|entry| entry.kms_key == KmsKey::Create)
    {
        grants.extend(own_key(scope));
    }
    grants
}

fn secrets(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let arn = |entry: &Entry| world.secret_arn(entry.secret.as_str());
    let bare = |name: &str| world.arn("secretsmanager", &format!("secret:{name}"));
    let all: Vec<&Entry> = model.entries.iter().collect();
    let deployed = each(&all, arn);
    let absent = each(&all, |entry| bare(entry.secret.as_str()));
    let both = deployed.iter().cloned().chain(absent).collect();
    let read = all.iter().copied();
    let read: Vec<&Entry> = read.filter(|entry| !entry.readers.is_empty()).collect();
    let every = vec![world.arn("secretsmanager", "secret:*")];
    let restored = restored(scope).into_iter().map(|condition| {
        Grant::new("RestoreTags", "secret", every.clone(), RESTORE_TAGS).when(condition)
    });
    let restored: Vec<Grant> = restored.collect();
    let grants = vec![
        Grant::new("Secrets", "secret", both, SECRETS),
        Grant::new("Secrets", "secret", deployed, DEPLOYED_SECRETS),
        Grant::new("ByCloudFormation", "*", vec!["*".to_owned()], TAG_SECRETS)
            .when(by_cloudformation()),
        Grant::new("StacksSecrets", "secret", every, STACKS_SECRETS).when(made_by_stack(scope)),
        Grant::everywhere(FIND),
        Grant::new("Readers", "secret", each(&read, arn), READ_SECRETS),
        Grant::new(
            "Administrators",
            "secret",
            administrators(model, |name| [world.secret_arn(name), bare(name)]),
            ADMINISTRATORS,
        ),
        Grant::new(
            "FirstPasswords",
            "secret",
            first_passwords(model, |name| [world.secret_arn(name), bare(name)]),
            FIRST_PASSWORDS,
        ),
    ];
    grants.into_iter().chain(restored).collect()
}

/// How long the tags of one statement are at most, so that a policy has room for it.
const TAGS_AT_ONCE: usize = 1_500;

/// Returns the conditions under which tags are restored, one tag a call: a tag that is
/// the same on every secret has that value, another one has keyrota's key.
fn restored(scope: &Scope<'_>) -> Vec<Value> {
    let model = scope.model;
    let own = SECRET_TAGS.into_iter().filter(|key| *key != STACK_TAG);
    let own = own.map(|key| (key, None));
    let fixed = model
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let fixed = fixed.chain([(STACK_TAG, model.stack.as_str())]);
    let fixed = fixed.map(|(key, value)| (key, Some(value)));
    let mut groups: Vec<Vec<(&str, Option<&str>)>> = vec![Vec::new()];
    let mut taken = 0;
    for (key, value) in own.chain(fixed) {
        let length = value.map_or(0, |value| key.len() + value.len() + 22) + key.len() + 3;
        if taken + length > TAGS_AT_ONCE {
            groups.push(Vec::new());
            taken = 0;
        }
        taken += length;
        if let Some(group) = groups.last_mut() {
            group.push((key, value));
        }
    }
    let condition = |group: Vec<(&str, Option<&str>)>| {
        let keys: Vec<&str> = group.iter().map(|(key, _)| *key).collect();
        let mut condition = only_tags(&keys);
        if let (Some(held), Value::Object(more)) = (condition.as_object_mut(), made_by_stack(scope))
        {
            held.extend(more);
        }
        let values = group.iter().filter_map(|(key, value)| {
            let key = format!("aws:RequestTag/{key}");
            Some((key, Value::from((*value)?)))
        });
        let values: Map<String, Value> = values.collect();
        if !values.is_empty() {
            condition["StringEqualsIfExists"] = Value::Object(values);
        }
        condition
    };
    groups.into_iter().map(condition).collect()
}

/// Returns the condition that CloudFormation made the resource for a stack of this name.
/// The stack's ID is not known before it is deployed, so that its last part is open.
fn made_by_stack(scope: &Scope<'_>) -> Value {
    let stack = format!("stack/{}/*", scope.model.stack);
    let stack = scope.world.arn("cloudformation", &stack);
    json!({ "StringLike": { format!("aws:ResourceTag/{STACK_ID_TAG}"): stack } })
}

/// Returns what the entries have, each once.
fn each(entries: &[&'_ Entry], arn: impl Fn(&Entry) -> String) -> Vec<String> {
    let arns: BTreeSet<String> = entries.iter().map(|entry| arn(entry)).collect();
    arns.into_iter().collect()
}

/// The secrets that hold databases' first passwords.
fn first_passwords(model: &Model, arns: impl Fn(&str) -> [String; 2]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for database in model.databases() {
        match &database.kind.initial_password {
            InitialPassword::Secret(SecretReference::Name(name)) => {
                found.extend(arns(name.as_str()));
            }
            InitialPassword::Secret(SecretReference::Arn(arn)) => {
                found.insert(arn.to_string());
            }
            InitialPassword::Prompt | InitialPassword::Environment(_) => {}
        }
    }
    found.into_iter().collect()
}

/// The administrators' secrets, but for those that the stack owns.
fn administrators(model: &Model, arns: impl Fn(&str) -> [String; 2]) -> Vec<String> {
    let own = |name: &str| {
        model
            .entries
            .iter()
            .any(|entry| entry.secret.as_str() == name)
    };
    let mut found = BTreeSet::new();
    for secret in model.entries.iter().filter_map(Entry::administrator) {
        match secret {
            SecretReference::Name(name) if !own(name.as_str()) => {
                found.extend(arns(name.as_str()));
            }
            SecretReference::Arn(arn) => {
                found.insert(arn.to_string());
            }
            SecretReference::Name(_) => {}
        }
    }
    found.into_iter().collect()
}

fn existing_keys(scope: &Scope<'_>) -> Vec<Grant> {
    let arn = |entry: &Entry| match &entry.kms_key {
        KmsKey::Existing(arn) => Some(arn.to_string()),
        KmsKey::AwsManaged | KmsKey::Create => None,
    };
    let arns: BTreeSet<String> = scope.model.entries.iter().filter_map(arn).collect();
    let arns: Vec<String> = arns.into_iter().collect();
    let via = json!({
        "StringEquals": { "kms:ViaService": scope.world.via_secrets_manager() }
    });
    vec![
        Grant::new("FindKeys", "key", arns.clone(), EXISTING_KEYS),
        Grant::new("UseKeys", "key", arns, USE_KEYS).when(via),
    ]
}

fn own_key(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let stack = model.stack.as_str();
    let key = vec![world.arn("kms", "key/*")];
    let alias = vec![world.arn("kms", &name::key_alias(&model.stack))];
    let tagged = |with: Value| {
        let mut condition = json!({ format!("aws:ResourceTag/{STACK_TAG}"): stack });
        if let (Some(held), Value::Object(more)) = (condition.as_object_mut(), with) {
            held.extend(more);
        }
        json!({ "StringEquals": condition })
    };
    vec![
        Grant::new("MakeKey", "*", vec!["*".to_owned()], MAKE_KEY).when(json!({
            "StringEquals": { format!("aws:RequestTag/{STACK_TAG}"): stack },
            "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" }
        })),
        Grant::new("OwnKey", "key", key.clone(), OWN_KEY).when(tagged(json!({}))),
        Grant::new("DeleteKey", "key", key.clone(), DELETE_KEY).when(made_by_stack(scope)),
        Grant::new("UseOwnKey", "key", key, USE_KEYS).when(tagged(
            json!({ "kms:ViaService": world.via_secrets_manager() }),
        )),
        // Of the same kind as a key: `CreateAlias` on one of those is another thing.
        Grant::new("Alias", "key", alias, ALIAS),
        Grant::everywhere(FIND_ALIAS),
    ]
}
