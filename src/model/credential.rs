//! The value of an access key's secret: four text fields in a JSON object.
//!
//! Any principal that may write the secret can write these fields, and may have pasted a secret
//! into the wrong one. So a field is shown only if it has the expected form. The function that
//! rotates the secret applies the same rule to access key IDs.

use std::fmt;

use keyrota_contract::value::{
    ACCESS_KEY, OF_ACCESS_KEYS as FIELDS, SECRET_ARN, USERNAME, is_access_key_id,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// An access key ID: the part of a key that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// Returns the ID, or `None` if the text cannot be one.
    ///
    /// An ID is safe to show: see [`is_access_key_id`].
    pub fn parse(text: &str) -> Option<Self> {
        is_access_key_id(text).then(|| Self(text.to_owned()))
    }

    /// Returns an ID that IAM returned.
    pub fn of_iam(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// Returns the ID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<AccessKeyId> for String {
    fn from(id: AccessKeyId) -> Self {
        id.0
    }
}

impl PartialEq<str> for AccessKeyId {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<String> for AccessKeyId {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

impl PartialEq<AccessKeyId> for String {
    fn eq(&self, other: &AccessKeyId) -> bool {
        *self == other.0
    }
}

/// The value of an access key's secret. `Debug` does not show the secret access key.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The access key ID.
    pub accesskey: AccessKeyId,
    /// The secret access key.
    pub secretkey: SecretString,
    /// The IAM user that the key belongs to.
    pub username: String,
    /// The full ARN of the secret whose key makes the IAM calls.
    pub secretarn: String,
    /// Other fields, which are preserved.
    extra: Extra,
}

/// Other fields of the value. They may be secret too, so `Debug` hides them.
#[derive(Clone, Default)]
pub(super) struct Extra(pub(super) Map<String, Value>);

impl std::fmt::Debug for Extra {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "[{} more]", self.0.len())
    }
}

/// The content of a version of a secret.
#[derive(Clone, Debug)]
pub enum Content<T = Credential> {
    /// It has every required field.
    Complete(T),
    /// JSON without the fields with these names, which are missing or empty.
    Incomplete(Vec<&'static str>),
    /// JSON with every field, of which this one does not have the expected form. Its text is
    /// dropped because it may be a secret.
    Malformed(&'static str),
    /// Not a JSON object.
    Foreign,
}

/// Describes the expected content of a field.
fn expected(field: &str) -> &'static str {
    match field {
        ACCESS_KEY => "an access key ID",
        USERNAME => "the name of an IAM user",
        SECRET_ARN => "an ARN",
        _ => "valid",
    }
}

/// Returns the message for a field without the expected form.
pub fn malformed(field: &str) -> String {
    format!("`{field}` is not {}", expected(field))
}

/// Returns whether a text has the form of an IAM user name ("IAM identifiers" in the IAM User
/// Guide).
fn is_user_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Returns whether a text has the form of an ARN ("Amazon Resource Names" in the IAM User Guide),
/// with the characters of Secrets Manager's ARNs.
fn is_arn(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":/_+=.@-".contains(&byte);
    text.starts_with("arn:") && text.len() <= 2048 && text.bytes().all(allowed)
}

impl Credential {
    /// Returns a credential with four fields.
    pub fn new(id: AccessKeyId, secret: SecretString, username: String, secretarn: String) -> Self {
        Self {
            accesskey: id,
            secretkey: secret,
            username,
            secretarn,
            extra: Extra::default(),
        }
    }

    /// Names the user in a sentence. A secret access key has 40 characters and may have the form of
    /// a name, so a name of that length is not shown.
    pub fn names_user(&self) -> String {
        match self.username.len() {
            40 => "another user".to_owned(),
            _ => format!("the user `{}`", self.username),
        }
    }

    /// Returns the same value with another key of the same user.
    #[must_use]
    pub fn with_key(self, accesskey: AccessKeyId, secretkey: SecretString) -> Self {
        Self {
            accesskey,
            secretkey,
            ..self
        }
    }

    /// Returns the same credential with another `secretarn`.
    #[must_use]
    pub fn with_origin(self, secretarn: String) -> Self {
        Self { secretarn, ..self }
    }

