//! Reads an access key from the value of a secret that another program wrote.

use keyrota_contract::value::{ACCESS_KEY, SECRET_KEY};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::AccessKeyId;

/// The fields that can contain a key: keyrota's own, and the names of the environment variables
/// ("Environment variables" in the AWS SDKs and Tools Reference Guide).
const PAIRS: [(&str, &str); 2] = [
    (ACCESS_KEY, SECRET_KEY),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
];

/// An access key in the value of a secret. `Debug` shows only the ID.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The access key ID.
    pub id: AccessKeyId,
    /// The secret access key.
    pub secret: SecretString,
}

/// Why a value contains no access key. It never contains a part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStoredKey {
    /// It is not a JSON object.
    NotJson,
    /// It has neither pair of fields.
    Incomplete,
    /// This field is not an access key ID.
    Malformed(&'static str),
    /// The key belongs to temporary credentials.
    Temporary,
}

impl StoredKey {
    /// Reads the key in a secret's value. Of two keys, it is the one in keyrota's own fields.
    ///
    /// # Errors
    ///
    /// Returns why there is none.
    pub fn read(text: &SecretString) -> Result<Self, NoStoredKey> {
        let Ok(Value::Object(fields)) = serde_json::from_str(text.expose_secret()) else {
            return Err(NoStoredKey::NotJson);
        };
        let pair = PAIRS
            .into_iter()
            .find_map(|(id, secret)| Some((id, text_of(&fields, id)?, text_of(&fields, secret)?)));
        let (field, id, secret) = pair.ok_or(NoStoredKey::Incomplete)?;
        let id = AccessKeyId::parse(id).ok_or(NoStoredKey::Malformed(field))?;
        // IAM identifiers in the IAM User Guide: ASIA is the prefix of AWS STS's keys.
        if id.as_str().starts_with("ASIA") {
            return Err(NoStoredKey::Temporary);
        }
        let secret = secret.into();
        Ok(Self { id, secret })
    }
}

fn text_of<'value>(fields: &'value Map<String, Value>, name: &str) -> Option<&'value str> {
    let text = fields.get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<(String, String), NoStoredKey> {
        let key = StoredKey::read(&value.into())?;
        let shown = format!("{key:?}");
        assert!(!shown.contains("hush"), "{shown}");
        let secret = key.secret.expose_secret().to_owned();
        Ok((key.id.to_string(), secret))
    }

    #[test]
    fn a_key_is_in_either_pair_of_fields() {
        let key = |id: &str, secret: &str| Ok((id.to_owned(), secret.to_owned()));
        let own = r#""accesskey": "AKIA0123456789ABCDEF", "secretkey": "hush1""#;
        let environment =
            r#""AWS_ACCESS_KEY_ID": "AKIAFEDCBA9876543210", "AWS_SECRET_ACCESS_KEY": "hush2""#;
        let first = key("AKIA0123456789ABCDEF", "hush1");
        let second = key("AKIAFEDCBA9876543210", "hush2");
        assert_eq!(read(&format!("{{{own}}}")), first);
        assert_eq!(read(&format!("{{{environment}, \"x\": 1}}")), second);
        assert_eq!(read(&format!("{{{environment}, {own}}}")), first);
        let half = r#""accesskey": "AKIA0123456789ABCDEF", "secretkey": """#;
        assert_eq!(read(&format!("{{{half}, {environment}}}")), second);
        // The fields of one pair are not combined with those of the other.
        let mixed = r#"{"accesskey": "AKIA0123456789ABCDEF", "AWS_SECRET_ACCESS_KEY": "hush"}"#;
        assert_eq!(read(mixed), Err(NoStoredKey::Incomplete));
    }

    #[test]
    fn a_value_without_a_key_is_told_without_its_text() {
        for (value, fault) in [
            ("hush", NoStoredKey::NotJson),
            ("", NoStoredKey::NotJson),
            (r#"["hush"]"#, NoStoredKey::NotJson),
            ("{}", NoStoredKey::Incomplete),
            (
                r#"{"accesskey": 1, "secretkey": "hush"}"#,
                NoStoredKey::Incomplete,
            ),
            (
                r#"{"accesskey": "hush", "secretkey": "hush"}"#,
                NoStoredKey::Malformed("accesskey"),
            ),
            (
                r#"{"AWS_ACCESS_KEY_ID": "hush", "AWS_SECRET_ACCESS_KEY": "hush"}"#,
                NoStoredKey::Malformed("AWS_ACCESS_KEY_ID"),
            ),
            (
                r#"{"accesskey": "ASIA0123456789ABCDEF", "secretkey": "hush"}"#,
                NoStoredKey::Temporary,
            ),
        ] {
            assert_eq!(read(value), Err(fault), "{value}");
        }
    }
}
