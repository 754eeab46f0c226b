//! What is pinned of one secret, and whether a value agrees with it.
//!
//! A principal that can write the secret's value, labels, or tags could otherwise
//! have a password sent to a server of their own, or direct the rotation at another
//! user. See [`pins`](keyrota_function_base::pins) for why the pins cannot be written
//! by such a principal.

use std::time::Duration;

use serde::Deserialize;

use crate::arn::SecretArn;
use crate::moment::duration;
use crate::port::{Description, PasswordRule};
use crate::secret::{Content, Credential, Place};
use crate::server::{Endpoint, Engine, Verification};

/// The pins of all secrets that this function serves.
pub type Pins = keyrota_function_base::pins::Pins<Entry>;

/// What the file of pins says of one secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The user whose password is rotated.
    pub username: String,
    /// The kind of server.
    pub engine: Engine,
    /// Where the server listens: a DNS name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to.
    #[serde(default)]
    pub dbname: Option<String>,
    /// What is checked of the server's certificate.
    pub tls: Verification,
    /// The name of the file in the package that holds the certificate authorities.
    /// Absent, the operating system's are trusted.
    #[serde(default)]
    pub tls_ca: Option<String>,
    /// What new passwords look like.
    pub password: Password,
    /// Who changes the password.
    pub rotate_as: RotateAs,
    /// How long after its promotion the old password keeps working, where the server
    /// allows that, such as `1d`. Absent, it does until the next rotation.
    #[serde(default)]
    pub deactivate_after: Option<String>,
}

/// What new passwords look like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// How many characters they have.
    pub length: u16,
    /// Characters that they do not contain.
    pub exclude: String,
}

/// Who changes the password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum RotateAs {
    /// The user itself.
    #[serde(rename = "self")]
    Own,
    /// The user in the administrator's secret with this name or ARN.
    #[serde(rename = "administrator")]
    Administrator(String),
}

/// What is pinned of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The secret itself.
    pub secret: SecretArn,
    /// The only user whose password may be changed.
    pub username: String,
    /// The only server that anything is sent to.
    pub endpoint: Endpoint,
    /// What new passwords look like.
    pub rule: PasswordRule,
    /// Who changes the password.
    pub rotate_as: RotateAs,
    /// How long after its promotion the old password keeps working, where the server
    /// allows that; until the next rotation, where nothing is said.
    pub old_password: Option<Duration>,
}

/// A secret that is not pinned, or a value that does not agree with its pin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The pins do not name the secret.
    #[error(
        "rotate {secret}: the pins that were deployed with this function do not name it, so this \
         function does not serve it; add it to the manifest, then run `keyrota bootstrap`"
    )]
    NotPinned {
        /// The secret's name.
        secret: String,
    },
    /// A field of the pin makes no sense.
    #[error(
        "rotate {secret}: `{field}` of its pin is not valid; run `keyrota bootstrap`, which deploys the \
         function and its pins together"
    )]
    PinInvalid {
        /// The secret's name.
        secret: String,
        /// The field.
        field: &'static str,
    },
    /// Secrets Manager describes another secret than the event names.
    #[error(
        "rotate {secret}: the ARN in the event is not the full ARN of the secret that Secrets Manager \
         describes; start the rotation with `keyrota rotate`"
    )]
    AnotherSecret {
        /// The secret's name.
        secret: String,
    },
    /// A value does not agree with the pin.
    #[error(
        "rotate {secret}: the `{field}` of its {version} is not what the manifest says, so nothing was \
         sent anywhere; correct `{field}` in the secret, or the manifest and then run `keyrota bootstrap`"
    )]
    Stray {
        /// The secret's name.
        secret: String,
        /// Which version.
        version: &'static str,
        /// The field of the value.
        field: &'static str,
    },
}

impl PinError {
    /// Returns the error's name for Lambda's `errorType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotPinned { .. } => "NotPinned",
            Self::PinInvalid { .. } => "PinInvalid",
            Self::AnotherSecret { .. } => "AnotherSecret",
            Self::Stray { .. } => "Stray",
        }
    }
}

