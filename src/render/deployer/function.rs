//! The function and its log.

use super::Command::{Bootstrap, Rotate, Teardown};
use super::{Action, Grant, Scope, generated};
use crate::render::name;

/// Secrets Manager asks for `InvokeFunction` of whoever turns rotation on, or
/// rotates (`rotating-secrets-required-permissions-function`).
const FUNCTION: &[Action] = &[
    ("lambda:AddPermission", &[Bootstrap]),
    ("lambda:CreateFunction", &[Bootstrap]),
    ("lambda:DeleteFunction", &[Bootstrap, Teardown]),
    ("lambda:GetFunction", &[Bootstrap, Teardown]),
    ("lambda:GetFunctionCodeSigningConfig", &[Bootstrap]),
    ("lambda:GetFunctionConfiguration", &[Bootstrap]),
    ("lambda:GetFunctionRecursionConfig", &[Bootstrap]),
    ("lambda:GetFunctionScalingConfig", &[Bootstrap]),
    ("lambda:GetPolicy", &[Bootstrap]),
    ("lambda:GetRuntimeManagementConfig", &[Bootstrap]),
    ("lambda:InvokeFunction", &[Bootstrap, Rotate]),
    ("lambda:RemovePermission", &[Bootstrap, Teardown]),
    ("lambda:TagResource", &[Bootstrap]),
    ("lambda:UntagResource", &[Bootstrap]),
    ("lambda:UpdateFunctionCode", &[Bootstrap]),
    ("lambda:UpdateFunctionConfiguration", &[Bootstrap]),
];

/// `FilterLogEvents` is how a rotation that failed says why.
const LOG: &[Action] = &[
    ("logs:CreateLogGroup", &[Bootstrap]),
    ("logs:DeleteLogGroup", &[Bootstrap, Teardown]),
    ("logs:FilterLogEvents", &[Bootstrap, Rotate]),
    ("logs:GetDataProtectionPolicy", &[Bootstrap]),
    ("logs:ListTagsForResource", &[Bootstrap]),
    ("logs:PutRetentionPolicy", &[Bootstrap]),
    ("logs:TagResource", &[Bootstrap]),
    ("logs:UntagResource", &[Bootstrap]),
];

/// To look for the group is to look at all of them, for IAM.
const FIND_LOG: &[Action] = &[
    ("logs:DescribeIndexPolicies", &[Bootstrap]),
    ("logs:DescribeLogGroups", &[Bootstrap, Teardown]),
    ("logs:DescribeResourcePolicies", &[Bootstrap]),
];

/// Returns what keeps the function and its log group.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope { model, world, .. } = scope;
    let function = format!("function:{}", generated(model, "Function-"));
    let group = format!("log-group:{}", name::log_group_name(&model.stack));
    // Tags are asked for with the first form, everything else with the second.
    let groups = vec![
        world.arn("logs", &group),
        world.arn("logs", &format!("{group}:*")),
    ];
    vec![
        Grant::new(
            "Function",
            "function",
            vec![world.arn("lambda", &function)],
            FUNCTION,
        ),
        Grant::new("Log", "log group", groups, LOG),
        Grant::everywhere(FIND_LOG),
    ]
}
