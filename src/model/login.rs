//! The value of a database password's secret, in the form that AWS's own
//! rotation functions and drivers use ("JSON structure of AWS Secrets Manager
//! secrets" in the AWS Secrets Manager User Guide).

use keyrota_contract::value::names::Names;
use keyrota_contract::value::{
    DBNAME, ENGINE, HOST, MASTER_ARN, OF_DATABASES as FIELDS, PASSWORD, PORT, USERNAME,
};
use secrecy::{ExposeSecret, SecretString};

use super::stored::{AmbiguousField, Renamings, StoredFields};
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
    /// The value, whose other fields are preserved.
    stored: StoredFields,
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

    /// Returns the first login of a user, under the default names.
    pub fn new(engine: Engine, username: String, password: SecretString, place: Place<'_>) -> Self {
        let nowhere = Self {
            engine,
            host: String::new(),
            port: None,
            dbname: None,
            username,
            password,
            masterarn: None,
            stored: StoredFields::empty(Names::default(), &FIELDS),
        };
        nowhere.moved_to(place)
    }

    /// Returns the value of a user whose password nobody knows: everything but a password. The other
    /// fields of the secret's current value are preserved.
    pub fn without_password(
        engine: Engine,
        username: String,
        place: Place<'_>,
        current: Option<&SecretString>,
        names: &Names,
    ) -> SecretString {
        let login = Self::new(engine, username, SecretString::default(), place);
        let mut stored = login.first_in(current, names).fields();
        stored.remove(PASSWORD);
        stored.to_text()
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

    /// Returns this login as the first one of a secret. The other fields of the secret's current
    /// value, if it is a JSON object, are preserved.
    #[must_use]
    pub fn first_in(self, current: Option<&SecretString>, names: &Names) -> Self {
        let current = current.and_then(|text| StoredFields::parse(text, names, &FIELDS));
        let stored = current.map(StoredFields::cleared);
        Self {
            stored: stored.unwrap_or_else(|| StoredFields::empty(names.clone(), &FIELDS)),
            ..self
        }
    }

    /// Parses a secret's value, whose fields have these names.
    pub fn read(text: &SecretString, names: &Names) -> Content<Self> {
        let Some(stored) = StoredFields::parse(text, names, &FIELDS) else {
            return Content::Foreign;
        };
        Self::of(stored).unwrap_or_else(Content::Ambiguous)
    }

    fn of(stored: StoredFields) -> Result<Content<Self>, AmbiguousField> {
        let engine = stored.text(ENGINE)?;
        let engine = engine.as_deref().and_then(Engine::of_value);
        let mut missing = Vec::new();
        if engine.is_none() {
            missing.push(ENGINE);
        }
        let mut needed = |field: &'static str| {
            let text = stored.text(field)?;
            if text.is_none() {
                missing.push(field);
            }
            Ok(text)
        };
        let (host, username, password) = (needed(HOST)?, needed(USERNAME)?, needed(PASSWORD)?);
        let (Some(engine), Some(host), Some(username), Some(password)) =
            (engine, host, username, password)
        else {
            return Ok(Content::Incomplete(missing));
        };
        Ok(Content::Complete(Self {
            engine,
            host,
            port: stored.port(PORT)?,
            dbname: stored.text(DBNAME)?,
            username,
            password: password.into(),
            masterarn: stored.text(MASTER_ARN)?,
            stored,
        }))
    }

    /// Returns the JSON text to store in the secret. A field that has its value already stays as it
    /// is written.
    pub fn to_text(&self) -> SecretString {
        self.fields().to_text()
    }

    fn fields(&self) -> StoredFields {
        let mut stored = self.stored.clone();
        let held = stored.text(ENGINE).ok().flatten();
        if held.as_deref().and_then(Engine::of_value) != Some(self.engine) {
            stored.set(ENGINE, self.engine.name());
        }
        stored.set(HOST, &self.host);
        if let Some(port) = self.port {
            stored.set_port(PORT, port);
        }
        stored.set(USERNAME, &self.username);
        stored.set(PASSWORD, self.password.expose_secret());
        for (field, text) in [(DBNAME, &self.dbname), (MASTER_ARN, &self.masterarn)] {
            match text {
                Some(text) => stored.set(field, text),
                None => stored.remove(field),
            }
        }
        stored
    }

    /// Returns what the next rotation does to the names of the value's fields.
    pub fn renamings(&self) -> Renamings {
        self.stored.renamings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(text: &str) -> Login {
        match Login::read(&text.into(), Names::default_names()) {
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
        assert_eq!(login.to_text().expose_secret(), text);
    }

    #[test]
    fn names_the_fields_that_are_missing() {
        let seed = r#"{"engine":"mysql","username":"app"}"#;
        let Content::Incomplete(missing) = Login::read(&seed.into(), Names::default_names()) else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["host", "password"]);
        let strange = r#"{"engine":"dbase","host":"db","username":"app","password":"hush"}"#;
        let Content::Incomplete(missing) = Login::read(&strange.into(), Names::default_names())
        else {
            panic!("incomplete");
        };
        assert_eq!(missing, ["engine"]);
        assert!(matches!(
            Login::read(&"hush".into(), Names::default_names()),
            Content::Foreign
        ));
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
            r#"{"engine":"mariadb","host":"new","port":3307,"username":"app","password":"hush","masterarn":"arn:admin"}"#
        );
    }

    /// As AWS documents it, as Amazon RDS writes it, and as people do.
    #[test]
    fn a_value_as_others_write_it_keeps_how_it_is_written() {
        for text in [
            r#"{"engine":"postgres","host":"db","username":"app","password":"hush","dbname":"orders","port":"5432"}"#,
            r#"{"username":"app","password":"hush","engine":"aurora-postgresql","host":"db","port":5432,"dbname":"orders","dbClusterIdentifier":"x"}"#,
        ] {
            let login = complete(text);
            let place = Place {
                host: "db",
                port: 5432,
                dbname: Some("orders"),
                masterarn: None,
            };
            assert!(login.is_at(place));
            assert_eq!(login.to_text().expose_secret(), text);
            let moved = login.moved_to(Place {
                host: "new",
                ..place
            });
            let expected = text.replace("\"db\"", "\"new\"");
            assert_eq!(moved.to_text().expose_secret(), expected);
        }
        let without =
            r#"{"engine":"mysql","host":"db","username":"app","password":"hush","dbname":""}"#;
        let login = complete(without);
        assert_eq!((login.port(), login.dbname.as_deref()), (3306, None));
        assert_eq!(login.to_text().expose_secret(), without);
    }
}
