//! Drift of a stack's resources, from the SDK's types to the port's.

use aws_sdk_cloudformation::types::{
    DifferenceType, PropertyDifference, StackDriftDetectionStatus, StackResourceDrift,
    StackResourceDriftStatus,
};

use super::system::timestamp;
use crate::port;
use crate::port::{DifferenceKind, DriftDetection, DriftStatus, ResourceDrift};

/// Returns the state of a detection. A state that this SDK does not know is not its end.
pub(super) fn detection_of(
    status: Option<&StackDriftDetectionStatus>,
    reason: Option<String>,
) -> DriftDetection {
    match status {
        Some(StackDriftDetectionStatus::DetectionComplete) => DriftDetection::Complete,
        Some(StackDriftDetectionStatus::DetectionFailed) => DriftDetection::Failed { reason },
        _ => DriftDetection::InProgress,
    }
}

/// Returns the port's word for a drift status. One that this SDK does not know is unchecked.
pub(super) fn status_of(status: Option<&StackResourceDriftStatus>) -> DriftStatus {
    match status {
        Some(StackResourceDriftStatus::InSync) => DriftStatus::InSync,
        Some(StackResourceDriftStatus::Modified) => DriftStatus::Modified,
        Some(StackResourceDriftStatus::Deleted) => DriftStatus::Deleted,
        _ => DriftStatus::Unchecked,
    }
}

/// Returns the drift of a resource.
pub(super) fn drift_of(drift: StackResourceDrift) -> ResourceDrift {
    let differences = drift.property_differences.unwrap_or_default();
    ResourceDrift {
        logical_id: drift.logical_resource_id.unwrap_or_default(),
        kind: drift.resource_type.unwrap_or_default(),
        status: status_of(drift.stack_resource_drift_status.as_ref()),
        differences: differences.into_iter().map(difference_of).collect(),
        reason: drift.drift_status_reason,
        at: drift.timestamp.as_ref().and_then(timestamp),
    }
}

fn difference_of(difference: PropertyDifference) -> port::PropertyDifference {
    port::PropertyDifference {
        path: difference.property_path.unwrap_or_default(),
        expected: difference.expected_value.unwrap_or_default(),
        actual: difference.actual_value.unwrap_or_default(),
        difference: match difference.difference_type {
            Some(DifferenceType::Add) => DifferenceKind::Added,
            Some(DifferenceType::Remove) => DifferenceKind::Removed,
            _ => DifferenceKind::NotEqual,
        },
    }
}
