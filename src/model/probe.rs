//! A call that a new key must be allowed to make before it is promoted. Authentication alone does
//! not show what a key may do.

pub(super) use keyrota_contract::pins::access_key::{ASSUME_ROLE, LIST_BUCKET};
use keyrota_contract::pins::access_key::{LOG_IN, SMTP_PORTS, smtp_server};

use super::fields::{Fields, LIST_BUCKET as PROBE, LOG_IN as LOGIN_PROBE};
use super::reader::Field;
use super::{AccountId, Arn, BucketName, Region};

/// The longest value of the tag that describes the probe (`API_Tag`).
const MAX_TAG: usize = 256;

/// The call. Each possible call only reads, or has no lasting effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Lists a bucket.
    ListBucket {
        /// The bucket's ARN.
        bucket: Arn,
        /// Its Region. If it is absent, the stack's.
        region: Option<Region>,
    },
    /// Assumes a role.
    AssumeRole {
        /// The role's ARN.
        role: Arn,
    },
    /// Logs in at a mail server with the SMTP password that derives from the key.
    LogIn(MailServer),
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MailServer {
    /// The host and the port, as `HOST:PORT`.
    address: String,
}

impl MailServer {
    /// Returns the host and the port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the Region of an endpoint of Amazon SES, or nothing for another host.
    fn region(&self) -> Option<Region> {
        let (host, _) = smtp_server(&self.address)?;
        let host = host.to_ascii_lowercase();
        let name = host
            .strip_prefix("email-smtp.")
            .or_else(|| host.strip_prefix("email-smtp-fips."));
        Region::parse(name?.split('.').next()?).ok()
    }

    /// Returns the Region whose password logs in: that of the endpoint, or the first one.
    pub fn password_region<'key>(&self, smtp: &'key [Region]) -> Option<&'key Region> {
        match self.region() {
            Some(region) => smtp.iter().find(|one| **one == region),
            None => smtp.first(),
        }
    }

    /// Returns why a key with passwords for these Regions cannot log in.
    pub(super) fn refusal(&self, smtp: &[Region]) -> Option<String> {
        let wanted = self.region();
        match (self.password_region(smtp), wanted) {
            (Some(_), _) => None,
            (None, Some(region)) if !smtp.is_empty() => Some(format!(
                "`{}` is in {region}, for which `smtp` has no password",
                self.address
            )),
            (None, _) => Some("the login needs an SMTP password, and `smtp` is absent".to_owned()),
        }
    }
}

impl Probe {
    /// Returns the action and the resource, with which the secret's tag begins.
    pub fn call(&self) -> String {
        match self {
            Self::ListBucket { bucket, .. } => format!("{LIST_BUCKET} {bucket}"),
            Self::AssumeRole { role } => format!("{ASSUME_ROLE} {role}"),
            Self::LogIn(server) => format!("{LOG_IN} {}", server.address),
        }
    }

    /// Returns the action, as policies name it, or `smtp`.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::ListBucket { .. } => LIST_BUCKET,
            Self::AssumeRole { .. } => ASSUME_ROLE,
            Self::LogIn(_) => LOG_IN,
        }
    }

    /// Returns the ARN of the bucket or the role, or the host and the port of the mail server.
    pub fn resource(&self) -> &str {
        match self {
            Self::ListBucket { bucket: arn, .. } | Self::AssumeRole { role: arn } => arn.as_str(),
            Self::LogIn(server) => &server.address,
        }
    }

    /// Returns the ARN of the bucket or the role.
    pub const fn arn(&self) -> Option<&Arn> {
        match self {
            Self::ListBucket { bucket: arn, .. } | Self::AssumeRole { role: arn } => Some(arn),
            Self::LogIn(_) => None,
        }
    }
}

/// Reads the manifest's `probe`; the inner `None` is `none`.
pub(super) fn read(field: &Field<'_>) -> Option<Option<Probe>> {
    if !field.is_mapping() {
        return field.parse("invalid-value", |text| match text {
            "none" => Ok(None),
            _ => Err(format!(
                "expected none, {{ action: …, resource: … }}, or {{ smtp: HOST:PORT }}, found `{text}`"
            )),
        });
    }
    if field.has_key("smtp") {
        let fields = Fields::of(field, &LOGIN_PROBE)?;
        let server = fields.require("smtp")?;
        let address = server.parse("invalid-value", parse_server)?;
        return Some(Some(Probe::LogIn(MailServer { address })));
    }
    // The other action has other fields.
    let fields = Fields::of(field, &PROBE)?;
    let action = fields.require("action").and_then(|field| {
        field.parse("invalid-value", |text| match text {
            LIST_BUCKET => Ok(true),
            ASSUME_ROLE => Ok(false),
            _ => Err(format!(
                "expected {LIST_BUCKET} or {ASSUME_ROLE}, found `{text}`"
            )),
        })
    });
    let region = fields.optional("region", |field| match action {
        Some(false) => {
            let message = format!("`region` applies only to {LIST_BUCKET}");
            field.refuse("contradiction", message);
            None
        }
        _ => field.parse("invalid-name", Region::parse),
    });
    let resource = fields.require("resource");
    Some(Some(match action? {
        true => Probe::ListBucket {
            bucket: resource?.parse("invalid-value", parse_bucket)?,
            region: region?,
        },
        false => Probe::AssumeRole {
            role: resource?.parse("invalid-value", parse_role)?,
        },
    }))
}

fn parse_server(text: &str) -> Result<String, String> {
    let Some((_, port)) = smtp_server(text) else {
        return Err(format!(
            "`{text}` is not HOST:PORT, such as email-smtp.eu-west-1.amazonaws.com:587"
        ));
    };
    match SMTP_PORTS.contains(&port) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "the function can log in on the ports 587 and 2587 (STARTTLS), and 465 and 2465 (TLS), not on {port}"
        )),
    }
}

fn parse_bucket(text: &str) -> Result<Arn, String> {
    let refused = || format!("`{text}` is not the ARN of a bucket (arn:aws:s3:::NAME)");
    let arn = Arn::parse(text).map_err(|_| refused())?;
    match arn.parts() {
        [partition, "s3", "", "", name] if is_partition(partition) => {
            BucketName::parse(name)?;
            Ok(arn)
        }
        _ => Err(refused()),
    }
}

fn parse_role(text: &str) -> Result<Arn, String> {
    let refused = || format!("`{text}` is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME)");
    let arn = Arn::parse(text).map_err(|_| refused())?;
    let [partition, service, region, account, resource] = arn.parts();
    AccountId::parse(account).map_err(|_| refused())?;
    let name = resource.strip_prefix("role/").ok_or_else(refused)?;
    let known = is_partition(partition) && service == "iam" && region.is_empty();
    if !known || name.is_empty() || name.ends_with('/') {
        return Err(refused());
    }
    let accepted = |one: char| one.is_ascii_alphanumeric() || "/_+=.@-".contains(one);
    if let Some(one) = name.chars().find(|one| !accepted(*one)) {
        return Err(format!(
            "`{text}` contains {one:?}, which the secret's tag cannot contain"
        ));
    }
    let length = ASSUME_ROLE.len() + 1 + text.len();
    if length > MAX_TAG {
        return Err(format!(
            "the role's ARN is too long: the secret's tag would have {length} characters, but AWS accepts at most {MAX_TAG}"
        ));
    }
    Ok(arn)
}

fn is_partition(text: &str) -> bool {
    let accepted = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.starts_with("aws") && text.bytes().all(accepted)
}
