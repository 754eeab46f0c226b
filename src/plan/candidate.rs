//! IAM users whose keys could be rotated, and what prevents it.

use jiff::Timestamp;

use crate::model::IamPath;
use crate::port::Key;

/// An IAM user whose key could be rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its path, or `None` if the user does not exist.
    pub path: Option<String>,
    /// Its keys, or `None` if they have not been listed.
    pub keys: Option<Vec<Key>>,
}

impl Candidate {
    /// Returns why a bootstrap would refuse the user, and what to do about it.
    pub fn obstacle(&self) -> Option<String> {
        let Some(path) = self.path.as_deref() else {
            return Some(
                "the user does not exist; create it, or let the stack create it with `create_user: true`"
                    .to_owned(),
            );
        };
        if let Err(why) = IamPath::parse(path) {
            return Some(format!(
                "keyrota cannot manage it because of its path: {why}"
            ));
        }
        let active = self.keys.iter().flatten().filter(|key| key.active).count();
        (active > 1).then(|| {
            "it has two active keys, and rotation needs a free key slot: delete the key that is not in use"
                .to_owned()
        })
    }

    /// Returns a remark to consider before a bootstrap.
    pub fn remark(&self) -> Option<String> {
        let keys = self.keys.as_deref()?;
        let active = keys.iter().filter(|key| key.active).count();
        if self.obstacle().is_some() {
            return None;
        }
        match (active, keys.len()) {
            (1, 1) => Some(
                "clients use its key: `initial_key: profile:NAME` adopts that key as the first value of the secret"
                    .to_owned(),
            ),
            (_, 2) => Some(
                "rotation needs the key slot of its inactive key, and will delete that key".to_owned(),
            ),
            _ => None,
        }
    }
}

/// Returns the age of a key in whole days.
pub fn age_in_days(key: &Key, now: Timestamp) -> Option<i64> {
    let seconds = now.as_second() - key.created?.as_second();
    Some(seconds.max(0) / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: Option<&str>, keys: &[bool]) -> Candidate {
        let key = |active: &bool| Key {
            id: "AKIA".to_owned(),
            active: *active,
            created: Some(Timestamp::UNIX_EPOCH),
            last_used: None,
            used_in: None,
        };
        Candidate {
            name: "ada".to_owned(),
            path: path.map(str::to_owned),
            keys: Some(keys.iter().map(key).collect()),
        }
    }

    #[test]
    fn what_stands_in_the_way() {
        let obstacle = |path, keys: &[bool]| candidate(path, keys).obstacle().unwrap_or_default();
        assert!(obstacle(None, &[]).contains("create_user"));
        assert_eq!(obstacle(Some("/ci/"), &[]), "");
        assert!(obstacle(Some("/ci*/"), &[]).contains("'*'"));
        assert!(obstacle(Some("/"), &[true, true]).contains("two active keys"));
        for fine in [&[][..], &[true], &[false], &[true, false], &[false, false]] {
            assert_eq!(obstacle(Some("/"), fine), "", "{fine:?}");
        }
        let remark = |keys: &[bool]| candidate(Some("/"), keys).remark().unwrap_or_default();
        assert!(remark(&[true]).contains("initial_key"));
        assert!(remark(&[true, false]).contains("inactive"));
        assert_eq!(remark(&[]), "");
        assert_eq!(remark(&[true, true]), "");
    }

    #[test]
    fn age_counts_whole_days() {
        let candidate = candidate(Some("/"), &[true]);
        let key = &candidate.keys.unwrap()[0];
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(age_in_days(key, at(86_399)), Some(0));
        assert_eq!(age_in_days(key, at(86_400 * 412 + 5)), Some(412));
        assert_eq!(age_in_days(key, at(-5)), Some(0));
    }
}
