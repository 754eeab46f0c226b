//! Retires the key that AWSCURRENT's key replaced.

use crate::decide::{self, AccessKeyId, Activity, CURRENT, PENDING, VersionId};
use crate::error::{Error, RetireError};
use crate::log::Note;
use crate::mark::Record;
use crate::moment::Moment;
use crate::pin::{Pin, RotateAs};
use crate::port::{CallError, CallErrorKind, Caller, Clock, Journal, Keys, LastUsed, Ports};
use crate::retire::{
    self, DeactivationReason, KeyState, KeyUse, OldKey, RetirementAction, Timetable,
};
use crate::secret::Credential;
use crate::step::{advice, authenticates, caller, describe};

/// A key and the one that it replaced.
pub(crate) struct Succession<'secret> {
    pub(crate) pin: &'secret Pin,
    /// The content of AWSCURRENT.
    pub(crate) current: &'secret Credential,
    /// The version that contains it.
    pub(crate) current_version: &'secret VersionId,
    /// The content of the version with the old key.
    pub(crate) previous: &'secret Credential,
    /// That version.
    pub(crate) previous_version: &'secret VersionId,
    /// The label by which the version was found.
    pub(crate) previous_label: &'static str,
    /// When AWSCURRENT's key replaced the old one.
    pub(crate) promoted: Moment,
    pub(crate) timetable: Timetable,
}

/// The result for an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything that was due is done.
    Settled,
    /// Its time is over, but it is in use.
    Held,
}

/// Carries out what is due for the old key.
///
/// # Errors
///
/// Fails if it is not certain that this is done. The operation is idempotent.
pub(crate) async fn retire<P: Ports>(
    ports: &P,
    succession: &Succession<'_>,
    used: KeyUse,
) -> Result<Outcome, Error> {
    let now = ports.clock().moment();
    let next = |state, used| {
        let key = OldKey { state, used };
        retire::next(&succession.timetable, succession.promoted, now, key)
    };
    // A value with a changed field is a new version with the same key.
    let previous = &succession.previous.access_key;
    let same = *previous == succession.current.access_key;
    if same || next(KeyState::Unread, used) != RetirementAction::ReadState {
        return Ok(Outcome::Settled);
    }

    let caller = caller(ports, succession.pin, succession.current).await?;
    let state = read_state(ports, succession, &caller).await?;
    let mut last_used = None;
    let mut todo = next(state, used);
    if todo == RetirementAction::ReadUse {
        last_used = match ports.keys().usage(&caller, previous).await {
            Ok(last_used) => last_used,
            Err(source) => return settled_if_gone(succession, source),
        };
        let moment = last_used.as_ref().map(|used| used.at);
        let hold = succession.timetable.hold_if_used_within;
        let own = succession.pin.rotate_as == RotateAs::Own;
        todo = next(state, KeyUse::since(succession.promoted, moment, hold, own));
    }
    match todo {
        RetirementAction::Nothing
        | RetirementAction::Keep { .. }
        | RetirementAction::ReadState
        | RetirementAction::ReadUse => Ok(Outcome::Settled),
        RetirementAction::Hold { .. } => {
            let mut note = note(succession, "hold", "still in use");
            note.details.last_used = last_used;
            ports.journal().note(note);
            Ok(Outcome::Held)
        }
        // No record shows that a client uses the key, so this raises no alarm.
        RetirementAction::HoldConcealed { .. } => {
            let reason = "possibly in use: IAM does not record every use, and one after the promotion may be missing";
            let mut note = note(succession, "hold", reason);
            note.details.last_used = last_used;
            ports.journal().note(note);
            Ok(Outcome::Settled)
        }
        RetirementAction::Deactivate(because) => {
            let reason = match because {
                DeactivationReason::Idle => "its time is over and it is idle",
                DeactivationReason::PatienceOver => {
                    "still in use or possibly in use, but the time that it is held for is over"
                }
            };
            let action = Action {
                act: ActionKind::Deactivate,
                reason,
                last_used,
            };
            act(ports, succession, &caller, state, action).await
        }
        RetirementAction::Delete => {
            let action = Action {
                act: ActionKind::Delete,
                reason: "its time is over and it is idle",
                last_used,
            };
            act(ports, succession, &caller, state, action).await
        }
    }
}

