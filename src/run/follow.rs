//! Follows a secret with the key that a profile holds: reads the secret with that key, and puts the
//! current key in its place.

use secrecy::ExposeSecret;

use super::{Context, key_pair};
use crate::model::{Content, Credential, Names};
use crate::plan::{ProfileFault, profile_key, with_profile_key};
use crate::port::{self, ErrorKind, FileError, KeyPair, ProfileFile};

/// How often the file may change between reading and replacing it before this is an error.
const COLLISIONS: usize = 20;

/// What to follow.
pub struct FollowRequest<'a> {
    /// The name or ARN of the secret.
    pub secret: &'a str,
    /// The names of the fields of its value.
    pub names: &'a Names,
    /// The profile.
    pub profile: &'a str,
    /// Whether a command must run after each change.
    pub has_command: bool,
}

/// The result of one check of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The ID of the key that the profile holds now.
    pub id: String,
    /// The ID of the key that it held before, if it changed.
    pub replaced: Option<String>,
    /// Whether the command must run. It also must if an earlier check ended before it had run.
    pub must_run_command: bool,
}

/// Why the profile does not hold the current key.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The profile cannot be read or changed.
    #[error("cannot use the profile in {path}: {fault}")]
    Profile {
        /// The file.
        path: String,
        /// The reason.
        fault: ProfileFault,
    },
    /// Other programs change the file all the time.
    #[error("cannot write {0}: another program changed the file during every attempt")]
    Busy(String),
    /// AWS refuses the key of the profile.
    #[error("AWS refuses the key {id} of the profile `{profile}`: {error}")]
    Refused {
        /// The key.
        id: String,
        /// The profile.
        profile: String,
        /// The refusal.
        error: port::Error,
    },
    /// The key of the profile may not read the secret.
    #[error("the key {id} may not read the secret {secret}: {error}")]
    Denied {
        /// The key.
        id: String,
        /// The secret.
        secret: String,
        /// The refusal.
        error: port::Error,
    },
    /// The secret does not exist, or has no current value.
    #[error("the secret {0} does not exist, or has no value")]
    NoValue(String),
    /// The value of the secret is not an access key.
    #[error("the secret {secret} {why}")]
    Value {
        /// The secret.
        secret: String,
        /// What is wrong with it.
        why: String,
    },
    /// AWS refuses the key in the secret.
    #[error(
        "AWS refuses the key {id} in the secret {secret}, so the profile keeps its key: {error}"
    )]
    NewRefused {
        /// The key.
        id: String,
        /// The secret.
        secret: String,
        /// The refusal.
        error: port::Error,
    },
    /// The key in the secret belongs to another principal.
    #[error(
        "the key {id} in the secret {secret} belongs to {arn}, and not to {own}, so the profile keeps its key"
    )]
    OtherUser {
        /// The key.
        id: String,
        /// The secret.
        secret: String,
        /// Its principal.
        arn: String,
        /// The principal of the profile's key.
        own: String,
    },
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] port::Error),
}

impl FollowError {
    /// Returns whether another check may succeed. After the first success, everything was set up
    /// correctly, and others may undo what is wrong since then: a file that is half written, a full
    /// disk, a wrong value in the secret, a policy. Only a key that AWS refuses stays refused.
    pub fn may_pass(&self, has_succeeded: bool) -> bool {
        match self {
            Self::Refused { .. } => false,
            Self::Aws(error) => has_succeeded || error.kind.is_transient(),
            Self::Busy(_) | Self::NewRefused { .. } => true,
            _ => has_succeeded,
        }
    }
}

/// Checks the secret once, and puts its current key into the profile if it is another one. The
/// profile keeps its key until the current one has authenticated as the same user, because a
/// principal that may write the secret can store any key.
///
/// Each step can be interrupted: the next check begins again.
///
/// # Errors
///
/// Returns why the profile does not hold the current key. The file is then unchanged.
pub async fn follow(
    context: &Context<'_>,
    file: &dyn ProfileFile,
    request: &FollowRequest<'_>,
) -> Result<Followed, FollowError> {
    for _ in 0..COLLISIONS {
        let fault = |fault| FollowError::Profile {
            path: file.path(),
            fault,
        };
        let (seen, held, current) = read(context, file, request).await?;
        if is_same(&held, &current) {
            let must_run_command =
                request.has_command && file.pending_command()?.as_ref() == Some(&held.id);
            return Ok(Followed {
                id: held.id,
                replaced: None,
                must_run_command,
            });
        }
        prove(context, request, &held, &current).await?;
        let changed = with_profile_key(&seen, request.profile, &current).map_err(fault)?;
        // First, so that an interruption after the change is noticed.
        if request.has_command {
            file.set_pending_command(Some(&current.id))?;
        }
        if file.replace(&seen, &changed)? {
            return Ok(Followed {
                id: current.id,
                replaced: Some(held.id),
                must_run_command: request.has_command,
            });
        }
    }
    Err(FollowError::Busy(file.path()))
}

