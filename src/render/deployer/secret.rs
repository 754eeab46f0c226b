//! The grants for the secrets and the keys that encrypt them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Command::{
    Bootstrap, DetectDrift, Doctor, Plan, Recover, RespondToLeak, Rotate, Status,
    StatusWithoutValues, Teardown,
};
use super::{Action, Command, Grant, Scope, by_cloudformation, each, only_tags};
use crate::model::{ByKind, Entry, InitialKey, InitialPassword, KmsKey, SecretReference};
use crate::render::{SECRET_TAGS, STACK_ID_TAG, STACK_TAG, name};

/// Secrets by ARN, and also without a suffix for the commands that deal with secrets that do
/// not exist yet. Such an ARN matches no other secret, since keyrota refuses names that end
/// like a suffix.
const SECRETS: &[Action] = &[
    ("secretsmanager:CancelRotateSecret", &[Bootstrap]),
    ("secretsmanager:CreateSecret", &[Bootstrap]),
    (
        "secretsmanager:DescribeSecret",
        &[
            Plan,
            Bootstrap,
            Status,
            StatusWithoutValues,
            Doctor,
            Teardown,
            DetectDrift,
        ],
    ),
    (
        "secretsmanager:GetSecretValue",
        &[Plan, Bootstrap, Status, Doctor, Teardown],
    ),
    (
        "secretsmanager:ListSecretVersionIds",
        &[Status, StatusWithoutValues, Doctor],
    ),
    ("secretsmanager:PutSecretValue", &[Bootstrap]),
    ("secretsmanager:RestoreSecret", &[Bootstrap, Doctor]),
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
    ("secretsmanager:PutSecretValue", &[Recover]),
    ("secretsmanager:RotateSecret", &[Rotate]),
    ("secretsmanager:UpdateSecretVersionStage", &[Rotate]),
];

/// The template defines the tags of a secret, so CloudFormation writes them. The grant covers
/// all secrets, since lists of names would fill policies. CloudFormation tags only what it
/// creates or changes, and the caller needs the other permissions for that.
const TAG_SECRETS: &[Action] = &[
    ("secretsmanager:TagResource", &[Bootstrap]),
    ("secretsmanager:UntagResource", &[Bootstrap]),
];

/// The command itself restores what someone has changed: it writes the manifest's and keyrota's
/// tags again, and removes keyrota tags that should not exist. The tag that only AWS can write
/// identifies the stack's secrets.
const RESTORE_TAGS: &[Action] = &[
    ("secretsmanager:TagResource", &[Bootstrap]),
    ("secretsmanager:UntagResource", &[Bootstrap]),
];

/// A teardown also deletes the secrets that earlier manifests left behind and this one does not
/// name. The tag that only AWS can write shows that they belong to the stack: a condition on
/// one of keyrota's tags would let this statement delete any secret that someone tagged.
const STACKS_SECRETS: &[Action] = &[
    ("secretsmanager:CancelRotateSecret", &[Teardown]),
    ("secretsmanager:DeleteSecret", &[Teardown]),
    ("secretsmanager:DescribeSecret", &[Teardown]),
    ("secretsmanager:GetSecretValue", &[Teardown]),
    ("secretsmanager:RemoveRegionsFromReplication", &[Teardown]),
];

/// CloudFormation adds and removes replicas, and `doctor --fix` adds them.
const REPLICATED: &[Action] = &[
    ("secretsmanager:RemoveRegionsFromReplication", &[Bootstrap]),
    (
        "secretsmanager:ReplicateSecretToRegions",
        &[Bootstrap, Doctor],
    ),
];

/// In the Region of a replica. `plan` finds a secret that has its name, and `teardown` a replica
/// that is a secret of its own by now.
const REPLICAS: &[Action] = &[(
    "secretsmanager:DescribeSecret",
    &[Plan, Bootstrap, Teardown],
)];

/// Secrets Manager decrypts the secret and encrypts the replica with the permissions of the caller
/// that replicates it (`API_ReplicateSecretToRegions`, `replicate-secrets_troubleshoot`).
const ENCRYPT_REPLICAS: &[Action] = &[
    ("kms:Encrypt", &[Bootstrap, Doctor, RespondToLeak]),
    ("kms:GenerateDataKey", &[Bootstrap, Doctor, RespondToLeak]),
];

