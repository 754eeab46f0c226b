//! The proof that a new key works: it authenticates as the pinned user. Only success passes.

use std::time::Duration;

use super::caller::caller;
use super::{Deadline, abandon};
use crate::decide::{AccessKeyId, Activity};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::{Pin, RotateAs};
use crate::port::{
    Authenticator, CallError, CallErrorKind, Caller, Clock, Journal, KeyPair, Keys, Ports,
};
use crate::secret::{Content, Credential};

/// How often the key must authenticate, either concurrently or in a row. IAM propagates a new
/// key to many servers, and the first server that accepts it is not the last.
const SUCCESSES: u32 = 3;

/// The delay between two successes, after a server did not accept the key yet.
const BETWEEN_SUCCESSES: Duration = Duration::from_millis(100);

/// The first delay after a transient failure. Each further delay is twice as long, up to
/// [`LONGEST_WAIT`].
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(200);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// After this many refusals, the step looks up whether the key still exists: after three
/// seconds, then every fifteen seconds, and when the time is up.
const LOOK_AFTER: u32 = 5;

/// How many lists must lack the key before it is abandoned. IAM's lists are eventually
/// consistent, as its keys are, and a key that is only late works on the next try. If a key is
/// abandoned wrongly, its version is still recorded as keyrota's.
const ABSENCES: u32 = 2;

/// The key under test, and what it must match.
pub(super) struct Trial<'step> {
    pub(super) event: &'step Event,
    pub(super) pin: &'step Pin,
    pub(super) current: &'step Content,
    pub(super) pending: &'step Credential,
}

/// Proves that the key authenticates as the pinned user several times: concurrently if IAM
/// already accepts it everywhere, and otherwise until it has succeeded several times in a row.
pub(super) async fn authenticate<P: Ports>(
    ports: &P,
    deadline: Deadline,
    trial: &Trial<'_>,
) -> Result<(), Error> {
    let Trial { pin, pending, .. } = trial;
    let (user, key) = (|| pin.user.clone(), || pending.access_key.clone());
    let passed = || {
        let note = Note::new("passed", "the new key authenticates as the pinned user");
        ports.journal().note(note.about(&pending.access_key));
    };
    let pair = pending.key_pair();
    let identify = || identify(ports, pin, &pending.access_key, &pair);
    let (first, second, third) = tokio::join!(identify(), identify(), identify());
    let Some(mut failure) = worst([first, second, third])? else {
        passed();
        return Ok(());
    };
    let note = Note::new("wait", "the new key is not accepted everywhere yet");
    ports.journal().note(note.about(&pending.access_key));
    let (mut successes, mut refusals, mut wait) = (0, 0, FIRST_WAIT);
    let mut absences = 0;
    loop {
        let over = deadline.remaining_time(ports.clock()) <= wait;
        if failure.kind == CallErrorKind::NotAuthenticated {
            refusals += 1;
            if over || refusals % LOOK_AFTER == 0 {
                let seen = look(ports, trial).await;
                absences += u32::from(seen == Some(ListedState::Absent));
                if seen == Some(ListedState::Inactive) || absences == ABSENCES {
                    let reason = format!("the key {} that it made is deleted or inactive", key());
                    return Err(abandon(ports, trial.event, Some(&key()), reason)
                        .await
                        .into());
                }
            }
        }
        if over {
            return Err(Error::KeyNotUsableYet {
                user: user(),
                key: key(),
                source: failure,
            });
        }
        ports.clock().sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
        failure = loop {
            match identify().await? {
                Some(failure) => break failure,
                None => successes += 1,
            }
            if successes == SUCCESSES {
                passed();
                return Ok(());
            }
            ports.clock().sleep(BETWEEN_SUCCESSES).await;
        };
        successes = 0;
    }
}

/// Asks STS once whose key it is. Returns the transient failure, if there was one.
async fn identify<P: Ports>(
    ports: &P,
    pin: &Pin,
    key: &AccessKeyId,
    pair: &KeyPair,
) -> Result<Option<CallError>, Error> {
    match ports.authenticator().identify(pair).await {
        Ok(identity) if pin.is_user_arn(&identity.arn) => Ok(None),
        Ok(_) => Err(Error::AnotherIdentity {
            user: pin.user.clone(),
            key: key.clone(),
        }),
        Err(source) if may_pass(&source) => Ok(Some(source)),
        Err(source) => Err(Error::KeyRefused {
            user: pin.user.clone(),
            key: key.clone(),
            source,
        }),
    }
}

/// Returns the decisive failure: a permanent one takes precedence over a transient one.
fn worst<const N: usize>(
    outcomes: [Result<Option<CallError>, Error>; N],
) -> Result<Option<CallError>, Error> {
    let failures: Result<Vec<_>, Error> = outcomes.into_iter().collect();
    Ok(failures?.into_iter().flatten().next())
}

/// What IAM's list says about the pending key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListedState {
    Active,
    Inactive,
    Absent,
}

/// Looks up the pending key in IAM's list. Returns `None` if the list cannot be read.
async fn look<P: Ports>(ports: &P, trial: &Trial<'_>) -> Option<ListedState> {
    let caller = match (trial.current, &trial.pin.rotate_as) {
        (Content::Complete(current), _) => caller(ports, trial.pin, current).await.ok()?,
        // The pending key may be the user's first.
        (_, RotateAs::Role) => Caller::Role,
        _ => return None,
    };
    let keys = ports.keys().list(&caller, &trial.pin.user).await.ok()?;
    let key = keys
        .into_iter()
        .find(|key| key.id == trial.pending.access_key);
    Some(match key.map(|key| key.activity) {
        Some(Activity::Active) => ListedState::Active,
        Some(Activity::Inactive) => ListedState::Inactive,
        None => ListedState::Absent,
    })
}

/// Returns whether a good key may see this failure while IAM propagates it.
fn may_pass(error: &CallError) -> bool {
    error.kind.is_transient() || error.kind == CallErrorKind::NotAuthenticated
}
