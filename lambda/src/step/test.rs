//! `testSecret`: the new key must authenticate as the pinned user. Success is
//! the only pass.
//!
//! Secrets Manager also calls this step alone, to test a rotation's
//! configuration where `RotateImmediatelyOnUpdate` is false, on a temporary
//! version whose content is not documented. A version that is absent, without a
//! value, without a key, or with the current key is such a test, and passes:
//! `finishSecret` promotes none of them. Source:
//! `AWS::SecretsManager::RotationSchedule` in the CloudFormation reference.

use std::time::Duration;

use super::{Admission, Deadline, admit, describe, pending_credential, read};
use crate::decide::{self, CURRENT, PENDING, Standing};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Authenticator, CallError, Clock, Fault, Journal, Ports, Which};
use crate::secret::{Content, Credential};

/// How often in a row the key must authenticate. IAM spreads a new key over
/// many servers, and the first to know it is not the last.
const SUCCESSES: u32 = 3;

/// The wait between two successes, once a server was seen that does not know
/// the key yet. Before that there is none.
const BETWEEN_SUCCESSES: Duration = Duration::from_millis(100);

/// The first wait after a failure that may pass. Each further one is twice as
/// long, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, event),
        read(ports, event, Which::Labelled(CURRENT)),
        read(ports, event, Which::Version(&event.token)),
    );
    let description = description?;
    // Where nothing is AWSPENDING, no rotation is under way: the version that a
    // test of the configuration was given is gone, or was never to be seen.
    let absent = decide::standing(&description.stages, &event.token)
        == Standing::Unknown {
            another_is_pending: false,
        };
    if !absent && admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(&event.secret, &description)?;
    let (current, pending) = (current?, pending?);
    if let Content::Unreadable(problem) = current {
        let secret = event.secret.name().to_owned();
        return Err(Error::ValueUnreadable {
            secret,
            version: CURRENT,
            problem,
        });
    }
    pin.check_present(CURRENT, &current)?;
    pin.check_present(PENDING, &pending)?;
    if let Some(reason) = configuration_test(absent, &current, &pending) {
        ports
            .journal()
            .note(Note::new("test of the configuration", reason));
        return Ok(());
    }
    let pending = pending_credential("test", &pin, pending)?;
    authenticate(ports, deadline, &pin, &pending).await
}

/// Returns why this is a test of the configuration, if it is one.
fn configuration_test(absent: bool, current: &Content, pending: &Content) -> Option<&'static str> {
    match (pending, current) {
        _ if absent => Some("the version is absent"),
        (Content::Nothing, _) => Some("the version has no value"),
        (Content::Unreadable(_), _) => Some("the version has no key fields"),
        (Content::Partial(partial), _) if !partial.has_access_key && !partial.has_secret_key => {
            Some("the version has no key fields")
        }
        (Content::Complete(pending), Content::Complete(current)) if pending.has_key_of(current) => {
            Some("the version holds the current key")
        }
        _ => None,
    }
}

/// Proves that the key authenticates as the pinned user, several times in a row.
async fn authenticate<P: Ports>(
    ports: &P,
    deadline: Deadline,
    pin: &Pin,
    pending: &Credential,
) -> Result<(), Error> {
    let (user, key) = (|| pin.user.clone(), || pending.access_key.clone());
    let pair = pending.key_pair();
    let mut successes = 0;
    let mut wait = FIRST_WAIT;
    let mut spreading = false;
    loop {
        match ports.authenticator().identify(&pair).await {
            Ok(identity) if pin.is_user_arn(&identity.arn) => {
                successes += 1;
                if successes == SUCCESSES {
                    let note = Note::new("passed", "the new key authenticates as the pinned user");
                    ports.journal().note(note.about(&pending.access_key));
                    return Ok(());
                }
                if spreading {
                    ports.clock().sleep(BETWEEN_SUCCESSES).await;
                }
            }
            Ok(_) => {
                return Err(Error::AnotherIdentity {
                    user: user(),
                    key: key(),
                });
            }
            Err(source) if !may_pass(&source) => {
                return Err(Error::KeyRefused {
                    user: user(),
                    key: key(),
                    source,
                });
            }
            Err(source) if deadline.left(ports.clock()) <= wait => {
                return Err(Error::KeyNotUsableYet {
                    user: user(),
                    key: key(),
                    source,
                });
            }
            Err(_) => {
                if !spreading {
                    let note = Note::new("wait", "the new key is not accepted everywhere yet");
                    ports.journal().note(note.about(&pending.access_key));
                }
                successes = 0;
                spreading = true;
                ports.clock().sleep(wait).await;
                wait = LONGEST_WAIT.min(wait * 2);
            }
        }
    }
}

/// Whether a failure is one that a good key may see while IAM spreads it.
fn may_pass(error: &CallError) -> bool {
    error.fault.is_passing() || error.fault == Fault::NotAuthenticated
}
