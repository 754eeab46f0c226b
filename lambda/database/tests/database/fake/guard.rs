//! What must hold at each instant, and what must never be said.

use keyrota_database_function::mark::{self, SETTING};
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};

use super::world::World;

impl World {
    pub(crate) fn never_say(&self, text: &str) {
        self.unspeakable.borrow_mut().insert(text.to_owned());
    }

    pub(crate) fn say(&self, text: &str) {
        self.said.borrow_mut().push_str(text);
    }

    /// Forgets the passwords and versions that are gone, since nobody can say
    /// them any more.
    pub(crate) fn forget_what_nobody_knows(&self) {
        let mut known = self.administrator_password();
        for secret in self.secrets.borrow().values() {
            for (id, version) in &secret.versions {
                known.push_str(id.as_str());
                known.push_str(version.details.password.as_deref().unwrap_or_default());
            }
        }
        if let Some(user) = &*self.user.borrow() {
            known.push_str(&user.primary);
            known.push_str(user.secondary.as_deref().unwrap_or_default());
        }
        self.unspeakable
            .borrow_mut()
            .retain(|text| known.contains(text.as_str()));
    }

    /// Checks that nothing unspeakable was said.
    pub(crate) fn assert_silent(&self) {
        let said = self.said.borrow();
        for unspeakable in self.unspeakable.borrow().iter() {
            // A fragment is as bad as the whole.
            let fragment = &unspeakable[unspeakable.len() / 2..];
            assert!(!said.contains(fragment), "a secret was said: {said}");
        }
    }

    /// Whether the password of the version with a label logs the user in.
    pub(crate) fn works(&self, label: &str) -> bool {
        let password = self
            .version(label)
            .and_then(|version| version.details.password);
        password.is_some_and(|password| self.knows(&password))
    }

    /// Whether a password was sent to the server that is not AWSCURRENT's, and
    /// its rotation is not at its end: the label says so.
    fn is_setting(&self) -> bool {
        let setting = self.carrier(SETTING);
        setting.is_some() && setting != self.carrier(CURRENT)
    }

    /// Checks what must hold at each instant.
    ///
    /// Some version's password works: AWSCURRENT's, AWSPENDING's or
    /// AWSPREVIOUS's, or, where a rotation was broken off after its password was
    /// sent, that of the version with the label of ours.
    ///
    /// AWSCURRENT's works, except where another version has that label; and where
    /// the server lets the old password go on working, without exception.
    ///
    /// Somebody who may write the secret can break its own credential, so that none of
    /// this is said once such a principal has acted.
    pub(crate) fn check(&self) {
        if self.forged.get() > 0 {
            return;
        }
        let of_aws = [CURRENT, PENDING, PREVIOUS]
            .iter()
            .any(|label| self.works(label));
        let of_ours = mark::broken_off(&self.stages()).is_some() && self.works(SETTING);
        if self.some_works.get() && !of_aws && !of_ours {
            self.violated("no version's password works");
        }
        self.some_works.set(of_aws || of_ours);
        let works = self.works(CURRENT);
        let excused = self.is_setting() && !self.setting.retains;
        if self.current_works.get() && !works && !excused {
            self.violated("AWSCURRENT's password does not work");
        }
        // Once it works, it has to go on working.
        self.current_works
            .set(works || self.current_works.get() && excused);
    }

    /// Lets someone break by hand what had to hold.
    pub(crate) fn forgive(&self) {
        self.some_works.set(false);
        self.current_works.set(false);
        self.check();
    }

    /// Notes, or ends the test, since something does not hold.
    pub(crate) fn violated(&self, what: &str) {
        assert!(self.lenient.get(), "{what}");
        self.violations.borrow_mut().push(what.to_owned());
    }
}

impl World {
    /// Returns what has to go on as it is.
    pub(crate) fn guards(&self) -> (bool, bool) {
        (self.some_works.get(), self.current_works.get())
    }
}
