//! What was seen of a database's entry, as plain data.

use jiff::Timestamp;

use super::{Administrator, HeldSecret, LastRotation, Lookup, SecretContent};
use crate::model::{Content, Database, EntryOf, Login, Place, RotateAs};
use crate::port::{EncryptionKey, Secret};

pub use keyrota_contract::label::{FIRST, RETAINED, SETTING};

/// What was seen of a database's entry.
#[derive(Clone, Debug)]
pub struct ObservedDatabase {
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin>,
    /// The customer managed key that the manifest names, if it names one.
    pub encryption_key: Option<Lookup<EncryptionKey>>,
    /// The administrator's secret that the manifest names.
    pub administrator: Option<Administrator>,
}

/// A secret, and the logins that its versions hold.
#[derive(Clone, Debug)]
pub struct ObservedLogin {
    /// What Secrets Manager tells about it.
    pub secret: Secret,
    /// What AWSCURRENT holds.
    pub current: SecretContent<Login>,
    /// An unfinished rotation has stored a value. The trial of a new schedule
    /// never does.
    pub pending_value: bool,
    /// When the version with AWSCURRENT came into being.
    pub current_since: Option<Timestamp>,
    /// AWSPREVIOUS holds another password than AWSCURRENT. It is read only if Secrets Manager
    /// reports no rotation.
    pub replaced: bool,
}

impl ObservedLogin {
    /// Returns a secret of whose versions none was read.
    pub const fn unread(secret: Secret) -> Self {
        Self {
            secret,
            current: SecretContent::Absent,
            pending_value: false,
            current_since: None,
            replaced: false,
        }
    }

    /// Returns the login, where there is one.
    pub fn login(&self) -> Option<&Login> {
        self.current.complete().ok()
    }

    /// Returns what does not depend on what it holds.
    pub fn held(&self) -> HeldSecret<'_> {
        HeldSecret {
            secret: &self.secret,
            is_complete: self.login().is_some(),
            is_sealed: matches!(self.current, SecretContent::Sealed),
            is_unused: self.holds_no_password(),
            has_pending_value: self.pending_value,
            rotation: LastRotation::of(&self.secret, self.replaced, self.current_since),
        }
    }

    /// Returns whether it holds no password: it is as the stack made it.
    fn holds_no_password(&self) -> bool {
        match &self.current {
            SecretContent::Absent => self.secret.versions.is_empty(),
            SecretContent::Held(Content::Incomplete(missing)) => missing.contains(&"password"),
            SecretContent::Held(_) | SecretContent::Sealed => false,
        }
    }
}

impl ObservedDatabase {
    /// Returns a database of which the secret alone was looked at.
    pub const fn of(secret: Option<ObservedLogin>) -> Self {
        Self {
            secret,
            encryption_key: None,
            administrator: None,
        }
    }

    /// Returns the login of the secret, where there is one.
    pub fn login(&self) -> Option<&Login> {
        self.secret.as_ref().and_then(ObservedLogin::login)
    }

    /// Returns whether a first password has to be brought.
    pub fn wants_password(&self) -> bool {
        self.secret.as_ref().is_none_or(|held| {
            held.secret.deleted.is_none() && !matches!(held.current, SecretContent::Sealed)
        }) && self.login().is_none()
    }

    /// Returns where the manifest says that the login is good, with the full ARN of
    /// the administrator's secret; nothing where that cannot be used.
    pub fn place<'a>(&'a self, entry: EntryOf<'a, Database>) -> Option<Place<'a>> {
        let masterarn = match (&entry.entry().rotate_as, &self.administrator) {
            (RotateAs::Itself | RotateAs::Role, _) => None,
            (RotateAs::Administrator(name), Some(administrator)) => Some(administrator.arn(name)?),
            (RotateAs::Administrator(_), None) => return None,
        };
        Some(Place {
            host: entry.kind.host.as_str(),
            port: entry.kind.port,
            dbname: entry.kind.dbname.as_deref(),
            masterarn,
        })
    }
}
