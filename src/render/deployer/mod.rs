//! What the person needs who runs `bootstrap`, `plan`, `rotate`, `status` and
//! `teardown`: one statement a purpose, each on this stack's own resources.
//!
//! CloudFormation acts with the caller's credentials, so that the calls of its
//! resource types (the `handlers` of their schemas) are among them.

mod iam;
mod secret;

use std::collections::BTreeSet;

use super::document::{Policy, Statement};
use super::name;
use super::resolve::World;
use crate::model::{AccessKey, Model};

/// Up to here a stack's name is whole in the names that CloudFormation makes.
const WHOLE: usize = 24;

/// Returns the policy; `managed` says whether the role has managed policies.
pub fn policy(model: &Model, world: &World, managed: bool) -> Policy {
    let mut statements = stack(model, world);
    statements.extend(artifacts(model, world));
    statements.extend(iam::role(model, world));
    statements.extend(iam::boundary(model, world));
    if managed {
        statements.extend(iam::managed_policies(model, world));
    }
    statements.extend(iam::users(model, world));
    statements.extend(secret::secrets(model, world));
    statements.extend(secret::keys(model, world));
    statements.extend(function(model, world));
    statements.extend(alarms(model, world));
    Policy::new(statements)
}

/// Returns a pattern for the name that CloudFormation makes of the stack's, the
/// logical ID and random letters. It cuts a long stack's name short, by rules it
/// does not document, so that such a pattern has to be wider.
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

fn function(model: &Model, world: &World) -> Vec<Statement> {
    let arn = world.arn(
        "lambda",
        &format!("function:{}", generated(model, "Function-")),
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
        // What `rotate` says where the function failed.
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
    let topic = world.arn("sns", &generated(model, "AlarmTopic-"));
    let each = |service: &str, kind: &str, logical_ids: &[&str]| -> Vec<String> {
        let named = |id: &&str| world.arn(service, &format!("{kind}{}", generated(model, id)));
        let arns: BTreeSet<String> = logical_ids.iter().map(named).collect();
        arns.into_iter().collect()
    };
    let alarms = [
        "FunctionErrorsAlarm-",
        "KeysHeldBackAlarm-",
        "RotationOverdueAlarm-",
    ];
    let alarms = each("cloudwatch", "alarm:", &alarms);
    let rules = each("events", "rule/", &["RotationFailedRule", "SweepRule"]);
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
        Statement::allow("KeepTheAlarms", "cloudwatch", &watch, alarms),
        Statement::allow("KeepTheRules", "events", &listen, rules),
    ]
}
