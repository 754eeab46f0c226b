//! What the secret's tags pin, and whether a value keeps to it.
//!
//! Whoever may write the secret's value could otherwise turn its rotation on
//! another user, or have another secret's credential used. Tags are written by
//! whoever may tag the secret: the stack.

use std::collections::BTreeMap;

use crate::arn::SecretArn;
use crate::port::Description;
use crate::secret::{Content, Credential};

/// The tag that names the IAM user.
pub const USER: &str = "keyrota:user";
/// The tag that says whose credentials make the IAM calls.
pub const ROTATE_AS: &str = "keyrota:rotate-as";
/// The tag that says whether the stack made the user.
pub const OWNS_USER: &str = "keyrota:owns-user";

/// Whose credentials make the IAM calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotateAs {
    /// The user's own: the key in AWSCURRENT.
    Own,
    /// The function's role's.
    Role,
    /// Those in the administrator's secret with this name or ARN.
    Administrator(String),
}

/// What the secret's tags pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The secret itself.
    pub secret: SecretArn,
    /// The only IAM user whose keys may be touched.
    pub user: String,
    /// Whose credentials make the IAM calls.
    pub rotate_as: RotateAs,
    /// Whether the stack made the user, so that each of its keys is ours.
    pub owns_user: bool,
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
    /// A value names another user.
    #[error(
        "rotate {secret}: its {version} names another user than the tag `{USER}`, which says \
         {user}; nothing was changed; correct `username` in the secret, or the manifest and then \
         `keyrota bootstrap`"
    )]
    AnotherUser {
        /// The secret's name.
        secret: String,
        /// Which version.
        version: &'static str,
        /// The pinned user.
        user: String,
    },
    /// A value names another secret to rotate with.
    #[error(
        "rotate {secret}: the `secretarn` of its {version} is not what the tag `{ROTATE_AS}` \
         stands for; nothing was changed; correct `secretarn` in the secret, or `rotate_as` in the \
         manifest and then `keyrota bootstrap`"
    )]
    AnotherOrigin {
        /// The secret's name.
        secret: String,
        /// Which version.
        version: &'static str,
    },
}

impl PinError {
    /// Returns the error's name for Lambda's `errorType`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TagMissing { .. } => "TagMissing",
            Self::TagInvalid { .. } => "TagInvalid",
            Self::ArnInvalid { .. } => "ArnInvalid",
            Self::AnotherUser { .. } => "AnotherUser",
            Self::AnotherOrigin { .. } => "AnotherOrigin",
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
        let invalid = |tag, problem| PinError::TagInvalid {
            secret: name.to_owned(),
            tag,
            problem,
        };

        let user = tag(name, &description.tags, USER)?;
        if !is_user_name(user) {
            return Err(invalid(USER, "not the name of an IAM user"));
        }
        let rotate_as = match tag(name, &description.tags, ROTATE_AS)? {
            "self" => RotateAs::Own,
            "role" => RotateAs::Role,
            own if own == secret.as_str() || own == secret.name() => {
                return Err(invalid(
                    ROTATE_AS,
                    "the secret itself, which is written `self`",
                ));
            }
            other if other.starts_with("arn:") && SecretArn::parse(other).is_none() => {
                return Err(invalid(ROTATE_AS, "an ARN, but not a secret's"));
            }
            other => RotateAs::Administrator(other.to_owned()),
        };
        let owns_user = match tag(name, &description.tags, OWNS_USER)? {
            "true" => true,
            "false" => false,
            _ => return Err(invalid(OWNS_USER, "neither `true` nor `false`")),
        };
        Ok(Self {
            user: user.to_owned(),
            rotate_as,
            owns_user,
            secret,
        })
    }

    /// Checks that a credential is the pinned user's and is rotated as pinned.
    ///
    /// # Errors
    ///
    /// Fails where it names another user or another secret to rotate with.
    pub fn check(&self, version: &'static str, credential: &Credential) -> Result<(), PinError> {
        self.check_user(version, &credential.username)?;
        self.check_origin(version, &credential.secret_arn)
    }

    /// Checks as much of a content as there is.
    ///
    /// # Errors
    ///
    /// Fails where what there is names another user or another secret to
    /// rotate with.
    pub fn check_present(&self, version: &'static str, content: &Content) -> Result<(), PinError> {
        match content {
            Content::Nothing | Content::Unreadable(_) => Ok(()),
            Content::Complete(credential) => self.check(version, credential),
            Content::Partial(partial) => {
                if let Some(username) = &partial.username {
                    self.check_user(version, username)?;
                }
                match &partial.secret_arn {
                    Some(secret_arn) => self.check_origin(version, secret_arn),
                    None => Ok(()),
                }
            }
        }
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
        let keeps = match &self.rotate_as {
            RotateAs::Own | RotateAs::Role => secret_arn == self.secret.as_str(),
            RotateAs::Administrator(named) if named.starts_with("arn:") => secret_arn == named,
            RotateAs::Administrator(named) => SecretArn::parse(secret_arn).is_some_and(|origin| {
                // A secret is called by its name in its own account and Region only.
                origin.name() == named && origin.is_beside(&self.secret)
            }),
        };
        if keeps {
            return Ok(());
        }
        Err(PinError::AnotherOrigin {
            secret: self.secret.name().to_owned(),
            version,
        })
    }

    /// Whether an ARN is the pinned user's:
    /// `arn:PARTITION:iam::ACCOUNT:user/[PATH/]USER`, in the secret's partition
    /// and account.
    pub fn is_user_arn(&self, arn: &str) -> bool {
        let prefix = format!(
            "arn:{}:iam::{}:user/",
            self.secret.partition(),
            self.secret.account()
        );
        arn.strip_prefix(&prefix)
            .is_some_and(|path| path.rsplit('/').next() == Some(self.user.as_str()))
    }
}

fn tag<'tags>(
    secret: &str,
    tags: &'tags BTreeMap<String, String>,
    key: &'static str,
) -> Result<&'tags str, PinError> {
    match tags.get(key).map(String::as_str) {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(PinError::TagMissing {
            secret: secret.to_owned(),
            tag: key,
        }),
    }
}

/// Source: "IAM and AWS STS quotas" in the IAM User Guide.
fn is_user_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