    /// Parses a secret's value.
    pub fn read(text: &SecretString) -> Content {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text.expose_secret()) else {
            return Content::Foreign;
        };
        let mut taken = FIELDS.map(|field| match fields.remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        });
        let missing: Vec<&str> = FIELDS
            .into_iter()
            .zip(&taken)
            .filter(|(_, text)| text.is_empty())
            .map(|(field, _)| field)
            .collect();
        if !missing.is_empty() {
            return Content::Incomplete(missing);
        }
        let [accesskey, secretkey, username, secretarn] = taken.each_mut().map(std::mem::take);
        let Some(accesskey) = AccessKeyId::parse(&accesskey) else {
            return Content::Malformed(ACCESS_KEY);
        };
        if !is_user_name(&username) {
            return Content::Malformed(USERNAME);
        }
        if !is_arn(&secretarn) {
            return Content::Malformed(SECRET_ARN);
        }
        Content::Complete(Self {
            accesskey,
            secretkey: secretkey.into(),
            username,
            secretarn,
            extra: Extra(fields),
        })
    }

    /// Returns the JSON text to store in the secret.
    pub fn to_text(&self) -> SecretString {
        let mut fields = self.extra.0.clone();
        let secret = self.secretkey.expose_secret();
        for (field, text) in FIELDS.into_iter().zip([
            self.accesskey.as_str(),
            secret,
            self.username.as_str(),
            self.secretarn.as_str(),
        ]) {
            fields.insert(field.to_owned(), Value::String(text.to_owned()));
        }
        Value::Object(fields).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_does_not_know_and_shows_nothing() {
        let text = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"hush","username":"ada","secretarn":"arn:own","note":"hush2"}"#;
        let Content::Complete(credential) = Credential::read(&text.into()) else {
            panic!("complete");
        };
        let shown = format!("{credential:?}");
        assert!(!shown.contains("hush"), "{shown}");
        let again: Value = serde_json::from_str(credential.to_text().expose_secret()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn an_id_is_what_the_function_takes_for_one() {
        let longest = "A".repeat(128);
        for id in ["AKIA0123456789ABCDEF", "ASIA012345678901", &longest] {
            assert_eq!(AccessKeyId::parse(id).unwrap().as_str(), id);
        }
        let too_long = "A".repeat(129);
        for text in [
            "",
            "AKIA",
            "AKIA01234567890",
            &too_long,
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AKIA0123456789abcdef",
            "AKIA0123456789ABCDE ",
            "AKIA0123456789ABCDE\n",
            "AKIA0123456789ABCDE\u{1b}",
            "\u{391}KIA0123456789ABCDEF",
        ] {
            assert_eq!(AccessKeyId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_field_of_another_form_is_named_and_not_kept() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for field in ["accesskey", "username", "secretarn"] {
            for held in [secret, "\u{1b}[31mred", "a b", "a\nb", "\u{202e}"] {
                let mut value = serde_json::json!({
                    "accesskey": "AKIA0123456789ABCDEF", "secretkey": "hush",
                    "username": "ada", "secretarn": "arn:own",
                });
                value[field] = held.into();
                let content = Credential::read(&value.to_string().into());
                assert!(
                    matches!(content, Content::Malformed(it) if it == field),
                    "{content:?}"
                );
                let shown = format!("{content:?}");
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert_eq!(
            malformed("accesskey"),
            "`accesskey` is not an access key ID"
        );
    }

    #[test]
    fn a_name_that_may_be_a_secret_is_not_shown() {
        let named = |name: &str| {
            let id = AccessKeyId::of_iam("AKIA0123456789ABCDEF");
            Credential::new(id, "hush".into(), name.into(), "arn:own".into()).names_user()
        };
        assert_eq!(named("ada"), "the user `ada`");
        assert_eq!(
            named("wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"),
            "another user"
        );
    }

    #[test]
    fn names_the_fields_that_are_missing() {
        let seed = r#"{"username":"ada","secretarn":"","accesskey":1}"#;
        let Content::Incomplete(missing) = Credential::read(&seed.into()) else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["accesskey", "secretkey", "secretarn"]);
        assert!(matches!(Credential::read(&"[]".into()), Content::Foreign));
    }
}
