//! The second half of `testSecret`, if the manifest has a `probe`: tries a key that
//! authenticates on the calls that it is used for.

use std::time::Duration;

use super::Deadline;
use super::trial::{FIRST_WAIT, LONGEST_WAIT};
use crate::error::{Error, ProbeError};
use crate::log::Note;
use crate::permission::Permission;
use crate::pin::Pin;
use crate::port::{CallErrorKind, Clock, Journal, Ports, Probe};
use crate::secret::Credential;

/// How long a denial may last. IAM propagates a key and its permissions to each service
/// separately, so a good key may be denied for a while.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns how long a denial may last. A mail server refuses a login that it does not know yet in
/// the same way as a wrong one, so it is tried again as long as the step has time.
fn patience(permission: &Permission) -> Duration {
    match permission {
        Permission::ListBucket { .. } | Permission::AssumeRole { .. } => PATIENCE,
        Permission::LogIn(_) => Duration::MAX,
    }
}

/// Proves that the key has a permission. Only success passes.
pub(super) async fn run<P: Ports>(
    ports: &P,
    deadline: Deadline,
    pin: &Pin,
    pending: &Credential,
    permission: &Permission,
) -> Result<(), Error> {
    let pair = pending.key_pair();
    let note = |decision, reason| {
        let note = Note::new(decision, reason);
        ports.journal().note(note.about(&pending.access_key));
    };
    let mut wait = FIRST_WAIT;
    let mut denied_since = None;
    loop {
        let began = ports.clock().now();
        let Err(source) = ports.probe().attempt(&pair, permission).await else {
            note("passed", "the new key may do what it is for");
            return Ok(());
        };
        let (user, key) = (pin.user.clone(), pending.access_key.clone());
        let asked = permission.to_string();
        let now = ports.clock().now();
        // The next attempt probably takes as long as this one. If the step ended during it, the reason
        // would be lost.
        let next = wait + now.saturating_sub(began);
        let in_time = deadline.remaining_time(ports.clock()) > next;
        let passing = source.kind.is_transient() || source.kind == CallErrorKind::NotAuthenticated;
        if source.kind == CallErrorKind::NotAuthorised {
            let since = *denied_since.get_or_insert(now);
            if !in_time || now.saturating_sub(since) >= patience(permission) {
                return Err(Error::from(ProbeError::ProbeDenied {
                    grant: grant(permission),
                    user,
                    key,
                    permission: asked,
                    source,
                }));
            }
        } else if !passing {
            return Err(Error::from(ProbeError::ProbeRefused {
                look_at: look_at(permission),
                user,
                key,
                permission: asked,
                source,
            }));
        } else if !in_time {
            return Err(Error::from(ProbeError::ProbeUnclear {
                user,
                key,
                permission: asked,
                source,
            }));
        }
        if wait == FIRST_WAIT {
            note("wait", "the new key is not allowed what it is for yet");
        }
        ports.clock().sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
    }
}

/// Returns what lets a key do it.
fn grant(permission: &Permission) -> &'static str {
    match permission {
        Permission::ListBucket { .. } | Permission::AssumeRole { .. } => {
            "allow that in a policy of the user"
        }
        Permission::LogIn(_) => {
            "if Amazon SES does not know the key yet, Secrets Manager tries again; otherwise check that the server \
             is Amazon SES in the Region of the password"
        }
    }
}

/// Returns what to look at if the service does not accept the call as valid.
fn look_at(permission: &Permission) -> &'static str {
    match permission {
        Permission::ListBucket { .. } | Permission::AssumeRole { .. } => {
            "does the resource exist, in that Region?"
        }
        Permission::LogIn(_) => {
            "does the server offer TLS on this port, with STARTTLS, or from the start on 465 and 2465, with a \
             certificate for its host, and AUTH PLAIN or LOGIN?"
        }
    }
}
