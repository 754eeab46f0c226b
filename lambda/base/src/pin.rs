//! Finds the entry of the pins that a request concerns, and the administrator's secret.

use crate::arn::SecretArn;
use crate::pins::Pins;
use crate::secrets_manager::Description;

/// A secret is not pinned, or its pin cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
pub enum EntryError {
    /// The pins do not name the secret.
    #[error(
        "rotate {secret}: the pins that were deployed with this function do not name it, so this \
         function does not serve it; add it to the manifest, then run `keyrota bootstrap`"
    )]
    NotPinned {
        /// The secret's name.
        secret: String,
    },
    /// A field of the pin is invalid.
    #[error(
        "rotate {secret}: `{field}` of its pin is not valid; run `keyrota bootstrap`, which deploys the \
         function and its pins together"
    )]
    PinInvalid {
        /// The secret's name.
        secret: String,
        /// The field.
        field: &'static str,
    },
    /// Secrets Manager describes a different secret from the one in the event.
    #[error(
        "rotate {secret}: the ARN in the event is not the full ARN of the secret that Secrets Manager \
         describes; start the rotation with `keyrota rotate`"
    )]
    AnotherSecret {
        /// The secret's name.
        secret: String,
    },
}

/// Refuses a secret that the pins do not name, before anything is asked about it.
///
/// # Errors
///
/// Fails if the secret is not pinned.
pub fn is_served<Entry>(pins: &Pins<Entry>, secret: &SecretArn) -> Result<(), EntryError> {
    match pins.of(secret.name()) {
        Some(_) => Ok(()),
        None => Err(EntryError::NotPinned {
            secret: secret.name().to_owned(),
        }),
    }
}

/// Returns the pin of the secret that an event names.
///
/// # Errors
///
/// Fails if the secret is not pinned, or if Secrets Manager describes a different secret.
pub fn entry<'pins, Entry>(
    pins: &'pins Pins<Entry>,
    event_secret: &SecretArn,
    description: &Description,
) -> Result<&'pins Entry, EntryError> {
    let secret = || event_secret.name().to_owned();
    if description.arn != event_secret.as_str() {
        return Err(EntryError::AnotherSecret { secret: secret() });
    }
    let entry = pins.of(event_secret.name());
    entry.ok_or_else(|| EntryError::NotPinned { secret: secret() })
}

/// Returns whether a name is the name of a file in the package, and not a path.
pub fn is_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}

/// Returns whether a pin may name this secret as the administrator's. The pin may use its name
/// or its ARN, and must not name the rotated secret itself.
pub fn may_administer(named: &str, secret: &SecretArn) -> bool {
    let itself = named == secret.as_str() || named == secret.name();
    let is_wrong = named.starts_with("arn:") && SecretArn::parse(named).is_none();
    !(itself || is_wrong || named.is_empty())
}

/// Returns the administrator's secret that a pin names. A name without an ARN means a secret in
/// the rotated secret's account and Region.
pub fn administrator(named: &str, secret: &SecretArn) -> SecretArn {
    SecretArn::parse(named).unwrap_or_else(|| secret.beside(named))
}

/// Returns whether an ARN in a secret's value is that of the pinned administrator's secret.
pub fn is_administrator(arn: &str, named: &str, secret: &SecretArn) -> bool {
    if named.starts_with("arn:") {
        return arn == named;
    }
    // A secret can be identified by its name only in its own account and Region.
    SecretArn::parse(arn).is_some_and(|found| found.name() == named && found.is_beside(secret))
}