const REPLICA_KEYS: &[Action] = &[("kms:DescribeKey", &[Plan, Bootstrap])];

/// `ListSecrets` returns names and no values. IAM grants it only on all resources.
const FIND: &[Action] = &[("secretsmanager:ListSecrets", &[Teardown])];

const READ_SECRETS: &[Action] = &[
    (
        "secretsmanager:DeleteResourcePolicy",
        &[Bootstrap, Teardown],
    ),
    (
        "secretsmanager:GetResourcePolicy",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("secretsmanager:PutResourcePolicy", &[Bootstrap]),
];

/// Readers would replace the policy of a secret that exists already.
const ADOPTED_WITH_READERS: &[Action] = &[("secretsmanager:GetResourcePolicy", &[Plan, Bootstrap])];

/// `DescribeSecret` returns the full ARN for `secretarn`. Only the function reads the value.
const ADMINISTRATORS: &[Action] = &[(
    "secretsmanager:DescribeSecret",
    &[Plan, Bootstrap, Rotate, Doctor, RespondToLeak],
)];

/// The key in the secret is checked before the deployment, and then stored as the first value of
/// another secret.
const FIRST_KEYS: &[Action] = &[
    ("secretsmanager:DescribeSecret", &[Plan, Bootstrap]),
    ("secretsmanager:GetSecretValue", &[Plan, Bootstrap]),
];

/// The secret's value is stored as the first value of another secret.
const FIRST_PASSWORDS: &[Action] = &[("secretsmanager:GetSecretValue", &[Bootstrap])];

const EXISTING_KEYS: &[Action] = &[(
    "kms:DescribeKey",
    &[Plan, Bootstrap, Rotate, Doctor, RespondToLeak],
)];

/// The checks before a deployment read whom the policy of the key lets in.
const READ_KEY_POLICY: &[Action] = &[("kms:GetKeyPolicy", &[Plan, Bootstrap])];

/// The calls through Secrets Manager: reading a value needs `kms:Decrypt`, and storing one
/// needs both actions.
const USE_KEYS: &[Action] = &[
    ("kms:Decrypt", &Command::READS_VALUES),
    ("kms:GenerateDataKey", &[Bootstrap, Recover, RespondToLeak]),
];

/// A key that does not exist yet has no ARN, so the tag that it will receive identifies it.
/// Only CloudFormation may set the tag, because a principal that could set it on any key could
/// make that key look like the stack's.
const MAKE_KEY: &[Action] = &[
    ("kms:CreateKey", &[Bootstrap]),
    ("kms:TagResource", &[Bootstrap]),
];

/// The key's ID is not known in advance, so the tag identifies the key. CloudFormation puts
/// none of its own tags on KMS keys (cloudformation-coverage-roadmap#2077), so a principal
/// that may tag another key can bring it within reach of these permissions. The program asks
/// the stack which key is its own.
const OWN_KEY: &[Action] = &[
    ("kms:DeleteAlias", &[Bootstrap, Teardown]),
    ("kms:DescribeKey", &[Bootstrap, Teardown, DetectDrift]),
    ("kms:EnableKeyRotation", &[Bootstrap]),
    ("kms:GetKeyPolicy", &[Bootstrap, DetectDrift]),
    ("kms:GetKeyRotationStatus", &[Bootstrap, DetectDrift]),
    ("kms:ListResourceTags", &[Bootstrap, DetectDrift]),
    ("kms:PutKeyPolicy", &[Bootstrap]),
    ("kms:ScheduleKeyDeletion", &[Teardown]),
    ("kms:TagResource", &[Bootstrap]),
    ("kms:UntagResource", &[Bootstrap]),
    ("kms:UpdateKeyDescription", &[Bootstrap]),
];

/// A deployment after a teardown uses the key of the secrets again, and a key that someone has
/// disabled or scheduled for deletion is enabled again.
const RETURNING_KEY: &[Action] = &[
    ("kms:CancelKeyDeletion", &[Bootstrap]),
    ("kms:EnableKey", &[Bootstrap]),
];

/// If the operation that creates a secret or the key fails, CloudFormation deletes it again
/// (`DeletionPolicy: RetainExceptOnCreate`).
const ROLL_BACK_SECRETS: &[Action] = &[("secretsmanager:DeleteSecret", &[Bootstrap])];
const ROLL_BACK_KEY: &[Action] = &[("kms:ScheduleKeyDeletion", &[Bootstrap])];

const ALIAS: &[Action] = &[
    ("kms:CreateAlias", &[Bootstrap]),
    ("kms:DeleteAlias", &[Bootstrap, Teardown]),
];

/// The stack's own aliases only, since creating one also needs the permission on the alias.
const ALIAS_NEW_KEY: &[Action] = &[("kms:CreateAlias", &[Bootstrap])];

/// IAM grants it only on all resources. `plan` finds an alias that conflicts with the stack's.
const FIND_ALIAS: &[Action] = &[("kms:ListAliases", &[Plan, Bootstrap, DetectDrift])];

/// Returns the grants for the secrets, and for managing and using the KMS keys.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let mut grants = secrets(scope);
    grants.extend(replicas(scope));
    grants.extend(existing_keys(scope));
    let Scope { model, .. } = scope;
    let of_secrets = model.creates_kms_key();
    let of_services = model.encrypt.creates();
    if of_secrets || of_services {
        let aliases = [
            of_secrets.then(|| name::key_alias(&model.stack)),
            of_services.then(|| name::service_key_alias(&model.stack)),
        ];
        let aliases = aliases.into_iter().flatten().collect();
        grants.extend(own_keys(scope, of_secrets, aliases));
    }
    grants
}

