//! The keys of the tags that belong to keyrota.
//!
//! Principals that may tag a secret can write the tags on it, so the functions do not
//! read those. They are for people and for searches. The tags on an IAM user need a
//! permission on that user, and record which access keys belong to keyrota.

/// The prefix of all these keys. A manifest cannot set a tag with this prefix.
pub const PREFIX: &str = "keyrota:";

/// On every resource of a stack: the stack's name.
pub const STACK: &str = "keyrota:stack";

/// On a secret: the IAM user or the database user.
pub const USER: &str = "keyrota:user";
/// On a secret of a database or a service: [`DATABASE`] or [`SERVICE`].
pub const KIND: &str = "keyrota:kind";
/// On a secret: the principal whose credentials make the change.
pub const ROTATE_AS: &str = "keyrota:rotate-as";
/// On a secret: whether the stack created the user. The secret of a database has it only if the
/// function creates the user.
pub const OWNS_USER: &str = "keyrota:owns-user";
/// On a secret: when the old credential stops working.
pub const OLD_KEY: &str = "keyrota:old-key";
/// On a secret of an access key: the permission that a new key must have.
pub const PROBE: &str = "keyrota:probe";
/// On a secret of a database: the kind of server.
pub const ENGINE: &str = "keyrota:engine";
/// On a secret of a database: the host and the port.
pub const ENDPOINT: &str = "keyrota:endpoint";
/// On a secret of a database: the name of the database.
pub const DBNAME: &str = "keyrota:dbname";
/// On a secret of a database: how the server's certificate is verified.
pub const TLS: &str = "keyrota:tls";
/// On a secret of a database or a service: the rules for new passwords.
pub const PASSWORD: &str = "keyrota:password";
/// On a secret of a service: the ARN of the adapter's function, or the hosts of an HTTP adapter.
pub const ADAPTER: &str = "keyrota:adapter";
/// On a secret, by earlier versions: its KMS key.
pub const ENCRYPTION_KEY: &str = "keyrota:encryption-key";

/// On an IAM user: its first key is being created. Earlier versions put the tag on the
/// secret, where it proves nothing.
pub const SEEDING: &str = "keyrota:seeding";
/// On an IAM user: the key of a rotation that is being abandoned, once the stored secret
/// part has authenticated. Earlier versions put the tag on the secret, where it proves
/// nothing.
pub const ABANDONED: &str = "keyrota:abandoned";
/// On an IAM user: when a key was about to be created. See [`record`](crate::record).
pub const MAKING: &str = "keyrota:making";
/// On an IAM user: the keys that were created or adopted for the secret. See
/// [`record`](crate::record).
pub const KEYS: &str = "keyrota:keys";
/// On an IAM user: the keys that an operator reported as leaked, and when. Only the program reads
/// and writes it.
pub const LEAKED: &str = "keyrota:leaked";

/// On a bucket: it contains keyrota's artifacts.
pub const ARTIFACTS: &str = "keyrota:artifacts";

/// The value of [`KIND`] on a secret of a database.
pub const DATABASE: &str = "database";
/// The value of [`KIND`] on a secret of a service.
pub const SERVICE: &str = "service";

/// The tags that a secret can have: those that the stack writes, and those that earlier
/// versions wrote.
pub const OF_SECRETS: [&str; 16] = [
    STACK,
    OLD_KEY,
    PROBE,
    USER,
    ROTATE_AS,
    OWNS_USER,
    KIND,
    ENGINE,
    ENDPOINT,
    DBNAME,
    TLS,
    PASSWORD,
    ADAPTER,
    SEEDING,
    ABANDONED,
    ENCRYPTION_KEY,
];

/// The tags that an IAM user can have besides [`STACK`].
pub const OF_USERS: [&str; 5] = [SEEDING, ABANDONED, MAKING, KEYS, LEAKED];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_prefix_and_is_there_once() {
        for (index, key) in OF_SECRETS.iter().enumerate() {
            assert!(key.starts_with(PREFIX), "{key}");
            assert!(!OF_SECRETS[..index].contains(key), "{key}");
        }
        assert!(OF_USERS.iter().all(|key| key.starts_with(PREFIX)));
    }
}
