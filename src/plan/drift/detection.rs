//! Which drift CloudFormation detects, and what its answers say.

use jiff::Timestamp;

use super::difference::differences;
use super::{
    ALIAS, DeployedResource, DriftChange, Found, SCHEDULE, SECRET, SECRET_POLICY, SUBSCRIPTION,
    TOPIC_POLICY,
};
use crate::port::{DriftStatus, ResourceDrift, StackResource, StackStatus};

/// Returns whether CloudFormation is asked about a resource. It does not compare these types
/// (`resource-import-supported-resources` in its user guide), or reads values of secrets to do so.
/// They are looked at directly.
pub fn is_detected(resource: &StackResource) -> bool {
    let kind = resource.kind.as_str();
    is_held(resource)
        && ![
            SECRET,
            SCHEDULE,
            SECRET_POLICY,
            TOPIC_POLICY,
            SUBSCRIPTION,
            ALIAS,
        ]
        .contains(&kind)
}

/// Returns whether CloudFormation detects drift of a stack in this status
/// (`using-cfn-stack-drift` in its user guide, which also recommends to detect drift after an
/// import).
pub fn is_comparable(status: &StackStatus) -> bool {
    status.is_healthy() || status.as_str() == "UPDATE_ROLLBACK_FAILED"
}

/// Returns the drift of each requested resource after a detection that failed for some of them.
/// `reason` stands for those that have none of their own.
///
/// A resource without a result was not compared, and neither was one whose result is older than the
/// detection. A difference that was found earlier is still reported.
pub fn without_stale(
    detected: Vec<ResourceDrift>,
    requested: &[&StackResource],
    began: Timestamp,
    reason: &str,
) -> Vec<ResourceDrift> {
    let drift = |resource: &&StackResource| {
        let mut found = detected.iter();
        let found = found.find(|one| one.logical_id == resource.logical_id);
        let mut drift = found.cloned().unwrap_or_else(|| ResourceDrift {
            logical_id: resource.logical_id.clone(),
            kind: resource.kind.clone(),
            status: DriftStatus::Unchecked,
            differences: Vec::new(),
            reason: None,
            at: None,
        });
        if drift.status == DriftStatus::InSync && drift.at.is_some_and(|at| at < began) {
            drift.status = DriftStatus::Unchecked;
        }
        drift.reason.get_or_insert_with(|| reason.to_owned());
        drift
    };
    requested.iter().map(drift).collect()
}

/// Returns whether the stack has created a resource and keeps it.
pub(super) fn is_held(resource: &StackResource) -> bool {
    let status = resource.status.as_str();
    !resource.physical_id.is_empty()
        && !status.starts_with("DELETE_")
        && !status.starts_with("CREATE_F")
}

/// Returns how a resource differs according to CloudFormation.
pub(super) fn of_cloudformation(
    resource: DeployedResource<'_>,
    detected: &[ResourceDrift],
) -> Found {
    let is_it = |one: &&ResourceDrift| one.logical_id == resource.logical_id;
    let Some(found) = detected.iter().find(is_it) else {
        return Err(None);
    };
    match found.status {
        DriftStatus::InSync => Ok(None),
        DriftStatus::Deleted => Ok(Some(DriftChange::Gone)),
        DriftStatus::Modified => {
            let texts = differences(&found.differences);
            Ok((!texts.is_empty()).then_some(DriftChange::Changed(texts)))
        }
        DriftStatus::Unchecked => {
            let reason = found.reason.clone();
            Err(Some(reason.unwrap_or_else(|| {
                "CloudFormation gave no reason".to_owned()
            })))
        }
    }
}
