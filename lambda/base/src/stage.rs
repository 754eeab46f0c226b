//! The versions of a secret, their labels, and the state of a rotation that follows from them.
//! Pure and synchronous.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use keyrota_contract::label::{CURRENT, PENDING, PREVIOUS};

use keyrota_contract::label::OF_AWS;

/// The ID of a version of a secret, which is also the token of the rotation that created it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionId(String);

impl VersionId {
    /// Creates an ID from the text that Secrets Manager uses.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the ID as Secrets Manager writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows nothing. The ID of a pending version is the token that lets a caller store its value,
/// so it stays out of logs and errors.
impl fmt::Debug for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VersionId(…)")
    }
}

/// The labels of each version of a secret, as `DescribeSecret` returns them.
pub type Stages = BTreeMap<VersionId, BTreeSet<String>>;

/// The state of a rotation's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// It carries AWSPENDING: the rotation is in progress.
    Pending,
    /// It carries AWSCURRENT: the rotation is complete.
    AlreadyCurrent,
    /// The secret has this version, but it is not AWSPENDING.
    NotPending,
    /// The secret has no such version.
    Unknown {
        /// Whether another version carries AWSPENDING.
        another_is_pending: bool,
    },
}

/// Returns the state of the version of this rotation.
pub fn version_state(stages: &Stages, token: &VersionId) -> VersionState {
    match stages.get(token) {
        Some(labels) if labels.contains(CURRENT) => VersionState::AlreadyCurrent,
        Some(labels) if labels.contains(PENDING) => VersionState::Pending,
        Some(_) => VersionState::NotPending,
        None => VersionState::Unknown {
            another_is_pending: carrier(stages, PENDING).is_some(),
        },
    }
}

/// Returns the version that carries a label. A label is on one version at a time.
pub fn carrier<'stages>(stages: &'stages Stages, label: &str) -> Option<&'stages VersionId> {
    stages
        .iter()
        .find(|(_, labels)| labels.contains(label))
        .map(|(version, _)| version)
}

/// Returns the version that carries this label and none of AWS's own labels.
pub fn carrier_alone<'stages>(stages: &'stages Stages, label: &str) -> Option<&'stages VersionId> {
    let version = carrier(stages, label)?;
    let labels = stages.get(version)?;
    let has_another = OF_AWS.iter().any(|label| labels.contains(*label));
    (!has_another).then_some(version)
}

/// Returns whether a rotation is preparing a version other than AWSCURRENT's.
pub fn is_rotating(stages: &Stages) -> bool {
    let pending = carrier(stages, PENDING);
    pending.is_some() && pending != carrier(stages, CURRENT)
}
