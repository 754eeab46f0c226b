//! The observed state of a database's entry, as plain data.

use jiff::Timestamp;

use super::{Administrator, HeldSecret, LastRotation, Lookup, SecretContent};
use crate::model::{Content, Database, EntryOf, Login, Place, RotateAs};
use crate::port::{EncryptionKey, Secret};

pub use keyrota_contract::label::{FIRST, RETAINED, SETTING};

/// The observed state of a database's entry.
#[derive(Clone, Debug)]
pub struct ObservedDatabase {
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin>,
    /// The customer managed key that the manifest names, if it names one.
    pub encryption_key: Option<Lookup<EncryptionKey>>,
    /// The administrator's secret, if the manifest names one.
    pub administrator: Option<Administrator>,
}

/// A secret and the logins in its versions.
#[derive(Clone, Debug)]
pub struct ObservedLogin<T = Login> {
    /// What Secrets Manager reports about it.
    pub secret: Secret,
    /// The content of AWSCURRENT.
    pub current: SecretContent<T>,
    /// Whether an unfinished rotation has stored a value. A configuration test never stores one.
    pub pending_value: bool,
    /// When the version with AWSCURRENT was created.
    pub current_since: Option<Timestamp>,
    /// Whether AWSPREVIOUS contains a different password than AWSCURRENT. It is read only if
    /// Secrets Manager reports no rotation.
    pub replaced: bool,
}

impl<T> ObservedLogin<T> {
    /// Returns a secret whose versions have not been read.
    pub const fn unread(secret: Secret) -> Self {
        Self {
            secret,
            current: SecretContent::Absent,
            pending_value: false,
            current_since: None,
            replaced: false,
        }
    }

    /// Returns the login, if there is one.
    pub fn login(&self) -> Option<&T> {
        self.current.complete().ok()
    }

    /// Returns the state that does not depend on the kind of credential.
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

    /// Returns whether the secret contains no password, as when the stack created it.
    fn holds_no_password(&self) -> bool {
        match &self.current {
            SecretContent::Absent => self.secret.versions.is_empty(),
            // A first rotation that was interrupted may have set a password.
            SecretContent::Held(Content::Incomplete(missing)) => {
                missing.contains(&"password") && self.secret.version_with(SETTING).is_none()
            }
            SecretContent::Held(_) | SecretContent::Sealed => false,
        }
    }
}

impl ObservedDatabase {
    /// Returns the state of a database whose secret alone was observed.
    pub const fn of(secret: Option<ObservedLogin>) -> Self {
        Self {
            secret,
            encryption_key: None,
            administrator: None,
        }
    }

    /// Returns the login of the secret, if there is one.
    pub fn login(&self) -> Option<&Login> {
        self.secret.as_ref().and_then(ObservedLogin::login)
    }

    /// Returns the name of the user that clients log in as, which is one of the entry's.
    pub fn user_name<'a>(&'a self, entry: EntryOf<'a, Database>) -> &'a str {
        let named = self.login().map(|login| login.username.as_str());
        let named = named.filter(|user| entry.kind.has_user(user));
        named.unwrap_or(&entry.kind.username)
    }

    /// Returns whether the first password must be provided.
    pub fn wants_password(&self) -> bool {
        self.secret.as_ref().is_none_or(|held| {
            held.secret.deleted.is_none() && !matches!(held.current, SecretContent::Sealed)
        }) && self.login().is_none()
    }

    /// Returns whether the value in AWSCURRENT lacks nothing but a password, so that a rotation sets
    /// one if the manifest says so.
    pub fn lacks_only_password(&self) -> bool {
        let current = self.secret.as_ref().map(|held| &held.current);
        matches!(current, Some(SecretContent::Held(Content::Incomplete(missing))) if missing == &["password"])
    }

    /// Returns the server and user for which the manifest says the login is valid, with the full
    /// ARN of the administrator's secret, or `None` if that secret cannot be used.
    pub fn place<'a>(&'a self, entry: EntryOf<'a, Database>) -> Option<Place<'a>> {
        let masterarn = match (&entry.entry().rotate_as, &self.administrator) {
            (RotateAs::Itself | RotateAs::Role, _) => None,
            (RotateAs::Administrator(name), Some(administrator)) => Some(administrator.arn(name)?),
            (RotateAs::Administrator(_), None) => return None,
        };
        let (host, port) = entry.kind.published();
        Some(Place {
            host: host.as_str(),
            port,
            dbname: entry.kind.dbname.as_deref(),
            masterarn,
        })
    }
}
