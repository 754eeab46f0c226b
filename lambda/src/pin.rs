//! The pin of one secret, and whether a value agrees with it.
//!
//! Without pins, a principal that can write the secret's value, labels, or tags could direct
//! its rotation at another user, or make the function use the credential in another secret. See
//! [`pins`](keyrota_function_base::pins) for why such a principal cannot write the pins.

pub use keyrota_contract::pins::access_key::{Entry, Probe, RotateAs, Times};

use keyrota_contract::value::names::Names;
use keyrota_contract::value::{OF_ACCESS_KEYS, smtp};
use keyrota_function_base::pin::{administrator, entry, is_administrator, may_administer};
use keyrota_function_base::secrets_manager::Description;

pub use keyrota_function_base::pin::EntryError;

use crate::arn::SecretArn;
use crate::moment::duration;
use crate::permission::Permission;
use crate::retire::{OldKeyPolicy, Timetable};
use crate::secret::{Content, Credential, Owner, Partial};

/// The pins of all secrets that this function serves.
pub type Pins = keyrota_function_base::pins::Pins<Entry>;

/// Returns the names of the fields of a secret's value. A secret that is not pinned has the
/// default names.
pub fn names<'pins>(pins: &'pins Pins, secret: &SecretArn) -> &'pins Names {
    let entry = pins.of(secret.name());
    entry.map_or(Names::default_names(), |entry| &entry.fields)
}

/// The pin of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The secret itself.
    pub secret: SecretArn,
    /// The only IAM user whose keys may be touched.
    pub user: String,
    /// The user's path.
    pub path: String,
    /// The principal whose credentials make the IAM calls.
    pub rotate_as: RotateAs,
    /// Whether the stack created the user. If so, each of its keys belongs to keyrota.
    pub owns_user: bool,
    /// Whether a rotation creates the user's first key, if the secret has none yet.
    pub creates_first: bool,
    /// When an old key is deactivated and deleted.
    pub old_key: OldKeyPolicy,
    /// What a new key must be allowed to do before it is promoted.
    pub probe: Option<Permission>,
    /// The Regions for which a value has an SMTP password.
    pub smtp: Vec<String>,
    /// The names of the value's fields.
    pub names: Names,
    /// The names of the fields of the administrator's secret.
    pub administrator_names: Names,
}

/// A secret that is not pinned, or a value that does not agree with its pin.
#[derive(Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
pub enum PinError {
    /// The secret is not pinned, or its pin cannot be used.
    #[error(transparent)]
    #[strum(transparent)]
    Entry(#[from] EntryError),
    /// A value names another user.
    #[error(
        "rotate {secret}: its {version} names another user than the manifest, which says {user}; nothing \
         was changed; correct `username` in the secret, or the manifest and then run `keyrota bootstrap`"
    )]
    AnotherUser {
        /// The secret's name.
        secret: String,
        /// The version.
        version: &'static str,
        /// The pinned user.
        user: String,
    },
    /// A value names another administrator's secret.
    #[error(
        "rotate {secret}: the `secretarn` of its {version} is not the secret that `rotate_as` in the \
         manifest stands for; nothing was changed; correct `secretarn` in the secret, or `rotate_as` in \
         the manifest and then run `keyrota bootstrap`"
    )]
    AnotherOrigin {
        /// The secret's name.
        secret: String,
        /// The version.
        version: &'static str,
    },
}

impl Pin {
    /// Returns the pin of the secret that an event names.
    ///
    /// # Errors
    ///
    /// Fails if the secret is not pinned, or if Secrets Manager describes a different secret.
    pub fn read(
        pins: &Pins,
        event_secret: &SecretArn,
        description: &Description,
    ) -> Result<Self, PinError> {
        let entry = entry(pins, event_secret, description)?;
        let invalid = |field| EntryError::PinInvalid {
            secret: event_secret.name().to_owned(),
            field,
        };
        if let RotateAs::Administrator(named) = &entry.rotate_as
            && !may_administer(named, event_secret)
        {
            return Err(invalid("rotate_as").into());
        }
        if !entry.fields.are_sound(&OF_ACCESS_KEYS) {
            return Err(invalid("fields").into());
        }
        // A field of the key would be overwritten, or removed as the password for another Region.
        let mut own = OF_ACCESS_KEYS
            .into_iter()
            .flat_map(|it| entry.fields.all(it));
        if own.any(|name| smtp::owns(name, &entry.smtp)) {
            return Err(invalid("smtp").into());
        }
        // Without a key in AWSCURRENT, only the role can make the calls, and only of a user that the
        // stack created is it known that each key belongs to keyrota.
        if entry.creates_first && !(entry.owns_user && entry.rotate_as == RotateAs::Role) {
            return Err(invalid("creates_first").into());
        }
        let old_key = match &entry.old_key {
            None => OldKeyPolicy::UntilNextRotation,
            Some(times) => OldKeyPolicy::Timed(timetable(times).ok_or_else(|| invalid("old_key"))?),
        };
        let probe = match &entry.probe {
            None => None,
            Some(probe) => {
                let region = probe.region.as_deref().unwrap_or(event_secret.region());
                let permission = Permission::parse(&probe.action, &probe.resource, region);
                let permission = permission.ok_or_else(|| invalid("probe"))?;
                if let Permission::LogIn(server) = &permission
                    && !entry.smtp.contains(&server.region)
                {
                    return Err(invalid("probe").into());
                }
                Some(permission)
            }
        };
        Ok(Self {
            secret: event_secret.clone(),
            user: entry.user.clone(),
            path: entry.path.clone(),
            rotate_as: entry.rotate_as.clone(),
            owns_user: entry.owns_user,
            creates_first: entry.creates_first,
            old_key,
            probe,
            smtp: entry.smtp.clone(),
            names: entry.fields.clone(),
            administrator_names: entry
                .administrator_fields
                .clone()
                .unwrap_or_else(Names::usual),
        })
    }

