//! Rules about the deployer: CloudFormation acts with its permissions.

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::Resource;
use crate::render::deployer;
use crate::render::policy::Policy;
use crate::render::tree::Value;

pub(super) const THEME: Theme = Theme {
    title: "The deployer",
    rules: &[Rule {
        id: "deployer-permission",
        level: Level::Warning,
        title: "The deployer's policy covers what the templates render",
        why: "CloudFormation creates each resource with the deployer's permissions. If one is missing, the stack rolls back.",
        remedy: "use the manifest's own setting if there is one, such as `replicas`, or allow the action in another policy of the deployer, and accept this finding with a reason",
        source: "AWS CloudFormation CLI User Guide, resource-type-schema (handlers)",
        check: Some(covered),
    }],
};

/// The resource types for which the deployer's policy has the permissions.
const COVERED: [&str; 17] = [
    "AWS::CloudWatch::Alarm",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
];
const SECRET: &str = "AWS::SecretsManager::Secret";

/// The permissions that a resource type needs only if it has a property: the type, the property,
/// and the actions of the `handlers` in the type's schema.
const PROPERTIES: &[(&str, &str, &[&str])] = &[
    ("AWS::Events::Rule", "RoleArn", &["iam:PassRole"]),
    (
        "AWS::IAM::ManagedPolicy",
        "Groups",
        &["iam:AttachGroupPolicy", "iam:DetachGroupPolicy"],
    ),
    (
        "AWS::IAM::ManagedPolicy",
        "Users",
        &["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
    ),
    (
        "AWS::IAM::User",
        "Groups",
        &["iam:AddUserToGroup", "iam:RemoveUserFromGroup"],
    ),
    (
        "AWS::IAM::User",
        "LoginProfile",
        &["iam:CreateLoginProfile", "iam:DeleteLoginProfile"],
    ),
    (
        "AWS::IAM::User",
        "ManagedPolicyArns",
        &["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
    ),
    (
        "AWS::Lambda::Function",
        "CodeSigningConfigArn",
        &[
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ],
    ),
    (
        "AWS::Lambda::Function",
        "FileSystemConfigs",
        &["elasticfilesystem:DescribeMountTargets"],
    ),
    (
        "AWS::Lambda::Function",
        "Layers",
        &["lambda:GetLayerVersion"],
    ),
    (
        "AWS::Lambda::Function",
        "RecursiveLoop",
        &["lambda:PutFunctionRecursionConfig"],
    ),
    (
        "AWS::Lambda::Function",
        "ReservedConcurrentExecutions",
        &[
            "lambda:DeleteFunctionConcurrency",
            "lambda:PutFunctionConcurrency",
        ],
    ),
    (
        "AWS::Lambda::Function",
        "RuntimeManagementConfig",
        &["lambda:PutRuntimeManagementConfig"],
    ),
    (
        "AWS::Logs::LogGroup",
        "DataProtectionPolicy",
        &["logs:PutDataProtectionPolicy"],
    ),
    (
        "AWS::Logs::LogGroup",
        "FieldIndexPolicies",
        &["logs:PutIndexPolicy"],
    ),
    (
        "AWS::Logs::LogGroup",
        "KmsKeyId",
        &["logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
    ),
    (
        "AWS::SNS::Topic",
        "DataProtectionPolicy",
        &["sns:PutDataProtectionPolicy"],
    ),
    (
        "AWS::SecretsManager::RotationSchedule",
        "HostedRotationLambda",
        &["iam:PassRole"],
    ),
    (
        SECRET,
        "GenerateSecretString",
        &["secretsmanager:GetRandomPassword"],
    ),
    (
        SECRET,
        "ReplicaRegions",
        &[
            "secretsmanager:RemoveRegionsFromReplication",
            "secretsmanager:ReplicateSecretToRegions",
        ],
    ),
];

fn covered(stack: &Stack<'_>, found: &mut RuleFindings) {
    // The policy is as long as the manifest, and few stacks need it here.
    let mut policy = None;
    for resource in &stack.template.resources {
        if resource.kind != SECRET && !COVERED.contains(&resource.kind) {
            let message = format!(
                "the deployer's policy has no permissions for the type {}",
                resource.kind
            );
            found.add(resource.id, message);
            continue;
        }
        for (_, property, actions) in needed(resource) {
            let policy = policy.get_or_insert_with(|| deployer::policy(stack.rendered));
            let secret = secret(stack, resource);
            let missing = actions
                .iter()
                .copied()
                .filter(|action| !allows(policy, action, secret.as_deref()));
            let missing: Vec<&str> = missing.collect();
            if !missing.is_empty() {
                let message = format!("the deployer's policy lacks {}", missing.join(", "));
                found.add(resource.at(property), message);
            }
        }
    }
}

/// Returns the rows of the table that a resource needs.
fn needed<'all>(
    resource: &'all Resource<'_>,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [&'static str])> + 'all {
    let is_set = |property: &str| match resource.get(property) {
        None | Some(Value::Null) => false,
        Some(Value::Sequence(items)) => !items.is_empty(),
        Some(_) => true,
    };
    PROPERTIES
        .iter()
        .filter(move |(kind, property, _)| *kind == resource.kind && is_set(property))
}

/// Returns the ARN of a secret. The policy allows to replicate secrets by their names.
fn secret(stack: &Stack<'_>, resource: &Resource<'_>) -> Option<String> {
    let name = resource.text("Name").filter(|_| resource.kind == SECRET)?;
    Some(stack.resolver().secret_arn(name))
}

/// Returns whether a policy allows an action, and on this resource if one is given.
fn allows(policy: &Policy, action: &str, resource: Option<&str>) -> bool {
    let mut statements = policy.statements().iter();
    statements.any(|statement| {
        let on = |arn: &str| {
            let mut resources = statement.resources().iter();
            resources.any(|held| held == "*" || held == arn)
        };
        statement.sid().starts_with(deployer::BOOTSTRAP)
            && statement.actions().iter().any(|held| held == action)
            && resource.is_none_or(on)
    })
}