impl Pin {
    /// Returns what is pinned of the secret that an event names.
    ///
    /// # Errors
    ///
    /// Fails where the secret is not pinned, or where Secrets Manager describes
    /// another one.
    pub fn read(
        pins: &Pins,
        event_secret: &SecretArn,
        description: &Description,
    ) -> Result<Self, PinError> {
        let secret = || event_secret.name().to_owned();
        if description.arn != event_secret.as_str() {
            return Err(PinError::AnotherSecret { secret: secret() });
        }
        let entry = pins.of(event_secret.name());
        let entry = entry.ok_or_else(|| PinError::NotPinned { secret: secret() })?;
        let invalid = |field| PinError::PinInvalid {
            secret: secret(),
            field,
        };
        if let RotateAs::Administrator(named) = &entry.rotate_as {
            let itself = named == event_secret.as_str() || named == event_secret.name();
            let is_wrong = named.starts_with("arn:") && SecretArn::parse(named).is_none();
            if itself || is_wrong || named.is_empty() {
                return Err(invalid("rotate_as"));
            }
        }
        if entry.tls_ca.as_deref().is_some_and(|file| !is_file(file)) {
            return Err(invalid("tls_ca"));
        }
        if entry.password.length == 0 {
            return Err(invalid("password"));
        }
        let old_password = match &entry.deactivate_after {
            Some(text) => Some(duration(text).ok_or_else(|| invalid("deactivate_after"))?),
            None => None,
        };
        Ok(Self {
            secret: event_secret.clone(),
            username: entry.username.clone(),
            endpoint: Endpoint {
                engine: entry.engine,
                host: entry.host.clone(),
                port: entry.port,
                dbname: entry.dbname.clone(),
                verification: entry.tls,
                authorities: entry.tls_ca.clone(),
            },
            rule: PasswordRule {
                length: entry.password.length,
                exclude: entry.password.exclude.clone(),
            },
            rotate_as: entry.rotate_as.clone(),
            old_password,
        })
    }

    /// Checks that a credential is of the pinned user and server and is rotated
    /// as pinned.
    ///
    /// # Errors
    ///
    /// Fails where it does not agree with the pin.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        let place = &credential.place;
        self.check_place(version, place)?;
        if place.dbname != self.endpoint.dbname {
            return Err(self.stray(version, "dbname"));
        }
        if place.master.is_none() && self.rotate_as != RotateAs::Own {
            return Err(self.stray(version, "masterarn"));
        }
        Ok(())
    }

    /// Checks as much of a content as there is.
    ///
    /// # Errors
    ///
    /// Fails where what there is does not agree with the pin.
    pub fn check_present(&self, version: &'static str, content: &Content) -> Result<(), PinError> {
        match content {
            Content::Nothing | Content::Unreadable(_) => Ok(()),
            Content::Complete(credential) => self.check(version, credential),
            Content::Partial(partial) => self.check_place(version, &partial.place),
        }
    }

    fn check_place(&self, version: &'static str, place: &Place) -> Result<(), PinError> {
        let Endpoint {
            engine,
            host,
            port,
            dbname,
            ..
        } = &self.endpoint;
        // Names in DNS do not tell capitals from small letters.
        let is_host = |it: &String| it.eq_ignore_ascii_case(host);
        let checks = [
            (is(&place.engine, |it| it == engine.name()), "engine"),
            (is(&place.host, is_host), "host"),
            (is(&place.port, |it| it == port), "port"),
            (
                is(&place.dbname, |it| Some(it) == dbname.as_ref()),
                "dbname",
            ),
            (is(&place.username, |it| *it == self.username), "username"),
            (is(&place.master, |it| self.is_master(it)), "masterarn"),
        ];
        for (agrees, field) in checks {
            if !agrees {
                return Err(self.stray(version, field));
            }
        }
        Ok(())
    }

    /// Returns the administrator's secret as the pin names it, where there is one.
    /// A value's `masterarn` is compared with the pin and never used.
    pub fn administrator(&self) -> Option<SecretArn> {
        match &self.rotate_as {
            RotateAs::Own => None,
            RotateAs::Administrator(named) => {
                SecretArn::parse(named).or_else(|| Some(self.secret.beside(named)))
            }
        }
    }

    fn is_master(&self, master: &str) -> bool {
        match &self.rotate_as {
            RotateAs::Own => false,
            RotateAs::Administrator(named) if named.starts_with("arn:") => master == named,
            RotateAs::Administrator(named) => SecretArn::parse(master).is_some_and(|secret| {
                // A secret is called by its name in its own account and Region only.
                secret.name() == named && secret.is_beside(&self.secret)
            }),
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

/// Whether a name is a file's in the package, and no path.
fn is_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
}

/// Whether what there is fits.
fn is<T>(present: &Option<T>, fits: impl Fn(&T) -> bool) -> bool {
    present.as_ref().is_none_or(fits)
}
