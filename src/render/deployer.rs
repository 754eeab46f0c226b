//! What the person needs who runs `bootstrap`, `plan`, `rotate`, `status` and
//! `teardown`: one statement a purpose, each on this stack's own resources.
//!
//! CloudFormation acts with the caller's credentials, so that the calls of its
//! resource types (the `handlers` of their schemas) are among them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::{Policy, Statement};
use super::name;
use super::resolve::World;
use crate::model::{AccessKey, KmsKey, Model, RotateAs, SecretReference};

/// Up to here a stack's name is whole in the names that CloudFormation makes.
const WHOLE: usize = 24;

/// Returns the policy; `managed` says whether the role has managed policies.
pub fn policy(model: &Model, world: &World, managed: bool) -> Policy {
    let mut statements = stack(model, world);
    statements.extend(artifacts(model, world));
    statements.extend(role(model, world));
    if managed {
        statements.extend(managed_policies(model, world));
    }
    statements.extend(users(model, world));
    statements.extend(secrets(model, world));
    statements.extend(keys(model, world));
    statements.extend(function(model, world));
    if !model.alarms.email.is_empty() {
        statements.extend(alarms(model, world));
    }
    Policy::new(statements)
}

/// The name CloudFormation makes for a resource without one, up to its random
/// end. Where the stack's name is long it is cut short.
fn generated(model: &Model, logical_id: &str) -> String {
    let stack = model.stack.as_str();
    if stack.len() <= WHOLE {
        format!("{stack}-{logical_id}*")
    } else {
        format!("{}*", &stack[..20])
    }
}

fn names(entries: &[&AccessKey], arn: impl Fn(&AccessKey) -> String) -> Vec<String> {
    let arns: BTreeSet<String> = entries.iter().map(|entry| arn(entry)).collect();
    arns.into_iter().collect()
}

fn entries(model: &Model, with: impl Fn(&AccessKey) -> bool) -> Vec<&AccessKey> {
    model
        .access_keys
        .iter()
        .filter(|entry| with(entry))
        .collect()
}

fn via(service: String) -> Value {
    json!({ "StringEquals": { "kms:ViaService": service } })
}

fn stack(model: &Model, world: &World) -> Vec<Statement> {
    let arn = world.arn("cloudformation", &format!("stack/{}/*", model.stack));
    let actions = [
        "ContinueUpdateRollback",
        "CreateChangeSet",
        "DeleteChangeSet",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeStackEvents",
        "DescribeStackResources",
        "DescribeStacks",
        "ExecuteChangeSet",
        "GetTemplate",
        "ListChangeSets",
        "ListStackResources",
        "TagResource",
        "UntagResource",
    ];
    vec![Statement::allow(
        "DeployTheStack",
        "cloudformation",
        &actions,
        vec![arn],
    )]
}

fn artifacts(model: &Model, world: &World) -> Vec<Statement> {
    let bucket = name::artifact_bucket(model, world.account(), world.region());
    let objects = vec![world.s3_arn(&format!("{bucket}/*"))];
    let mut actions = vec!["GetBucketLocation", "ListBucket", "ListBucketVersions"];
    if model.function.artifact_bucket.is_none() {
        actions.extend([
            "CreateBucket",
            "DeleteBucket",
            "DeleteBucketPolicy",
            "GetBucketPolicy",
            "GetBucketPublicAccessBlock",
            "GetBucketTagging",
            "GetBucketVersioning",
            "GetEncryptionConfiguration",
            "PutBucketPolicy",
            "PutBucketPublicAccessBlock",
            "PutBucketTagging",
            "PutBucketVersioning",
            "PutEncryptionConfiguration",
        ]);
    }
    vec![
        Statement::allow(
            "KeepTheArtifactBucket",
            "s3",
            &actions,
            vec![world.s3_arn(&bucket)],
        ),
        Statement::allow(
            "KeepTheArtifacts",
            "s3",
            &[
                "DeleteObject",
                "DeleteObjectVersion",
                "GetObject",
                "GetObjectVersion",
                "PutObject",
            ],
            objects,
        ),
    ]
}

fn role(model: &Model, world: &World) -> Vec<Statement> {
    let role = vec![world.iam_arn(&format!("role/{}", generated(model, super::ROLE)))];
    let actions = [
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ];
    vec![
        Statement::allow("KeepTheRole", "iam", &actions, role.clone()),
        Statement::allow("HandTheRoleToLambda", "iam", &["PassRole"], role.clone()).when(json!({
            "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" }
        })),
    ]
}

/// A stack with many secrets has its role's policies as managed ones.
fn managed_policies(model: &Model, world: &World) -> Vec<Statement> {
    let role = vec![world.iam_arn(&format!("role/{}", generated(model, super::ROLE)))];
    let policies = world.iam_arn(&format!("policy/{}", generated(model, "FunctionManaged")));
    let managed = [
        "CreatePolicy",
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyVersions",
    ];
    vec![
        Statement::allow(
            "KeepTheRolesPolicies",
            "iam",
            &managed,
            vec![policies.clone()],
        ),
        Statement::allow(
            "AttachThem",
            "iam",
            &["AttachRolePolicy", "DetachRolePolicy"],
            role,
        )
        .when(json!({ "ArnLike": { "iam:PolicyARN": policies } })),
    ]
}

