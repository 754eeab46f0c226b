//! When the key that was replaced goes: what the function's hourly sweep will do,
//! told beforehand.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Duration, OldKey, Retirement};
use crate::port::Key;

/// When a key goes, as things stand: used again, it stays longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalTimes {
    /// From when on it is deactivated; nothing where that is not known or not the
    /// next that happens to it.
    pub deactivates: Option<Timestamp>,
    /// From when on it is deleted.
    pub deletes: Option<Timestamp>,
    /// It is past its date and stays for now, because a client uses it.
    pub held: bool,
}

/// Returns when the key before goes, which was replaced at `replaced`.
///
/// The next rotation takes its place in any case, so that nothing is predicted beyond it.
pub fn removal_times(
    old_key: OldKey,
    key: &Key,
    replaced: Option<Timestamp>,
    next_rotation: Option<Timestamp>,
    now: Timestamp,
) -> RemovalTimes {
    let (OldKey::After(retirement), Some(replaced)) = (old_key, replaced) else {
        return RemovalTimes {
            deletes: next_rotation,
            ..RemovalTimes::default()
        };
    };
    // One that is overdue may be long in coming.
    let next = next_rotation.filter(|next| *next > now);
    let removal_times = alone(retirement, key, replaced, now);
    let sooner = |one: Timestamp| next.map_or(one, |next| next.min(one));
    RemovalTimes {
        deactivates: removal_times
            .deactivates
            .filter(|at| next.is_none_or(|next| *at < next)),
        deletes: removal_times.deletes.map(sooner).or(next),
        held: removal_times.held,
    }
}

/// When the key goes if no rotation comes.
fn alone(retirement: Retirement, key: &Key, replaced: Timestamp, now: Timestamp) -> RemovalTimes {
    let Retirement {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = retirement;
    let due = plus(replaced, deactivate_after);
    let used = key.last_used.filter(|used| *used > replaced);
    let free = used.map(|used| plus(used, hold_if_used_within));
    // Deactivated, it is watched for as long as lies between the two.
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
    let held = now >= due
        && free.is_some_and(|free| now < free)
        && forced.is_none_or(|forced| now < forced);
    if held {
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
