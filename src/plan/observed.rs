//! The observed state of the account, as plain data.

use jiff::Timestamp;

use super::{
    Lookup, ObservedAccessKey, ObservedDatabase, ObservedLogin, ObservedSecret, ObservedService,
};
use crate::model::{
    AccessKey, Content, Credential, Database, Entry, EntryOf, InitialPassword, KmsKey, RotateAs,
    SecretReference, Service, malformed,
};
use crate::port::{Caller, EncryptionKey, Error, Secret, Stack, StackResource};

/// The state that was observed before any decision.
#[derive(Clone, Debug)]
pub struct Observed<'model> {
    /// The caller's identity, and its account.
    pub caller: Caller,
    /// The Region.
    pub region: String,
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The stack's resources.
    pub resources: Vec<StackResource>,
    /// The entries, in the order of the model.
    pub entries: Vec<ObservedEntry<'model>>,
}

/// An entry of the manifest with its observed state.
#[derive(Clone, Debug)]
pub enum ObservedEntry<'model> {
    /// An access key.
    AccessKey(EntryOf<'model, AccessKey>, Box<ObservedAccessKey>),
    /// A database.
    Database(EntryOf<'model, Database>, Box<ObservedDatabase>),
    /// A service.
    Service(EntryOf<'model, Service>, Box<ObservedService>),
}

/// An existing secret, and what is known about its value, for any kind of credential.
#[derive(Clone, Copy, Debug)]
pub struct HeldSecret<'a> {
    /// What Secrets Manager reports about it.
    pub secret: &'a Secret,
    /// Whether AWSCURRENT contains a complete credential.
    pub is_complete: bool,
    /// Whether the value in AWSCURRENT cannot be decrypted.
    pub is_sealed: bool,
    /// Whether it has never contained a credential since the stack created it.
    pub is_unused: bool,
    /// Whether an unfinished rotation has stored a value. A configuration test never stores one.
    pub has_pending_value: bool,
    /// When a rotation last succeeded, if known.
    pub rotation: LastRotation,
}

/// When a rotation of a secret last succeeded. `LastRotatedDate` is null while rotation is disabled
/// (`API_DescribeSecret`), so it is not enough on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastRotation {
    /// No rotation has succeeded yet.
    Never,
    /// One has succeeded, since the previous credential was a different one. Its time is unknown.
    Undated,
    /// One has succeeded at this time.
    At(Timestamp),
}

impl LastRotation {
    /// Returns the last rotation: as Secrets Manager reports it, or else derived from whether
    /// another credential was current before, and since when the current one is.
    pub fn of(secret: &Secret, replaced: bool, since: Option<Timestamp>) -> Self {
        match (secret.last_rotated, replaced) {
            (Some(at), _) => Self::At(at),
            (None, true) => since.map_or(Self::Undated, Self::At),
            (None, false) => Self::Never,
        }
    }

    /// Returns whether no rotation has succeeded yet.
    pub fn is_never(self) -> bool {
        self == Self::Never
    }

    /// Returns when it succeeded, if known.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Never | Self::Undated => None,
        }
    }
}

/// The content of a version of a secret.
#[derive(Clone, Debug)]
pub enum SecretContent<T = Credential> {
    /// There is no version, or it cannot be read because the secret is scheduled for deletion.
    Absent,
    /// The version cannot be decrypted.
    Sealed,
    /// The version's content.
    Held(Content<T>),
}

/// An administrator's secret, as far as the caller can read it.
#[derive(Clone, Debug)]
pub enum Administrator {
    /// It cannot be used, for this reason.
    Unusable(String),
    /// The caller may not look it up. Whether it can be used is unknown.
    Denied(Error),
    /// It can be used.
    Usable {
        /// Its full ARN.
        arn: String,
    },
}

impl Administrator {
    /// Returns the full ARN of the secret that the manifest refers to, unless it cannot be used.
    /// An ARN in the manifest is known without a look-up.
    pub fn arn<'a>(&'a self, reference: &'a SecretReference) -> Option<&'a str> {
        match (self, reference) {
            (Self::Usable { arn }, _) => Some(arn),
            (Self::Denied(_), SecretReference::Arn(arn)) => Some(arn.as_str()),
            (Self::Denied(_), SecretReference::Name(_)) | (Self::Unusable(_), _) => None,
        }
    }

    /// Returns why the secret's ARN is not known, after "the administrator's secret". It was not
    /// looked up at all if `seen` is `None`.
    pub fn obstacle(seen: Option<&Self>) -> String {
        match seen {
            Some(Self::Unusable(why)) => why.clone(),
            Some(Self::Denied(error)) => format!("cannot be looked up: {error}"),
            Some(Self::Usable { .. }) | None => "cannot be used".to_owned(),
        }
    }
}

