//! What is specific to the password of a database user.

pub(super) mod network;
pub(super) mod read;
mod tag;

use super::{HostName, SecretReference};

pub use keyrota_contract::pins::database::{Engine, Verification};
pub use tag::{authorities_file, escaped as tag_text};

/// The password of a database user.
#[derive(Clone, Debug)]
pub struct Database {
    /// What kind of server it is.
    pub engine: Engine,
    /// Where it listens: a name in DNS, or an address.
    pub host: HostName,
    /// The TCP port, 1 to 65,535.
    pub port: u16,
    /// The database to connect to. PostgreSQL takes the user's name where there
    /// is none; the others need none.
    pub dbname: Option<String>,
    /// Whose password it is.
    pub username: String,
    /// Where the first password comes from.
    pub initial_password: InitialPassword,
    /// What is asked of the server's certificate.
    pub tls: Verification,
    /// The file with the authorities that may have signed it, as the manifest
    /// names it; else those that the operating system trusts.
    pub tls_ca: Option<String>,
    /// What new passwords look like.
    pub password: PasswordRule,
}

/// Where the first password comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InitialPassword {
    /// A prompt of the bootstrap.
    Prompt,
    /// An environment variable of the bootstrap.
    Environment(String),
    /// Another secret: its JSON field `password`, or else all of its text.
    Secret(SecretReference),
}

/// What new passwords look like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PasswordRule {
    /// How many characters.
    pub length: u16,
    /// Characters that must not be in it.
    pub exclude: String,
}

impl PasswordRule {
    /// Returns the characters that a password is made of, as Secrets Manager makes
    /// them by default (`API_GetRandomPassword`): printable ASCII without the space.
    pub fn alphabet(&self) -> usize {
        let all = (b'!'..=b'~').map(char::from);
        all.filter(|one| !self.exclude.contains(*one)).count()
    }

    /// Returns how many bits such a password has at least, in whole numbers.
    pub fn bits(&self) -> u32 {
        // Hundredths of a bit, so that no fraction depends on the machine.
        let alphabet = self.alphabet() as u128;
        let hundredths = alphabet.checked_pow(15).map_or(0, u128::ilog2) * 100 / 15;
        u32::from(self.length) * hundredths / 100
    }
}

/// The database function's place in a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Subnets, as `subnet-…`.
    pub subnets: Vec<String>,
    /// Security groups, as `sg-…`.
    pub security_groups: Vec<String>,
}

impl Network {
    /// Returns whether the function stands in a VPC.
    pub fn is_in_vpc(&self) -> bool {
        !self.subnets.is_empty()
    }
}
