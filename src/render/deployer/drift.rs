//! The grants for detecting drift that no other command needs. CloudFormation reads each resource
//! with the caller's permissions; those actions are with the other actions on the resource.

use super::Command::DetectDrift;
use super::{Action, Grant, Scope};

/// CloudFormation requires the last one too (`using-cfn-stack-drift` in its user guide).
const STACK: &[Action] = &[
    ("cloudformation:DescribeStackResourceDrifts", &[DetectDrift]),
    ("cloudformation:DetectStackDrift", &[DetectDrift]),
    ("cloudformation:DetectStackResourceDrift", &[DetectDrift]),
];

/// These actions have no resource type (`list_awscloudformation`).
const DETECTIONS: &[Action] = &[
    (
        "cloudformation:BatchDescribeTypeConfigurations",
        &[DetectDrift],
    ),
    (
        "cloudformation:DescribeStackDriftDetectionStatus",
        &[DetectDrift],
    ),
];

/// The action has no resource type (`list_amazonsns`). It shows where a subscription sends messages.
const SUBSCRIPTIONS: &[Action] = &[("sns:GetSubscriptionAttributes", &[DetectDrift])];

/// Returns the grants for detecting drift.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let stack = vec![resolver.arn("cloudformation", &super::stack_resource(model))];
    let mut grants = vec![
        Grant::new("Stack", "stack", stack, STACK),
        Grant::everywhere(DETECTIONS),
    ];
    if !model.alarms.email.is_empty() {
        grants.push(Grant::everywhere(SUBSCRIPTIONS));
    }
    grants
}
