//! The invariants that must hold at every moment, and the text that must never appear in
//! output.

use keyrota_function::decide::{AccessKeyId, Activity};

use super::aws::FakeAws;

impl FakeAws {
    pub(crate) fn never_say(&self, text: &str) {
        self.forbidden_texts.borrow_mut().insert(text.to_owned());
    }

    pub(crate) fn say(&self, text: &str) {
        self.said.borrow_mut().push_str(text);
    }

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
        self.forbidden_texts
            .borrow_mut()
            .retain(|text| known.contains(text.as_str()));
    }

    /// Checks that no output contains a secret.
    pub(crate) fn assert_silent(&self) {
        let said = self.said.borrow();
        for forbidden_texts in self.forbidden_texts.borrow().iter() {
            // A fragment is as bad as the whole.
            assert!(
                !said.contains(forbidden_texts.as_str()),
                "a secret was said: {said}"
            );
            let fragment = &forbidden_texts[forbidden_texts.len() / 2..];
            assert!(
                !said.contains(fragment),
                "half of a secret was said: {said}"
            );
        }
    }

    /// Checks the invariants: AWSCURRENT's key belongs to the pinned user, is active, and is
    /// known everywhere, and at most one key is unaccounted for.
    pub(super) fn check(&self) {
        if self.orphans().len() > 1 && self.forged.get() == 0 {
            self.violated("more than one key is orphaned");
        }
        if !self.guarded.get() {
            return;
        }
        let current = self.current_key();
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
