//! The value of a secret: a JSON object with the fields `accesskey`,
//! `secretkey`, `username` and `secretarn`, and whatever else its owner put
//! there.
//!
//! None of these types has a derived `Debug`, and no error repeats a value.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::decide::AccessKeyId;
use crate::port::{KeyPair, NewKey, Stored};

const ACCESS_KEY: &str = "accesskey";
const SECRET_KEY: &str = "secretkey";
const USERNAME: &str = "username";
const SECRET_ARN: &str = "secretarn";

/// A value with all four fields.
pub struct Credential {
    /// The access key's ID.
    pub access_key: AccessKeyId,
    secret_key: SecretString,
    /// The IAM user whose key this is.
    pub username: String,
    /// The secret whose credential makes the IAM calls.
    pub secret_arn: String,
    /// Every field as it was stored, the four and the others.
    fields: Map<String, Value>,
}

impl Credential {
    /// Returns the key for signing requests.
    pub fn key_pair(&self) -> KeyPair {
        KeyPair {
            id: self.access_key.as_str().to_owned(),
            secret: self.secret_key.clone(),
        }
    }

    /// Whether both hold the same access key and secret key.
    pub fn has_key_of(&self, other: &Self) -> bool {
        self.access_key == other.access_key
            && self.secret_key.expose_secret() == other.secret_key.expose_secret()
    }

    /// Returns the value that this one becomes with another key, as it is
    /// stored. Every other field stays as it is. The same key gives the same
    /// bytes, so that putting it twice is putting it once.
    pub fn rekeyed(&self, key: &NewKey) -> SecretString {
        let mut fields = self.fields.clone();
        fields.insert(ACCESS_KEY.to_owned(), Value::from(key.id.as_str()));
        fields.insert(
            SECRET_KEY.to_owned(),
            Value::from(key.secret.expose_secret()),
        );
        SecretString::from(Value::Object(fields).to_string())
    }
}

/// A value that lacks some of the four fields.
pub struct Partial {
    /// Whether there is an access key's ID.
    pub has_access_key: bool,
    /// Whether there is a secret key.
    pub has_secret_key: bool,
    /// The user, if it is named.
    pub username: Option<String>,
    /// The secret whose credential makes the IAM calls, if it is named.
    pub secret_arn: Option<String>,
}

impl Partial {
    /// Returns the names of the fields that are absent or empty.
    pub fn missing(&self) -> String {
        let fields = [
            (ACCESS_KEY, self.has_access_key),
            (SECRET_KEY, self.has_secret_key),
            (USERNAME, self.username.is_some()),
            (SECRET_ARN, self.secret_arn.is_some()),
        ];
        let missing: Vec<&str> = fields
            .iter()
            .filter(|(_, present)| !present)
            .map(|(name, _)| *name)
            .collect();
        missing.join(", ")
    }
}

/// Why a value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is `SecretBinary`.
    Binary,
    /// It is not JSON.
    NotJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// This field is not a string.
    NotText(&'static str),
    /// `accesskey` is not an access key's ID.
    NotAnAccessKey,
    /// Its KMS key does not decrypt it.
    Undecryptable,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Binary => formatter.write_str("it is binary, not text"),
            Self::NotJson => formatter.write_str("it is not JSON"),
            Self::NotAnObject => formatter.write_str("it is not a JSON object"),
            Self::NotText(field) => write!(formatter, "its `{field}` is not a string"),
            Self::NotAnAccessKey => {
                write!(formatter, "its `{ACCESS_KEY}` is not an access key's ID")
            }
            Self::Undecryptable => formatter.write_str("its KMS key does not decrypt it"),
        }
    }
}

/// What a version of the secret holds.
pub enum Content {
    /// There is no such version, or it has no value.
    Nothing,
    /// Something that is not a credential.
    Unreadable(Unreadable),
    /// A part of a credential. The stack seeds a secret with one.
    Partial(Partial),
    /// A credential.
    Complete(Credential),
}

impl Content {
    /// Reads what is stored. An empty field counts as absent.
    pub fn parse(stored: &Stored) -> Self {
        let text = match stored {
            Stored::Text(text) => text.expose_secret(),
            Stored::Binary => return Self::Unreadable(Unreadable::Binary),
        };
        let fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Self::Unreadable(Unreadable::NotAnObject),
            Err(_) => return Self::Unreadable(Unreadable::NotJson),
        };
        Self::from_fields(fields).unwrap_or_else(Self::Unreadable)
    }

    fn from_fields(fields: Map<String, Value>) -> Result<Self, Unreadable> {
        let access_key = match text(&fields, ACCESS_KEY)? {
            Some(id) => Some(AccessKeyId::parse(&id).ok_or(Unreadable::NotAnAccessKey)?),
            None => None,
        };
        let secret_key = text(&fields, SECRET_KEY)?.map(SecretString::from);
        let username = text(&fields, USERNAME)?;
        let secret_arn = text(&fields, SECRET_ARN)?;
        Ok(match (access_key, secret_key, username, secret_arn) {
            (Some(access_key), Some(secret_key), Some(username), Some(secret_arn)) => {
                Self::Complete(Credential {
                    access_key,
                    secret_key,
                    username,
                    secret_arn,
                    fields,
                })
            }
            (access_key, secret_key, username, secret_arn) => Self::Partial(Partial {
                has_access_key: access_key.is_some(),
                has_secret_key: secret_key.is_some(),
                username,
                secret_arn,
            }),
        })
    }
}

/// Returns the key of an administrator's secret, which needs no other field.
pub fn administrator_key(stored: &Stored) -> Option<KeyPair> {
    let Stored::Text(value) = stored else {
        return None;
    };
    let fields: Map<String, Value> = serde_json::from_str(value.expose_secret()).ok()?;
    let id = text(&fields, ACCESS_KEY).ok()??;
    let secret = text(&fields, SECRET_KEY).ok()??;
    Some(KeyPair {
        id,
        secret: SecretString::from(secret),
    })
}

fn text(fields: &Map<String, Value>, field: &'static str) -> Result<Option<String>, Unreadable> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Unreadable::NotText(field)),
    }
}