fn secrets(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let arn = |entry: &Entry| resolver.secret_arn(entry.secret.as_str());
    let bare = |name: &str| resolver.arn("secretsmanager", &format!("secret:{name}"));
    let all = || model.entries.iter();
    let deployed = each(all().map(arn));
    let absent = each(all().map(|entry| bare(entry.secret.as_str())));
    let both = deployed.iter().cloned().chain(absent).collect();
    let read = each(all().filter(|entry| !entry.readers.is_empty()).map(arn));
    let adopted = all().filter(|entry| entry.adopt && !entry.readers.is_empty());
    let adopted = each(adopted.map(arn));
    let referred = |secret: &SecretReference| match secret {
        SecretReference::Name(name) => {
            vec![resolver.secret_arn(name.as_str()), bare(name.as_str())]
        }
        SecretReference::Arn(arn) => vec![arn.to_string()],
    };
    let own = |secret: &SecretReference| match secret {
        SecretReference::Name(name) => all().any(|entry| entry.secret.as_str() == name.as_str()),
        SecretReference::Arn(_) => false,
    };
    let administrators = all().filter_map(Entry::administrator);
    let administrators = administrators.filter(|secret| !own(secret));
    let first_keys = all().filter_map(first_key);
    let first_passwords = all().filter_map(first_password);
    let every = vec![resolver.arn("secretsmanager", "secret:*")];
    let restored = restored(scope).into_iter().map(|condition| {
        Grant::new("RestoreTags", "secret", every.clone(), RESTORE_TAGS).when(condition)
    });
    let restored: Vec<Grant> = restored.collect();
    let grants = vec![
        Grant::new("Secrets", "secret", both, SECRETS),
        Grant::new("Secrets", "secret", deployed, DEPLOYED_SECRETS),
        Grant::new("ByCloudFormation", "*", vec!["*".to_owned()], TAG_SECRETS)
            .when(by_cloudformation()),
        Grant::new("RollBack", "secret", every.clone(), ROLL_BACK_SECRETS).when(rolled_back(scope)),
        Grant::new("StacksSecrets", "secret", every, STACKS_SECRETS).when(made_by_stack(scope)),
        Grant::everywhere(FIND),
        Grant::new("Readers", "secret", read, READ_SECRETS),
        Grant::new("Readers", "secret", adopted, ADOPTED_WITH_READERS),
        Grant::new(
            "Administrators",
            "secret",
            each(administrators.flat_map(referred)),
            ADMINISTRATORS,
        ),
        Grant::new(
            "FirstPasswords",
            "secret",
            each(first_passwords.flat_map(referred)),
            FIRST_PASSWORDS,
        ),
        Grant::new(
            "FirstKeys",
            "secret",
            each(first_keys.flat_map(referred)),
            FIRST_KEYS,
        ),
    ];
    grants.into_iter().chain(restored).collect()
}

