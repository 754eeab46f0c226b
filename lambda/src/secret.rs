//! The value of a secret: a JSON object with the fields `accesskey`, `secretkey`, `username`,
//! and `secretarn`, which may have other names, and any other fields that its owner added.
//!
//! None of these types derives `Debug`, and no error repeats a value.

use keyrota_contract::value::names::Names;
use keyrota_contract::value::object::{Object, json};
use keyrota_contract::value::{ACCESS_KEY, OF_ACCESS_KEYS, SECRET_ARN, SECRET_KEY, USERNAME, smtp};
use keyrota_function_base::secret::{self, text};
use keyrota_function_base::secrets_manager::StoredValue;
use secrecy::{ExposeSecret, SecretString};

pub use keyrota_function_base::secret::Unreadable;

use crate::decide::AccessKeyId;
use crate::key::{KeyPair, NewKey};

/// A value with a key.
pub struct Credential {
    /// The access key's ID.
    pub access_key: AccessKeyId,
    secret_key: SecretString,
    /// The IAM user whose key this is, if the value names one.
    pub username: Option<String>,
    /// The secret whose credential makes the IAM calls, if the value names one.
    pub secret_arn: Option<String>,
    /// The value as it was stored.
    value: Object,
}

/// What a value says about its key, by the pin.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'pin> {
    /// The IAM user whose key this is.
    pub user: &'pin str,
    /// The secret whose credential makes the IAM calls, if its full ARN is known.
    pub secret_arn: Option<&'pin str>,
    /// The Regions for which the value has an SMTP password.
    pub smtp: &'pin [String],
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

    /// Returns whether the value does not say that its key is another user's.
    pub fn may_be_of(&self, user: &str) -> bool {
        self.username.as_deref().is_none_or(|named| named == user)
    }

    /// Returns this value with a different key, as it is stored. Fields that have been renamed
    /// take the next step, `owner` fills in what the value lacks, and what derives from the key follows
    /// it. Every other field stays as
    /// it is. The same key results in the same bytes, so that storing the value is idempotent.
    pub fn rekeyed(&self, key: &NewKey, names: &Names, owner: Owner<'_>) -> SecretString {
        let mut value = self.value.clone();
        for field in OF_ACCESS_KEYS {
            names.rename(&mut value, field);
        }
        names.set(&mut value, ACCESS_KEY, &json(key.id.as_str()));
        names.set(&mut value, SECRET_KEY, &json(key.secret.expose_secret()));
        if self.username.is_none() {
            names.set(&mut value, USERNAME, &json(owner.user));
        }
        if let (None, Some(secret_arn)) = (&self.secret_arn, owner.secret_arn) {
            names.set(&mut value, SECRET_ARN, &json(secret_arn));
        }
        smtp::set(&mut value, key.id.as_str(), &key.secret, owner.smtp);
        SecretString::from(value.to_text())
    }
}

/// A value without a whole key.
pub struct Partial {
    /// Whether the access key's ID is present.
    pub has_access_key: bool,
    /// Whether the secret key is present.
    pub has_secret_key: bool,
    /// The user, if the value names one.
    pub username: Option<String>,
    /// The secret whose credential makes the IAM calls, if the value names one.
    pub secret_arn: Option<String>,
    /// The value as it was stored.
    value: Object,
}

impl Partial {
    /// Returns whether a part of a key is present.
    pub const fn has_a_part(&self) -> bool {
        self.has_access_key || self.has_secret_key
    }

    /// Returns this value with its first key, as it is stored. What the value says about the user
    /// and the secret is replaced by what `owner` says, since the stack cannot write the secret's
    /// full ARN into its first value. Every other field stays as it is.
    pub fn keyed(&self, key: &NewKey, names: &Names, owner: Owner<'_>) -> SecretString {
        let mut value = self.value.clone();
        for field in OF_ACCESS_KEYS {
            names.rename(&mut value, field);
        }
        names.set(&mut value, USERNAME, &json(owner.user));
        if let Some(secret_arn) = owner.secret_arn {
            names.set(&mut value, SECRET_ARN, &json(secret_arn));
        }
        names.set(&mut value, ACCESS_KEY, &json(key.id.as_str()));
        names.set(&mut value, SECRET_KEY, &json(key.secret.expose_secret()));
        smtp::set(&mut value, key.id.as_str(), &key.secret, owner.smtp);
        SecretString::from(value.to_text())
    }
}

impl secret::Partial for Partial {
    fn missing(&self) -> String {
        secret::missing(&[
            (ACCESS_KEY, self.has_access_key),
            (SECRET_KEY, self.has_secret_key),
        ])
    }
}

/// The content of a version of the secret.
pub type Content = secret::Content<Credential>;

impl secret::Credential for Credential {
    type Partial = Partial;
    const NOUN: &'static str = "key";
    const FIELDS: &'static str = "`accesskey` and `secretkey`";

    fn from_value(value: Object, names: &Names) -> Result<Content, Unreadable> {
        let access_key = match text(&value, names, ACCESS_KEY)? {
            Some(id) => Some(AccessKeyId::parse(&id).ok_or(Unreadable::Malformed {
                field: ACCESS_KEY,
                expected: "an access key's ID",
            })?),
            None => None,
        };
        let secret_key = text(&value, names, SECRET_KEY)?.map(SecretString::from);
        let username = text(&value, names, USERNAME)?;
        let secret_arn = text(&value, names, SECRET_ARN)?;
        Ok(match (access_key, secret_key) {
            (Some(access_key), Some(secret_key)) => Content::Complete(Self {
                access_key,
                secret_key,
                username,
                secret_arn,
                value,
            }),
            (access_key, secret_key) => Content::Partial(Partial {
                has_access_key: access_key.is_some(),
                has_secret_key: secret_key.is_some(),
                username,
                secret_arn,
                value,
            }),
        })
    }
}

/// Returns the key in an administrator's secret, whose fields have these names. That secret
/// needs no other field.
pub fn administrator_key(stored: &StoredValue, names: &Names) -> Option<KeyPair> {
    let StoredValue::Text(value) = stored else {
        return None;
    };
    let value = Object::parse(value.expose_secret()).ok()?;
    let id = text(&value, names, ACCESS_KEY).ok()??;
    let secret = text(&value, names, SECRET_KEY).ok()??;
    Some(KeyPair {
        id,
        secret: SecretString::from(secret),
    })
}
