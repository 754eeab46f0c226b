//! What a new key must be allowed to do before it is promoted.

use std::fmt;

use keyrota_contract::pins::access_key::{ASSUME_ROLE, LIST_BUCKET, LOG_IN, smtp_server};

/// A call that a new key must be allowed to make before it is promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// `s3:ListBucket` on this bucket.
    ListBucket {
        /// The partition, such as `aws-cn`.
        partition: String,
        /// The bucket's name.
        bucket: String,
        /// The bucket's Region.
        region: String,
    },
    /// `sts:AssumeRole` of this role.
    AssumeRole {
        /// The role's ARN.
        role: String,
    },
    /// An SMTP login with the password that derives from the key.
    LogIn(MailServer),
}

/// A mail server, and the Region for which its password derives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The Region of Amazon SES.
    pub region: String,
    /// Whether TLS begins with the connection. Otherwise, it begins with STARTTLS.
    pub begins_with_tls: bool,
}

/// The ports on which TLS begins with the connection. Source: "Connecting to an Amazon SES SMTP
/// endpoint" in the Amazon SES Developer Guide.
const TLS_PORTS: [u16; 2] = [465, 2465];

impl Permission {
    /// Parses an action and its resource: an ARN, or the host and the port of a mail server.
    /// `region` is a bucket's Region, or that of the SMTP password. Returns `None` if they are
    /// invalid.
    pub fn parse(action: &str, resource: &str, region: &str) -> Option<Self> {
        match action {
            LIST_BUCKET => list_bucket(resource, region),
            ASSUME_ROLE => assume_role(resource),
            LOG_IN => log_in(resource, region),
            _ => None,
        }
    }

    /// Returns the action, as it is written in policies.
    pub fn action(&self) -> &'static str {
        match self {
            Self::ListBucket { .. } => LIST_BUCKET,
            Self::AssumeRole { .. } => ASSUME_ROLE,
            Self::LogIn(_) => LOG_IN,
        }
    }
}

/// Formats the action and its resource for use in a sentence.
impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action();
        match self {
            Self::ListBucket {
                partition, bucket, ..
            } => write!(formatter, "{action} on arn:{partition}:s3:::{bucket}"),
            Self::AssumeRole { role } => write!(formatter, "{action} on {role}"),
            Self::LogIn(server) => {
                write!(
                    formatter,
                    "log in at {}:{} by SMTP",
                    server.host, server.port
                )
            }
        }
    }
}

/// Parses the ARN of a bucket. The bucket's name becomes part of a host name, so it must follow
/// the naming rules. Source: "General purpose bucket naming rules" in the S3 User Guide.
fn list_bucket(arn: &str, region: &str) -> Option<Permission> {
    let (partition, bucket) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (3..=63).contains(&bucket.len())
        && bucket.split('.').all(|label| {
            let inner = label.starts_with('-') || label.ends_with('-');
            !label.is_empty() && !inner && label.bytes().all(plain)
        });
    let region_fits = !region.is_empty() && region.bytes().all(plain);
    let permission = Permission::ListBucket {
        partition: partition.to_owned(),
        bucket: bucket.to_owned(),
        region: region.to_owned(),
    };
    (fits && region_fits).then_some(permission)
}

/// Parses the host and the port of a mail server.
fn log_in(server: &str, region: &str) -> Option<Permission> {
    let (host, port) = smtp_server(server)?;
    Some(Permission::LogIn(MailServer {
        host: host.to_owned(),
        port,
        region: region.to_owned(),
        begins_with_tls: TLS_PORTS.contains(&port),
    }))
}

/// Parses the ARN of a role. Source: "IAM identifiers" in the IAM User Guide.
fn assume_role(arn: &str) -> Option<Permission> {
    let (_, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let name_fits = !name.is_empty() && !name.ends_with('/') && name.bytes().all(allowed);
    let permission = Permission::AssumeRole {
        role: arn.to_owned(),
    };
    (account_fits && name_fits).then_some(permission)
}