/// Returns the grants for adding replicas, for what has their names, and for their keys.
fn replicas(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let mut replicated = Vec::new();
    let mut there = Vec::new();
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in &model.entries {
        let name = entry.secret.as_str();
        let bare = format!("secret:{name}");
        if !entry.replicas.is_empty() {
            replicated.extend([
                resolver.secret_arn(name),
                resolver.arn("secretsmanager", &bare),
            ]);
        }
        for replica in &entry.replicas {
            let region = replica.region.as_str();
            let resolver = scope.resolver.clone().with_region(region);
            there.extend([
                resolver.secret_arn(name),
                resolver.arn("secretsmanager", &bare),
            ]);
            let key = replica.kms_key.as_ref().map(ToString::to_string);
            keys.entry(region).or_default().extend(key);
        }
    }
    let all = each(keys.values().flatten().cloned());
    let mut grants = vec![
        Grant::new("Replicate", "secret", each(replicated), REPLICATED),
        Grant::new("Replicas", "secret", each(there), REPLICAS),
        Grant::new("FindReplicaKeys", "key", all, REPLICA_KEYS),
    ];
    // AWS does not document in which Region Secrets Manager then calls KMS from.
    let own = resolver.via_secrets_manager();
    for (region, keys) in keys {
        let there = scope.resolver.clone().with_region(region);
        let there = there.via_secrets_manager();
        let via = json!({ "StringEquals": { "kms:ViaService": [there, own] } });
        grants.push(Grant::new("EncryptReplicas", "key", each(keys), ENCRYPT_REPLICAS).when(via));
    }
    grants
}

/// The maximum length of the tags in one statement, so that a policy has room for it.
const TAGS_AT_ONCE: usize = 1_500;

