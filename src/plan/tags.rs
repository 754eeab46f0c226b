//! Differences between a secret's tags and those that the stack writes. No decision depends on
//! them, but people and searches do.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Observed;
use crate::model::Model;
use crate::port::{Change, Secret};
use crate::render::{self, SECRET_TAGS};

/// A tag that differs from the manifest's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagDifference {
    /// The tag's key.
    pub key: String,
    /// Its value according to the manifest, or `None` if the tag should not exist.
    pub expected: Option<String>,
    /// Its value on the secret, or `None` if it is missing.
    pub found: Option<String>,
}

impl fmt::Display for TagDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => {
                write!(formatter, "the tag `{key}` is `{found}`, not `{expected}`")
            }
            (Some(expected), None) => {
                write!(formatter, "the tag `{key}` is missing, not `{expected}`")
            }
            (None, found) => {
                let found = found.as_deref().unwrap_or_default();
                write!(
                    formatter,
                    "the tag `{key}` is `{found}`, and must not exist"
                )
            }
        }
    }
}

/// Returns the differences between a secret's tags and those that the stack writes. Tags whose keys
/// belong neither to the manifest nor to keyrota are ignored.
pub fn tag_differences(expected: &BTreeMap<String, String>, secret: &Secret) -> Vec<TagDifference> {
    if secret.deleted.is_some() {
        // The tags of a secret that is scheduled for deletion cannot be changed.
        return Vec::new();
    }
    let found = |key: &str| secret.tags.get(key).cloned();
    let wanted = expected.iter().map(|(key, value)| TagDifference {
        key: key.clone(),
        expected: Some(value.clone()),
        found: found(key),
    });
    let unwanted = SECRET_TAGS
        .into_iter()
        .filter(|key| !expected.contains_key(*key));
    let unwanted = unwanted.map(|key| TagDifference {
        key: key.to_owned(),
        expected: None,
        found: found(key),
    });
    let differs = |held: &TagDifference| held.expected != held.found;
    wanted.chain(unwanted).filter(differs).collect()
}

/// A difference from what was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The resource.
    pub logical_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The difference.
    pub difference: String,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.logical_id, self.kind, self.difference
        )
    }
}

/// Returns the tags of a stack's secrets that someone has changed. A secret whose tags the change
/// set changes is skipped, because its tags follow an earlier manifest.
pub fn tag_drift(model: &Model, observed: &Observed<'_>, changes: &[Change]) -> Vec<Drift> {
    let mut drift = Vec::new();
    for seen in &observed.entries {
        let Some(secret) = seen.secret() else {
            continue;
        };
        let expected = render::secret_tags(model, seen.entry(), &observed.region);
        let logical_id = render::secret_logical_id(seen.entry());
        let changes_tags = |change: &Change| {
            change.logical_id == logical_id && change.properties.iter().any(|it| it == "Tags")
        };
        if changes.iter().any(changes_tags) || !seen.is_in(&observed.resources) {
            continue;
        }
        let differences = tag_differences(&expected, secret).into_iter();
        drift.extend(differences.map(|difference| Drift {
            logical_id: logical_id.clone(),
            kind: "AWS::SecretsManager::Secret".to_owned(),
            difference: difference.to_string(),
        }));
    }
    drift
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample::{entry, model, observed, tags};
    use super::*;

    fn change(property: &str, logical_id: &str) -> Change {
        Change {
            action: "Modify".to_owned(),
            logical_id: logical_id.to_owned(),
            kind: "AWS::SecretsManager::Secret".to_owned(),
            replacement: None,
            properties: vec![property.to_owned()],
            drift: None,
        }
    }

    #[test]
    fn a_tag_differs_where_it_is_changed_added_or_gone() {
        let expected = tags(&[("keyrota:user", "ada"), ("team", "payments")]);
        let differences = |held: &[(&str, &str)]| -> Vec<String> {
            let secret = Secret {
                tags: tags(held),
                ..Secret::default()
            };
            let found = tag_differences(&expected, &secret).into_iter();
            found.map(|found| found.to_string()).collect()
        };
        let right = ("keyrota:user", "ada");
        let team = ("team", "payments");
        assert_eq!(differences(&[right, team, ("owner", "me")]), [""; 0]);
        assert_eq!(
            differences(&[("keyrota:user", "victim"), ("keyrota:probe", "x")]),
            [
                "the tag `keyrota:user` is `victim`, not `ada`",
                "the tag `team` is missing, not `payments`",
                "the tag `keyrota:probe` is `x`, and must not exist",
            ]
        );
    }

    #[test]
    fn a_plan_tells_of_tags_that_the_change_set_does_not_see() {
        let model = model("");
        let mut seen = entry();
        let tag = tags(&[("keyrota:user", "victim")]);
        seen.secret.as_mut().unwrap().secret.tags.extend(tag);
        let observed = observed(seen);
        let id = render::secret_logical_id(&model.entries[0]);
        let found = |changes: &[Change]| tag_drift(model, &observed, changes);
        let drift = found(&[change("Description", &id), change("Tags", "Other")]);
        assert_eq!(drift.len(), 1, "{drift:?}");
        assert_eq!(drift[0].logical_id, id);
        assert!(drift[0].difference.contains("victim"));
        assert!(found(&[change("Tags", &id)]).is_empty());
    }
}
