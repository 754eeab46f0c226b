//! The invariants that must hold at every moment, and the text that must never appear in
//! output.

use keyrota_database_function::mark::{self, SETTING};
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::services::FakeServices;

impl FakeServices {
    /// Removes deleted passwords and versions from the list, since no output can contain them
    /// any more.
    pub(crate) fn forget_what_nobody_knows(&self) {
        let mut known = self.administrator_password();
        for secret in self.secrets.borrow().values() {
            for (id, version) in &secret.versions {
                known.push_str(id.as_str());
                known.push_str(version.details.password.as_deref().unwrap_or_default());
            }
        }
        for user in [&self.user, &self.other] {
            let user = user.borrow();
            let Some(user) = &*user else {
                continue;
            };
            known.push_str(&user.primary);
            known.push_str(user.secondary.as_deref().unwrap_or_default());
        }
        self.output.forget_all_but(&known);
    }

    /// Returns whether clients can log in with the value of the version with a label.
    pub(crate) fn works(&self, label: &str) -> bool {
        let version = self.version(label);
        version.is_some_and(|version| self.can_use(&version.details))
    }

    /// Returns whether a login with the value of the version with a label succeeds, even if the user
    /// lacks rights.
    pub(crate) fn logs_in(&self, label: &str) -> bool {
        let version = self.version(label);
        version.is_some_and(|version| self.user_with(&version.details).is_some())
    }

    /// Returns whether a password other than AWSCURRENT's was sent to the server and its
    /// rotation has not ended, according to the label.
    fn is_setting(&self) -> bool {
        let setting = self.carrier(SETTING);
        setting.is_some() && setting != self.carrier(CURRENT)
    }

    /// Checks the invariants.
    ///
    /// The password of some version works: AWSCURRENT's, AWSPENDING's, or AWSPREVIOUS's, or, if
    /// a rotation was interrupted after its password was sent, that of the version with
    /// keyrota's label.
    ///
    /// AWSCURRENT's password works, unless another version has that label. If the server keeps
    /// the old password valid, it works without exception, except after two runs of `setSecret`
    /// that overlapped: the second change displaces the password that the first one kept.
    ///
    /// If two users alternate, AWSCURRENT's login works without exception, and so does AWSPREVIOUS's
    /// until another rotation begins. The administrator can always prepare the other user, so that no
    /// other version has to hold a password that works.
    ///
    /// A principal that may write the secret can break the secret's own credential, so these
    /// invariants are not checked after such a principal has acted.
    pub(crate) fn check(&self) {
        if self.forged.get() > 0 {
            return;
        }
        let of_aws = [CURRENT, PENDING, PREVIOUS]
            .iter()
            .any(|label| self.logs_in(label));
        let of_ours = mark::broken_off(&self.stages()).is_some() && self.logs_in(SETTING);
        let alternates = self.setting.alternates;
        if self.some_works.get() && !of_aws && !of_ours && !alternates {
            self.violated("no version's password works");
        }
        self.some_works.set(of_aws || of_ours);
        let works = self.works(CURRENT);
        if !works && self.logs_in(CURRENT) {
            self.violated("the user of AWSCURRENT lacks rights");
        }
        let keeps = self.setting.retains && !self.overlapped.get();
        let excused = self.is_setting() && !keeps && !self.setting.alternates;
        if self.current_works.get() && !works && !excused {
            self.violated("AWSCURRENT's password does not work");
        }
        if self.setting.alternates {
            self.check_previous();
        }
        // Once it works, it must continue to work.
        self.current_works
            .set(works || self.current_works.get() && excused);
    }

    /// Checks the login of the version that was AWSCURRENT before, with which clients may still log in.
    fn check_previous(&self) {
        let (current, pending) = (self.carrier(CURRENT), self.carrier(PENDING));
        let is_rotating = pending.is_some() && pending != current;
        if self.last_current.replace(current.clone()) != current {
            self.previous_works.set(self.current_works.get());
        }
        if is_rotating {
            self.previous_works.set(false);
        }
        if self.previous_works.get() && !self.works(PREVIOUS) {
            self.violated("AWSPREVIOUS's password does not work, and no other rotation has begun");
        }
    }

    /// Allows someone to break by hand what had to hold.
    pub(crate) fn allow_breakage(&self) {
        self.some_works.set(false);
        self.current_works.set(false);
        self.previous_works.set(false);
        self.check();
    }

    /// Records a violated invariant, or ends the test.
    pub(crate) fn violated(&self, what: &str) {
        assert!(self.lenient.get(), "{what}");
        self.violations.borrow_mut().push(what.to_owned());
    }
}

impl FakeServices {
    /// Returns what must not change.
    pub(crate) fn guards(&self) -> (bool, bool, bool) {
        let previous = self.previous_works.get();
        (self.some_works.get(), self.current_works.get(), previous)
    }
}