fn users(model: &Model, world: &World) -> Vec<Statement> {
    let arn = |entry: &AccessKey| world.iam_arn(&format!("user/{}", entry.user));
    let all = entries(model, |_| true);
    let itself = entries(model, |entry| entry.rotate_as == RotateAs::Itself);
    let created = entries(model, |entry| entry.create_user);
    let mut statements = vec![Statement::allow(
        "KeepTheAccessKeys",
        "iam",
        &[
            "CreateAccessKey",
            "DeleteAccessKey",
            "GetAccessKeyLastUsed",
            "GetUser",
            "ListAccessKeys",
            "UpdateAccessKey",
        ],
        names(&all, arn),
    )];
    if !itself.is_empty() {
        let actions = ["DeleteUserPolicy", "GetUserPolicy", "PutUserPolicy"];
        let resource = names(&itself, arn);
        statements.push(Statement::allow(
            "LetUsersRotateThemselves",
            "iam",
            &actions,
            resource,
        ));
    }
    if !created.is_empty() {
        let actions = [
            "CreateUser",
            "DeleteUser",
            "GetLoginProfile",
            "GetUserPolicy",
            "ListAttachedUserPolicies",
            "ListGroupsForUser",
            "ListUserPolicies",
            "ListUserTags",
            "TagUser",
            "UntagUser",
            "UpdateUser",
        ];
        let resource = names(&created, arn);
        statements.push(Statement::allow("MakeTheUsers", "iam", &actions, resource));
    }
    statements
}

fn secrets(model: &Model, world: &World) -> Vec<Statement> {
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

fn keys(model: &Model, world: &World) -> Vec<Statement> {
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
    let tag = |prefix: &str| format!("{prefix}/{}", super::STACK_TAG);
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

fn function(model: &Model, world: &World) -> Vec<Statement> {
    let arn = world.arn(
        "lambda",
        &format!("function:{}", generated(model, super::FUNCTION)),
    );
    // Secrets Manager asks for InvokeFunction of whoever turns rotation on.
    let actions = [
        "AddPermission",
        "CreateFunction",
        "DeleteFunction",
        "GetFunction",
        "GetFunctionCodeSigningConfig",
        "GetFunctionConfiguration",
        "GetFunctionRecursionConfig",
        "GetFunctionScalingConfig",
        "GetPolicy",
        "GetRuntimeManagementConfig",
        "InvokeFunction",
        "ListTags",
        "RemovePermission",
        "TagResource",
        "UntagResource",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
    ];
    let group = format!("log-group:{}", name::log_group_name(&model.stack));
    let log = [
        "CreateLogGroup",
        "DeleteLogGroup",
        "DeleteRetentionPolicy",
        "DescribeIndexPolicies",
        "FilterLogEvents",
        "GetDataProtectionPolicy",
        "ListTagsForResource",
        "PutRetentionPolicy",
        "TagResource",
        "UntagResource",
    ];
    vec![
        Statement::allow("KeepTheFunction", "lambda", &actions, vec![arn]),
        Statement::allow(
            "KeepTheLogGroup",
            "logs",
            &log,
            vec![
                world.arn("logs", &group),
                world.arn("logs", &format!("{group}:*")),
            ],
        ),
        // To look for the group is to look at all of them, for IAM.
        Statement::allow(
            "FindTheLogGroup",
            "logs",
            &["DescribeLogGroups", "DescribeResourcePolicies"],
            vec!["*".to_owned()],
        ),
    ]
}

fn alarms(model: &Model, world: &World) -> Vec<Statement> {
    let topic = world.arn("sns", &generated(model, super::TOPIC));
    let alarm = world.arn(
        "cloudwatch",
        &format!("alarm:{}", generated(model, "FunctionErrorsAlarm")),
    );
    let rule = world.arn(
        "events",
        &format!("rule/{}", generated(model, "RotationFailedRule")),
    );
    let publish = [
        "CreateTopic",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetSubscriptionAttributes",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "SetSubscriptionAttributes",
        "SetTopicAttributes",
        "Subscribe",
        "TagResource",
        "Unsubscribe",
        "UntagResource",
    ];
    let watch = [
        "DeleteAlarms",
        "DescribeAlarms",
        "ListTagsForResource",
        "PutMetricAlarm",
        "TagResource",
        "UntagResource",
    ];
    let listen = [
        "DeleteRule",
        "DescribeRule",
        "ListTagsForResource",
        "ListTargetsByRule",
        "PutRule",
        "PutTargets",
        "RemoveTargets",
        "TagResource",
        "UntagResource",
    ];
    vec![
        Statement::allow("KeepTheTopic", "sns", &publish, vec![topic]),
        Statement::allow("KeepTheAlarm", "cloudwatch", &watch, vec![alarm]),
        Statement::allow("KeepTheRules", "events", &listen, vec![rule]),
    ]
}