/// Returns the conditions for restoring tags. Each permits some of the tags, so that a policy
/// has room for the statement. A call writes or removes one tag. If a tag has the same value on
/// every secret, the condition requires that value.
fn restored(scope: &Scope<'_>) -> Vec<Value> {
    let model = scope.model;
    let own = SECRET_TAGS.into_iter().filter(|key| *key != STACK_TAG);
    let own = own.map(|key| (key, None));
    let mut held: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    let tags: Vec<_> = model
        .entries
        .iter()
        .map(|entry| model.tags_of(entry))
        .collect();
    for key in tags.iter().flat_map(BTreeMap::keys) {
        let values = tags.iter().map(|tags| tags.get(key).copied());
        held.entry(key).or_insert_with(|| values.collect());
    }
    let fixed = held.into_iter().map(|(key, mut values)| {
        // The tags of some secrets differ, or only some have this one.
        let only = values.pop_first().filter(|_| values.is_empty());
        (key, only.flatten())
    });
    let fixed = fixed.chain([(STACK_TAG, Some(model.stack.as_str()))]);
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

/// Returns the condition that CloudFormation created the resource for a stack of this name. The
/// stack's ID is not known before deployment, so its last part is a wildcard.
fn made_by_stack(scope: &Scope<'_>) -> Value {
    let stack = super::stack_resource(scope.model);
    let stack = scope.resolver.arn("cloudformation", &stack);
    json!({ "StringLike": { format!("aws:ResourceTag/{STACK_ID_TAG}"): stack } })
}

/// Returns the condition that CloudFormation deletes, on the caller's behalf, what it created for
/// a stack of this name.
fn rolled_back(scope: &Scope<'_>) -> Value {
    let mut condition = made_by_stack(scope);
    if let (Some(held), Value::Object(more)) = (condition.as_object_mut(), by_cloudformation()) {
        held.extend(more);
    }
    condition
}

/// Returns the secret that contains an access key that is adopted.
fn first_key(entry: &Entry) -> Option<&SecretReference> {
    match &entry.as_access_key()?.kind.initial_key {
        InitialKey::Secret(secret) => Some(secret),
        InitialKey::Create | InitialKey::Profile(_) => None,
    }
}

/// Returns the secret that contains a database's first password.
fn first_password(entry: &Entry) -> Option<&SecretReference> {
    let initial = match entry.by_kind() {
        ByKind::AccessKey(_) => return None,
        ByKind::Database(database) => &database.kind.initial_password,
        ByKind::Service(service) => &service.kind.initial_password,
    };
    match initial {
        InitialPassword::Secret(secret) => Some(secret),
        InitialPassword::Prompt | InitialPassword::Environment(_) | InitialPassword::Set => None,
    }
}

fn existing_keys(scope: &Scope<'_>) -> Vec<Grant> {
    let arn = |entry: &Entry| match &entry.kms_key {
        KmsKey::Existing(arn) => Some(arn.to_string()),
        KmsKey::AwsManaged | KmsKey::Create => None,
    };
    let arns = each(scope.model.entries.iter().filter_map(arn));
    let via = json!({ "StringEquals": via(&scope.resolver.via_secrets_manager()) });
    vec![
        Grant::new("FindKeys", "key", arns.clone(), EXISTING_KEYS),
        Grant::new("ReadKeyPolicies", "key", arns.clone(), READ_KEY_POLICY),
        Grant::new("UseKeys", "key", arns, USE_KEYS).when(via),
    ]
}

/// Returns the condition, without its operator, that a service uses the key on the caller's
/// behalf.
pub(super) fn via(service: &str) -> Value {
    json!({ "kms:ViaService": service })
}

/// Returns every key of the account and Region, for statements that a tag narrows.
pub(super) fn any_key(scope: &Scope<'_>) -> Vec<String> {
    vec![scope.resolver.arn("kms", "key/*")]
}

/// Returns the condition that a key has the stack's tag, and what else `StringEquals` requires.
pub(super) fn tagged(scope: &Scope<'_>, with: Value) -> Value {
    let mut condition =
        json!({ format!("aws:ResourceTag/{STACK_TAG}"): scope.model.stack.as_str() });
    if let (Some(held), Value::Object(more)) = (condition.as_object_mut(), with) {
        held.extend(more);
    }
    json!({ "StringEquals": condition })
}

/// Returns the condition that a key has the stack's tag, or that none counts yet: the tags of a new
/// key count for authorization up to five minutes later (the KMS developer guide,
/// tag-authorization), and CloudFormation uses the key at once. So a key without the tag is
/// admitted too, and what else the statement requires must be narrow enough.
fn not_anothers(scope: &Scope<'_>) -> Value {
    let stack = scope.model.stack.as_str();
    json!({ "StringEqualsIfExists": { format!("aws:ResourceTag/{STACK_TAG}"): stack } })
}

/// Returns the grants for managing the keys that the stack creates, which have these aliases,
/// and for using the one of the secrets.
fn own_keys(scope: &Scope<'_>, of_secrets: bool, aliases: Vec<String>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let stack = model.stack.as_str();
    let key = any_key(scope);
    let aliases = aliases.iter().map(|alias| resolver.arn("kms", alias));
    let mut grants = vec![
        Grant::new("MakeKey", "*", vec!["*".to_owned()], MAKE_KEY).when(json!({
            "StringEquals": { format!("aws:RequestTag/{STACK_TAG}"): stack },
            "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" }
        })),
        Grant::new("OwnKey", "key", key.clone(), OWN_KEY).when(tagged(scope, json!({}))),
        Grant::new("RollBack", "key", key.clone(), ROLL_BACK_KEY).when(json!({
            "StringEquals": { format!("aws:ResourceTag/{STACK_TAG}"): stack },
            "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" }
        })),
    ];
    if of_secrets {
        let mut condition = not_anothers(scope);
        condition["StringEquals"] = via(&resolver.via_secrets_manager());
        grants.push(Grant::new("UseOwnKey", "key", key.clone(), USE_KEYS).when(condition));
    }
    let returning = Grant::new("OwnKey", "key", key.clone(), RETURNING_KEY);
    grants.push(returning.when(tagged(scope, json!({}))));
    let mut condition = not_anothers(scope);
    if let (Some(held), Value::Object(more)) = (condition.as_object_mut(), by_cloudformation()) {
        held.extend(more);
    }
    grants.push(Grant::new("AliasNewKey", "key", key, ALIAS_NEW_KEY).when(condition));
    // A KMS key is of the same kind, but `CreateAlias` on the key is a separate permission.
    grants.push(Grant::new("Alias", "key", aliases.collect(), ALIAS));
    grants.push(Grant::everywhere(FIND_ALIAS));
    grants
}
