//! What becomes of one key: the one that AWSPREVIOUS names, once another has
//! taken its place. Everything here is pure and synchronous.
//!
//! This is the only place that reasons about dates, and it never chooses
//! between keys: whose key it is, and that nothing else names it, is certain
//! before it is asked.

use std::time::Duration;

use crate::moment::Moment;

/// What the manifest says of an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It stays as it is until the next rotation needs its place.
    UntilNextRotation,
    /// It goes in time.
    Timed(Timetable),
}

/// When an old key goes. Each time counts from the promotion of the key that
/// took its place, except for `hold_if_used_within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timetable {
    /// When it is deactivated. Zero is at once, in `finishSecret`.
    pub deactivate_after: Duration,
    /// When it is deleted; not before it is deactivated.
    pub delete_after: Duration,
    /// How long a key must have been idle before it goes.
    pub hold_if_used_within: Duration,
    /// When it is deactivated although it is in use; never, where absent.
    pub force_after: Option<Duration>,
}

/// Whether IAM knows the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has asked yet.
    Unread,
    /// It is not among the user's keys.
    Gone,
    /// IAM accepts it.
    Active,
    /// IAM refuses it.
    Inactive,
}

/// Whether the key was used after the other was promoted. What was signed with
/// it before that, by its clients or by the rotation itself, is no sign that
/// anyone still needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nobody has asked yet.
    Unread,
    /// It was not used since.
    None,
    /// It was, last at this moment.
    Last(Moment),
}

impl Use {
    /// Returns whether a key that was last used then was used after the
    /// promotion.
    ///
    /// IAM seems to tell the last use to the minute (the example of
    /// `GetAccessKeyLastUsed` in its API reference does), so that a use in the
    /// minute of the promotion cannot be told from the rotation's own. A client
    /// that goes on using the key shows in the next.
    pub fn since(promoted: Moment, last_used: Option<Moment>) -> Self {
        match last_used {
            Some(moment) if moment > promoted => Self::Last(moment),
            _ => Self::None,
        }
    }
}

/// What is known of the old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldKey {
    /// Whether IAM knows it.
    pub state: State,
    /// Whether it was used after the promotion.
    pub used: Use,
}

/// Why an old key is deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Its time is over and nobody was seen using it.
    Idle,
    /// It is in use, and the patience with that is over.
    PatienceOver,
}

/// What to do with an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, now or later.
    Nothing,
    /// Nothing before this moment.
    Keep {
        /// The moment.
        until: Moment,
    },
    /// Ask whether IAM knows it, then decide again.
    ReadState,
    /// Ask when it was last used, then decide again.
    ReadUse,
    /// Leave it and say so: its time is over, but it is in use.
    Hold {
        /// When it was last used.
        last_used: Moment,
    },
    /// Deactivate it.
    Deactivate(Because),
    /// Delete it.
    Delete,
}

/// Returns what to do now with an old key.
///
/// An active key is deactivated and watched before it is deleted, so that a
/// client nobody thought of can be helped by making it active again; both at
/// once only where the manifest gives them the same time and the key is idle.
pub fn next(timetable: &Timetable, promoted: Moment, now: Moment, key: OldKey) -> Next {
    let Timetable {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = *timetable;
    let deactivate_at = promoted.plus(deactivate_after);
    let delete_at = promoted.plus(delete_after);
    // The moment from which on the key counts as idle.
    let idle_at = |last_used: Moment| last_used.plus(hold_if_used_within);

    match (key.state, key.used) {
        (State::Gone, _) => Next::Nothing,
        (State::Unread | State::Active, _) if now < deactivate_at => Next::Keep {
            until: deactivate_at,
        },
        (State::Inactive, _) if now < delete_at => Next::Keep { until: delete_at },
        (State::Unread, _) => Next::ReadState,
        (State::Active | State::Inactive, Use::Unread) => Next::ReadUse,
        (State::Active, Use::Last(last_used)) if now < idle_at(last_used) => {
            if force_after.is_some_and(|patience| now >= promoted.plus(patience)) {
                Next::Deactivate(Because::PatienceOver)
            } else {
                Next::Hold { last_used }
            }
        }
        (State::Active, _) if delete_after == deactivate_after => Next::Delete,
        (State::Active, _) => Next::Deactivate(Because::Idle),
        (State::Inactive, Use::Last(last_used)) => {
            let watched = delete_after.saturating_sub(deactivate_after);
            let until = idle_at(last_used).plus(watched);
            if now < until {
                Next::Keep { until }
            } else {
                Next::Delete
            }
        }
        (State::Inactive, Use::None) => Next::Delete,
    }
}
