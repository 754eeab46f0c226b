//! Differences between the resources of a stack and its template, as CloudFormation detects them.

use std::fmt;

use jiff::Timestamp;

/// A detection of drift (`API_DescribeStackDriftDetectionStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftDetection {
    /// It has not ended.
    InProgress,
    /// It has ended, and each resource whose type supports it was checked.
    Complete,
    /// It has ended, and at least one resource could not be checked.
    Failed {
        /// Why, in CloudFormation's words.
        reason: Option<String>,
    },
}

/// The drift of a resource (`API_StackResourceDrift`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceDrift {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Whether it differs.
    pub status: DriftStatus,
    /// The properties that differ.
    pub differences: Vec<PropertyDifference>,
    /// Why it could not be checked, in CloudFormation's words.
    pub reason: Option<String>,
    /// When it was checked.
    pub at: Option<Timestamp>,
}

/// Whether a resource differs from the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftStatus {
    /// It is as in the template.
    InSync,
    /// A property that the template specifies has another value.
    Modified,
    /// It does not exist.
    Deleted,
    /// CloudFormation did not check it, or could not.
    Unchecked,
}

/// A property that differs from the template (`API_PropertyDifference`). `Debug` shows no value,
/// because another principal may have put a secret there.
#[derive(Clone, PartialEq, Eq)]
pub struct PropertyDifference {
    /// The path of the property, such as `/Tags/0/Value`.
    pub path: String,
    /// The value in the template, in JSON or as text.
    pub expected: String,
    /// The actual value.
    pub actual: String,
    /// How they differ.
    pub difference: DifferenceKind,
}

impl fmt::Debug for PropertyDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path, difference, ..
        } = self;
        write!(formatter, "PropertyDifference({path}, {difference:?})")
    }
}

/// How a property differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// A list has an item that the template does not have.
    Added,
    /// The property or the item is missing.
    Removed,
    /// The value is another one.
    NotEqual,
}