fn is_same(one: &KeyPair, other: &KeyPair) -> bool {
    one.id == other.id && one.secret.expose_secret() == other.secret.expose_secret()
}

/// Returns the content of the file, the profile's key in it, and the key in the secret, which it
/// reads with the profile's key. A key that somebody has just written there may not work yet, and
/// somebody may replace one that no longer works.
async fn read(
    context: &Context<'_>,
    file: &dyn ProfileFile,
    request: &FollowRequest<'_>,
) -> Result<(Vec<u8>, KeyPair, KeyPair), FollowError> {
    let secret = request.secret;
    let began = context.clock.now();
    loop {
        let seen = file.read()?;
        let held = profile_key(&seen, request.profile).map_err(|fault| FollowError::Profile {
            path: file.path(),
            fault,
        })?;
        let error = match context.cloud.value_with(&held, secret).await {
            Ok(Some(value)) => {
                let credential = credential(request, &value)?;
                return Ok((seen, held, key_pair(&credential)));
            }
            Ok(None) => return Err(FollowError::NoValue(secret.to_owned())),
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::Credentials if context.waited(began) < context.pace.listing => {
                context.wait().await;
            }
            ErrorKind::Credentials => return Err(refused(request, held.id, error)),
            ErrorKind::Denied => {
                return Err(FollowError::Denied {
                    id: held.id,
                    secret: secret.to_owned(),
                    error,
                });
            }
            _ => return Err(error.into()),
        }
    }
}

fn refused(request: &FollowRequest<'_>, id: String, error: port::Error) -> FollowError {
    FollowError::Refused {
        id,
        profile: request.profile.to_owned(),
        error,
    }
}

fn credential(
    request: &FollowRequest<'_>,
    value: &port::SecretValue,
) -> Result<Credential, FollowError> {
    let content = Credential::read(&value.text, request.names);
    match content {
        Content::Complete(credential) => Ok(credential),
        other => Err(FollowError::Value {
            secret: request.secret.to_owned(),
            why: other.complete().err().unwrap_or_default(),
        }),
    }
}

/// Authenticates with the current key, and checks that it belongs to the user of the held one.
async fn prove(
    context: &Context<'_>,
    request: &FollowRequest<'_>,
    held: &KeyPair,
    current: &KeyPair,
) -> Result<(), FollowError> {
    // First: the held key may be deactivated while the current one does not work yet.
    let own = own_arn(context, request, held).await?;
    let began = context.clock.now();
    let (id, secret) = (current.id.clone(), request.secret.to_owned());
    loop {
        let error = match context.cloud.holder(current).await {
            Ok(caller) if caller.arn == own => return Ok(()),
            Ok(caller) => {
                return Err(FollowError::OtherUser {
                    id,
                    secret,
                    arn: caller.arn,
                    own,
                });
            }
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::Credentials if context.waited(began) < context.pace.propagation => {
                context.wait().await;
            }
            ErrorKind::Credentials => return Err(FollowError::NewRefused { id, secret, error }),
            _ => return Err(error.into()),
        }
    }
}

/// Returns the ARN of the user of the held key. Secrets Manager may know a key before STS does.
async fn own_arn(
    context: &Context<'_>,
    request: &FollowRequest<'_>,
    held: &KeyPair,
) -> Result<String, FollowError> {
    let began = context.clock.now();
    loop {
        let error = match context.cloud.holder(held).await {
            Ok(caller) => return Ok(caller.arn),
            Err(error) => error,
        };
        match error.kind {
            ErrorKind::Credentials if context.waited(began) < context.pace.listing => {
                context.wait().await;
            }
            ErrorKind::Credentials => return Err(refused(request, held.id.clone(), error)),
            _ => return Err(error.into()),
        }
    }
}
