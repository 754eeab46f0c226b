//! The invariants that must hold at every moment, and the text that must never appear in
//! output.

use keyrota_function::decide::{AccessKeyId, Activity, CURRENT};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::aws::FakeAws;
use super::secrets_manager::key_names;

impl FakeAws {
    /// Removes deleted secrets and versions from the list, since no output can contain them any
    /// more.
    pub(crate) fn forget_what_nobody_knows(&self) {
        let mut known = String::new();
        for secret in self.secrets.borrow().values() {
            for (id, version) in &secret.versions {
                known.push_str(id.as_str());
                known.push_str(version.value.as_deref().unwrap_or_default());
            }
        }
        for key in self.users.borrow().values().flatten() {
            known.push_str(&key.secret);
        }
        self.output.forget_all_but(&known);
    }

    /// Checks the invariants: AWSCURRENT's key belongs to the pinned user, is active, and is
    /// known everywhere, and at most one key is unaccounted for. Before the first key, there is
    /// room for another one.
    pub(super) fn check(&self) {
        let current = self.current_key_if_any();
        let is_new = current.is_none() && self.gets_first_key();
        let most = if is_new { 2 } else { 1 };
        if self.orphans().len() > most && self.forged.get() == 0 {
            self.violated("more than one key is orphaned");
        }
        if !self.guarded.get() || is_new {
            return;
        }
        let Some(current) = current else {
            return self.violated("AWSCURRENT names no key");
        };
        let value = self.version(CURRENT).and_then(|version| version.value);
        if self.renames() && !key_names(&value.unwrap_or_default()).1 {
            self.violated("AWSCURRENT has different keys under two names");
        }
        match self.keys().into_iter().find(|key| key.id == current) {
            None => self.violated("AWSCURRENT's key is not among the user's"),
            Some(key) if key.activity == Activity::Inactive => {
                self.violated("AWSCURRENT's key is inactive");
            }
            Some(key) if key.known_at > self.now.get() => {
                self.violated("AWSCURRENT's key is not known everywhere yet");
            }
            Some(_) => {}
        }
    }

    /// Returns the user's keys that the function created and no version names.
    pub(crate) fn orphans(&self) -> Vec<AccessKeyId> {
        let named = self.named_keys();
        let keys = self.keys().into_iter();
        keys.filter(|key| !key.foreign && !named.contains(key.id.as_str()))
            .map(|key| key.id)
            .collect()
    }

    /// Records a violated invariant, or ends the test.
    pub(crate) fn violated(&self, what: &str) {
        assert!(self.lenient.get(), "{what}");
        self.violations.borrow_mut().push(what.to_owned());
    }
}
