//! The pin of one secret, and whether a value agrees with it.
//!
//! Without pins, a principal that can write the secret's value, labels, or tags could make the
//! function send a password to a server of its own, or direct the rotation at another user. See
//! [`pins`](keyrota_function_base::pins) for why such a principal cannot write the pins.

use std::time::Duration;

use keyrota_contract::grant;
pub use keyrota_contract::pins::database::{Entry, Hosts, Password, RotateAs, UserRights};
use keyrota_contract::value::names::Names;
use keyrota_contract::value::{DBNAME, ENGINE, HOST, MASTER_ARN, OF_DATABASES, PORT, USERNAME};

use keyrota_function_base::pin::{administrator, entry, is_administrator, is_file, may_administer};
use keyrota_function_base::secrets_manager::{Description, PasswordRule};

pub use keyrota_function_base::pin::EntryError;

use crate::arn::SecretArn;
use crate::moment::duration;
use crate::secret::{Content, Credential, LoginTarget, Passwordless};
use crate::server::{Endpoint, Login};

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
    /// The only user whose password may be changed, besides the one that alternates with it.
    pub username: String,
    /// The user that alternates with it, if there is one. Each rotation changes the one of the two
    /// that AWSCURRENT does not name.
    pub alternate: Option<String>,
    /// The only server that anything is sent to, apart from where clients log in.
    pub endpoint: Endpoint,
    /// The rules for new passwords.
    pub rule: PasswordRule,
    /// The principal that changes the password.
    pub rotate_as: RotateAs,
    /// Which accounts of the user's name change, if the manifest says so.
    pub hosts: Option<Hosts>,
    /// Whether the administrator sets a password if AWSCURRENT has none.
    pub sets_first: bool,
    /// The rights of the user, if the function creates it.
    pub create_user: Option<UserRights>,
    /// Where clients log in, if that is not the server. It is what the value contains.
    pub clients: Option<Endpoint>,
    /// How long it takes until every member of a farm of servers knows a new password.
    pub propagation: Duration,
    /// How long the old password keeps working after the promotion, if the server supports
    /// that. By default, it works until the next rotation.
    pub old_password: Option<Duration>,
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
    /// A value does not agree with the pin.
    #[error(
        "rotate {secret}: the `{field}` of its {version} is not what the manifest says, so nothing was \
         sent anywhere; correct `{field}` in the secret, or the manifest and then run `keyrota bootstrap`"
    )]
    Stray {
        /// The secret's name.
        secret: String,
        /// The version.
        version: &'static str,
        /// The field of the value.
        field: &'static str,
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
        if !entry.fields.are_sound(&OF_DATABASES) {
            return Err(invalid("fields").into());
        }
        if entry.tls_ca.as_deref().is_some_and(|file| !is_file(file)) {
            return Err(invalid("tls_ca").into());
        }
        if entry.password.length == 0 {
            return Err(invalid("password").into());
        }
        if entry.hosts.is_some() && !entry.engine.has_hosts() {
            return Err(invalid("hosts").into());
        }
        // Only an administrator can set a password that nobody knows, or create a user.
        let is_own = entry.rotate_as == RotateAs::Own;
        if entry.sets_first && is_own {
            return Err(invalid("sets_first").into());
        }
        if let Some(rights) = &entry.create_user
            && (is_own || !are_sound(rights, entry))
        {
            return Err(invalid("create_user").into());
        }
        // Two users that alternate need a first one with rights and a password.
        if let Some(alternate) = &entry.alternate
            && (alternate.is_empty()
                || *alternate == entry.username
                || entry.rotate_as == RotateAs::Own
                || entry.hosts == Some(Hosts::Own)
                || entry.sets_first
                || entry.create_user.is_some())
        {
            return Err(invalid("alternate").into());
        }
        let old_password = match &entry.deactivate_after {
            Some(text) => Some(duration(text).ok_or_else(|| invalid("deactivate_after"))?),
            None => None,
        };
        let propagation = match &entry.propagation {
            Some(text) => duration(text).ok_or_else(|| invalid("propagation"))?,
            None => Duration::ZERO,
        };
        let endpoint = Endpoint {
            engine: entry.engine,
            host: entry.host.clone(),
            port: entry.port,
            dbname: entry.dbname.clone(),
            any_database: false,
            verification: entry.tls,
            authorities: entry.tls_ca.clone(),
        };
        Ok(Self {
            secret: event_secret.clone(),
            username: entry.username.clone(),
            alternate: entry.alternate.clone(),
            clients: entry.clients.as_ref().map(|clients| Endpoint {
                host: clients.host.clone(),
                port: clients.port,
                ..endpoint.clone()
            }),
            propagation,
            endpoint,
            rule: PasswordRule {
                length: entry.password.length,
                exclude: entry.password.exclude.clone(),
                require: Vec::new(),
            },
            rotate_as: entry.rotate_as.clone(),
            hosts: entry.hosts,
            sets_first: entry.sets_first,
            create_user: entry.create_user.clone(),
            old_password,
            names: entry.fields.clone(),
            administrator_names: entry
                .administrator_fields
                .clone()
                .unwrap_or_else(Names::usual),
        })
    }

    /// Checks that a credential belongs to the pinned user and server and is rotated as pinned.
    ///
    /// # Errors
    ///
    /// Fails if it does not agree with the pin.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        self.check_whole(version, &credential.target)
    }

    /// Checks the fields that a version's content has, even if it is incomplete.
    ///
    /// # Errors
    ///
    /// Fails if these fields do not agree with the pin.
    pub fn check_present(&self, version: &'static str, content: &Content) -> Result<(), PinError> {
        match content {
            Content::Nothing | Content::Unreadable(_) => Ok(()),
            Content::Complete(credential) => self.check(version, credential),
            Content::Partial(partial) => self.check_target(version, &partial.target),
        }
    }

    /// Checks that a value without a password belongs to the pinned user and server, as
    /// [`check`](Self::check) does.
    ///
    /// # Errors
    ///
    /// Fails if it does not agree with the pin.
    pub fn check_without_password(
        &self,
        version: &'static str,
        value: &Passwordless,
    ) -> Result<(), PinError> {
        self.check_whole(version, &value.target)
    }

    fn check_whole(&self, version: &'static str, target: &LoginTarget) -> Result<(), PinError> {
        self.check_target(version, target)?;
        if target.dbname != self.endpoint.dbname {
            return Err(self.stray(version, DBNAME));
        }
        if target.master.is_none() && self.rotate_as != RotateAs::Own {
            return Err(self.stray(version, MASTER_ARN));
        }
        Ok(())
    }

    fn check_target(&self, version: &'static str, target: &LoginTarget) -> Result<(), PinError> {
        let Endpoint {
            engine,
            host,
            port,
            dbname,
            ..
        } = self.clients.as_ref().unwrap_or(&self.endpoint);
        // DNS names are case-insensitive.
        let is_host = |it: &String| it.eq_ignore_ascii_case(host);
        let checks = [
            (target.may_be_of(*engine), ENGINE),
            (is(&target.host, is_host), HOST),
            (is(&target.port, |it| it == port), PORT),
            (is(&target.dbname, |it| Some(it) == dbname.as_ref()), DBNAME),
            (is(&target.username, |it| self.has_user(it)), USERNAME),
            (is(&target.master, |it| self.is_master(it)), MASTER_ARN),
        ];
        for (agrees, field) in checks {
            if !agrees {
                return Err(self.stray(version, field));
            }
        }
        Ok(())
    }

    /// Returns whether this is a pinned user.
    pub fn has_user(&self, username: &str) -> bool {
        username == self.username || self.alternate.as_deref() == Some(username)
    }

    /// Returns the pinned user that a credential names.
    pub fn user_of(&self, credential: &Credential) -> &str {
        let named = credential.target.username.as_deref();
        match &self.alternate {
            Some(alternate) if named == Some(alternate) => alternate,
            _ => &self.username,
        }
    }

    /// Returns the user that a rotation changes while this credential is AWSCURRENT, if two users
    /// alternate. It is never the one that the credential names.
    pub fn next_user(&self, current: &Credential) -> Option<&str> {
        let alternate = self.alternate.as_deref()?;
        match self.user_of(current) == alternate {
            true => Some(&self.username),
            false => Some(alternate),
        }
    }

    /// Returns the same pin with the user that a credential names in the first place.
    #[must_use]
    pub fn of(&self, credential: &Credential) -> Self {
        let mut pin = self.clone();
        if let Some(alternate) = &mut pin.alternate
            && self.user_of(credential) == alternate
        {
            std::mem::swap(&mut pin.username, alternate);
        }
        pin
    }

    /// Returns the login of a credential, as the pinned user that it names.
    pub fn login(&self, credential: &Credential) -> Login {
        credential.login(self.user_of(credential))
    }

    /// Returns the administrator's secret that the pin names, if there is one. A value's
    /// `masterarn` is compared with the pin and never used.
    pub fn administrator(&self) -> Option<SecretArn> {
        match &self.rotate_as {
            RotateAs::Own => None,
            RotateAs::Administrator(named) => Some(administrator(named, &self.secret)),
        }
    }

    fn is_master(&self, master: &str) -> bool {
        match &self.rotate_as {
            RotateAs::Own => false,
            RotateAs::Administrator(named) => is_administrator(master, named, &self.secret),
        }
    }

    fn stray(&self, version: &'static str, field: &'static str) -> PinError {
        PinError::Stray {
            secret: self.secret.name().to_owned(),
            version,
            field,
        }
    }
}

/// Returns whether rights can be put into statements.
fn are_sound(rights: &UserRights, entry: &Entry) -> bool {
    let mut grants = rights.grants.iter();
    let mut roles = rights.roles.iter();
    grants.all(|grant| grant::check(grant, entry.engine).is_ok())
        && roles.all(|role| !role.is_empty() && !role.contains(char::is_control))
}

/// Returns whether a field is either absent or as expected.
fn is<T>(present: &Option<T>, fits: impl Fn(&T) -> bool) -> bool {
    present.as_ref().is_none_or(fits)
}
