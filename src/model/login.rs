//! The value of a database password's secret, in the form that AWS's own
//! rotation functions and drivers use ("JSON structure of AWS Secrets Manager
//! secrets" in the AWS Secrets Manager User Guide).

use keyrota_contract::value::{DBNAME, ENGINE, HOST, MASTER_ARN, PASSWORD, PORT, USERNAME};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::credential::Extra;
use super::{Content, Engine};

/// The value of a database user's secret. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The kind of server.
    pub engine: Engine,
    /// The server's DNS name or address.
    pub host: String,
    /// The TCP port. If it is absent, the engine's default port is used.
    pub port: Option<u16>,
    /// The database to connect to.
    pub dbname: Option<String>,
    /// The user.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// The secret of the administrator who changes the password.
    pub masterarn: Option<String>,
    /// Other fields, which are preserved.
    extra: Extra,
}

/// The server and database of a login, on which the manifest and the value must agree.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The server's DNS name or address.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to.
    pub dbname: Option<&'a str>,
    /// The secret of the administrator who changes the password.
    pub masterarn: Option<&'a str>,
}

impl Login {
    /// Returns whether another login has the same password.
    pub fn has_password_of(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }

    /// Returns the first login of a user.
    pub fn new(engine: Engine, username: String, password: SecretString, place: Place<'_>) -> Self {
        let nowhere = Self {
            engine,
            host: String::new(),
            port: None,
            dbname: None,
            username,
            password,
            masterarn: None,
            extra: Extra::default(),
        };
        nowhere.moved_to(place)
    }

    /// Returns whether the value has the same server and database.
    pub fn is_at(&self, place: Place<'_>) -> bool {
        self.host == place.host
            && self.port == Some(place.port)
            && self.dbname.as_deref() == place.dbname
            && self.masterarn.as_deref() == place.masterarn
    }

    /// Returns the same user and password for another server or database.
    #[must_use]
    pub fn moved_to(self, place: Place<'_>) -> Self {
        Self {
            host: place.host.to_owned(),
            port: Some(place.port),
            dbname: place.dbname.map(str::to_owned),
            masterarn: place.masterarn.map(str::to_owned),
            ..self
        }
    }

    /// Returns the port, or the engine's default port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.engine.default_port())
    }

    /// Parses a secret's value.
    pub fn read(text: &SecretString) -> Content<Self> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text.expose_secret()) else {
            return Content::Foreign;
        };
        let mut missing = Vec::new();
        let engine = text_of(fields.remove(ENGINE));
        let named = |name: String| Engine::ALL.into_iter().find(|one| one.name() == name);
        let engine = engine.and_then(named);
        let mut needed = |field: &'static str| {
            let text = text_of(fields.remove(field));
            if text.is_none() {
                missing.push(field);
            }
            text
        };
        let (host, username, password) = (needed(HOST), needed(USERNAME), needed(PASSWORD));
        if engine.is_none() {
            missing.insert(0, ENGINE);
        }
        let (Some(engine), Some(host), Some(username), Some(password)) =
            (engine, host, username, password)
        else {
            return Content::Incomplete(missing);
        };
        Content::Complete(Self {
            engine,
            host,
            port: fields.remove(PORT).and_then(|port| port_of(&port)),
            dbname: text_of(fields.remove(DBNAME)),
            username,
            password: password.into(),
            masterarn: text_of(fields.remove(MASTER_ARN)),
            extra: Extra(fields),
        })
    }

    /// Returns the JSON text to store in the secret.
    pub fn to_text(&self) -> SecretString {
        let mut fields = self.extra.0.clone();
        let mut set = |field: &str, value: Value| fields.insert(field.to_owned(), value);
        set(ENGINE, self.engine.name().into());
        set(HOST, self.host.as_str().into());
        set(USERNAME, self.username.as_str().into());
        set(PASSWORD, self.password.expose_secret().into());
        if let Some(port) = self.port {
            set(PORT, port.into());
        }
        if let Some(dbname) = &self.dbname {
            set(DBNAME, dbname.as_str().into());
        }
        if let Some(masterarn) = &self.masterarn {
            set(MASTER_ARN, masterarn.as_str().into());
        }
        Value::Object(fields).to_string().into()
    }
}

fn text_of(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Returns the port, which AWS's own values contain as a number, and some manually written values
/// as text.
fn port_of(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(text: &str) -> Login {
        match Login::read(&text.into()) {
            Content::Complete(login) => login,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keeps_what_it_does_not_know_and_shows_nothing() {
        let text = r#"{"engine":"postgres","host":"db","port":5432,"dbname":"orders","username":"app","password":"hush","note":"hush2"}"#;
        let login = complete(text);
        let shown = format!("{login:?}");
        assert!(!shown.contains("hush"), "{shown}");
        let again: Value = serde_json::from_str(login.to_text().expose_secret()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn names_the_fields_that_are_missing() {
        let seed = r#"{"engine":"mysql","username":"app"}"#;
        let Content::Incomplete(missing) = Login::read(&seed.into()) else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["host", "password"]);
        let strange = r#"{"engine":"dbase","host":"db","username":"app","password":"hush"}"#;
        let Content::Incomplete(missing) = Login::read(&strange.into()) else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["engine"]);
        assert!(matches!(Login::read(&"hush".into()), Content::Foreign));
    }

    #[test]
    fn moves_with_its_password() {
        let place = Place {
            host: "new",
            port: 3307,
            dbname: None,
            masterarn: Some("arn:admin"),
        };
        let login = complete(
            r#"{"engine":"mariadb","host":"old","port":"3306","dbname":"orders","username":"app","password":"hush"}"#,
        );
        assert_eq!(login.port, Some(3306));
        assert!(!login.is_at(place));
        let moved = login.moved_to(place);
        assert!(moved.is_at(place));
        assert_eq!(
            moved.to_text().expose_secret(),
            r#"{"engine":"mariadb","host":"new","masterarn":"arn:admin","password":"hush","port":3307,"username":"app"}"#
        );
    }
}
