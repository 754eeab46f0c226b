//! The value of a secret: a JSON object with the fields `username` and `password`, and any other fields
//! that its owner added. The fields may have other names.
//!
//! None of these types derives `Debug`, and no error repeats a value.

use keyrota_contract::value::names::Names;
use keyrota_contract::value::object::{Object, json};
use keyrota_contract::value::{OF_SERVICES, PASSWORD, USERNAME};
use keyrota_function_base::password::version::WithPassword;
use keyrota_function_base::secret::{self, text};
use secrecy::{ExposeSecret, SecretString};

pub use keyrota_function_base::secret::Unreadable;

/// A value with everything that a login needs.
pub struct Credential {
    /// The user.
    pub username: String,
    password: SecretString,
    /// The value as it was stored.
    value: Object,
}

impl Credential {
    /// Returns the password.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Returns this value with a different password, as it is stored. Fields that have been renamed
    /// take the next step. Every other field stays as it is. The same password results in the same
    /// bytes, so that storing the value is idempotent.
    pub fn with_password(&self, password: &SecretString, names: &Names) -> SecretString {
        let mut value = self.value.clone();
        for field in OF_SERVICES {
            names.rename(&mut value, field);
        }
        names.set(&mut value, PASSWORD, &json(password.expose_secret()));
        SecretString::from(value.to_text())
    }
}

/// A value without everything that a login needs.
pub struct Partial {
    /// The user, if the value names one.
    pub username: Option<String>,
    /// Whether the password is present.
    pub has_password: bool,
}

impl secret::Partial for Partial {
    fn missing(&self) -> String {
        secret::missing(&[
            (USERNAME, self.username.is_some()),
            (PASSWORD, self.has_password),
        ])
    }
}

/// The content of a version of the secret.
pub type Content = secret::Content<Credential>;

impl secret::Credential for Credential {
    type Partial = Partial;
    const NOUN: &'static str = "password";
    const FIELDS: &'static str = "`username` and `password`";

    fn from_value(value: Object, names: &Names) -> Result<Content, Unreadable> {
        let username = text(&value, names, USERNAME)?;
        let password = text(&value, names, PASSWORD)?.map(SecretString::from);
        Ok(match (username, password) {
            (Some(username), Some(password)) => Content::Complete(Self {
                username,
                password,
                value,
            }),
            (username, password) => Content::Partial(Partial {
                username,
                has_password: password.is_some(),
            }),
        })
    }
}

impl WithPassword for Credential {
    fn has_password_of(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }

    fn is_present(partial: &Partial) -> bool {
        partial.has_password
    }
}
