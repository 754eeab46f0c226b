//! The value of a secret: a JSON object with the fields `engine`, `host`,
//! `port`, `dbname`, `username`, `password` and `masterarn`, as AWS's own rotation
//! functions and drivers have it, and whatever else its owner put there.
//!
//! Source: "JSON structure of AWS Secrets Manager database credential secrets" in
//! the Secrets Manager User Guide.
//!
//! None of these types has a derived `Debug`, and no error repeats a value.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::port::Stored;
use crate::server::Login;

const ENGINE: &str = "engine";
const HOST: &str = "host";
const PORT: &str = "port";
const DBNAME: &str = "dbname";
const USERNAME: &str = "username";
const PASSWORD: &str = "password";
const MASTER: &str = "masterarn";

/// Whose password it is, and of which server, as far as a value says so.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind of server.
    pub engine: Option<String>,
    /// Where it is.
    pub host: Option<String>,
    /// The TCP port.
    pub port: Option<u16>,
    /// The database to connect to.
    pub dbname: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The administrator's secret.
    pub master: Option<String>,
}

/// A value with all that is needed to log in.
pub struct Credential {
    /// Whose password it is.
    pub place: Place,
    password: SecretString,
    /// Every field as it was stored.
    fields: Map<String, Value>,
}

impl Credential {
    /// Returns what to log in with. `username` is the pinned one, which the value
    /// was compared with.
    pub fn login(&self, username: &str) -> Login {
        Login {
            username: username.to_owned(),
            password: self.password.clone(),
        }
    }

    /// Returns the password.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Whether both hold the same password.
    pub fn has_password_of(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }

    /// Returns the value that this one becomes with another password, as it is
    /// stored. Every other field stays as it is. The same password gives the same
    /// bytes, so that putting it twice is putting it once.
    pub fn with_password(&self, password: &SecretString) -> SecretString {
        let mut fields = self.fields.clone();
        let password = Value::from(password.expose_secret());
        fields.insert(PASSWORD.to_owned(), password);
        SecretString::from(Value::Object(fields).to_string())
    }
}

/// A value that lacks something that is needed to log in.
pub struct Partial {
    /// Whose password it is, as far as it says so.
    pub place: Place,
    /// Whether there is a password.
    pub has_password: bool,
}

impl Partial {
    /// Returns the names of the fields that are absent or empty.
    pub fn missing(&self) -> String {
        let fields = [
            (ENGINE, self.place.engine.is_some()),
            (HOST, self.place.host.is_some()),
            (PORT, self.place.port.is_some()),
            (USERNAME, self.place.username.is_some()),
            (PASSWORD, self.has_password),
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
    /// `port` is not the number of a TCP port.
    NotAPort,
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
            Self::NotAPort => write!(formatter, "its `{PORT}` is not the number of a TCP port"),
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
        let place = Place {
            engine: text(&fields, ENGINE)?,
            host: text(&fields, HOST)?,
            port: port(&fields)?,
            dbname: text(&fields, DBNAME)?,
            username: text(&fields, USERNAME)?,
            master: text(&fields, MASTER)?,
        };
        let placed = place.engine.is_some()
            && place.host.is_some()
            && place.port.is_some()
            && place.username.is_some();
        let password = text(&fields, PASSWORD)?.map(SecretString::from);
        Ok(match password {
            Some(password) if placed => Self::Complete(Credential {
                place,
                password,
                fields,
            }),
            password => Self::Partial(Partial {
                place,
                has_password: password.is_some(),
            }),
        })
    }
}

fn text(fields: &Map<String, Value>, field: &'static str) -> Result<Option<String>, Unreadable> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Unreadable::NotText(field)),
    }
}

/// Reads the port: a number, or the digits of one, as some of AWS's own secrets
/// have it.
fn port(fields: &Map<String, Value>) -> Result<Option<u16>, Unreadable> {
    let port = match fields.get(PORT) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
        Some(_) => None,
    };
    match port {
        Some(port) if port > 0 => Ok(Some(port)),
        _ => Err(Unreadable::NotAPort),
    }
}
