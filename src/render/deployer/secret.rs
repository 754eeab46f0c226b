//! The secrets and the keys that encrypt them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::document::Statement;
use super::super::resolve::World;
use super::super::{STACK_TAG, name};
use super::{entries, names};
use crate::model::{AccessKey, KmsKey, Model};

/// Returns what keeps the secrets.
pub fn secrets(model: &Model, world: &World) -> Vec<Statement> {
    let arn = |entry: &AccessKey| world.secret_arn(entry.secret.as_str());
    let all = entries(model, |_| true);
    let read = entries(model, |entry| !entry.readers.is_empty());
    // A name that is free has no ARN that a policy could name, and asking for it
    // would be refused, not answered. Nor can listing be granted on less; it
    // tells as much of a secret as describing it does, and no value.
    let find = Statement::allow(
        "FindSecrets",
        "secretsmanager",
        &["DescribeSecret", "ListSecrets"],
        vec!["*".to_owned()],
    );
    let keep = Statement::allow(
        "KeepTheSecrets",
        "secretsmanager",
        &[
            "CancelRotateSecret",
            "CreateSecret",
            "DeleteSecret",
            "GetSecretValue",
            "ListSecretVersionIds",
            "PutSecretValue",
            "RotateSecret",
            "TagResource",
            "UntagResource",
            "UpdateSecret",
            "UpdateSecretVersionStage",
        ],
        names(&all, arn),
    );
    let mut statements = vec![find, keep];
    if !read.is_empty() {
        let actions = [
            "DeleteResourcePolicy",
            "GetResourcePolicy",
            "PutResourcePolicy",
            "ValidateResourcePolicy",
        ];
        let resource = names(&read, arn);
        statements.push(Statement::allow(
            "LetReadersRead",
            "secretsmanager",
            &actions,
            resource,
        ));
    }
    statements
}

/// Returns what keeps and uses the KMS keys.
pub fn keys(model: &Model, world: &World) -> Vec<Statement> {
    let existing: BTreeSet<String> = model
        .access_keys
        .iter()
        .filter_map(|entry| match &entry.kms_key {
            KmsKey::Existing(arn) => Some(arn.to_string()),
            KmsKey::AwsManaged | KmsKey::Create => None,
        })
        .collect();
    let mut statements = Vec::new();
    if !existing.is_empty() {
        let arns: Vec<String> = existing.into_iter().collect();
        statements.push(Statement::allow(
            "FindTheKeys",
            "kms",
            &["DescribeKey"],
            arns.clone(),
        ));
        statements.push(
            Statement::allow("UseTheKeys", "kms", &["Decrypt", "GenerateDataKey"], arns)
                .when(via(world.via_secrets_manager())),
        );
    }
    if model
        .access_keys
        .iter()
        .any(|entry| entry.kms_key == KmsKey::Create)
    {
        statements.extend(own_key(model, world));
    }
    statements
}

/// The key's ID is not known before, so that it is told by its tag.
fn own_key(model: &Model, world: &World) -> Vec<Statement> {
    let key = vec![world.arn("kms", "key/*")];
    let alias = world.arn("kms", &name::key_alias(&model.stack));
    let tag = |prefix: &str| format!("{prefix}/{}", STACK_TAG);
    let tagged = json!({ tag("aws:ResourceTag"): model.stack.as_str() });
    let manage = [
        "CancelKeyDeletion",
        "CreateAlias",
        "DeleteAlias",
        "DescribeKey",
        "EnableKeyRotation",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "ListResourceTags",
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
    ];
    let mut used = tagged.clone();
    used["kms:ViaService"] = world.via_secrets_manager().into();
    vec![
        // A key that is not there yet has no ARN to name: the tag it must get
        // stands for it.
        Statement::allow(
            "MakeTheKey",
            "kms",
            &["CreateKey", "TagResource"],
            vec!["*".to_owned()],
        )
        .when(json!({ "StringEquals": { tag("aws:RequestTag"): model.stack.as_str() } })),
        Statement::allow("KeepTheKey", "kms", &manage, key.clone())
            .when(json!({ "StringEquals": tagged })),
        Statement::allow("UseTheKey", "kms", &["Decrypt", "GenerateDataKey"], key)
            .when(json!({ "StringEquals": used })),
        Statement::allow(
            "NameTheKey",
            "kms",
            &["CreateAlias", "DeleteAlias", "UpdateAlias"],
            vec![alias],
        ),
        // It can be granted on everything only.
        Statement::allow("FindAliases", "kms", &["ListAliases"], vec!["*".to_owned()]),
    ]
}

fn via(service: String) -> Value {
    json!({ "StringEquals": { "kms:ViaService": service } })
}
