//! The value of an access key's secret: four text fields in a JSON object, under the names that the
//! manifest gives them, and any other fields.
//!
//! Any principal that may write the secret can write these fields, and may have pasted a secret
//! into the wrong one. So a field is shown only if it has the expected form. The function that
//! rotates the secret applies the same rule to access key IDs.

use std::fmt;

use keyrota_contract::value::names::Names;
use keyrota_contract::value::{
    ACCESS_KEY, OF_ACCESS_KEYS as FIELDS, SECRET_ARN, SECRET_KEY, USERNAME, is_access_key_id,
};
use secrecy::{ExposeSecret, SecretString};

use super::Region;
use super::stored::{AmbiguousField, Renamings, StoredFields};

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
    /// The IAM user that the key belongs to, if the value names one.
    pub username: Option<String>,
    /// The full ARN of the secret whose key makes the IAM calls, if the value names one.
    pub secretarn: Option<String>,
    /// The Regions for which the value to store has an SMTP password.
    smtp: Vec<String>,
    /// The value, whose other fields are preserved.
    stored: StoredFields,
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
    /// JSON with different values for a field.
    Ambiguous(AmbiguousField),
    /// JSON without an access key under the names of its fields, but with an access key ID in a
    /// field with another name.
    Misnamed,
    /// Not a JSON object.
    Foreign,
}

