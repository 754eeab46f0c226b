//! What must hold after every call, whatever fails.

use std::collections::BTreeSet;

use keyrota_contract::tag;
use keyrota_test_aws::versions;
use serde_json::Value;

use super::state::{AwsState, Origin, SecretRecord};
use crate::port::{CURRENT, PENDING, PREVIOUS};

/// What is watched beside the rest.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// A teardown takes the users of the stack with their keys.
    pub teardown: bool,
    /// The keys in use may be deleted too, since that was asked for.
    pub deletes_current: bool,
    /// A key may go while its label is being moved.
    pub meanwhile: bool,
    /// Several commands run, each of which may be about to store a key.
    pub several: bool,
    /// The only key that may be deactivated.
    pub leaked: Option<String>,
    /// Secrets may be deleted without a window even if they hold a key.
    pub forced: bool,
    /// The versions whose credential did not work before the command began.
    pub broken: BTreeSet<String>,
}

/// Returns a field of a version's value.
pub fn field(text: Option<&String>, name: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text?).ok()?;
    let text = value.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

impl SecretRecord {
    /// Returns the ID of the version that carries a label.
    pub fn labelled(&self, label: &str) -> Option<&str> {
        let carries =
            |(_, version): &(&String, &super::state::Version)| version.labels.contains(label);
        let (id, _) = self.versions.iter().find(carries)?;
        Some(id)
    }

    /// Returns the field of the version that carries a label.
    pub fn field(&self, label: &str, name: &str) -> Option<String> {
        let version = self.labelled(label)?;
        field(self.versions[version].value.as_ref(), name)
    }

    pub fn tag(&self, key: &str) -> &str {
        self.tags.get(key).map_or("", String::as_str)
    }

    /// Returns whether AWSPENDING is where AWSCURRENT is not.
    pub fn in_rotation(&self) -> bool {
        versions::is_rotating(&self.versions)
    }
}

impl AwsState {
    /// Returns the keys that keyrota made and no version of a secret names.
    pub fn orphans(&self) -> BTreeSet<String> {
        let named: BTreeSet<String> = self
            .secrets
            .values()
            .flat_map(|secret| secret.versions.values())
            .filter(|version| !version.labels.is_empty())
            .filter_map(|version| field(version.value.as_ref(), "accesskey"))
            .collect();
        let ours = self
            .keys
            .iter()
            .filter(|(_, key)| key.origin != Origin::Somebody);
        ours.map(|(id, _)| id.clone())
            .filter(|id| !named.contains(id))
            .collect()
    }

    /// Returns whether the user's record says that a key is keyrota's.
    pub fn is_recorded(&self, id: &str) -> bool {
        let tags = self
            .keys
            .get(id)
            .and_then(|key| self.user_tags.get(&key.user));
        let keys = tags.and_then(|tags| tags.get(tag::KEYS));
        keys.is_some_and(|keys| keys.split(' ').any(|held| held == id))
    }

    /// Checks what must always hold.
    pub fn watch(&self, call: &str) {
        for secret in self.secrets.values() {
            self.watch_current(secret, call);
        }
        if !self.watch.teardown && !self.watch.several {
            let mut orphans: std::collections::BTreeMap<&str, usize> = Default::default();
            // Damage to a secret makes an orphan of a recorded key, which the next rotation deletes.
            let is_damaged = !self.watch.broken.is_empty();
            for id in self.orphans() {
                if is_damaged && self.is_recorded(&id) {
                    continue;
                }
                *orphans.entry(self.keys[&id].user.as_str()).or_default() += 1;
            }
            let many = orphans.iter().find(|(_, count)| **count > 1);
            assert!(many.is_none(), "after {call}: two orphans of {many:?}");
        }
        let buckets = self.buckets.len();
        assert!(buckets <= 1, "after {call}: {buckets} buckets");
        let live = self.stacks.iter().filter(|stack| !stack.is_deleted());
        assert!(live.count() <= 1, "after {call}: two stacks");
    }

    /// AWSCURRENT's key works and is the pinned user's.
    fn watch_current(&self, secret: &SecretRecord, call: &str) {
        if secret.tag(tag::KIND) == "database" {
            return self.watch_login(secret, call);
        }
        let Some(id) = secret.field(CURRENT, "accesskey") else {
            return;
        };
        let owned = secret.tag(tag::OWNS_USER) == "true";
        let is_broken = secret
            .labelled(CURRENT)
            .is_some_and(|version| self.watch.broken.contains(version));
        if is_broken
            || self.watch.meanwhile
            || self.watch.deletes_current
            || (self.watch.teardown && owned)
        {
            return;
        }
        let name = &secret.name;
        let key = self.keys.get(&id);
        let key = key.unwrap_or_else(|| panic!("after {call}: {name} holds {id}, which is gone"));
        assert!(key.active, "after {call}: {name} holds {id}, inactive");
        let user = secret.tag(tag::USER);
        assert!(
            user.is_empty() || key.user == user,
            "after {call}: {name} holds a key of {}",
            key.user
        );
    }

    /// Checks that the engine may deactivate a key: that somebody said that it leaked.
    pub fn watch_deactivated_key(&self, id: &str) {
        assert_eq!(self.watch.leaked.as_deref(), Some(id), "it did not leak");
    }

    /// Checks that the engine may delete a key.
    pub fn watch_deleted_key(&self, id: &str) {
        let Some(key) = self.keys.get(id) else { return };
        // A principal that may write the secret can make a version name any key, but it
        // cannot make up the key's secret access key.
        let holds = |label: &str| {
            let mut secrets = self.secrets.values();
            secrets.any(|secret| {
                secret.field(label, "accesskey").as_deref() == Some(id)
                    && secret.field(label, "secretkey").as_ref() == Some(&key.secret)
            })
        };
        let named = holds(CURRENT) || holds(PREVIOUS) || holds(PENDING);
        let of_the_stack = self.stacks.iter().any(|stack| {
            !stack.is_deleted()
                && stack.resources.iter().any(|resource| {
                    resource.resource.kind == "AWS::IAM::User" && resource.physical_id == key.user
                })
        });
        assert!(
            key.origin != Origin::Somebody || named || of_the_stack || !key.active,
            "{id} of {} is not keyrota's to delete",
            key.user
        );
    }
}
