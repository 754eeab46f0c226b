//! A secret of Secrets Manager: its versions and their labels.
//!
//! It follows the API reference of `PutSecretValue`, `GetSecretValue`, and
//! `UpdateSecretVersionStage`, for one secret and without encryption.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::refusal::Refusal;
use crate::moment::Moment;

pub const CURRENT: &str = "AWSCURRENT";
pub const PENDING: &str = "AWSPENDING";
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// A version. After the start of a rotation, it has no value.
#[derive(Debug)]
struct Version {
    value: Option<String>,
    labels: BTreeSet<String>,
    created: Moment,
}

impl Version {
    fn new() -> Self {
        Self {
            value: None,
            labels: BTreeSet::new(),
            created: Moment::now(),
        }
    }
}

/// The result of `GetSecretValue`.
#[derive(Debug)]
pub struct Found<'secret> {
    pub id: &'secret str,
    pub value: &'secret str,
    pub labels: Vec<&'secret str>,
    pub created: Moment,
}

/// The versions of one secret.
#[derive(Debug, Default)]
pub struct Secret {
    versions: BTreeMap<String, Version>,
    last_rotated: Option<Moment>,
}

impl Secret {
    /// Returns the labels of each labelled version, like `DescribeSecret`.
    pub fn labels(&self) -> BTreeMap<&str, Vec<&str>> {
        self.versions
            .iter()
            .map(|(id, version)| {
                let labels = version.labels.iter().map(String::as_str).collect();
                (id.as_str(), labels)
            })
            .collect()
    }

    /// Returns the version that carries a label.
    pub fn carrier(&self, label: &str) -> Option<&str> {
        self.versions
            .iter()
            .find(|(_, version)| version.labels.contains(label))
            .map(|(id, _)| id.as_str())
    }

