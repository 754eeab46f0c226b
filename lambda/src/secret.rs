//! The value of a secret: a JSON object with the fields `accesskey`, `secretkey`, `username`,
//! and `secretarn`, and any other fields that its owner added.
//!
//! None of these types derives `Debug`, and no error repeats a value.

use keyrota_contract::value::{ACCESS_KEY, SECRET_ARN, SECRET_KEY, USERNAME};
use keyrota_function_base::secret::{self, text};
use keyrota_function_base::secrets_manager::StoredValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

pub use keyrota_function_base::secret::Unreadable;

use crate::decide::AccessKeyId;
use crate::key::{KeyPair, NewKey};

/// A value with all four fields.
pub struct Credential {
    /// The access key's ID.
    pub access_key: AccessKeyId,
    secret_key: SecretString,
    /// The IAM user whose key this is.
    pub username: String,
    /// The secret whose credential makes the IAM calls.
    pub secret_arn: String,
    /// Every field as it was stored, including the four above.
    fields: Map<String, Value>,
}

impl Credential {
    /// Returns the key that signs requests.
    pub fn key_pair(&self) -> KeyPair {
        KeyPair {
            id: self.access_key.as_str().to_owned(),
            secret: self.secret_key.clone(),
        }
    }

    /// Returns whether both values contain the same access key and secret key.
    pub fn has_key_of(&self, other: &Self) -> bool {
        self.access_key == other.access_key
            && self.secret_key.expose_secret() == other.secret_key.expose_secret()
    }

    /// Returns this value with a different key, as it is stored. Every other field stays as it
    /// is. The same key results in the same bytes, so that storing the value is idempotent.
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
    /// Whether the access key's ID is present.
    pub has_access_key: bool,
    /// Whether the secret key is present.
    pub has_secret_key: bool,
    /// The user, if the value names one.
    pub username: Option<String>,
    /// The secret whose credential makes the IAM calls, if the value names one.
    pub secret_arn: Option<String>,
}

impl secret::Partial for Partial {
    fn missing(&self) -> String {
        secret::missing(&[
            (ACCESS_KEY, self.has_access_key),
            (SECRET_KEY, self.has_secret_key),
            (USERNAME, self.username.is_some()),
            (SECRET_ARN, self.secret_arn.is_some()),
        ])
    }
}

/// The content of a version of the secret.
pub type Content = secret::Content<Credential>;

impl secret::Credential for Credential {
    type Partial = Partial;
    const NOUN: &'static str = "key";
    const FIELDS: &'static str = "`accesskey`, `secretkey`, `username` and `secretarn`";

    fn from_fields(fields: Map<String, Value>) -> Result<Content, Unreadable> {
        let access_key = match text(&fields, ACCESS_KEY)? {
            Some(id) => Some(AccessKeyId::parse(&id).ok_or(Unreadable::Malformed {
                field: ACCESS_KEY,
                expected: "an access key's ID",
            })?),
            None => None,
        };
        let secret_key = text(&fields, SECRET_KEY)?.map(SecretString::from);
        let username = text(&fields, USERNAME)?;
        let secret_arn = text(&fields, SECRET_ARN)?;
        Ok(match (access_key, secret_key, username, secret_arn) {
            (Some(access_key), Some(secret_key), Some(username), Some(secret_arn)) => {
                Content::Complete(Self {
                    access_key,
                    secret_key,
                    username,
                    secret_arn,
                    fields,
                })
            }
            (access_key, secret_key, username, secret_arn) => Content::Partial(Partial {
                has_access_key: access_key.is_some(),
                has_secret_key: secret_key.is_some(),
                username,
                secret_arn,
            }),
        })
    }
}

/// Returns the key in an administrator's secret. That secret needs no other field.
pub fn administrator_key(stored: &StoredValue) -> Option<KeyPair> {
    let StoredValue::Text(value) = stored else {
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
