//! The value of a secret: a JSON object with the fields `engine`, `host`, `port`, `dbname`,
//! `username`, `password`, and `masterarn`, as in AWS's own rotation functions and drivers, and
//! any other fields that its owner added.
//!
//! Source: "JSON structure of AWS Secrets Manager database credential secrets" in
//! the Secrets Manager User Guide.
//!
//! None of these types derives `Debug`, and no error repeats a value.

use keyrota_contract::value::{DBNAME, ENGINE, HOST, MASTER_ARN, PASSWORD, PORT, USERNAME};
use keyrota_function_base::secret::{self, text};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

pub use keyrota_function_base::secret::Unreadable;

use crate::server::Login;

/// The user and the server of a credential, as far as the value names them.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginTarget {
    /// The kind of server.
    pub engine: Option<String>,
    /// The server's DNS name or address.
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

/// A value with everything that a login needs.
pub struct Credential {
    /// The user and the server.
    pub target: LoginTarget,
    password: SecretString,
    /// Every field as it was stored.
    fields: Map<String, Value>,
}

impl Credential {
    /// Returns the login. `username` is the pinned user, with which the value has been
    /// compared.
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

    /// Returns whether both values contain the same password.
    pub fn has_password_of(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }

    /// Returns this value with a different password, as it is stored. Every other field stays
    /// as it is. The same password results in the same bytes, so that storing the value is
    /// idempotent.
    pub fn with_password(&self, password: &SecretString) -> SecretString {
        let mut fields = self.fields.clone();
        let password = Value::from(password.expose_secret());
        fields.insert(PASSWORD.to_owned(), password);
        SecretString::from(Value::Object(fields).to_string())
    }
}

/// A value without everything that a login needs.
pub struct Partial {
    /// The user and the server, as far as the value names them.
    pub target: LoginTarget,
    /// Whether the password is present.
    pub has_password: bool,
}

impl secret::Partial for Partial {
    fn missing(&self) -> String {
        secret::missing(&[
            (ENGINE, self.target.engine.is_some()),
            (HOST, self.target.host.is_some()),
            (PORT, self.target.port.is_some()),
            (USERNAME, self.target.username.is_some()),
            (PASSWORD, self.has_password),
        ])
    }
}

/// The content of a version of the secret.
pub type Content = secret::Content<Credential>;

impl secret::Credential for Credential {
    type Partial = Partial;
    const NOUN: &'static str = "password";
    const FIELDS: &'static str = "`engine`, `host`, `port`, `username` and `password`";

    fn from_fields(fields: Map<String, Value>) -> Result<Content, Unreadable> {
        let target = LoginTarget {
            engine: text(&fields, ENGINE)?,
            host: text(&fields, HOST)?,
            port: port(&fields)?,
            dbname: text(&fields, DBNAME)?,
            username: text(&fields, USERNAME)?,
            master: text(&fields, MASTER_ARN)?,
        };
        let placed = target.engine.is_some()
            && target.host.is_some()
            && target.port.is_some()
            && target.username.is_some();
        let password = text(&fields, PASSWORD)?.map(SecretString::from);
        Ok(match password {
            Some(password) if placed => Content::Complete(Self {
                target,
                password,
                fields,
            }),
            password => Content::Partial(Partial {
                target,
                has_password: password.is_some(),
            }),
        })
    }
}

/// Parses the port: a number or, as in some of AWS's own secrets, a string of digits.
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
        _ => Err(Unreadable::Malformed {
            field: PORT,
            expected: "the number of a TCP port",
        }),
    }
}