    /// Checks that a credential belongs to the pinned user and is rotated as pinned, as far as the
    /// value says so. What it does not say follows from the pin.
    ///
    /// # Errors
    ///
    /// Fails if it names another user or another administrator's secret.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        if let Some(username) = &credential.username {
            self.check_user(version, username)?;
        }
        match &credential.secret_arn {
            Some(secret_arn) => self.check_origin(version, secret_arn),
            None => Ok(()),
        }
    }

    /// Checks the fields that a version's content has, even if it is incomplete.
    ///
    /// # Errors
    ///
    /// Fails if these fields name another user or another administrator's secret.
    pub fn check_present(&self, version: &'static str, content: &Content) -> Result<(), PinError> {
        match content {
            Content::Nothing | Content::Unreadable(_) => Ok(()),
            Content::Complete(credential) => self.check(version, credential),
            Content::Partial(partial) => self.check_partial(version, partial),
        }
    }

    /// Checks the fields of a value without a whole key.
    ///
    /// # Errors
    ///
    /// Fails if they name another user or another administrator's secret.
    pub fn check_partial(&self, version: &'static str, partial: &Partial) -> Result<(), PinError> {
        if let Some(username) = &partial.username {
            self.check_user(version, username)?;
        }
        match &partial.secret_arn {
            Some(_) if self.is_first_value(partial) => Ok(()),
            Some(secret_arn) => self.check_origin(version, secret_arn),
            None => Ok(()),
        }
    }

    /// Returns whether this is the value from the template, which a test of the configuration
    /// can meet before `bootstrap` has stored a key. A secret cannot refer to itself in a
    /// template, so that the ARN in its first value lacks the random suffix.
    fn is_first_value(&self, partial: &Partial) -> bool {
        let without_suffix = self.secret.as_str().rsplit_once('-').map(|(arn, _)| arn);
        !partial.has_a_part() && partial.secret_arn.as_deref() == without_suffix
    }

    fn check_user(&self, version: &'static str, username: &str) -> Result<(), PinError> {
        if username == self.user {
            return Ok(());
        }
        Err(PinError::AnotherUser {
            secret: self.secret.name().to_owned(),
            version,
            user: self.user.clone(),
        })
    }

    fn check_origin(&self, version: &'static str, secret_arn: &str) -> Result<(), PinError> {
        let agrees = match &self.rotate_as {
            RotateAs::Own | RotateAs::Role => secret_arn == self.secret.as_str(),
            RotateAs::Administrator(named) => is_administrator(secret_arn, named, &self.secret),
        };
        if agrees {
            return Ok(());
        }
        Err(PinError::AnotherOrigin {
            secret: self.secret.name().to_owned(),
            version,
        })
    }

    /// Returns the administrator's secret that the pin names, if there is one. A value's
    /// `secretarn` is compared with the pin and never used.
    pub fn administrator(&self) -> Option<SecretArn> {
        match &self.rotate_as {
            RotateAs::Own | RotateAs::Role => None,
            RotateAs::Administrator(named) => Some(administrator(named, &self.secret)),
        }
    }

    /// Returns what a value says about its key. The ARN of an administrator's secret that the pin
    /// names without its suffix is unknown.
    pub fn owner(&self) -> Owner<'_> {
        let secret_arn = match &self.rotate_as {
            RotateAs::Own | RotateAs::Role => Some(self.secret.as_str()),
            RotateAs::Administrator(named) => {
                Some(named.as_str()).filter(|it| it.starts_with("arn:"))
            }
        };
        Owner {
            user: &self.user,
            secret_arn,
            smtp: &self.smtp,
        }
    }

    /// Returns whether an ARN is the pinned user's: `arn:PARTITION:iam::ACCOUNT:user/` with the
    /// user's path and name, in the secret's partition and account.
    pub fn is_user_arn(&self, arn: &str) -> bool {
        let (partition, account) = (self.secret.partition(), self.secret.account());
        let (path, user) = (&self.path, &self.user);
        arn == format!("arn:{partition}:iam::{account}:user{path}{user}")
    }
}

fn timetable(times: &Times) -> Option<Timetable> {
    let force_after = match &times.force_after {
        Some(text) => Some(duration(text)?),
        None => None,
    };
    let timetable = Timetable {
        deactivate_after: duration(&times.deactivate_after)?,
        delete_after: duration(&times.delete_after)?,
        hold_if_used_within: duration(&times.hold_if_used_within)?,
        force_after,
    };
    let is_ordered = timetable.deactivate_after <= timetable.delete_after
        && force_after.is_none_or(|force| timetable.deactivate_after <= force);
    is_ordered.then_some(timetable)
}
