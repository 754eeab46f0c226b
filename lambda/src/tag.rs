//! The tags that say how the old key of a secret goes, and what its new one
//! must be allowed to do. The stack writes them from the manifest.

use std::fmt;
use std::time::Duration;

use crate::arn::SecretArn;
use crate::moment::duration;
use crate::pin::PinError;
use crate::port::Description;
use crate::retire::{Policy, Timetable};

/// The tag that says when an old key goes.
pub const OLD_KEY: &str = "keyrota:old-key";

/// The tag that says what a new key must be allowed to do.
pub const PROBE: &str = "keyrota:probe";

const UNTIL_NEXT_ROTATION: &str = "until_next_rotation";

/// Reads when the old key goes: `until_next_rotation`, or
/// `deactivate_after=1d delete_after=7d hold_if_used_within=1d`, perhaps with
/// ` force_after=30d`. Without the tag, it stays until the next rotation.
///
/// # Errors
///
/// Fails where the tag is there and makes no sense.
pub fn old_key(secret: &SecretArn, description: &Description) -> Result<Policy, PinError> {
    let Some(text) = description.tags.get(OLD_KEY) else {
        return Ok(Policy::UntilNextRotation);
    };
    if text == UNTIL_NEXT_ROTATION {
        return Ok(Policy::UntilNextRotation);
    }
    timetable(text)
        .map(Policy::Timed)
        .map_err(|problem| invalid(secret, OLD_KEY, problem))
}

fn invalid(secret: &SecretArn, tag: &'static str, problem: &'static str) -> PinError {
    PinError::TagInvalid {
        secret: secret.name().to_owned(),
        tag,
        problem,
    }
}

fn timetable(text: &str) -> Result<Timetable, &'static str> {
    const FORM: &str = "neither `until_next_rotation` nor `deactivate_after=… delete_after=… \
                        hold_if_used_within=…`, perhaps with `force_after=…`";
    let mut fields = text.split(' ');
    let mut next = |name| field(fields.next()?, name);
    let required = (
        next("deactivate_after"),
        next("delete_after"),
        next("hold_if_used_within"),
    );
    let (Some(deactivate_after), Some(delete_after), Some(hold_if_used_within)) = required else {
        return Err(FORM);
    };
    let force_after = match fields.next() {
        Some(text) => Some(field(text, "force_after").ok_or(FORM)?),
        None => None,
    };
    if fields.next().is_some() {
        return Err(FORM);
    }
    if delete_after < deactivate_after {
        return Err("a contradiction: `delete_after` comes before `deactivate_after`");
    }
    if force_after.is_some_and(|patience| patience < deactivate_after) {
        return Err("a contradiction: `force_after` comes before `deactivate_after`");
    }
    Ok(Timetable {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    })
}

fn field(text: &str, name: &str) -> Option<Duration> {
    let (found, value) = text.split_once('=')?;
    if found == name { duration(value) } else { None }
}

/// A call that a new key must be allowed to make before it is promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// `s3:ListBucket` on this bucket.
    ListBucket {
        /// The partition, such as `aws-cn`.
        partition: String,
        /// The bucket's name.
        bucket: String,
        /// The Region that it is in.
        region: String,
    },
    /// `sts:AssumeRole` of this role.
    AssumeRole {
        /// The role's ARN.
        role: String,
    },
}

impl Permission {
    /// Returns the action, as policies name it.
    pub fn action(&self) -> &'static str {
        match self {
            Self::ListBucket { .. } => "s3:ListBucket",
            Self::AssumeRole { .. } => "sts:AssumeRole",
        }
    }
}

/// Writes it as a sentence can say it: the action and what it is done to.
impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action();
        match self {
            Self::ListBucket {
                partition, bucket, ..
            } => write!(formatter, "{action} on arn:{partition}:s3:::{bucket}"),
            Self::AssumeRole { role } => write!(formatter, "{action} on {role}"),
        }
    }
}

/// Reads what a new key must be allowed to do:
/// `s3:ListBucket arn:aws:s3:::BUCKET REGION`, or
/// `sts:AssumeRole arn:aws:iam::ACCOUNT:role/NAME`. Without the tag, it need
/// only be the pinned user's.
///
/// # Errors
///
/// Fails where the tag is there and makes no sense.
pub fn probe(
    secret: &SecretArn,
    description: &Description,
) -> Result<Option<Permission>, PinError> {
    let Some(text) = description.tags.get(PROBE) else {
        return Ok(None);
    };
    let words: Vec<&str> = text.split(' ').collect();
    let found = match words[..] {
        ["s3:ListBucket", bucket, region] => list_bucket(bucket, region),
        ["sts:AssumeRole", role] => assume_role(role),
        _ => None,
    };
    let problem = match found {
        Some((partition, permission)) if partition == secret.partition() => {
            return Ok(Some(permission));
        }
        Some(_) => "about another partition than the secret's",
        None => {
            "neither `s3:ListBucket`, the ARN of a bucket and its Region, nor `sts:AssumeRole` and \
             the ARN of a role"
        }
    };
    Err(invalid(secret, PROBE, problem))
}

/// A bucket's name becomes a part of a host's name, so it is held to what it may
/// be. Source: "General purpose bucket naming rules" in the S3 User Guide.
fn list_bucket<'tag>(arn: &'tag str, region: &str) -> Option<(&'tag str, Permission)> {
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
    (fits && region_fits).then_some((partition, permission))
}

/// Source: "IAM identifiers" in the IAM User Guide.
fn assume_role(arn: &str) -> Option<(&str, Permission)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let name_fits = !name.is_empty() && !name.ends_with('/') && name.bytes().all(allowed);
    let permission = Permission::AssumeRole {
        role: arn.to_owned(),
    };
    (account_fits && name_fits).then_some((partition, permission))
}
