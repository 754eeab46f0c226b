//! The pin of a database's secret.

use serde::{Deserialize, Serialize};

use crate::value::names::Names;

/// The entry of one secret in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The user whose password is rotated.
    pub username: String,
    /// The user that alternates with it: each rotation changes the one of the two that AWSCURRENT
    /// does not name. If absent, there is one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate: Option<String>,
    /// The kind of server.
    pub engine: Engine,
    /// Where the server listens: a DNS name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbname: Option<String>,
    /// How the server's certificate is verified.
    pub tls: Verification,
    /// The name of the file in the package that contains the certificate authorities. If
    /// absent, the operating system's authorities are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<String>,
    /// The rules for new passwords.
    pub password: Password,
    /// The user that changes the password.
    pub rotate_as: RotateAs,
    /// Which accounts of that name change, if the manifest says so. PostgreSQL has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Hosts>,
    /// Whether a rotation may begin although AWSCURRENT has no password, because the administrator
    /// sets the first one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sets_first: bool,
    /// The rights of the user, if the function creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_user: Option<UserRights>,
    /// Where clients log in, which the value contains. If absent, they use the server's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Place>,
    /// How long it takes until every member of a farm of servers knows a new password: a
    /// [`duration`](crate::duration). If absent, each knows it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<String>,
    /// How long the old password keeps working after its replacement, if the server supports
    /// that: a [`duration`](crate::duration). If absent, it works until the next rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivate_after: Option<String>,
    /// The names of the value's fields.
    #[serde(default, skip_serializing_if = "Names::are_default")]
    pub fields: Names,
    /// The names of the fields of the administrator's secret. If absent, they are the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator_fields: Option<Names>,
}

/// The rights of a user that the function creates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRights {
    /// The privileges, each as the text between GRANT and TO: see [`grant`](crate::grant).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The names of the roles that it is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A DNS name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// The rules for new passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// Their length in characters.
    pub length: u16,
    /// The characters that they must not contain.
    pub exclude: String,
}

/// The user that changes the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotateAs {
    /// The user itself.
    #[serde(rename = "self")]
    Own,
    /// The user in the administrator's secret with this name or ARN.
    #[serde(rename = "administrator")]
    Administrator(String),
}

/// Which accounts of a name change. MySQL and MariaDB have an account for each pair of a name and
/// a pattern of hosts that clients connect from, and each account has its own password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub enum Hosts {
    /// Every account of the name.
    All,
    /// The account that the function's own login uses, which is the only one that clients use.
    Own,
}

impl Hosts {
    /// Every choice.
    pub const EVERY: [Self; 2] = [Self::All, Self::Own];

    /// Returns the name in manifests and in pins.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Own => "own",
        }
    }
}

/// A kind of database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    /// Returns the engine that a value names, with its own name or as AWS calls the engine of an
    /// Aurora cluster.
    ///
    /// Source: "JSON structure of AWS Secrets Manager database credential secrets" in the Secrets
    /// Manager User Guide, and `Engine` in `CreateDBCluster` of the RDS API Reference. `aurora` is
    /// what the first Aurora clusters are called there, which are compatible with MySQL 5.6.
    pub fn of_value(name: &str) -> Option<Self> {
        match name {
            "aurora-postgresql" => Some(Self::Postgres),
            "aurora" | "aurora-mysql" => Some(Self::MySql),
            _ => Self::ALL.into_iter().find(|engine| engine.name() == name),
        }
    }

    /// Returns the name that its makers give it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// Returns whether a user name may have several accounts, each with its own password.
    pub const fn has_hosts(self) -> bool {
        match self {
            Self::Postgres => false,
            Self::MySql | Self::MariaDb => true,
        }
    }

    /// Returns the port that it listens on by default.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql | Self::MariaDb => 3306,
        }
    }
}

/// How a server's certificate is verified. Without TLS, nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&str", try_from = "String")]
pub enum Verification {
    /// A trusted authority signed the certificate for this host's name.
    Full,
    /// A trusted authority signed the certificate.
    Authority,
    /// Nothing is verified: the connection is encrypted, but the server's identity is unknown.
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

impl From<Hosts> for &'static str {
    fn from(hosts: Hosts) -> Self {
        hosts.name()
    }
}

impl TryFrom<String> for Hosts {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let found = Self::EVERY.into_iter().find(|hosts| hosts.name() == name);
        found.ok_or("not a choice of accounts")
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
        for hosts in Hosts::EVERY {
            let text = serde_json::to_string(&hosts).unwrap();
            assert_eq!(text, format!("\"{}\"", hosts.name()));
            assert_eq!(serde_json::from_str::<Hosts>(&text).unwrap(), hosts);
        }
        assert!(serde_json::from_str::<Engine>("\"oracle\"").is_err());
    }
}