impl<T> Content<T> {
    /// Returns the complete content.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be used, after "it".
    pub fn complete(&self) -> Result<&T, String> {
        Err(match self {
            Self::Complete(held) => return Ok(held),
            Self::Incomplete(missing) => format!("lacks {}", missing.join(", ")),
            Self::Malformed(field) => format!("cannot be used: {}", malformed(field)),
            Self::Ambiguous(AmbiguousField { field, names }) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let names = names.join(" and ");
                format!("has different values for `{field}` in {names}")
            }
            Self::Misnamed => {
                "has an access key ID in a field with a name that `fields` does not list".to_owned()
            }
            Self::Foreign => "is not a JSON object".to_owned(),
        })
    }
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
    /// Returns a credential with four fields, under their default names.
    pub fn new(id: AccessKeyId, secret: SecretString, username: String, secretarn: String) -> Self {
        Self {
            accesskey: id,
            secretkey: secret,
            username: Some(username),
            secretarn: Some(secretarn),
            smtp: Vec::new(),
            stored: StoredFields::empty(Names::default(), &FIELDS),
        }
    }

    /// Returns this credential as the first one of a secret. The other fields of the secret's
    /// current value, if it is a JSON object, are preserved.
    #[must_use]
    pub fn first_in(self, current: Option<&SecretString>, names: &Names) -> Self {
        let current = current.and_then(|text| StoredFields::parse(text, names, &FIELDS));
        let stored = current.map(StoredFields::cleared);
        Self {
            stored: stored.unwrap_or_else(|| StoredFields::empty(names.clone(), &FIELDS)),
            ..self
        }
    }

    /// Returns whether both contain the same access key with the same secret access key.
    pub fn has_key_of(&self, other: &Self) -> bool {
        self.accesskey == other.accesskey
            && self.secretkey.expose_secret() == other.secretkey.expose_secret()
    }

    /// Returns whether the value does not say that the key is another user's.
    pub fn may_be_of(&self, user: &str) -> bool {
        self.username.as_deref().is_none_or(|named| named == user)
    }

    /// Names the user in a sentence. A secret access key has 40 characters and may have the form of
    /// a name, so a name of that length is not shown.
    pub fn names_user(&self) -> String {
        match &self.username {
            Some(name) if name.len() != 40 => format!("the user `{name}`"),
            _ => "another user".to_owned(),
        }
    }

    /// Returns the same credential with another `secretarn`.
    #[must_use]
    pub fn with_origin(self, secretarn: String) -> Self {
        Self {
            secretarn: Some(secretarn),
            ..self
        }
    }

    /// Parses a secret's value, whose fields have these names.
    pub fn read(text: &SecretString, names: &Names) -> Content {
        let Some(stored) = StoredFields::parse(text, names, &FIELDS) else {
            return Content::Foreign;
        };
        Self::of(stored).unwrap_or_else(Content::Ambiguous)
    }

    fn of(stored: StoredFields) -> Result<Content, AmbiguousField> {
        let accesskey = stored.text(ACCESS_KEY)?;
        let secretkey = stored.text(SECRET_KEY)?;
        let username = stored.text(USERNAME)?;
        let secretarn = stored.text(SECRET_ARN)?;
        let (Some(accesskey), Some(secretkey)) = (&accesskey, secretkey.clone()) else {
            if accesskey.is_none() && stored.has_unnamed_key() {
                return Ok(Content::Misnamed);
            }
            let missing = [
                (ACCESS_KEY, accesskey.is_none()),
                (SECRET_KEY, secretkey.is_none()),
            ];
            let missing = missing.into_iter().filter(|(_, missing)| *missing);
            return Ok(Content::Incomplete(
                missing.map(|(field, _)| field).collect(),
            ));
        };
        let Some(accesskey) = AccessKeyId::parse(accesskey) else {
            return Ok(Content::Malformed(ACCESS_KEY));
        };
        if username.as_deref().is_some_and(|name| !is_user_name(name)) {
            return Ok(Content::Malformed(USERNAME));
        }
        if secretarn.as_deref().is_some_and(|arn| !is_arn(arn)) {
            return Ok(Content::Malformed(SECRET_ARN));
        }
        Ok(Content::Complete(Self {
            accesskey,
            secretkey: secretkey.into(),
            username,
            secretarn,
            smtp: Vec::new(),
            stored,
        }))
    }

    /// Returns the JSON text to store in the secret.
    pub fn to_text(&self) -> SecretString {
        let mut stored = self.stored.clone();
        stored.set(ACCESS_KEY, self.accesskey.as_str());
        stored.set(SECRET_KEY, self.secretkey.expose_secret());
        for (field, text) in [(USERNAME, &self.username), (SECRET_ARN, &self.secretarn)] {
            if let Some(text) = text {
                stored.set(field, text);
            }
        }
        stored.set_smtp(self.accesskey.as_str(), &self.secretkey, &self.smtp);
        stored.to_text()
    }

    /// Returns this credential with SMTP passwords for these Regions.
    #[must_use]
    pub fn with_smtp(self, regions: &[Region]) -> Self {
        let smtp = regions.iter().map(ToString::to_string).collect();
        Self { smtp, ..self }
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
    fn keeps_what_it_does_not_know_and_shows_nothing() {
        let text = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"hush","username":"ada","secretarn":"arn:own","note":"hush2"}"#;
        let Content::Complete(credential) = Credential::read(&text.into(), Names::default_names())
        else {
            panic!("complete");
        };
        let shown = format!("{credential:?}");
        assert!(!shown.contains("hush"), "{shown}");
        assert_eq!(credential.to_text().expose_secret(), text);
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
                let content = Credential::read(&value.to_string().into(), Names::default_names());
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
        let Content::Incomplete(missing) = Credential::read(&seed.into(), Names::default_names())
        else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["accesskey", "secretkey"]);
        assert!(matches!(
            Credential::read(&"[]".into(), Names::default_names()),
            Content::Foreign
        ));
    }

    fn renamed() -> Names {
        let names = serde_json::json!({
            "accesskey": ["AWS_ACCESS_KEY_ID", "accesskey"],
            "secretkey": ["AWS_SECRET_ACCESS_KEY", "secretkey"],
        });
        serde_json::from_value(names).unwrap()
    }

    #[test]
    fn a_correction_keeps_the_names_and_everything_else() {
        let text = r#"{"z":1e400, "accesskey":"AKIA0123456789ABCDEF","AWS_ACCESS_KEY_ID":"AKIA0123456789ABCDEF","secretkey":"h","AWS_SECRET_ACCESS_KEY":"h","username":"ada","secretarn":"arn:old","a":"\u0041"}"#;
        let Content::Complete(credential) = Credential::read(&text.into(), &renamed()) else {
            panic!("complete");
        };
        assert_eq!(credential.renamings().removes, ["accesskey", "secretkey"]);
        let corrected = credential.with_origin("arn:new".to_owned()).to_text();
        assert_eq!(
            corrected.expose_secret(),
            text.replace("arn:old", "arn:new")
        );
    }

    #[test]
    fn a_first_key_has_the_present_names_and_the_other_fields() {
        let seed = r#"{"username":"ada","note":1.0,"secretarn":"arn:own"}"#;
        let id = AccessKeyId::of_iam("AKIA0123456789ABCDEF");
        let first = Credential::new(id, "hush".into(), "ada".into(), "arn:own".into());
        let text = first.first_in(Some(&seed.into()), &renamed()).to_text();
        assert_eq!(
            text.expose_secret(),
            r#"{"note":1.0,"AWS_ACCESS_KEY_ID":"AKIA0123456789ABCDEF","AWS_SECRET_ACCESS_KEY":"hush","username":"ada","secretarn":"arn:own"}"#
        );
    }

    #[test]
    fn a_value_without_a_user_is_complete() {
        let text = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"hush"}"#;
        let Content::Complete(credential) = Credential::read(&text.into(), &renamed()) else {
            panic!("complete");
        };
        assert!(credential.may_be_of("ada"));
        assert_eq!(
            credential.renamings().adds,
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        );
        assert_eq!(credential.to_text().expose_secret(), text);
    }

    #[test]
    fn two_keys_and_keys_under_other_names_are_told() {
        let read = |text: &str, names: &Names| {
            let content = Credential::read(&text.into(), names);
            content.complete().unwrap_err()
        };
        let two = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"h","AWS_ACCESS_KEY_ID":"AKIA0123456789ABCDEG"}"#;
        assert_eq!(
            read(two, &renamed()),
            "has different values for `accesskey` in `AWS_ACCESS_KEY_ID` and `accesskey`"
        );
        let other = r#"{"AWS_ACCESS_KEY_ID":"AKIA0123456789ABCDEF","AWS_SECRET_ACCESS_KEY":"h"}"#;
        assert_eq!(
            read(other, Names::default_names()),
            "has an access key ID in a field with a name that `fields` does not list"
        );
    }
}