/// Looks for the old key among the user's keys, and for the key that must outlive it. If a list
/// lacks the latter, nothing in it is touched.
async fn read_state<P: Ports>(
    ports: &P,
    succession: &Succession<'_>,
    caller: &Caller,
) -> Result<KeyState, Error> {
    let listed = ports.keys().list(caller, &succession.pin.user).await;
    let listed = listed.map_err(|source| not_retired(succession, source))?;
    let activity = |id: &AccessKeyId| {
        let key = listed.iter().find(|key| key.id == *id);
        key.map(|key| key.activity)
    };
    let unsound = |problem| RetireError::NewKeyUnsound {
        secret: succession.pin.secret.name().to_owned(),
        user: succession.pin.user.clone(),
        key: succession.previous.access_key.clone(),
        current: succession.current.access_key.clone(),
        problem,
    };
    match (
        activity(&succession.current.access_key),
        activity(&succession.previous.access_key),
    ) {
        (None, _) => Err(unsound("not among the user's keys").into()),
        (_, None) => Ok(KeyState::Gone),
        (Some(Activity::Inactive), _) => Err(unsound("inactive").into()),
        (Some(Activity::Active), Some(Activity::Active)) => Ok(KeyState::Active),
        (Some(Activity::Active), Some(Activity::Inactive)) => Ok(KeyState::Inactive),
    }
}

/// An action on an old key.
#[derive(Clone, Copy)]
enum ActionKind {
    Deactivate,
    Delete,
}

/// An action on an old key, and its reason.
struct Action {
    act: ActionKind,
    reason: &'static str,
    last_used: Option<LastUsed>,
}

/// Acts on the old key, if it belongs to keyrota.
async fn act<P: Ports>(
    ports: &P,
    succession: &Succession<'_>,
    caller: &Caller,
    state: KeyState,
    action: Action,
) -> Result<Outcome, Error> {
    let Action {
        act,
        reason,
        last_used,
    } = action;
    let (user, key) = (&succession.pin.user, &succession.previous.access_key);
    let (unmoved, ours) = tokio::join!(
        is_unmoved(ports, succession),
        is_ours(ports, succession, state)
    );
    if !unmoved? {
        let reason = "the secret's labels moved meanwhile";
        ports.journal().note(note(succession, "leave", reason));
        return Ok(Outcome::Settled);
    }
    if !ours.map_err(|source| not_retired(succession, source))? {
        let error = RetireError::OldKeyUnproven {
            secret: succession.pin.secret.name().to_owned(),
            user: user.clone(),
            key: key.clone(),
        };
        return Err(error.into());
    }
    let decision = match act {
        ActionKind::Deactivate => "deactivate",
        ActionKind::Delete => "delete",
    };
    let mut note = note(succession, decision, reason);
    note.details.last_used = last_used;
    ports.journal().note(note);
    let done = match act {
        ActionKind::Deactivate => ports.keys().deactivate(caller, user, key).await,
        ActionKind::Delete => ports.keys().delete(caller, user, key).await,
    };
    match done {
        Ok(()) => Ok(Outcome::Settled),
        Err(source) => settled_if_gone(succession, source),
    }
}

/// Returns whether an active key that AWSPREVIOUS names belongs to keyrota. If the user's tags
/// do not say so, the key must authenticate. That counts as a use, so it comes last, when its
/// last use is no longer read. No client uses an inactive key.
async fn is_ours<P: Ports>(
    ports: &P,
    succession: &Succession<'_>,
    state: KeyState,
) -> Result<bool, CallError> {
    let Succession { pin, previous, .. } = succession;
    if state != KeyState::Active {
        return Ok(true);
    }
    if !pin.owns_user {
        let record = Record::read(&ports.keys().tags(&pin.user).await?);
        if record.keys.contains(&previous.access_key) {
            return Ok(true);
        }
    }
    authenticates(ports, pin, previous).await
}

/// Returns whether no label has moved, and no rotation is in progress.
async fn is_unmoved<P: Ports>(ports: &P, succession: &Succession<'_>) -> Result<bool, Error> {
    let stages = describe(ports, &succession.pin.secret).await?.stages;
    let carrier = |label| decide::carrier(&stages, label);
    let current = Some(succession.current_version);
    Ok(carrier(CURRENT) == current
        && carrier(succession.previous_label) == Some(succession.previous_version)
        && matches!(carrier(PENDING), pending if pending.is_none() || pending == current))
}

/// Treats a key that no longer exists as done.
fn settled_if_gone(succession: &Succession<'_>, source: CallError) -> Result<Outcome, Error> {
    match source.kind {
        CallErrorKind::NotFound => Ok(Outcome::Settled),
        _ => Err(not_retired(succession, source)),
    }
}

fn not_retired(succession: &Succession<'_>, source: CallError) -> Error {
    let advice = if source.kind.is_transient() {
        "the next sweep tries again"
    } else {
        advice(&succession.pin.rotate_as, &source)
    };
    let error = RetireError::OldKeyNotRetired {
        user: succession.pin.user.clone(),
        key: succession.previous.access_key.clone(),
        source,
        advice,
    };
    error.into()
}

fn note(succession: &Succession<'_>, decision: &'static str, reason: &'static str) -> Note {
    Note::new(decision, reason)
        .of(&succession.pin.secret)
        .about(&succession.previous.access_key)
}
