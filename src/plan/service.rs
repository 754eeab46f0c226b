//! The observed state of a service's entry, as plain data.

use super::{Lookup, ObservedLogin, SecretContent};
use crate::model::{EntryOf, Service, ServiceLogin};
use crate::port::EncryptionKey;

/// The observed state of a service's entry.
#[derive(Clone, Debug)]
pub struct ObservedService {
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin<ServiceLogin>>,
    /// The customer managed key that the manifest names, if it names one.
    pub encryption_key: Option<Lookup<EncryptionKey>>,
}

impl ObservedService {
    /// Returns the state of a service whose secret alone was observed.
    pub const fn of(secret: Option<ObservedLogin<ServiceLogin>>) -> Self {
        Self {
            secret,
            encryption_key: None,
        }
    }

    /// Returns the login of the secret, if there is one.
    pub fn login(&self) -> Option<&ServiceLogin> {
        self.secret.as_ref().and_then(ObservedLogin::login)
    }

    /// Returns the login, if it is that of the entry's user.
    pub fn own_login(&self, entry: EntryOf<'_, Service>) -> Option<&ServiceLogin> {
        self.login()
            .filter(|login| login.username == entry.kind.username)
    }

    /// Returns whether the first password must be provided.
    pub fn wants_password(&self) -> bool {
        self.secret.as_ref().is_none_or(|held| {
            held.secret.deleted.is_none() && !matches!(held.current, SecretContent::Sealed)
        }) && self.login().is_none()
    }
}
