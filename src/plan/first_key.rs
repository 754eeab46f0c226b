//! The key that bootstrap adopts as the first key of a secret.

use std::fmt;

use crate::model::NoStoredKey;
use crate::port::Error;

/// A key that the manifest adopts.
#[derive(Clone, Debug)]
pub enum FirstKey {
    /// It cannot be used.
    Unusable(UnusableKey),
    /// It authenticates.
    Usable {
        /// The access key ID.
        id: String,
        /// The ARN of the key's user.
        holder: String,
    },
}

/// Why a key cannot be adopted.
#[derive(Clone, Debug)]
pub enum UnusableKey {
    /// The profile cannot be read, for this reason.
    Profile(String),
    /// There is no such secret.
    NoSecret,
    /// The caller may not read the secret.
    Denied {
        /// The call that was denied.
        error: Error,
        /// The customer managed key that encrypts the secret, if it is known.
        kms_key: Option<String>,
    },
    /// The secret is scheduled for deletion.
    Deleted,
    /// Something rotates the secret.
    Rotates {
        /// The ARN of the function, if Secrets Manager names one.
        function: Option<String>,
    },
    /// The secret has no value.
    NoValue,
    /// The value is binary.
    Binary,
    /// The value cannot be decrypted.
    Undecryptable,
    /// The value contains no key.
    NoKey(NoStoredKey),
    /// AWS refuses the key with this ID.
    Refused(String),
}

impl FirstKey {
    /// Returns the ID of the key, if it authenticates.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Usable { id, .. } => Some(id),
            Self::Unusable(_) => None,
        }
    }
}

impl UnusableKey {
    /// Returns the kind of the finding.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Profile(_) => "profile-key",
            Self::NoSecret => "first-key-missing",
            Self::Denied { .. } => "first-key-denied",
            Self::Deleted => "first-key-deleted",
            Self::Rotates { .. } => "first-key-rotates",
            Self::NoValue => "first-key-empty",
            Self::Binary => "first-key-binary",
            Self::Undecryptable => "first-key-undecryptable",
            Self::NoKey(NoStoredKey::NotJson) => "first-key-not-json",
            Self::NoKey(NoStoredKey::Incomplete | NoStoredKey::Malformed(_)) => "first-key-fields",
            Self::NoKey(NoStoredKey::Temporary) => "first-key-temporary",
            Self::Refused(_) => "first-key-refused",
        }
    }

    /// Returns the next step, if one follows from the reason alone.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Profile(_) => return None,
            Self::NoSecret => {
                "write the name or full ARN of a secret of this account and Region in `initial_key`; for a secret whose name ends with a hyphen and six characters, write the full ARN".to_owned()
            }
            Self::Denied { kms_key: Some(key), .. } => format!(
                "attach deployer-policy.json, which `keyrota generate` writes, to the caller, and allow the caller kms:Decrypt with the key {key}"
            ),
            Self::Denied { kms_key: None, .. } => {
                "attach deployer-policy.json, which `keyrota generate` writes, to the caller".to_owned()
            }
            Self::Deleted => {
                "restore it with `aws secretsmanager restore-secret`, or use another source in `initial_key`".to_owned()
            }
            Self::Rotates { .. } => {
                "stop that rotation first, with `aws secretsmanager cancel-rotate-secret`, and move its clients to the new secret; to keep the secret itself, use `adopt: true` for it".to_owned()
            }
            Self::Undecryptable => {
                "cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`".to_owned()
            }
            Self::NoValue | Self::Binary | Self::NoKey(NoStoredKey::NotJson | NoStoredKey::Incomplete | NoStoredKey::Malformed(_)) => {
                "the value must be a JSON object with `accesskey` and `secretkey`, or with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`".to_owned()
            }
            Self::NoKey(NoStoredKey::Temporary) => {
                "use the secret that contains the user's access key".to_owned()
            }
            Self::Refused(_) => {
                "use a secret with an active key of the user; or remove `initial_key` to create a new key".to_owned()
            }
        })
    }
}

impl fmt::Display for UnusableKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(why) => formatter.write_str(why),
            Self::NoSecret => formatter.write_str("it does not exist in this account and Region"),
            Self::Denied { error, .. } => write!(formatter, "it cannot be read: {error}"),
            Self::Deleted => formatter.write_str("it is scheduled for deletion"),
            Self::Rotates { function } => {
                formatter.write_str("it has rotation enabled, so that ")?;
                match function {
                    Some(function) => write!(formatter, "{function} would replace")?,
                    None => formatter.write_str("another service would replace")?,
                }
                formatter.write_str(" the same key")
            }
            Self::NoValue => formatter.write_str("it has no value"),
            Self::Binary => formatter.write_str("its value is binary"),
            Self::Undecryptable => formatter.write_str(
                "its value cannot be decrypted, because its KMS key is disabled or scheduled for deletion",
            ),
            Self::NoKey(NoStoredKey::NotJson) => {
                formatter.write_str("its value is not a JSON object")
            }
            Self::NoKey(NoStoredKey::Incomplete) => {
                formatter.write_str("its value lacks the fields of an access key")
            }
            Self::NoKey(NoStoredKey::Malformed(field)) => {
                write!(formatter, "in its value, `{field}` is not an access key ID")
            }
            Self::NoKey(NoStoredKey::Temporary) => {
                formatter.write_str("its value contains temporary credentials")
            }
            Self::Refused(id) => write!(
                formatter,
                "AWS refuses its key {id}: the key is inactive or deleted, or the secret access key is another key's"
            ),
        }
    }
}
