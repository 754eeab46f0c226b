//! The actions of a principal that may write the secret under rotation in any way, and knows
//! the IDs of the user's keys. The principal may also create keys of the user, like anyone with
//! that permission.

use keyrota_function::decide::{Activity, CURRENT, KEYS_PER_USER, PENDING, PREVIOUS, VersionId};
use keyrota_function::mark::{MADE, REPLACED};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use super::aws::{FakeAws, Key, OTHER, SECRET_ARN, USER};

/// An action of such a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// It stores the ID of a foreign key, with a forged secret access key, under this label.
    Named(&'static str),
    /// It stores the same in the version that is AWSPENDING.
    InPending,
    /// It stores another user's name and the ID of that user's key as AWSCURRENT.
    OtherUser,
    /// It sets the label with which earlier versions recorded that a key is being created.
    Intent,
    /// It moves AWSCURRENT back to AWSPREVIOUS.
    RollBack,
    /// It removes this label.
    Unlabel(&'static str),
    /// It puts this label on the AWSCURRENT version.
    OnCurrent(&'static str),
    /// It creates a key for another purpose.
    Key {
        /// Whether the key is used immediately.
        used: bool,
    },
}

impl Forgery {
    /// All possible actions.
    pub(crate) const ALL: [Self; 14] = [
        Self::Named(PREVIOUS),
        Self::Named(MADE),
        Self::Named(REPLACED),
        Self::Named(PENDING),
        Self::Named(CURRENT),
        Self::InPending,
        Self::OtherUser,
        Self::Intent,
        Self::RollBack,
        Self::Unlabel(MADE),
        Self::Unlabel(PENDING),
        Self::OnCurrent(PENDING),
        Self::Key { used: true },
        Self::Key { used: false },
    ];
}

impl FakeAws {
    /// Makes such a principal act.
    pub(crate) fn forge(&self, forgery: Forgery) {
        self.forged.set(self.forged.get() + 1);
        match forgery {
            Forgery::Named(label) => {
                if label == CURRENT {
                    self.guarded.set(false);
                }
                let value = self.forged_value();
                let id = self.next_version();
                self.store(&id, &[], &value);
                match label {
                    CURRENT => self.promote_by_hand(&VersionId::new(id)),
                    label => self.relabel_by_hand(label, Some(&VersionId::new(id))),
                }
            }
            Forgery::InPending => {
                let value = self.forged_value();
                let pending = self.carrier(PENDING);
                let empty = |id: &VersionId| {
                    let secrets = self.secrets.borrow();
                    secrets[SECRET_ARN].versions[id].value.is_none()
                };
                // The value of a version cannot be replaced.
                if let Some(id) = pending.filter(|id| empty(id)) {
                    let id = id.as_str().to_owned();
                    self.store(&id, &[PENDING], &value);
                }
            }
            Forgery::OtherUser => {
                self.guarded.set(false);
                let key = self.users.borrow()[OTHER][0].clone();
                let value = self.value_of(OTHER, &made_up(&key), SECRET_ARN);
                let id = self.next_version();
                self.store(&id, &[], &value);
                self.promote_by_hand(&VersionId::new(id));
            }
            Forgery::Intent => {
                let label = format!("KEYROTA_MAKING_{}", self.today().0);
                let current = self.carrier(CURRENT);
                self.relabel_by_hand(&label, current.as_ref());
            }
            Forgery::RollBack => {
                if let Some(previous) = self.carrier(PREVIOUS) {
                    self.guarded.set(false);
                    self.promote_by_hand(&previous);
                }
            }
            Forgery::Unlabel(label) => self.relabel_by_hand(label, None),
            Forgery::OnCurrent(label) => {
                let current = self.carrier(CURRENT);
                self.relabel_by_hand(label, current.as_ref());
            }
            Forgery::Key { used } => {
                // An existing intent explains any key that is created within a minute.
                if self.keys().len() < KEYS_PER_USER && !self.intends() {
                    let key = self.give_key(USER, used);
                    self.change_key(&key.id, |key| key.foreign = true);
                }
            }
        }
    }

    /// Returns a value that names a foreign key of the user, or another user's key, as the
    /// secret's own.
    fn forged_value(&self) -> String {
        let keys = self.keys();
        let foreign = keys
            .iter()
            .find(|key| key.foreign && key.activity == Activity::Active);
        let other = self.users.borrow()[OTHER][0].clone();
        let key = made_up(foreign.unwrap_or(&other));
        let mut value = self.fields_or_nothing(CURRENT);
        value["accesskey"] = json!(key.id.as_str());
        value["secretkey"] = json!(key.secret);
        value["username"] = json!(USER);
        value.to_string()
    }

    fn next_version(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("forged-{:0>32}", self.made.get())
    }
}

/// Returns a key with a forged secret access key.
pub(crate) fn made_up(key: &Key) -> Key {
    Key {
        secret: "made/up+secret+0123456789".to_owned(),
        ..key.clone()
    }
}
