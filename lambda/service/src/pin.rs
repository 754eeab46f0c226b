//! The pin of one secret, and whether a value agrees with it.
//!
//! Without pins, a principal that can write the secret's value, labels, or tags could make the
//! function send a password to an adapter or a host of its own, or direct the rotation at another user.
//! See [`pins`](keyrota_function_base::pins) for why such a principal cannot write the pins.

use std::time::Duration;

pub use keyrota_contract::pins::service::{Adapter, Entry, Password};
use keyrota_contract::pins::service::{CharacterClass, rules};
use keyrota_contract::value::names::Names;
use keyrota_contract::value::{OF_SERVICES, USERNAME};
use keyrota_function_base::pin::{entry, is_file};
use keyrota_function_base::secrets_manager::{Description, PasswordRule};

pub use keyrota_function_base::pin::EntryError;

use crate::adapter::function;
use crate::arn::SecretArn;
use crate::moment::duration;
use crate::secret::{Content, Credential};
use crate::service::Account;

/// The pins of all secrets that this function serves.
pub type Pins = keyrota_function_base::pins::Pins<Entry>;

/// Returns the names of the fields of a secret's value. A secret that is not pinned has the
/// default names.
pub fn names<'pins>(pins: &'pins Pins, secret: &SecretArn) -> &'pins Names {
    let entry = pins.of(secret.name());
    entry.map_or(Names::default_names(), |entry| &entry.fields)
}

/// The pin of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The secret itself.
    pub secret: SecretArn,
    /// The only user whose password may be changed, and the only adapter that gets a password.
    pub account: Account,
    /// The rules for new passwords.
    pub rule: PasswordRule,
    /// How long it takes until every member of a farm of servers knows a new password.
    pub propagation: Duration,
    /// The names of the value's fields.
    pub names: Names,
}

/// A secret that is not pinned, or a value that does not agree with its pin.
#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
pub enum PinError {
    /// The secret is not pinned, or its pin cannot be used.
    #[error(transparent)]
    #[strum(transparent)]
    Entry(#[from] EntryError),
    /// A value does not agree with the pin.
    #[error(
        "rotate {secret}: the `{field}` of its {version} is not what the manifest says, so nothing was \
         sent anywhere; correct `{field}` in the secret, or the manifest and then run `keyrota bootstrap`"
    )]
    Stray {
        /// The secret's name.
        secret: String,
        /// The version.
        version: &'static str,
        /// The field of the value.
        field: &'static str,
    },
}

impl Pin {
    /// Returns the pin of the secret that an event names.
    ///
    /// # Errors
    ///
    /// Fails if the secret is not pinned, or if Secrets Manager describes a different secret.
    pub fn read(
        pins: &Pins,
        event_secret: &SecretArn,
        description: &Description,
    ) -> Result<Self, PinError> {
        let entry = entry(pins, event_secret, description)?;
        let invalid = |field| EntryError::PinInvalid {
            secret: event_secret.name().to_owned(),
            field,
        };
        let is_usable = match &entry.adapter {
            Adapter::Function(arn) => function::region(arn).is_some(),
            Adapter::Http(http) => {
                rules::faults(http, &entry.settings).is_empty()
                    && http.tls_ca.as_deref().is_none_or(is_file)
            }
        };
        if !is_usable {
            return Err(invalid("adapter").into());
        }
        if !entry.fields.are_sound(&OF_SERVICES) {
            return Err(invalid("fields").into());
        }
        if entry.username.is_empty() {
            return Err(invalid("username").into());
        }
        if entry.password.length == 0 || !can_be_followed(&entry.password) {
            return Err(invalid("password").into());
        }
        let propagation = match &entry.propagation {
            Some(text) => duration(text).ok_or_else(|| invalid("propagation"))?,
            None => Duration::ZERO,
        };
        Ok(Self {
            secret: event_secret.clone(),
            account: Account {
                username: entry.username.clone(),
                adapter: entry.adapter.clone(),
                settings: entry.settings.clone(),
            },
            rule: PasswordRule {
                length: entry.password.length,
                exclude: entry.password.exclude.clone(),
                require: entry.password.require.clone(),
            },
            propagation,
            names: entry.fields.clone(),
        })
    }

    /// Returns whether the service is a farm of servers that do not learn a new password at once.
    pub fn is_farm(&self) -> bool {
        !self.propagation.is_zero()
    }

    /// Checks that a credential belongs to the pinned user.
    ///
    /// # Errors
    ///
    /// Fails if it does not agree with the pin.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        self.check_user(version, Some(&credential.username))
    }

    /// Checks the fields that a version's content has, even if it is incomplete.
    ///
    /// # Errors
    ///
    /// Fails if these fields do not agree with the pin.
    pub fn check_present(&self, version: &'static str, content: &Content) -> Result<(), PinError> {
        match content {
            Content::Nothing | Content::Unreadable(_) => Ok(()),
            Content::Complete(credential) => self.check(version, credential),
            Content::Partial(partial) => self.check_user(version, partial.username.as_ref()),
        }
    }

    fn check_user(&self, version: &'static str, username: Option<&String>) -> Result<(), PinError> {
        match username {
            Some(username) if *username != self.account.username => Err(PinError::Stray {
                secret: self.secret.name().to_owned(),
                version,
                field: USERNAME,
            }),
            _ => Ok(()),
        }
    }
}

/// Returns whether every class of characters that a password requires has a character left.
fn can_be_followed(password: &Password) -> bool {
    let is_left = |class: &CharacterClass| {
        ('!'..='~').any(|it| class.contains(it) && !password.exclude.contains(it))
    };
    password.require.iter().all(is_left)
}
