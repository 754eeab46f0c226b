//! The value of the secret of a database's administrator.
//!
//! The manifest names the server, so the value needs a user name and a password only. That is what
//! a secret contains that Amazon RDS manages ("Password management with Amazon RDS and AWS Secrets
//! Manager" in the Amazon RDS User Guide). What else it says about the server must agree with the
//! manifest, because its password must not reach another server. Its `dbname` is not used: a
//! password can be changed from any database, and a pooler may lead to another server for another
//! database.

use std::fmt;

use secrecy::SecretString;

use super::names::{Names, Unclear};
use super::object::Object;
use super::{ENGINE, HOST, PASSWORD, PORT, USERNAME};
use crate::pins::database::Engine;

/// The server that the manifest names.
#[derive(Clone, Copy, Debug)]
pub struct PinnedServer<'pin> {
    /// The kind of server.
    pub engine: Engine,
    /// Its DNS name or address.
    pub host: &'pin str,
    /// Its TCP port.
    pub port: u16,
}

/// The login of an administrator. The type has no `Debug`, because that would show the password.
pub struct AdministratorLogin {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// Why a value is not the login of an administrator of the pinned server. It reads after the
/// secret's name, and calls each field as the value does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnfitAdministrator {
    /// The value is not a JSON object.
    NotAnObject,
    /// A field is absent or empty.
    Missing(String),
    /// A field has an invalid format.
    Malformed {
        /// The field.
        field: String,
        /// What it must be, such as `a string`.
        expected: &'static str,
    },
    /// A field has different values.
    Ambiguous(String),
    /// A field is for another server.
    OtherServer(String),
}

impl fmt::Display for UnfitAdministrator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => {
                formatter.write_str("is not a JSON object with a user name and a password")
            }
            Self::Missing(field) => write!(formatter, "has no `{field}`"),
            Self::Malformed { field, expected } => {
                write!(formatter, "has a `{field}` that is not {expected}")
            }
            Self::Ambiguous(field) => write!(formatter, "has two different values for `{field}`"),
            Self::OtherServer(field) => {
                write!(
                    formatter,
                    "has another `{field}` than the server in the manifest"
                )
            }
        }
    }
}

/// Reads the login from a secret's value, whose fields have these names.
///
/// # Errors
///
/// Fails if the user name or the password is missing, or if the value is for another server.
pub fn read(
    text: &str,
    names: &Names,
    server: PinnedServer<'_>,
) -> Result<AdministratorLogin, UnfitAdministrator> {
    let value = Object::parse(text).map_err(|_| UnfitAdministrator::NotAnObject)?;
    let name = |field| names.of(field).to_owned();
    let text = |field| {
        let text = names.text(&value, field);
        text.map_err(|why| unclear(why, name(field), "a string"))
    };
    let required = |field| text(field)?.ok_or_else(|| UnfitAdministrator::Missing(name(field)));
    let port = names.port(&value, PORT);
    let port = port.map_err(|why| unclear(why, name(PORT), "the number of a TCP port"))?;
    let agreements = [
        // DNS names are case-insensitive.
        (
            HOST,
            text(HOST)?.is_none_or(|host| host.eq_ignore_ascii_case(server.host)),
        ),
        (PORT, port.is_none_or(|port| port == server.port)),
        (
            ENGINE,
            text(ENGINE)?.is_none_or(|engine| Engine::of_value(&engine) == Some(server.engine)),
        ),
    ];
    if let Some((field, _)) = agreements.into_iter().find(|(_, agrees)| !agrees) {
        return Err(UnfitAdministrator::OtherServer(name(field)));
    }
    Ok(AdministratorLogin {
        username: required(USERNAME)?,
        password: required(PASSWORD)?.into(),
    })
}

fn unclear(why: Unclear, field: String, expected: &'static str) -> UnfitAdministrator {
    match why {
        Unclear::Malformed => UnfitAdministrator::Malformed { field, expected },
        Unclear::Ambiguous => UnfitAdministrator::Ambiguous(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: PinnedServer<'static> = PinnedServer {
        engine: Engine::Postgres,
        host: "db.example",
        port: 6432,
    };

    fn why(text: &str) -> String {
        match read(text, Names::default_names(), SERVER) {
            Ok(login) => format!("fits {}", login.username),
            Err(unfit) => unfit.to_string(),
        }
    }

    #[test]
    fn what_the_manifest_names_need_not_be_repeated_and_must_agree() {
        for (more, expected) in [
            // As Amazon RDS writes it.
            ("", "fits admin"),
            // As AWS documents it, with and without a port.
            (
                r#","engine":"aurora-postgresql","host":"DB.example","port":6432,"dbname":"x""#,
                "fits admin",
            ),
            (
                r#","engine":"postgres","host":"db.example","dbname":7"#,
                "fits admin",
            ),
            (r#","port":"6432""#, "fits admin"),
            (r#","engine":"","host":"","port":"""#, "fits admin"),
            (
                r#","port":5432"#,
                "has another `port` than the server in the manifest",
            ),
            (
                r#","host":"db""#,
                "has another `host` than the server in the manifest",
            ),
            (
                r#","engine":"aurora""#,
                "has another `engine` than the server in the manifest",
            ),
            (
                r#","engine":"oracle""#,
                "has another `engine` than the server in the manifest",
            ),
            (r#","engine":7"#, "has a `engine` that is not a string"),
            (
                r#","port":"db""#,
                "has a `port` that is not the number of a TCP port",
            ),
            (
                r#","host":"db.example","host":"db""#,
                "has two different values for `host`",
            ),
        ] {
            let text = format!(r#"{{"username":"admin","password":"hush"{more}}}"#);
            assert_eq!(why(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_user_name_and_a_password_are_needed() {
        assert_eq!(why(r#"{"password":"hush"}"#), "has no `username`");
        assert_eq!(
            why(r#"{"username":"admin","password":""}"#),
            "has no `password`"
        );
        for text in ["hush", "[]", "7", ""] {
            assert_eq!(
                why(text),
                "is not a JSON object with a user name and a password"
            );
        }
    }

    #[test]
    fn a_field_is_called_as_the_value_calls_it() {
        let names = [("password".to_owned(), vec!["DB_PASSWORD".to_owned()])];
        let names = Names::new(names.into());
        let text = r#"{"username":"admin","password":"hush"}"#;
        let unfit = read(text, &names, SERVER).err();
        assert_eq!(
            unfit,
            Some(UnfitAdministrator::Missing("DB_PASSWORD".into()))
        );
    }
}
