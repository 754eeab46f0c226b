//! The actions of a principal that may write the secret under rotation in any way.

use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use super::services::{ADMINISTRATOR, ADMINISTRATOR_ARN, FakeServices, OTHER, SECRET_ARN, Setting};

/// An action of such a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// It stores a value with a change in this field under this label.
    Stored(&'static str, Field),
    /// It stores its own password in the version that is AWSPENDING.
    InPending,
    /// It puts this label on the AWSCURRENT version.
    OnCurrent(&'static str),
    /// It puts this label on the AWSPREVIOUS version.
    OnPrevious(&'static str),
    /// It removes this label.
    Unlabel(&'static str),
}

/// A field of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// Only the password.
    Password,
    /// Its own server.
    Host,
    /// The administrator's name.
    Username,
    /// The name of the user that alternates.
    Other,
    /// An administrator's secret, although none is pinned.
    Master,
}

impl Forgery {
    /// All possible actions.
    pub(crate) const ALL: [Self; 16] = [
        Self::Stored(CURRENT, Field::Password),
        Self::Stored(CURRENT, Field::Host),
        Self::Stored(CURRENT, Field::Username),
        Self::Stored(CURRENT, Field::Master),
        Self::Stored(CURRENT, Field::Other),
        Self::Stored(PENDING, Field::Other),
        Self::Stored(PENDING, Field::Host),
        Self::Stored(PREVIOUS, Field::Host),
        Self::Stored(SETTING, Field::Host),
        Self::Stored(SETTING, Field::Password),
        Self::InPending,
        Self::OnCurrent(SETTING),
        Self::OnCurrent(RETAINED),
        Self::OnPrevious(CURRENT),
        Self::Unlabel(SETTING),
        Self::Unlabel(PENDING),
    ];
}

impl Forgery {
    /// Returns the actions that may make a difference.
    pub(crate) fn of(setting: Setting) -> impl Iterator<Item = Self> {
        let differs = move |it: &Self| match it {
            // One user of two is a name like any other where there is one user, and no label counts
            // where there are two.
            Self::Stored(_, Field::Other) => setting.alternates,
            Self::Stored(label, _) | Self::OnCurrent(label) | Self::Unlabel(label) => {
                !setting.alternates || ![SETTING, RETAINED].contains(label)
            }
            Self::OnPrevious(_) | Self::InPending => true,
        };
        Self::ALL.into_iter().filter(differs)
    }
}

impl FakeServices {
    /// Makes such a principal act. After that, its own credential may be broken.
    pub(crate) fn forge(&self, forgery: Forgery) {
        self.forged.set(self.forged.get() + 1);
        self.made.set(self.made.get() + 1);
        let id = format!("forged-{:0>32}", self.made.get());
        match forgery {
            Forgery::Stored(label, field) => self.store(&id, &[label], &self.forged_value(field)),
            Forgery::InPending => {
                // The value of a version cannot be replaced.
                let pending = self.carrier(PENDING).filter(|id| self.is_empty(id));
                if let Some(id) = pending {
                    let value = self.forged_value(Field::Password);
                    self.store(id.as_str(), &[PENDING], &value);
                }
            }
            Forgery::OnCurrent(label) => {
                self.relabel_by_hand(label, self.carrier(CURRENT).as_ref())
            }
            Forgery::OnPrevious(label) => {
                if let Some(previous) = self.carrier(PREVIOUS) {
                    self.relabel_by_hand(label, Some(&previous));
                }
            }
            Forgery::Unlabel(label) => self.relabel_by_hand(label, None),
        }
    }

    fn is_empty(&self, id: &VersionId) -> bool {
        let secrets = self.secrets.borrow();
        secrets[SECRET_ARN].versions[id].value.is_none()
    }

    fn forged_value(&self, field: Field) -> Value {
        let mut value = self.value("a password that somebody made up");
        match field {
            Field::Password => {}
            Field::Host => value["host"] = json!("elsewhere.example"),
            Field::Other => value["username"] = json!(OTHER),
            Field::Username => value["username"] = json!(ADMINISTRATOR),
            Field::Master => value["masterarn"] = json!(ADMINISTRATOR_ARN.replace("ops", "mine")),
        }
        value
    }
}
