//! What the secret's tags pin, and whether a value keeps to it.
//!
//! Whoever may write the secret's value could otherwise have a password sent to a
//! server of their own, or turn the rotation on another user. Tags are written by
//! whoever may tag the secret: the stack.

use std::time::Duration;

use crate::arn::SecretArn;
use crate::port::{Description, PasswordRule};
use crate::secret::{Content, Credential, Place};
use crate::server::{Endpoint, Engine};
use crate::tag::{self, DBNAME, ENDPOINT, ENGINE, KIND, OLD_KEY, PASSWORD, ROTATE_AS, TLS, USER};

/// Who changes the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotateAs {
    /// The user itself.
    Own,
    /// The user in the administrator's secret with this name or ARN.
    Administrator(String),
}

/// What the secret's tags pin.
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
    /// How long after its promotion the password before goes on working, where
    /// the server let it; until the next rotation, where nothing is said.
    pub old_password: Option<Duration>,
}

/// Tags that pin nothing, or a value that breaks away.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A tag is absent.
    #[error(
        "rotate {secret}: it has no tag `{tag}`, so this function does not serve it; run \
         `keyrota bootstrap` with the manifest that names this secret"
    )]
    TagMissing {
        /// The secret's name.
        secret: String,
        /// The tag's key.
        tag: &'static str,
    },
    /// A tag has a value that makes no sense.
    #[error(
        "rotate {secret}: its tag `{tag}` is {problem}; run `keyrota bootstrap`, which sets the \
         tags from the manifest"
    )]
    TagInvalid {
        /// The secret's name.
        secret: String,
        /// The tag's key.
        tag: &'static str,
        /// What is wrong with its value.
        problem: &'static str,
    },
    /// The secret's own ARN makes no sense.
    #[error(
        "rotate {secret}: Secrets Manager describes it with an ARN that is not a secret's; check \
         the endpoint in AWS_ENDPOINT_URL"
    )]
    ArnInvalid {
        /// The secret's name.
        secret: String,
    },
    /// A value says something else than a tag.
    #[error(
        "rotate {secret}: the `{field}` of its {version} is not what the tag `{tag}` says, so nothing was \
         sent anywhere; correct `{field}` in the secret, or the manifest and then `keyrota bootstrap`"
    )]
    Stray {
        /// The secret's name.
        secret: String,
        /// Which version.
        version: &'static str,
        /// The field of the value.
        field: &'static str,
        /// The tag's key.
        tag: &'static str,
    },
}

impl PinError {
    /// Returns the error's name for Lambda's `errorType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TagMissing { .. } => "TagMissing",
            Self::TagInvalid { .. } => "TagInvalid",
            Self::ArnInvalid { .. } => "ArnInvalid",
            Self::Stray { .. } => "Stray",
        }
    }
}

