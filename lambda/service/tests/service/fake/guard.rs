//! The invariants that must hold at every moment, and the text that must never appear in
//! output.

use keyrota_service_function::mark::{self, SETTING};
use keyrota_service_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::services::FakeServices;

impl FakeServices {
    /// Removes deleted passwords and versions from the list, since no output can contain them
    /// any more.
    pub(crate) fn forget_what_nobody_knows(&self) {
        let mut known = String::new();
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
        self.output.forget_all_but(&known);
    }

    /// Returns whether the password of the version with a label works.
    pub(crate) fn works(&self, label: &str) -> bool {
        let password = self.version(label).and_then(|it| it.details.password);
        password.is_some_and(|password| self.knows(&password))
    }

    /// Returns whether a password other than AWSCURRENT's was sent to the service and its
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
    /// AWSCURRENT's password works, unless another version has that label. If the service keeps
    /// the old password valid, it works without exception, except after two runs of `setSecret`
    /// that overlapped: the second change displaces the password that the first one kept.
    ///
    /// A principal that may write the secret can break the secret's own credential, so these
    /// invariants are not checked after such a principal has acted.
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
        let keeps = self.setting.retains && !self.overlapped.get();
        let excused = self.is_setting() && !keeps;
        if self.current_works.get() && !works && !excused {
            self.violated("AWSCURRENT's password does not work");
        }
        // Once it works, it must continue to work.
        self.current_works
            .set(works || self.current_works.get() && excused);
    }

    /// Allows someone to break by hand what had to hold.
    pub(crate) fn allow_breakage(&self) {
        self.some_works.set(false);
        self.current_works.set(false);
        self.check();
    }

    /// Records a violated invariant, or ends the test.
    pub(crate) fn violated(&self, what: &str) {
        assert!(self.lenient.get(), "{what}");
        self.violations.borrow_mut().push(what.to_owned());
    }

    /// Returns what must not change.
    pub(crate) fn guards(&self) -> (bool, bool) {
        (self.some_works.get(), self.current_works.get())
    }
}