    /// Returns a version with its value: the version with this ID, which must carry the label
    /// if one is specified, or the label's version, or AWSCURRENT's.
    ///
    /// # Errors
    ///
    /// Refuses if there is no such version, or it has no value.
    pub fn value(&self, id: Option<&str>, label: Option<&str>) -> Result<Found<'_>, Refusal> {
        let missing = || Refusal::new("ResourceNotFoundException", "there is no such value");
        let id = match id {
            Some(id) => id,
            None => self.carrier(label.unwrap_or(CURRENT)).ok_or_else(missing)?,
        };
        let (id, version) = self.versions.get_key_value(id).ok_or_else(missing)?;
        if label.is_some_and(|label| !version.labels.contains(label)) {
            return Err(missing());
        }
        let value = version.value.as_deref().ok_or_else(missing)?;
        Ok(Found {
            id,
            value,
            labels: version.labels.iter().map(String::as_str).collect(),
            created: version.created,
        })
    }

    /// Stores a value and moves the labels to its version. Storing the same
    /// value again succeeds.
    ///
    /// # Errors
    ///
    /// Refuses another value for a version that has one.
    pub fn put(&mut self, id: &str, value: &str, labels: &[&str]) -> Result<(), Refusal> {
        let version = self.versions.entry(id.to_owned());
        let version = version.or_insert_with(Version::new);
        if version.value.as_deref().is_some_and(|known| known != value) {
            return Err(Refusal::new(
                "ResourceExistsException",
                "the version has another value",
            ));
        }
        if version.value.is_none() {
            version.value = Some(value.to_owned());
            version.created = Moment::now();
        }
        for label in labels {
            self.attach(label, id);
        }
        self.forget_unlabelled();
        Ok(())
    }

    /// Moves a label to a version, off a version, or both.
    ///
    /// # Errors
    ///
    /// Refuses if the label is on a version other than `from`, or `to` does not exist.
    pub fn move_label(
        &mut self,
        label: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), Refusal> {
        let carrier = self.carrier(label);
        let already_there = to.is_some() && to == carrier && from.is_none();
        if carrier != from && !already_there {
            let message = format!("{label} is not on the version to remove it from");
            return Err(Refusal::new("InvalidParameterException", message));
        }
        match to {
            Some(to) if !self.versions.contains_key(to) => {
                return Err(Refusal::new(
                    "ResourceNotFoundException",
                    "there is no version to move the label to",
                ));
            }
            Some(to) => self.attach(label, to),
            None => self.detach(label),
        }
        self.forget_unlabelled();
        Ok(())
    }

    /// Returns when a rotation last ended.
    pub fn last_rotated(&self) -> Option<Moment> {
        self.last_rotated
    }

    /// Moves the history back in time, including labels that end with seconds since 1970.
    pub fn age(&mut self, by: Duration) {
        self.last_rotated = self.last_rotated.map(|ended| ended.before(by));
        let aged = |label: &String| {
            let (name, seconds) = label.rsplit_once('_')?;
            let seconds: u64 = seconds.parse().ok()?;
            Some(format!("{name}_{}", seconds.saturating_sub(by.as_secs())))
        };
        for version in self.versions.values_mut() {
            version.created = version.created.before(by);
            let labels = version.labels.iter();
            version.labels = labels
                .map(|label| aged(label).unwrap_or_else(|| label.clone()))
                .collect();
        }
    }

    /// Starts a rotation: the version gets AWSPENDING and has no value.
    pub fn begin_rotation(&mut self, id: &str) {
        self.attach(PENDING, id);
        self.forget_unlabelled();
    }

    /// Ends a rotation: Secrets Manager removes AWSPENDING.
    pub fn end_rotation(&mut self) {
        self.last_rotated = Some(Moment::now());
        self.detach(PENDING);
        self.forget_unlabelled();
    }

    /// Puts a label on a version. AWSPREVIOUS follows AWSCURRENT automatically.
    fn attach(&mut self, label: &str, to: &str) {
        if label == CURRENT {
            let before = self.carrier(CURRENT).map(str::to_owned);
            if let Some(before) = before.filter(|before| before != to) {
                self.detach(PREVIOUS);
                if let Some(version) = self.versions.get_mut(&before) {
                    version.labels.insert(PREVIOUS.to_owned());
                }
            }
        }
        self.detach(label);
        let version = self.versions.entry(to.to_owned());
        let version = version.or_insert_with(Version::new);
        version.labels.insert(label.to_owned());
    }

    fn detach(&mut self, label: &str) {
        for version in self.versions.values_mut() {
            version.labels.remove(label);
        }
    }

    /// A version without labels is deprecated: it is not described, and Secrets Manager deletes
    /// it eventually.
    fn forget_unlabelled(&mut self) {
        self.versions
            .retain(|_, version| !version.labels.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated() -> Secret {
        let mut secret = Secret::default();
        secret.put("one", "1", &[CURRENT]).unwrap();
        secret.begin_rotation("two");
        secret.put("two", "2", &[PENDING, "MADE"]).unwrap();
        secret
            .move_label(CURRENT, Some("two"), Some("one"))
            .unwrap();
        secret.end_rotation();
        secret
    }

    #[test]
    fn the_version_before_becomes_previous() {
        let secret = rotated();
        let labels: Vec<_> = secret.labels().into_iter().collect();
        let expected = [("one", vec![PREVIOUS]), ("two", vec![CURRENT, "MADE"])];
        assert_eq!(labels, expected);
        assert_eq!(secret.value(None, None).unwrap().value, "2");
        assert_eq!(secret.value(None, Some(PREVIOUS)).unwrap().value, "1");
    }

    #[test]
    fn a_version_without_labels_is_forgotten() {
        let mut secret = rotated();
        secret.begin_rotation("three");
        secret.put("three", "3", &[PENDING]).unwrap();
        secret
            .move_label(CURRENT, Some("three"), Some("two"))
            .unwrap();
        assert_eq!(secret.value(Some("one"), None).unwrap_err().code, MISSING);
    }

    const MISSING: &str = "ResourceNotFoundException";

    #[test]
    fn a_begun_rotation_has_no_value() {
        let mut secret = rotated();
        secret.begin_rotation("three");
        assert!(secret.labels().contains_key("three"));
        for (id, label) in [(Some("three"), None), (None, Some(PENDING))] {
            assert_eq!(secret.value(id, label).unwrap_err().code, MISSING);
        }
    }

    #[test]
    fn a_version_keeps_its_value() {
        let mut secret = rotated();
        assert_eq!(secret.put("two", "2", &[]), Ok(()));
        let refusal = secret.put("two", "other", &[]).unwrap_err();
        assert_eq!(refusal.code, "ResourceExistsException");
    }

    #[test]
    fn what_has_happened_ages() {
        let mut secret = rotated();
        let label = "MAKING_1800000000";
        secret.move_label(label, Some("two"), None).unwrap();
        let created = secret.value(None, None).unwrap().created;
        let rotated = secret.last_rotated().unwrap();
        let hour = Duration::from_secs(3_600);
        secret.age(hour);
        assert_eq!(secret.carrier(label), None);
        assert_eq!(secret.carrier("MAKING_1799996400"), Some("two"));
        assert_eq!(secret.carrier("MADE"), Some("two"));
        let aged = secret.value(None, Some(CURRENT)).unwrap().created;
        assert_eq!(aged.after(hour), created);
        assert_eq!(secret.last_rotated().unwrap().after(hour), rotated);
    }

    #[test]
    fn a_label_moves_from_where_it_is() {
        let mut secret = rotated();
        let refusal = secret.move_label(CURRENT, Some("one"), None).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterException");
        let again = secret.move_label(CURRENT, Some("two"), Some("one"));
        assert_eq!(again.unwrap_err().code, "InvalidParameterException");
        assert_eq!(secret.move_label("MAKING", Some("one"), None), Ok(()));
        assert_eq!(secret.move_label("MAKING", Some("one"), None), Ok(()));
        assert_eq!(secret.carrier("MAKING"), Some("one"));
        assert_eq!(secret.move_label("MAKING", None, Some("one")), Ok(()));
        assert_eq!(secret.carrier("MAKING"), None);
    }
}
