//! The value of a service's secret: a user name and a password.

use keyrota_contract::value::names::Names;
use keyrota_contract::value::{OF_SERVICES as FIELDS, PASSWORD, USERNAME};
use secrecy::{ExposeSecret, SecretString};

use super::Content;
use super::stored::{AmbiguousField, Renamings, StoredFields};

/// The value of a service's secret. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct ServiceLogin {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The value, whose other fields are preserved.
    stored: StoredFields,
}

impl ServiceLogin {
    /// Returns the first login of a secret. The other fields of the secret's current value, if it is a
    /// JSON object, are preserved.
    pub fn first(
        username: String,
        password: SecretString,
        current: Option<&SecretString>,
        names: &Names,
    ) -> Self {
        let current = current.and_then(|text| StoredFields::parse(text, names, &FIELDS));
        let stored = current.map(StoredFields::cleared);
        Self {
            username,
            password,
            stored: stored.unwrap_or_else(|| StoredFields::empty(names.clone(), &FIELDS)),
        }
    }

    /// Returns whether another login has the same password.
    pub fn has_password_of(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }

    /// Parses a secret's value, whose fields have these names.
    pub fn read(text: &SecretString, names: &Names) -> Content<Self> {
        let Some(stored) = StoredFields::parse(text, names, &FIELDS) else {
            return Content::Foreign;
        };
        Self::of(stored).unwrap_or_else(Content::Ambiguous)
    }

    fn of(stored: StoredFields) -> Result<Content<Self>, AmbiguousField> {
        let (username, password) = (stored.text(USERNAME)?, stored.text(PASSWORD)?);
        let mut missing = Vec::new();
        missing.extend(username.is_none().then_some(USERNAME));
        missing.extend(password.is_none().then_some(PASSWORD));
        let (Some(username), Some(password)) = (username, password) else {
            return Ok(Content::Incomplete(missing));
        };
        Ok(Content::Complete(Self {
            username,
            password: password.into(),
            stored,
        }))
    }

    /// Returns the JSON text to store in the secret. A field that has its value already stays as it
    /// is written.
    pub fn to_text(&self) -> SecretString {
        let mut stored = self.stored.clone();
        stored.set(USERNAME, &self.username);
        stored.set(PASSWORD, self.password.expose_secret());
        stored.to_text()
    }

    /// Returns what the next rotation does to the names of the value's fields.
    pub fn renamings(&self) -> Renamings {
        self.stored.renamings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_login_keeps_what_it_does_not_know() {
        let current: SecretString = r#"{"username":"x","note":"kept"}"#.into();
        let names = Names::default_names();
        let login = ServiceLogin::first("ada".into(), "hush".into(), Some(&current), names);
        let text = login.to_text();
        assert_eq!(
            text.expose_secret(),
            r#"{"note":"kept","username":"ada","password":"hush"}"#
        );
        let Content::Complete(read) = ServiceLogin::read(&text, names) else {
            panic!("complete");
        };
        assert!(read.has_password_of(&login));
        assert_eq!(read.to_text().expose_secret(), text.expose_secret());
        assert!(!format!("{read:?}").contains("hush"));
    }

    #[test]
    fn missing_fields_are_named() {
        let text: SecretString = r#"{"username":"ada"}"#.into();
        let Content::Incomplete(missing) = ServiceLogin::read(&text, Names::default_names()) else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["password"]);
    }
}
