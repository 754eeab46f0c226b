//! The secrets and the keys that encrypt them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::document::Statement;
use super::super::resolve::World;
use super::super::{STACK_TAG, name};
use super::{entries, names};
use crate::model::{AccessKey, KmsKey, Model, RotateAs, SecretReference};

/// Returns what keeps the secrets.
pub fn secrets(model: &Model, world: &World) -> Vec<Statement> {
    let arn = |entry: &AccessKey| world.secret_arn(entry.secret.as_str());
    let all = entries(model, |_| true);
    let read = entries(model, |entry| !entry.readers.is_empty());
    let mut statements = vec![Statement::allow(
        "KeepTheSecrets",
        "secretsmanager",
        &[
            "CancelRotateSecret",
            "CreateSecret",
            "DeleteSecret",
            "DescribeSecret",
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
    )];
    // A secret that is not there has no suffix yet, and AWS asks about the name.
    let absent =
        |entry: &AccessKey| world.arn("secretsmanager", &format!("secret:{}", entry.secret));
    statements.push(Statement::allow(
        "LookForTheSecrets",
        "secretsmanager",
        &["DescribeSecret"],
        names(&all, absent),
    ));
    // Teardown finds what earlier manifests left by its tag. It can be granted on
    // everything only, and tells names, no values.
    statements.push(Statement::allow(
        "FindLeftSecrets",
        "secretsmanager",
        &["ListSecrets"],
        vec!["*".to_owned()],
    ));
    // Those are told by the tag alone: this manifest does not name them any more.
    let left = json!({
        format!("secretsmanager:ResourceTag/{STACK_TAG}"): model.stack.as_str()
    });
    statements.push(
        Statement::allow(
            "TakeDownLeftSecrets",
            "secretsmanager",
            &[
                "CancelRotateSecret",
                "DeleteSecret",
                "DescribeSecret",
                "GetSecretValue",
            ],
            vec![world.arn("secretsmanager", "secret:*")],
        )
        .when(json!({ "StringEquals": left })),
    );
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
    let administrators: BTreeSet<String> = model
        .access_keys
        .iter()
        .filter_map(|entry| match &entry.rotate_as {
            RotateAs::Administrator(SecretReference::Name(name)) => {
                Some(world.secret_arn(name.as_str()))
            }
            RotateAs::Administrator(SecretReference::Arn(arn)) => Some(arn.to_string()),
            RotateAs::Itself | RotateAs::Role => None,
        })
        .collect();
    if !administrators.is_empty() {
        // Its full ARN goes into `secretarn`; its value is for the function alone.
        statements.push(Statement::allow(
            "FindTheAdministrators",
            "secretsmanager",
            &["DescribeSecret"],
            administrators.into_iter().collect(),
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
