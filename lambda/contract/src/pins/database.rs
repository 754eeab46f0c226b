//! What is pinned of a database's secret.

use serde::{Deserialize, Serialize};

/// What the file says of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The user whose password is rotated.
    pub username: String,
    /// The kind of server.
    pub engine: Engine,
    /// Where the server listens: a DNS name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbname: Option<String>,
    /// What is checked of the server's certificate.
    pub tls: Verification,
    /// The name of the file in the package that contains the certificate authorities.
    /// Absent, the operating system's are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<String>,
    /// What new passwords look like.
    pub password: Password,
    /// Who changes the password.
    pub rotate_as: RotateAs,
    /// How long after its replacement the old password keeps working, where the server
    /// allows that: a [`duration`](crate::duration). Absent, it does until the next rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivate_after: Option<String>,
}

/// What new passwords look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// How many characters they have.
    pub length: u16,
    /// Characters that they do not contain.
    pub exclude: String,
}

/// Who changes the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotateAs {
    /// The user itself.
    #[serde(rename = "self")]
    Own,
    /// The user in the administrator's secret with this name or ARN.
    #[serde(rename = "administrator")]
    Administrator(String),
}

/// A kind of database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::MySql, Self::MariaDb];

    /// Returns the name in manifests, in pins, and in the values of secrets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }
}

/// What is checked of a server's certificate. Without TLS nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub enum Verification {
    /// That a trusted authority signed it for this host's name.
    Full,
    /// That a trusted authority signed it.
    Authority,
    /// Nothing: the connection is encrypted, whoever answers.
    None,
}

impl Verification {
    /// Every kind of verification.
    pub const ALL: [Self; 3] = [Self::Full, Self::Authority, Self::None];

    /// Returns the name in manifests and in pins.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "verify-full",
            Self::Authority => "verify-ca",
            Self::None => "require",
        }
    }
}

impl From<Engine> for &'static str {
    fn from(engine: Engine) -> Self {
        engine.name()
    }
}

impl TryFrom<String> for Engine {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == name);
        found.ok_or("not an engine")
    }
}

impl From<Verification> for &'static str {
    fn from(verification: Verification) -> Self {
        verification.name()
    }
}

impl TryFrom<String> for Verification {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or("not a kind of verification")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_and_read() {
        for engine in Engine::ALL {
            let text = serde_json::to_string(&engine).unwrap();
            assert_eq!(text, format!("\"{}\"", engine.name()));
            assert_eq!(serde_json::from_str::<Engine>(&text).unwrap(), engine);
        }
        for kind in Verification::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{}\"", kind.name()));
            assert_eq!(serde_json::from_str::<Verification>(&text).unwrap(), kind);
        }
        assert!(serde_json::from_str::<Engine>("\"oracle\"").is_err());
    }
}
