//! What receives an event for each promotion. It belongs to someone else: the deployer looks at it,
//! and adds statements to the policies of functions only.

use super::Command::{Bootstrap, DetectDrift, Plan, Teardown};
use super::{Action, Grant, Scope, each};
use crate::model::TargetKind;

/// `plan` and `bootstrap` find out whether the targets exist and admit the rule, and `doctor` and
/// `status --check` whether they still do.
const TOPICS: &[Action] = &[("sns:GetTopicAttributes", &[Plan, Bootstrap, DetectDrift])];
const QUEUES: &[Action] = &[
    ("sqs:GetQueueAttributes", &[Plan, Bootstrap, DetectDrift]),
    ("sqs:GetQueueUrl", &[Plan, Bootstrap, DetectDrift]),
];
const BUSES: &[Action] = &[("events:DescribeEventBus", &[Plan, Bootstrap, DetectDrift])];

/// The handler of a permission reads the whole policy, and writes its own statement.
const FUNCTIONS: &[Action] = &[
    ("lambda:AddPermission", &[Bootstrap]),
    (
        "lambda:GetFunctionConfiguration",
        &[Plan, Bootstrap, DetectDrift],
    ),
    ("lambda:GetPolicy", &[Bootstrap, DetectDrift]),
    ("lambda:RemovePermission", &[Bootstrap, Teardown]),
];

/// Returns the grants for the targets in `notify`.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let of = |kinds: &[TargetKind]| {
        let targets = scope.model.entries.iter().flat_map(|entry| &entry.notify);
        let targets = targets.filter(|target| kinds.contains(&target.kind));
        each(targets.map(|target| target.arn.to_string()))
    };
    let queues = [TargetKind::Queue, TargetKind::FifoQueue];
    vec![
        Grant::new("Notify", "topic", of(&[TargetKind::Topic]), TOPICS),
        Grant::new("Notify", "queue", of(&queues), QUEUES),
        Grant::new("Notify", "event bus", of(&[TargetKind::Bus]), BUSES),
        Grant::new("Notify", "function", of(&[TargetKind::Function]), FUNCTIONS),
    ]
}
