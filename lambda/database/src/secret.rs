//! The value of a secret: a JSON object with the fields `engine`, `host`, `port`, `dbname`,
//! `username`, `password`, and `masterarn`, as in AWS's own rotation functions and drivers, and
//! any other fields that its owner added. The fields may have other names.
//!
//! Source: "JSON structure of AWS Secrets Manager database credential secrets" in
//! the Secrets Manager User Guide.
//!
//! None of these types derives `Debug`, and no error repeats a value.

use keyrota_contract::pins::database::Engine;
use keyrota_contract::value::names::Names;
use keyrota_contract::value::object::{Object, json};
use keyrota_contract::value::{
    DBNAME, ENGINE, HOST, MASTER_ARN, OF_DATABASES, PASSWORD, PORT, USERNAME,
};
use keyrota_function_base::password::version::WithPassword;
use keyrota_function_base::secret::{self, text, unclear};
use secrecy::{ExposeSecret, SecretString};

pub use keyrota_function_base::secret::Unreadable;

use crate::server::Login;

/// The user and the server of a credential, as far as the value names them.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginTarget {
    /// The kind of server, as the value calls it.
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

impl LoginTarget {
    /// Returns whether the user and the server are known. Without a port, clients use the engine's
    /// default port.
    fn is_placed(&self) -> bool {
        self.engine.is_some() && self.host.is_some() && self.username.is_some()
    }

    /// Returns whether the value names this engine, or does not name any.
    pub fn may_be_of(&self, engine: Engine) -> bool {
        self.engine
            .as_deref()
            .is_none_or(|named| Engine::of_value(named) == Some(engine))
    }
}

/// A value with everything that a login needs.
pub struct Credential {
    /// The user and the server.
    pub target: LoginTarget,
    password: SecretString,
    /// The value as it was stored.
    value: Object,
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

    /// Returns this value with a different password, and with another user if there is one, as it
    /// is stored. Fields that have been renamed take the next step. Every other field stays as it
    /// is. The same login results in the same bytes, so that storing the value is idempotent.
    pub fn with_login(
        &self,
        username: Option<&str>,
        password: &SecretString,
        names: &Names,
    ) -> SecretString {
        with_login(&self.value, username, password, names)
    }
}

fn with_login(
    value: &Object,
    username: Option<&str>,
    password: &SecretString,
    names: &Names,
) -> SecretString {
    let mut value = value.clone();
    for field in OF_DATABASES {
        names.rename(&mut value, field);
    }
    if let Some(username) = username {
        names.set(&mut value, USERNAME, &json(username));
    }
    names.set(&mut value, PASSWORD, &json(password.expose_secret()));
    SecretString::from(value.to_text())
}

/// A value with everything that a login needs but a password.
pub struct Passwordless {
    /// The user and the server.
    pub target: LoginTarget,
    /// The value as it was stored.
    value: Object,
}

impl Passwordless {
    /// Returns this value with a password, as [`Credential::with_login`] does.
    pub fn with_password(&self, password: &SecretString, names: &Names) -> SecretString {
        with_login(&self.value, None, password, names)
    }
}

/// A value without everything that a login needs.
pub struct Partial {
    /// The user and the server, as far as the value names them.
    pub target: LoginTarget,
    /// Whether the password is present.
    pub has_password: bool,
    /// The value as it was stored.
    value: Object,
}

impl Partial {
    /// Returns the value if only its password is missing.
    pub fn without_password(self) -> Result<Passwordless, Self> {
        let target = &self.target;
        match target.is_placed() && !self.has_password {
            true => Ok(Passwordless {
                target: self.target,
                value: self.value,
            }),
            false => Err(self),
        }
    }
}

impl secret::Partial for Partial {
    fn missing(&self) -> String {
        secret::missing(&[
            (ENGINE, self.target.engine.is_some()),
            (HOST, self.target.host.is_some()),
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
    const FIELDS: &'static str = "`engine`, `host`, `username` and `password`";

    fn from_value(value: Object, names: &Names) -> Result<Content, Unreadable> {
        let text = |field| text(&value, names, field);
        let target = LoginTarget {
            engine: text(ENGINE)?,
            host: text(HOST)?,
            port: port(&value, names)?,
            dbname: text(DBNAME)?,
            username: text(USERNAME)?,
            master: text(MASTER_ARN)?,
        };
        let placed = target.is_placed();
        let password = text(PASSWORD)?.map(SecretString::from);
        Ok(match password {
            Some(password) if placed => Content::Complete(Self {
                target,
                password,
                value,
            }),
            password => Content::Partial(Partial {
                target,
                has_password: password.is_some(),
                value,
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

/// Reads the port: a number or, as in some of AWS's own secrets, a string of digits.
fn port(value: &Object, names: &Names) -> Result<Option<u16>, Unreadable> {
    let port = names.port(value, PORT);
    port.map_err(|why| unclear(why, PORT, "the number of a TCP port"))
}