impl Pin {
    /// Reads what the secret's tags pin.
    ///
    /// # Errors
    ///
    /// Fails where a tag is absent, makes no sense, or contradicts the secret.
    pub fn read(event_secret: &SecretArn, description: &Description) -> Result<Self, PinError> {
        let name = event_secret.name();
        let secret = SecretArn::parse(&description.arn).ok_or_else(|| PinError::ArnInvalid {
            secret: name.to_owned(),
        })?;
        let optional = |tag| {
            let text = description.tags.get(tag).map(String::as_str);
            text.filter(|text| !text.is_empty())
        };
        let required = |tag| {
            optional(tag).ok_or_else(|| PinError::TagMissing {
                secret: name.to_owned(),
                tag,
            })
        };
        let invalid = |tag, problem| PinError::TagInvalid {
            secret: name.to_owned(),
            tag,
            problem,
        };
        const ESCAPES: &str = "not text as the stack writes it";

        if required(KIND)? != tag::DATABASE {
            return Err(invalid(KIND, "not `database`"));
        }
        let username = required(USER)?;
        let username = tag::unescape(username).ok_or_else(|| invalid(USER, ESCAPES))?;
        let engine = required(ENGINE)?;
        let engine = [Engine::Postgres, Engine::MySql, Engine::MariaDb]
            .into_iter()
            .find(|known| known.name() == engine)
            .ok_or_else(|| invalid(ENGINE, "none of `postgres`, `mysql` and `mariadb`"))?;
        let (host, port) = tag::endpoint(required(ENDPOINT)?)
            .ok_or_else(|| invalid(ENDPOINT, "not a host and a port"))?;
        let dbname = match optional(DBNAME) {
            Some(text) => Some(tag::unescape(text).ok_or_else(|| invalid(DBNAME, ESCAPES))?),
            None => None,
        };
        let (verification, authorities) = tag::tls(required(TLS)?).ok_or_else(|| {
            let problem = "none of `verify-full`, `verify-ca` and `require`, perhaps with a file";
            invalid(TLS, problem)
        })?;
        let rule = tag::password(required(PASSWORD)?)
            .ok_or_else(|| invalid(PASSWORD, "not `length=… exclude=…`"))?;
        let rotate_as = match required(ROTATE_AS)? {
            "self" => RotateAs::Own,
            own if own == secret.as_str() || own == secret.name() => {
                let problem = "the secret itself, which is written `self`";
                return Err(invalid(ROTATE_AS, problem));
            }
            other if other.starts_with("arn:") && SecretArn::parse(other).is_none() => {
                return Err(invalid(ROTATE_AS, "an ARN, but not a secret's"));
            }
            other => RotateAs::Administrator(other.to_owned()),
        };
        let old_password = match optional(OLD_KEY) {
            Some(text) => tag::old_key(text).ok_or_else(|| {
                let problem = "neither `until_next_rotation` nor `deactivate_after=…`";
                invalid(OLD_KEY, problem)
            })?,
            None => None,
        };
        Ok(Self {
            username,
            endpoint: Endpoint {
                engine,
                host: host.to_owned(),
                port,
                dbname,
                verification,
                authorities,
            },
            rule,
            rotate_as,
            old_password,
            secret,
        })
    }

    /// Checks that a credential is of the pinned user and server and is rotated
    /// as pinned.
    ///
    /// # Errors
    ///
    /// Fails where it says something else than the tags.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        let place = &credential.place;
        self.check_place(version, place)?;
        if place.dbname != self.endpoint.dbname {
            return Err(self.stray(version, "dbname", DBNAME));
        }
        if place.master.is_none() && self.rotate_as != RotateAs::Own {
            return Err(self.stray(version, "masterarn", ROTATE_AS));
        }
        Ok(())
    }

    /// Checks as much of a content as there is.
    ///
    /// # Errors
    ///
    /// Fails where what there is says something else than the tags.
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
            (
                is(&place.engine, |it| it == engine.name()),
                "engine",
                ENGINE,
            ),
            (is(&place.host, is_host), "host", ENDPOINT),
            (is(&place.port, |it| it == port), "port", ENDPOINT),
            (
                is(&place.dbname, |it| Some(it) == dbname.as_ref()),
                "dbname",
                DBNAME,
            ),
            (
                is(&place.username, |it| *it == self.username),
                "username",
                USER,
            ),
            (
                is(&place.master, |it| self.is_master(it)),
                "masterarn",
                ROTATE_AS,
            ),
        ];
        for (keeps, field, tag) in checks {
            if !keeps {
                return Err(self.stray(version, field, tag));
            }
        }
        Ok(())
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

    fn stray(&self, version: &'static str, field: &'static str, tag: &'static str) -> PinError {
        PinError::Stray {
            secret: self.secret.name().to_owned(),
            version,
            field,
            tag,
        }
    }
}

/// Whether what there is fits.
fn is<T>(present: &Option<T>, fits: impl Fn(&T) -> bool) -> bool {
    present.as_ref().is_none_or(fits)
}
