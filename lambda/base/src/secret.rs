//! The content of a version of a secret: a credential in a JSON object.
//!
//! No type here derives `Debug` over a value, and no error repeats a value.

use keyrota_contract::value::names::{Names, Unclear};
use keyrota_contract::value::object::{NotAnObject, Object};
use secrecy::ExposeSecret;

use crate::secrets_manager::StoredValue;

/// A kind of credential that a function rotates.
pub trait Credential: Sized {
    /// The type of a value that lacks some of the credential's fields.
    type Partial: Partial;
    /// The word for the credential in errors, such as `key`.
    const NOUN: &'static str;
    /// The required fields, as an error lists them.
    const FIELDS: &'static str;

    /// Reads the fields of a value under their names.
    ///
    /// # Errors
    ///
    /// Fails if a field has an invalid format, or two values.
    fn from_value(value: Object, names: &Names) -> Result<Content<Self>, Unreadable>;
}

/// A value that lacks some of the fields of a credential.
pub trait Partial {
    /// Returns the names of the fields that are absent or empty.
    fn missing(&self) -> String;
}

/// Returns the names of the missing fields, as an error lists them.
pub fn missing(fields: &[(&str, bool)]) -> String {
    let missing = fields.iter().filter(|(_, present)| !present);
    let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
    missing.join(", ")
}

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The value is `SecretBinary`.
    Binary,
    /// The value is not JSON.
    NotJson,
    /// The value is JSON, but not an object.
    NotAnObject,
    /// A field has an invalid format.
    Malformed {
        /// The field.
        field: &'static str,
        /// What it must be, such as `a string`.
        expected: &'static str,
    },
    /// A field has different values, under its present and a former name or under one name.
    Ambiguous {
        /// The field.
        field: &'static str,
    },
    /// The value's KMS key cannot decrypt it.
    Undecryptable,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Binary => formatter.write_str("it is binary, not text"),
            Self::NotJson => formatter.write_str("it is not JSON"),
            Self::NotAnObject => formatter.write_str("it is not a JSON object"),
            Self::Malformed { field, expected } => {
                write!(formatter, "its `{field}` is not {expected}")
            }
            Self::Ambiguous { field } => write!(
                formatter,
                "it has two different values for `{field}`, under the names that `fields` in the \
                 manifest lists or under one name"
            ),
            Self::Undecryptable => formatter.write_str("its KMS key does not decrypt it"),
        }
    }
}

/// The content of a version of a secret.
pub enum Content<C: Credential> {
    /// There is no such version, or it has no value.
    Nothing,
    /// Something that is not a credential.
    Unreadable(Unreadable),
    /// A part of a credential. The stack creates a secret with such a value.
    Partial(C::Partial),
    /// A credential.
    Complete(C),
}

impl<C: Credential> Content<C> {
    /// Parses a stored value. An empty field counts as absent.
    pub fn parse(stored: &StoredValue, names: &Names) -> Self {
        let text = match stored {
            StoredValue::Text(text) => text.expose_secret(),
            StoredValue::Binary => return Self::Unreadable(Unreadable::Binary),
        };
        match Object::parse(text) {
            Ok(value) => C::from_value(value, names).unwrap_or_else(Self::Unreadable),
            Err(NotAnObject::AnotherType) => Self::Unreadable(Unreadable::NotAnObject),
            Err(NotAnObject::NotJson) => Self::Unreadable(Unreadable::NotJson),
        }
    }
}

/// Returns a field that must be a string, or `None` if it is absent or empty.
///
/// # Errors
///
/// Fails if the field is not a string, or has two values.
pub fn text(
    value: &Object,
    names: &Names,
    field: &'static str,
) -> Result<Option<String>, Unreadable> {
    let text = names.text(value, field);
    text.map_err(|why| unclear(why, field, "a string"))
}

/// Returns why a field cannot be read. `expected` is what it must be.
pub fn unclear(why: Unclear, field: &'static str, expected: &'static str) -> Unreadable {
    match why {
        Unclear::Malformed => Unreadable::Malformed { field, expected },
        Unclear::Ambiguous => Unreadable::Ambiguous { field },
    }
}