impl<T> SecretContent<T> {
    /// Returns the complete content.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be used.
    pub fn complete(&self) -> Result<&T, String> {
        Err(match self {
            Self::Held(Content::Malformed(field)) => {
                format!("in its value, {}", malformed(field))
            }
            Self::Held(content) => match content.complete() {
                Ok(held) => return Ok(held),
                Err(why) => format!("its value {why}"),
            },
            Self::Absent => "it has no value".into(),
            Self::Sealed => {
                "its value cannot be decrypted: its KMS key is disabled or scheduled for deletion"
                    .into()
            }
        })
    }
}

impl<'model> ObservedEntry<'model> {
    /// Returns the entry.
    pub const fn entry(&self) -> &'model Entry {
        match self {
            Self::AccessKey(entry, _) => entry.entry(),
            Self::Database(entry, _) => entry.entry(),
            Self::Service(entry, _) => entry.entry(),
        }
    }

    /// Returns the secret, if it exists, and what is known about its value.
    pub fn held(&self) -> Option<HeldSecret<'_>> {
        match self {
            Self::AccessKey(_, seen) => seen.secret.as_ref().map(ObservedSecret::held),
            Self::Database(_, seen) => seen.secret.as_ref().map(ObservedLogin::held),
            Self::Service(_, seen) => seen.secret.as_ref().map(ObservedLogin::held),
        }
    }

    /// Returns the secret, if it exists.
    pub fn secret(&self) -> Option<&Secret> {
        self.held().map(|held| held.secret)
    }

    /// Returns the customer managed key that the manifest names, if it names one.
    pub fn encryption_key(&self) -> Option<&Lookup<EncryptionKey>> {
        match self {
            Self::AccessKey(_, seen) => seen.encryption_key.as_ref(),
            Self::Database(_, seen) => seen.encryption_key.as_ref(),
            Self::Service(_, seen) => seen.encryption_key.as_ref(),
        }
    }

    /// Returns the administrator's secret, if the manifest names one.
    pub fn administrator(&self) -> Option<&Administrator> {
        match self {
            Self::AccessKey(_, seen) => seen.administrator.as_ref(),
            Self::Database(_, seen) => seen.administrator.as_ref(),
            Self::Service(..) => None,
        }
    }

    /// Returns the administrator's secret and the reason, if it cannot be used.
    pub fn unusable_administrator(&self) -> Option<(&'model SecretReference, &str)> {
        match (&self.entry().rotate_as, self.administrator()) {
            (RotateAs::Administrator(name), Some(Administrator::Unusable(why))) => {
                Some((name, why))
            }
            _ => None,
        }
    }

    /// Returns what helps the entry and may not be looked up, each with the error.
    pub fn denied(&self) -> Vec<(String, &Error)> {
        let entry = self.entry();
        let mut denied = Vec::new();
        if let (KmsKey::Existing(arn), Some(Lookup::Denied(error))) =
            (&entry.kms_key, self.encryption_key())
        {
            denied.push((format!("the KMS key {arn}"), error));
        }
        if let (Some(name), Some(Administrator::Denied(error))) =
            (entry.administrator(), self.administrator())
        {
            let subject = format!("the administrator's secret `{}`", name.as_str());
            denied.push((subject, error));
        }
        denied
    }

    /// Returns whether the next rotation sets a password although the secret has none.
    pub fn sets_first_password(&self) -> bool {
        match self {
            Self::AccessKey(..) | Self::Service(..) => false,
            Self::Database(entry, seen) => {
                entry.kind.initial_password == InitialPassword::Set && seen.lacks_only_password()
            }
        }
    }

    /// Returns whether the next rotation creates the credential although the secret has none.
    pub fn gets_first_credential(&self) -> bool {
        match self {
            Self::AccessKey(entry, _) => {
                entry.has_first_key_by_rotation() && self.held().is_some_and(|held| held.is_unused)
            }
            Self::Database(..) | Self::Service(..) => self.sets_first_password(),
        }
    }

    /// Returns the access key ID in AWSCURRENT, if the secret holds an access key.
    pub fn access_key_id(&self) -> Option<String> {
        match self {
            Self::AccessKey(_, seen) => seen.credential().map(|held| held.accesskey.to_string()),
            Self::Database(..) | Self::Service(..) => None,
        }
    }

    /// Returns the name of the user that clients log in as. If two users alternate, it is the one that
    /// AWSCURRENT names, or the one that is current first if the value does not say.
    pub fn user_name(&self) -> &str {
        match self {
            Self::AccessKey(entry, _) => entry.kind.user.as_str(),
            Self::Database(entry, seen) => seen.user_name(*entry),
            Self::Service(entry, _) => &entry.kind.username,
        }
    }

    /// Returns the access key of a rotation that is being abandoned.
    pub fn abandoned(&self) -> Option<&str> {
        match self {
            Self::AccessKey(_, seen) => seen.abandoned(),
            Self::Database(..) | Self::Service(..) => None,
        }
    }

    /// Returns whether the secret belongs to the stack.
    pub fn is_in(&self, resources: &[StackResource]) -> bool {
        self.secret().is_some_and(|secret| {
            resources.iter().any(|resource| {
                resource.kind == "AWS::SecretsManager::Secret"
                    && (resource.physical_id == secret.arn || resource.physical_id == secret.name)
            })
        })
    }
}
