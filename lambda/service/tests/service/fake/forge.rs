//! The actions of a principal that may write the secret under rotation in any way.

use keyrota_service_function::mark::SETTING;
use keyrota_service_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use super::services::{FakeServices, OTHER, SECRET_ARN};

/// An action of such a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// It stores a password of its own under this label.
    Password(&'static str),
    /// It stores a login of another user under this label.
    User(&'static str),
    /// It stores a password of its own in the version that is AWSPENDING and has no value.
    InPending,
    /// It puts the first label on the version that carries the second.
    Moved(&'static str, &'static str),
    /// It removes this label.
    Unlabel(&'static str),
}

impl Forgery {
    /// All actions that may make a difference.
    pub(crate) const ALL: [Self; 13] = [
        Self::Password(CURRENT),
        Self::Password(PREVIOUS),
        Self::Password(SETTING),
        Self::User(CURRENT),
        Self::User(PENDING),
        Self::User(PREVIOUS),
        Self::User(SETTING),
        Self::InPending,
        Self::Moved(SETTING, CURRENT),
        Self::Moved(CURRENT, PREVIOUS),
        Self::Moved(PREVIOUS, PENDING),
        Self::Unlabel(SETTING),
        Self::Unlabel(PENDING),
    ];
}

impl FakeServices {
    /// Makes such a principal act. After that, its own credential may be broken.
    pub(crate) fn forge(&self, forgery: Forgery) {
        self.forged.set(self.forged.get() + 1);
        self.made.set(self.made.get() + 1);
        let id = format!("forged-{:0>32}", self.made.get());
        let value = self.value("a password that somebody made up");
        match forgery {
            Forgery::Password(label) => self.store(&id, &[label], &value),
            Forgery::User(label) => {
                let mut value = value;
                value["username"] = json!(OTHER);
                self.store(&id, &[label], &value);
            }
            Forgery::InPending => {
                let pending = self.carrier(PENDING).filter(|id| {
                    let secrets = self.secrets.borrow();
                    secrets[SECRET_ARN].versions[id].value.is_none()
                });
                if let Some(id) = pending {
                    self.store(id.as_str(), &[PENDING], &value);
                }
            }
            Forgery::Moved(label, to) => {
                if let Some(to) = self.carrier(to) {
                    self.relabel_by_hand(label, Some(&to));
                }
            }
            Forgery::Unlabel(label) => self.relabel_by_hand(label, None),
        }
    }
}
