//! Predicts when the function's hourly sweep removes a replaced key.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{Duration, OldKey, Retirement, USE_RECORDED_EVERY};
use crate::port::Key;

/// How long a recorded use can conceal later ones. The function's constant of this name has the
/// sources.
const CONCEALED: Duration = Duration::seconds(USE_RECORDED_EVERY.as_seconds() + 60);

/// How long after the promotion a use may be that of a check of the function. Its constant of this
/// name has the reason.
const CHECKED: Duration = Duration::seconds(10);

/// Why a key is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// A client uses it: a use after its replacement is recorded.
    Used,
    /// A client may use it: the last recorded use is so close before its replacement that IAM may
    /// not have recorded one after it.
    PossiblyUsed,
}

/// When a key is removed, if no client uses it in the meantime. A use delays the removal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalTimes {
    /// When it will be deactivated, or `None` if that is unknown or not the next step.
    pub deactivates: Option<Timestamp>,
    /// When it will be deleted.
    pub deletes: Option<Timestamp>,
    /// Why it is past its removal time and remains, or `None` if it is not.
    pub held: Option<HoldReason>,
}

/// Returns when the previous key is removed, if it was replaced at `replaced`. `signs_for_itself`
/// says that the user's own keys sign the calls of its rotation.
///
/// The next rotation removes it in any case, so no time after it is predicted.
pub fn removal_times(
    old_key: OldKey,
    key: &Key,
    replaced: Option<Timestamp>,
    next_rotation: Option<Timestamp>,
    now: Timestamp,
    signs_for_itself: bool,
) -> RemovalTimes {
    let (OldKey::After(retirement), Some(replaced)) = (old_key, replaced) else {
        return RemovalTimes {
            deletes: next_rotation,
            ..RemovalTimes::default()
        };
    };
    // An overdue rotation may take a long time to start.
    let next = next_rotation.filter(|next| *next > now);
    let removal_times = alone(retirement, key, replaced, now, signs_for_itself);
    let sooner = |one: Timestamp| next.map_or(one, |next| next.min(one));
    RemovalTimes {
        deactivates: removal_times
            .deactivates
            .filter(|at| next.is_none_or(|next| *at < next)),
        deletes: removal_times.deletes.map(sooner).or(next),
        held: removal_times.held,
    }
}

/// Returns when the key is removed if no rotation starts.
fn alone(
    retirement: Retirement,
    key: &Key,
    replaced: Timestamp,
    now: Timestamp,
    signs_for_itself: bool,
) -> RemovalTimes {
    let Retirement {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = retirement;
    let due = plus(replaced, deactivate_after);
    let last_use = key.last_used.and_then(|used| {
        let concealed = plus(used, CONCEALED);
        let is_measured = hold_if_used_within > USE_RECORDED_EVERY;
        let may_be_checked = signs_for_itself && is_measured && used <= plus(replaced, CHECKED);
        if used > replaced && !may_be_checked {
            Some((used, HoldReason::Used))
        } else if concealed > replaced && is_measured {
            Some((concealed, HoldReason::PossiblyUsed))
        } else {
            None
        }
    });
    let free = last_use.map(|(moment, _)| plus(moment, hold_if_used_within));
    // After its deactivation, a key is monitored for the time between the two limits.
    let watched =
        delete_after.as_seconds() - deactivate_after.as_seconds().min(delete_after.as_seconds());
    let quiet = free.map(|free| plus(free, Duration::seconds(watched)));
    let deletes = quiet.map_or_else(
        || plus(replaced, delete_after),
        |quiet| quiet.max(plus(replaced, delete_after)),
    );
    if !key.active {
        return RemovalTimes {
            deletes: Some(deletes),
            ..RemovalTimes::default()
        };
    }
    let forced = force_after.map(|after| plus(replaced, after).max(due));
    let is_held = now >= due
        && free.is_some_and(|free| now < free)
        && forced.is_none_or(|forced| now < forced);
    let held = last_use.map(|(_, reason)| reason).filter(|_| is_held);
    // A client that uses the key is expected to use it again.
    if held == Some(HoldReason::Used) {
        return RemovalTimes {
            deactivates: forced,
            deletes: None,
            held,
        };
    }
    let deactivates = free.map_or(due, |free| free.max(due));
    let deactivates = forced.map_or(deactivates, |forced| forced.min(deactivates));
    RemovalTimes {
        deactivates: Some(deactivates),
        deletes: Some(deletes.max(deactivates)),
        held,
    }
}

fn plus(moment: Timestamp, duration: Duration) -> Timestamp {
    let seconds = i64::try_from(duration.as_seconds()).unwrap_or(i64::MAX);
    let sum = moment.checked_add(SignedDuration::from_secs(seconds));
    sum.unwrap_or(Timestamp::MAX)
}
