//! What is specific to the password of a database user.

mod creation;
pub(super) mod network;
pub(super) mod read;
mod tag;
mod users;

use super::{Duration, HostName, SecretReference};

pub use keyrota_contract::pins::database::{Engine, Hosts, UserRights, Verification};
pub use tag::{authorities_file, escaped as tag_text};
pub(super) use users::ALTERNATE;

/// The password of a database user.
#[derive(Clone, Debug)]
pub struct Database {
    /// The kind of server.
    pub engine: Engine,
    /// The server's DNS name or address.
    pub host: HostName,
    /// The TCP port, 1 to 65,535.
    pub port: u16,
    /// The database to connect to. If it is absent, PostgreSQL uses the user's name. The other
    /// engines need none.
    pub dbname: Option<String>,
    /// The name of the database user. If two users alternate, it is the one that is current first.
    pub username: String,
    /// The user that alternates with it, if there is one. Each rotation gives a new password to the
    /// one of the two that is not current, and makes it current.
    pub alternate: Option<String>,
    /// The source of the first password.
    pub initial_password: InitialPassword,
    /// How the server's certificate is verified.
    pub tls: Verification,
    /// The file with the trusted certificate authorities, as the manifest names it. If it is
    /// absent, those of the operating system are trusted.
    pub tls_ca: Option<String>,
    /// The rule for new passwords.
    pub password: PasswordRule,
    /// Which accounts of the user's name change, if the manifest says so. PostgreSQL has one.
    pub hosts: Option<Hosts>,
    /// The rights of the user, if the function creates it.
    pub create_user: Option<UserRights>,
    /// Where clients log in, if that is not where the function rotates.
    pub clients: Option<ClientEndpoint>,
    /// How long it takes until every member of a farm of servers knows a new password.
    pub propagation: Option<Duration>,
}

/// Where clients log in: a pooler, a proxy, or an endpoint for readers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientEndpoint {
    /// The DNS name or address.
    pub host: HostName,
    /// The TCP port, 1 to 65,535.
    pub port: u16,
}

impl Database {
    /// Returns the users of the secret: one, or two that alternate.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        [Some(&self.username), self.alternate.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// Returns whether the secret may hold the login of this user.
    pub fn has_user(&self, username: &str) -> bool {
        self.users().any(|user| user == username)
    }

    /// Returns the users for a message: `` `app` ``, or `` `app` or `app_clone` ``.
    pub fn users_shown(&self) -> String {
        let users: Vec<String> = self.users().map(|user| format!("`{user}`")).collect();
        users.join(" or ")
    }
}

/// The source of the first password.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InitialPassword {
    /// A prompt during the bootstrap.
    Prompt,
    /// An environment variable during the bootstrap.
    Environment(String),
    /// Another secret: its JSON field `password`, or its complete text if it is not JSON.
    Secret(SecretReference),
    /// None: nobody knows a password, and the administrator sets the first one in a rotation.
    Set,
}

/// The rule for new passwords.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PasswordRule {
    /// The number of characters.
    pub length: u16,
    /// Characters that it must not contain.
    pub exclude: String,
}

impl PasswordRule {
    /// Returns the number of characters that a password may contain, given Secrets Manager's
    /// default (`API_GetRandomPassword`): printable ASCII without the space.
    pub fn alphabet(&self) -> usize {
        let all = (b'!'..=b'~').map(char::from);
        all.filter(|one| !self.exclude.contains(*one)).count()
    }

    /// Returns the minimum entropy of such a password in whole bits.
    pub fn bits(&self) -> u32 {
        // Hundredths of a bit in integers, so that the result is the same on every machine.
        let alphabet = self.alphabet() as u128;
        let hundredths = alphabet.checked_pow(15).map_or(0, u128::ilog2) * 100 / 15;
        u32::from(self.length) * hundredths / 100
    }
}

/// The VPC configuration of the functions of databases and services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Subnet IDs, such as `subnet-…`.
    pub subnets: Vec<String>,
    /// Security group IDs, such as `sg-…`.
    pub security_groups: Vec<String>,
}

impl Network {
    /// Returns whether the function runs in a VPC.
    pub fn is_in_vpc(&self) -> bool {
        !self.subnets.is_empty()
    }
}
