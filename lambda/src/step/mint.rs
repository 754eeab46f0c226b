//! Creates a key and stores it in a way that neither a lost response nor a refusal leaves the
//! user worse off.

use std::time::Duration;

use super::advice::advice;
use super::clearing;
use super::create::{CreateContext, remove};
use super::intent::{self, RecordedIntent};
use super::{Deadline, read};
use crate::decide::{self, AccessKeyId, AfterPut, PENDING, PutOutcome, ReadBack};
use crate::error::Error;
use crate::log::Note;
use crate::mark::{KEYS, MADE};
use crate::port::{
    CallErrorKind, Clock, Journal, Keys, NewKey, Ports, SecretsManager, VersionSelector,
};
use crate::secret::{Content, Unreadable};

/// The time that it may take to store a key, or to remove it again. A key is created only if
/// this much time is left: if the function were stopped in between, nobody would have the
/// secret access key.
const STORING: Duration = Duration::from_secs(4);

/// The delays before the retries of a call that was not carried out or that is idempotent, such
/// as storing the value.
const WAITS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

pub(super) async fn run<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    recorded: RecordedIntent,
    deadline: Deadline,
) -> Result<(), Error> {
    let key = create(ports, context, &recorded, deadline).await?;
    let note = Note::new(
        "created",
        "the user has room for a key and this version has none",
    );
    ports.journal().note(note.about(&key.id));
    store(ports, context, &key, deadline).await
}

/// Makes IAM create a key, once.
async fn create<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    recorded: &RecordedIntent,
    deadline: Deadline,
) -> Result<NewKey, Error> {
    let user = || context.pin.user.clone();
    let mut waits = WAITS.iter();
    loop {
        let left = deadline.remaining_time(ports.clock());
        if left < STORING {
            intent::withdraw(ports, context, recorded).await;
            return Err(Error::TooLittleTime {
                user: user(),
                seconds: left.as_secs(),
            });
        }
        let source = match ports
            .keys()
            .create(&context.caller, &context.pin.user)
            .await
        {
            Ok(key) => return Ok(key),
            Err(source) => source,
        };
        match (source.kind, waits.next()) {
            // No key was created, so a retry does not create a second one.
            (CallErrorKind::Throttled | CallErrorKind::Unsent, Some(wait)) => {
                ports.clock().sleep(*wait).await
            }
            (CallErrorKind::Unclear, _) => {
                // If a key was created, nobody has its secret access key. The next run finds the
                // key by the intent, after IAM's lists are up to date.
                return Err(Error::CreationUnclear {
                    user: user(),
                    source,
                });
            }
            (CallErrorKind::LimitExceeded, _) => {
                // There was room, so somebody has created a key meanwhile. If it was another run
                // of this step, which dies before it stores the key, a person has to remove the
                // key. With the intent, somebody else's key would seem to be this run's.
                intent::withdraw(ports, context, recorded).await;
                return Err(Error::KeyQuotaReached { user: user() });
            }
            _ => {
                intent::withdraw(ports, context, recorded).await;
                let advice = advice(&context.pin.rotate_as, &source);
                return Err(Error::KeyNotCreated {
                    user: user(),
                    source,
                    advice,
                });
            }
        }
    }
}

/// Stores a new key, or removes it again.
async fn store<P: Ports>(
    ports: &P,
    context: &CreateContext<'_>,
    key: &NewKey,
    deadline: Deadline,
) -> Result<(), Error> {
    let secret = || context.pin.secret.name().to_owned();
    let value = context.current.rekeyed(key, &context.pin);
    let mut waits = WAITS.iter();
    let mut maybe_stored = false;
    loop {
        let (put, ()) = tokio::join!(
            ports
                .secrets_manager()
                .put(context.event, &value, &[PENDING, MADE]),
            record(ports, context, &key.id),
        );
        let Err(source) = put else {
            clearing::withdraw(ports, context).await;
            return Ok(());
        };
        let put = outcome(source.kind);
        maybe_stored |= put == PutOutcome::Unclear;
        let found = if put == PutOutcome::Refused && !maybe_stored {
            ReadBack::Nothing
        } else {
            read_back(ports, context, key).await
        };
        // Half of the time for storing is reserved for removing the key.
        let wait = waits
            .next()
            .filter(|wait| deadline.remaining_time(ports.clock()) > **wait + STORING / 2);
        match (
            decide::after_put(put, maybe_stored, found, wait.is_some()),
            wait,
        ) {
            (AfterPut::Stored, _) => {
                let note = Note::new("stored", "the value was found under this version");
                ports.journal().note(note.about(&key.id));
                clearing::withdraw(ports, context).await;
                return Ok(());
            }
            (AfterPut::StoredByAnother, _) => {
                let reason = "another run of this rotation has stored its key";
                ports
                    .journal()
                    .note(Note::new("delete", reason).about(&key.id));
                remove(ports, context, &key.id).await?;
                return match context.is_clearing.get() {
                    true => Err(clearing::give_up(ports, context.event).await),
                    false => Ok(()),
                };
            }
            (AfterPut::TryAgain, Some(wait)) => ports.clock().sleep(*wait).await,
            (AfterPut::Remove, _) => {
                let reason = "it could not be stored, so nobody has its secret";
                ports
                    .journal()
                    .note(Note::new("delete", reason).about(&key.id));
                let (user, key_id) = (context.pin.user.clone(), key.id.clone());
                return Err(match remove(ports, context, &key.id).await {
                    Ok(()) => Error::KeyNotStored {
                        secret: secret(),
                        key: key_id,
                        source,
                    },
                    Err(_) => Error::KeyLeftBehind {
                        secret: secret(),
                        user,
                        key: key_id,
                        source,
                    },
                });
            }
            (AfterPut::Leave | AfterPut::TryAgain, _) => {
                return Err(Error::StoringUnclear {
                    secret: secret(),
                    key: key.id.clone(),
                    source,
                });
            }
        }
    }
}

/// Records on the user that the key belongs to keyrota. If that fails, only the key's secret
/// part can prove it.
async fn record<P: Ports>(ports: &P, context: &CreateContext<'_>, key: &AccessKeyId) {
    if !context.pin.owns_user {
        let keys = context.record.with_key(key);
        let _ = ports.keys().tag(&context.pin.user, KEYS, &keys).await;
    }
}

fn outcome(kind: CallErrorKind) -> PutOutcome {
    match kind {
        CallErrorKind::Exists => PutOutcome::Taken,
        CallErrorKind::Unclear => PutOutcome::Unclear,
        CallErrorKind::Throttled | CallErrorKind::Unsent => PutOutcome::Postponed,
        CallErrorKind::NotFound
        | CallErrorKind::LimitExceeded
        | CallErrorKind::NotAuthenticated
        | CallErrorKind::NotAuthorised
        | CallErrorKind::Undecryptable
        | CallErrorKind::Refused => PutOutcome::Refused,
    }
}

/// Reads the content of this rotation's version.
async fn read_back<P: Ports>(ports: &P, context: &CreateContext<'_>, key: &NewKey) -> ReadBack {
    match read(
        ports,
        context.event,
        VersionSelector::Version(&context.event.token),
    )
    .await
    {
        Ok(Content::Complete(stored)) if stored.access_key == key.id => ReadBack::Ours,
        Ok(Content::Nothing) => ReadBack::Nothing,
        Ok(Content::Unreadable(Unreadable::Undecryptable)) | Err(_) => ReadBack::Unclear,
        Ok(Content::Complete(_) | Content::Partial(_) | Content::Unreadable(_)) => {
            ReadBack::Another
        }
    }
}
