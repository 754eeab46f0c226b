//! The JSON fields of a secret's value.
//!
//! | module | content |
//! | --- | --- |
//! | [`administrator`] | the login in the secret of a database's administrator |
//! | [`names`] | the names that the fields have in one secret |
//! | [`object`] | a JSON object that keeps what nobody changes as it was written |
//! | [`smtp`] | the SMTP credentials of Amazon SES that derive from an access key |

pub mod administrator;
pub mod names;
pub mod object;
pub mod smtp;

/// The ID of the access key.
pub const ACCESS_KEY: &str = "accesskey";
/// The secret access key.
pub const SECRET_KEY: &str = "secretkey";
/// The IAM user or the database user.
pub const USERNAME: &str = "username";
/// The ARN of the secret whose credential makes the IAM calls.
pub const SECRET_ARN: &str = "secretarn";

/// The fields of an access key's secret.
pub const OF_ACCESS_KEYS: [&str; 4] = [ACCESS_KEY, SECRET_KEY, USERNAME, SECRET_ARN];

/// The kind of database server. This field and the following ones are those of AWS's own
/// rotation functions and drivers ("JSON structure of AWS Secrets Manager database
/// credential secrets" in the Secrets Manager User Guide).
pub const ENGINE: &str = "engine";
/// The server's DNS name or address.
pub const HOST: &str = "host";
/// The server's TCP port.
pub const PORT: &str = "port";
/// The database to connect to.
pub const DBNAME: &str = "dbname";
/// The password.
pub const PASSWORD: &str = "password";
/// The ARN of the administrator's secret.
pub const MASTER_ARN: &str = "masterarn";

/// The fields of a database's secret.
pub const OF_DATABASES: [&str; 7] = [ENGINE, HOST, PORT, DBNAME, USERNAME, PASSWORD, MASTER_ARN];

/// The fields of a service's secret.
pub const OF_SERVICES: [&str; 2] = [USERNAME, PASSWORD];

/// Returns whether a text has the form of an access key's ID: 16 to 128 upper-case letters and
/// digits.
///
/// This check makes an ID safe to show: a secret access key that was pasted into the wrong
/// field contains lower-case letters and is refused here.
///
/// Source: `AccessKeyId` in "AccessKey" of the IAM API Reference.
pub fn is_access_key_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (16..=128).contains(&text.len()) && text.bytes().all(plain)
}
