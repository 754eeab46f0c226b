//! What AWSCURRENT holds when a rotation begins: a credential, or one without a password.

use keyrota_function_base::password::version::WithPassword;
use keyrota_function_base::step as base;
use secrecy::SecretString;

use crate::error::Error;
use crate::pin::Pin;
use crate::secret::{Content, Credential, Passwordless};
use crate::stage::CURRENT;

/// What AWSCURRENT holds when a rotation begins.
pub(super) enum Current {
    /// A credential.
    Credential(Credential),
    /// Everything but a password, because the administrator sets the first one.
    Passwordless(Passwordless),
}

impl Current {
    /// Reads AWSCURRENT, which must belong to the pinned user and server. It may lack the password
    /// only if the pin says so.
    pub(super) fn read(pin: &Pin, content: Content) -> Result<Self, Error> {
        pin.check_present(CURRENT, &content)?;
        let content = match content {
            Content::Partial(partial) if pin.sets_first => match partial.without_password() {
                Ok(value) => {
                    pin.check_without_password(CURRENT, &value)?;
                    return Ok(Self::Passwordless(value));
                }
                Err(partial) => Content::Partial(partial),
            },
            content => content,
        };
        Ok(Self::Credential(base::current(&pin.secret, content)?))
    }

    /// Returns the credential, if there is a password.
    pub(super) fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Credential(credential) => Some(credential),
            Self::Passwordless(_) => None,
        }
    }

    /// Returns whether another credential repeats the password.
    pub(super) fn has_password_of(&self, other: &Credential) -> bool {
        self.credential()
            .is_some_and(|credential| credential.has_password_of(other))
    }

    /// Returns the user that the rotation changes, if two users alternate. They have passwords when
    /// the first rotation begins.
    pub(super) fn next_user<'pin>(&self, pin: &'pin Pin) -> Option<&'pin str> {
        self.credential()
            .and_then(|credential| pin.next_user(credential))
    }

    /// Returns the value with a new password, as it is stored, and with the user that the rotation
    /// changes if two users alternate.
    pub(super) fn successor(&self, pin: &Pin, password: &SecretString) -> SecretString {
        match self {
            Self::Credential(credential) => {
                credential.with_login(self.next_user(pin), password, &pin.names)
            }
            Self::Passwordless(value) => value.with_password(password, &pin.names),
        }
    }
}
