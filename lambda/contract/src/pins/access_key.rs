//! The pin of an access key's secret.

use serde::{Deserialize, Serialize};

use crate::value::names::Names;

/// The action of [`Probe`] that lists a bucket.
pub const LIST_BUCKET: &str = "s3:ListBucket";
/// The action of [`Probe`] that assumes a role.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";
/// The action of [`Probe`] that logs in at a mail server.
pub const LOG_IN: &str = "smtp";

/// The ports on which Amazon SES offers SMTP, without 25, to which Lambda blocks connections. Source:
/// "Connecting to an Amazon SES SMTP endpoint" in the Amazon SES Developer Guide.
pub const SMTP_PORTS: [u16; 4] = [465, 587, 2465, 2587];

/// Parses `HOST:PORT`, where the host is a DNS name or an IPv4 address.
pub fn smtp_server(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_host = host.len() <= 200 && host.split('.').all(is_label);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    (is_host && is_number).then_some((host, port))
}

/// The entry of one secret in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The IAM user's name.
    pub user: String,
    /// The user's path.
    #[serde(default = "root", skip_serializing_if = "is_root")]
    pub path: String,
    /// Whether the stack created the user.
    pub owns_user: bool,
    /// The principal whose credentials make the IAM calls.
    pub rotate_as: RotateAs,
    /// Whether a rotation creates the first key of the user, if the secret has none yet. The stack
    /// has created such a user, and the execution role makes the IAM calls.
    #[serde(default, skip_serializing_if = "is_false")]
    pub creates_first: bool,
    /// When an old key is deactivated and deleted. If absent, it stays until the next rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_key: Option<Times>,
    /// The permission that a new key must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// The Regions for which the value has an SMTP password of Amazon SES: see
    /// [`smtp`](crate::value::smtp). The first is the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smtp: Vec<String>,
    /// The names of the value's fields.
    #[serde(default, skip_serializing_if = "Names::are_default")]
    pub fields: Names,
    /// The names of the fields of the administrator's secret. If absent, they are the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator_fields: Option<Names>,
}

/// Returns the path of users that were created without one.
pub fn root() -> String {
    "/".to_owned()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_root(path: &str) -> bool {
    path == root()
}

/// The times of an old key. Each is a [`duration`](crate::duration).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// The time from its replacement until the key is deactivated.
    pub deactivate_after: String,
    /// The time from its replacement until the key is deleted.
    pub delete_after: String,
    /// The key is held back if it was last used within this time.
    pub hold_if_used_within: String,
    /// The time from its replacement until the key is deactivated even if it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_after: Option<String>,
}

/// A call that a new key must be able to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The action, as it is written in policies: [`LIST_BUCKET`] or [`ASSUME_ROLE`]; or [`LOG_IN`].
    pub action: String,
    /// The ARN of the resource, or the host and the port of the mail server.
    pub resource: String,
    /// The bucket's Region, or that of the SMTP password. If absent, it is the secret's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The principal whose credentials make the IAM calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotateAs {
    /// The user: the key in AWSCURRENT.
    #[serde(rename = "self")]
    Own,
    /// The execution role.
    #[serde(rename = "role")]
    Role,
    /// The administrator, whose secret has this name or ARN.
    #[serde(rename = "administrator")]
    Administrator(String),
}
