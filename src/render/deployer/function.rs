//! The function and its log.

use super::Command::{
    Bootstrap, DetectDrift, Doctor, Plan, Rotate, Status, StatusWithoutValues, Teardown,
};
use super::{Action, Grant, Scope, each, generated};
use crate::render::Strategy;

/// Secrets Manager requires `InvokeFunction` of the principal that turns on rotation or starts
/// one (`rotating-secrets-required-permissions-function`).
const FUNCTION: &[Action] = &[
    ("lambda:AddPermission", &[Bootstrap]),
    ("lambda:CreateFunction", &[Bootstrap]),
    ("lambda:DeleteFunction", &[Bootstrap, Teardown]),
    ("lambda:GetFunction", &[Bootstrap, Teardown, DetectDrift]),
    (
        "lambda:GetFunctionCodeSigningConfig",
        &[Bootstrap, DetectDrift],
    ),
    ("lambda:GetFunctionConfiguration", &[Bootstrap, DetectDrift]),
    (
        "lambda:GetFunctionRecursionConfig",
        &[Bootstrap, DetectDrift],
    ),
    ("lambda:GetFunctionScalingConfig", &[Bootstrap, DetectDrift]),
    ("lambda:GetPolicy", &[Bootstrap, DetectDrift]),
    (
        "lambda:GetRuntimeManagementConfig",
        &[Bootstrap, DetectDrift],
    ),
    ("lambda:InvokeFunction", &[Bootstrap, Rotate, Doctor]),
    ("lambda:RemovePermission", &[Bootstrap, Teardown]),
    ("lambda:TagResource", &[Bootstrap]),
    ("lambda:UntagResource", &[Bootstrap]),
    ("lambda:UpdateFunctionCode", &[Bootstrap]),
    ("lambda:UpdateFunctionConfiguration", &[Bootstrap]),
];

/// A teardown makes the databases' function drop the users that it created, because the servers may
/// be reachable only from there.
const DROP_USERS: &[Action] = &[("lambda:InvokeFunction", &[Teardown])];

/// `plan` and `bootstrap` find out whether the adapters of services exist.
const ADAPTERS: &[Action] = &[("lambda:GetFunctionConfiguration", &[Plan, Bootstrap])];

/// `FilterLogEvents` shows why a rotation failed, or that it has.
const LOG: &[Action] = &[
    ("logs:CreateLogGroup", &[Bootstrap]),
    ("logs:DeleteLogGroup", &[Bootstrap, Teardown]),
    (
        "logs:FilterLogEvents",
        &[Bootstrap, Rotate, Status, StatusWithoutValues, Doctor],
    ),
    ("logs:GetDataProtectionPolicy", &[Bootstrap, DetectDrift]),
    ("logs:ListTagsForResource", &[Bootstrap, DetectDrift]),
    ("logs:PutRetentionPolicy", &[Bootstrap]),
    ("logs:TagResource", &[Bootstrap]),
    ("logs:UntagResource", &[Bootstrap]),
];

/// IAM grants the lookup of a log group only on all log groups. `plan` finds a log group that
/// conflicts with the stack's.
const FIND_LOG: &[Action] = &[
    ("logs:DescribeIndexPolicies", &[Bootstrap, DetectDrift]),
    (
        "logs:DescribeLogGroups",
        &[Plan, Bootstrap, Teardown, DetectDrift],
    ),
    ("logs:DescribeResourcePolicies", &[Bootstrap, DetectDrift]),
];

/// CloudFormation's handler describes the VPC before it creates a function there. When it
/// deletes the function, it checks whether the network interfaces still exist. The program itself
/// checks that the subnets and security groups exist. EC2 defines no resource type for these
/// actions (`list_amazonec2`).
const FIND_NETWORK: &[Action] = &[
    ("ec2:DescribeNetworkInterfaces", &[Bootstrap, Teardown]),
    ("ec2:DescribeSecurityGroups", &[Plan, Bootstrap]),
    ("ec2:DescribeSubnets", &[Plan, Bootstrap]),
    ("ec2:DescribeVpcs", &[Bootstrap]),
];

/// Returns the grants for the functions and their log groups.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let mut functions = Vec::new();
    let mut groups = Vec::new();
    let mut dropping = Vec::new();
    let creates = model
        .databases()
        .any(|entry| entry.kind.create_user.is_some());
    for strategy in Strategy::of(model) {
        let function = generated(model, &format!("{}-", strategy.function()));
        let function = resolver.arn("lambda", &format!("function:{function}"));
        if strategy == Strategy::Databases && creates {
            dropping.push(function.clone());
        }
        functions.push(function);
        let group = format!("log-group:{}", strategy.log_group_name(&model.stack));
        // Actions on tags use the first form of the ARN, and all others use the second.
        groups.push(resolver.arn("logs", &group));
        groups.push(resolver.arn("logs", &format!("{group}:*")));
    }
    functions.dedup();
    let adapters = model.services();
    let adapters = adapters.filter_map(|it| it.kind.adapter.function().map(ToString::to_string));
    // Only the other account knows whether an adapter there exists.
    let own = |arn: &String| arn.split(':').nth(4) == Some(resolver.account());
    let adapters = adapters.filter(|arn| resolver.account().starts_with("${") || own(arn));
    let mut grants = vec![
        Grant::new("Function", "function", functions, FUNCTION),
        Grant::new("Adapters", "function", each(adapters), ADAPTERS),
        Grant::new("DropUsers", "function", dropping, DROP_USERS),
        Grant::new("Log", "log group", groups, LOG),
        Grant::everywhere(FIND_LOG),
    ];
    if model.has_function_in_vpc() {
        grants.push(Grant::everywhere(FIND_NETWORK));
    }
    grants
}
