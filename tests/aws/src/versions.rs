//! Secrets Manager's rules for the versions of one secret and their staging labels.
//!
//! Sources: `PutSecretValue`, `UpdateSecretVersionStage`, `RotateSecret`, and
//! `CancelRotateSecret` in the Secrets Manager API reference.

use std::collections::{BTreeMap, BTreeSet};

use crate::Refusal;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A version of a secret. `D` is additional data of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version<D> {
    /// The value, or `None` before one is stored.
    pub value: Option<String>,
    /// The staging labels.
    pub labels: BTreeSet<String>,
    /// The test's data.
    pub details: D,
}

/// The versions of a secret, by their IDs.
pub type Versions<Id, D> = BTreeMap<Id, Version<D>>;

/// Returns the version with a label. A label is on one version at most.
pub fn carrier<'versions, Id: Ord, D>(
    versions: &'versions Versions<Id, D>,
    label: &str,
) -> Option<&'versions Id> {
    let mut versions = versions.iter();
    let found = versions.find(|(_, version)| version.labels.contains(label));
    found.map(|(id, _)| id)
}

/// Removes a label.
pub fn remove_label<Id: Ord, D>(versions: &mut Versions<Id, D>, label: &str) {
    for version in versions.values_mut() {
        version.labels.remove(label);
    }
}

/// Puts a label on a version and removes it from any other. AWSPREVIOUS follows AWSCURRENT: "If
/// you move AWSCURRENT, Secrets Manager automatically moves AWSPREVIOUS to the version that
/// AWSCURRENT was removed from." A version that has the label already keeps it, and nothing moves.
pub fn put_label<Id: Ord + Clone, D: Default>(
    versions: &mut Versions<Id, D>,
    label: &str,
    to: &Id,
) {
    let from = carrier(versions, label).cloned();
    if from.as_ref() == Some(to) {
        return;
    }
    remove_label(versions, label);
    let version = versions.entry(to.clone()).or_default();
    version.labels.insert(label.to_owned());
    if let Some(from) = from.filter(|_| label == CURRENT) {
        put_label(versions, PREVIOUS, &from);
    }
}

/// `PutSecretValue`. Returns whether a value was stored. A second request with the same value
/// and token is ignored, including its labels. Without labels, AWSCURRENT moves to the version.
/// The first version of a secret always gets it.
///
/// # Errors
///
/// Refuses another value for a token that has one.
pub fn put<Id: Ord + Clone, D: Default>(
    versions: &mut Versions<Id, D>,
    token: &Id,
    value: &str,
    labels: &[&str],
    details: impl FnOnce() -> D,
) -> Result<bool, Refusal> {
    let is_first = versions.is_empty();
    let version = versions.entry(token.clone()).or_default();
    match &version.value {
        Some(stored) if stored != value => return Err(Refusal::Exists),
        Some(_) => return Ok(false),
        None => {}
    }
    version.value = Some(value.to_owned());
    version.details = details();
    let labels = if labels.is_empty() {
        &[CURRENT]
    } else {
        labels
    };
    for label in labels {
        put_label(versions, label, token);
    }
    if is_first {
        put_label(versions, CURRENT, token);
    }
    Ok(true)
}

/// `UpdateSecretVersionStage`.
///
/// # Errors
///
/// Refuses a request that names no version, that names a version that does not exist, or that
/// would move a label from a version that it does not name.
pub fn update_stage<Id: Ord + Clone, D: Default>(
    versions: &mut Versions<Id, D>,
    label: &str,
    from: Option<&Id>,
    to: Option<&Id>,
) -> Result<(), Refusal> {
    if from.is_none() && to.is_none() {
        return Err(Refusal::InvalidParameter);
    }
    let known = |id: &Id| versions.contains_key(id);
    if !from.into_iter().chain(to).all(known) {
        return Err(Refusal::NotFound);
    }
    let carrier = carrier(versions, label);
    let stays = to.is_some() && carrier == to;
    if carrier != from && !stays {
        return Err(Refusal::InvalidParameter);
    }
    match to {
        Some(to) => put_label(versions, label, to),
        None => remove_label(versions, label),
    }
    Ok(())
}

/// Returns whether a rotation is in progress: AWSPENDING is on a version that is not
/// AWSCURRENT. "Any later invocation of RotateSecret assumes that a previous rotation request
/// is still in progress and returns an error."
pub fn is_rotating<Id: Ord, D>(versions: &Versions<Id, D>) -> bool {
    let pending = carrier(versions, PENDING);
    pending.is_some() && pending != carrier(versions, CURRENT)
}

/// `RotateSecret`: creates a version without a value, with AWSPENDING.
///
/// # Errors
///
/// Refuses while a rotation is in progress, and a token that is already a version.
pub fn begin_rotation<Id: Ord + Clone, D: Default>(
    versions: &mut Versions<Id, D>,
    token: &Id,
) -> Result<(), Refusal> {
    if is_rotating(versions) {
        return Err(Refusal::InvalidRequest);
    }
    if versions.contains_key(token) {
        return Err(Refusal::Exists);
    }
    put_label(versions, PENDING, token);
    Ok(())
}

/// The end of a rotation whose four steps succeeded. Returns whether the rotation succeeded,
/// which requires AWSCURRENT on the version. "When rotation is successful, the AWSPENDING staging
/// label might be attached to the same version as the AWSCURRENT version, or it might not be
/// attached to any version." This removes it.
pub fn end_rotation<Id: Ord, D>(versions: &mut Versions<Id, D>, token: &Id) -> bool {
    let succeeded = carrier(versions, CURRENT) == Some(token);
    if succeeded {
        remove_label(versions, PENDING);
    }
    succeeded
}

/// Returns the labels of each labelled version, as `DescribeSecret` returns them.
pub fn stages<Id: Ord + Clone, D>(versions: &Versions<Id, D>) -> BTreeMap<Id, BTreeSet<String>> {
    let labelled = versions.iter().filter(|(_, it)| !it.labels.is_empty());
    labelled
        .map(|(id, version)| (id.clone(), version.labels.clone()))
        .collect()
}
