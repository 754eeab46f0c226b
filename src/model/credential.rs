//! The value of an access key's secret: four text fields in a JSON object.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// What a secret of an access key holds. `Debug` shows no secret part.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The access key ID.
    pub accesskey: String,
    /// The secret part.
    pub secretkey: SecretString,
    /// The IAM user the key belongs to.
    pub username: String,
    /// The full ARN of the secret whose key makes the IAM calls.
    pub secretarn: String,
    /// Fields of somebody else's, kept as they are.
    extra: Extra,
}

/// Other fields of the value. They may be secret too, so `Debug` hides them.
#[derive(Clone, Default)]
struct Extra(Map<String, Value>);

impl std::fmt::Debug for Extra {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "[{} more]", self.0.len())
    }
}

/// What a version of a secret turned out to hold.
#[derive(Clone, Debug)]
pub enum Content<T = Credential> {
    /// Every field that is needed.
    Complete(T),
    /// JSON that lacks a field; the names of those that are missing or empty.
    Incomplete(Vec<&'static str>),
    /// Not a JSON object.
    Foreign,
}

const FIELDS: [&str; 4] = ["accesskey", "secretkey", "username", "secretarn"];

impl Credential {
    /// Returns a credential of four fields.
    pub fn new(id: String, secret: SecretString, username: String, secretarn: String) -> Self {
        Self {
            accesskey: id,
            secretkey: secret,
            username,
            secretarn,
            extra: Extra::default(),
        }
    }

    /// Returns the same credential with another `secretarn`.
    #[must_use]
    pub fn with_origin(self, secretarn: String) -> Self {
        Self { secretarn, ..self }
    }

    /// Reads a secret's value.
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
        Content::Complete(Self {
            accesskey,
            secretkey: secretkey.into(),
            username,
            secretarn,
            extra: Extra(fields),
        })
    }

    /// Returns the JSON text that goes into the secret.
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
        let text = r#"{"accesskey":"AKIA","secretkey":"hush","username":"ada","secretarn":"arn","note":"hush2"}"#;
        let Content::Complete(credential) = Credential::read(&text.into()) else {
            panic!("complete");
        };
        let shown = format!("{credential:?}");
        assert!(!shown.contains("hush"), "{shown}");
        let again: Value = serde_json::from_str(credential.to_text().expose_secret()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
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
