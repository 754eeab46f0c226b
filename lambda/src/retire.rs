//! Decides what happens to the key that AWSPREVIOUS names after another key replaced it.
//! Everything here is pure and synchronous.
//!
//! This is the only place that reasons about dates, and it never chooses between keys. Before
//! it is asked, it is certain whose key it is, and that nothing else names it.

use std::time::Duration;

use crate::moment::Moment;

/// What the manifest specifies for an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKeyPolicy {
    /// The key stays as it is until the next rotation needs its place.
    UntilNextRotation,
    /// The key is retired at set times.
    Timed(Timetable),
}

/// When an old key is retired. Each time counts from the promotion of the key that replaced it,
/// except for `hold_if_used_within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timetable {
    /// When it is deactivated. Zero means immediately, in `finishSecret`.
    pub deactivate_after: Duration,
    /// When it is deleted. This is not before it is deactivated.
    pub delete_after: Duration,
    /// How long a key must be idle before it is retired.
    pub hold_if_used_within: Duration,
    /// When it is deactivated even if it is in use. If absent, that never happens.
    pub force_after: Option<Duration>,
}

/// Whether IAM still has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Not read yet.
    Unread,
    /// It is not among the user's keys.
    Gone,
    /// IAM accepts it.
    Active,
    /// IAM refuses it.
    Inactive,
}

/// IAM records one use of a key in this period, the first (documented for the credential report,
/// *id_credentials_getting-report*).
pub const USE_RECORDED_EVERY: Duration = Duration::from_secs(15 * 60);

/// How long a recorded use can conceal later ones. This is a minute longer than
/// [`USE_RECORDED_EVERY`], because IAM appears to report a use to the minute (as in the example of
/// `GetAccessKeyLastUsed`).
pub const CONCEALED: Duration = USE_RECORDED_EVERY.saturating_add(Duration::from_secs(60));

/// How long a check may take, from its look at the labels to its last request. If a rotation starts
/// and ends in that time, a check may sign a request with the key that was replaced meanwhile. So,
/// where the key signs the calls of its own rotation, a use that soon after the promotion is no
/// proof of a client's, but it may conceal one.
pub const CHECKED: Duration = Duration::from_secs(10);

/// Whether the key was used after the other key was promoted. Requests that clients or the
/// rotation signed with it before then are no sign that anyone still needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Not read yet.
    Unread,
    /// The key was not used after the promotion.
    None,
    /// It is unknown whether the key was used after the promotion. No such use is recorded, but
    /// the last recorded one conceals any use until this moment, which is after the promotion.
    Possible(Moment),
    /// The key was used after the promotion, last at this moment.
    Last(Moment),
}

impl KeyUse {
    /// Returns whether a key with this last use was used after the promotion.
    ///
    /// A recorded use shortly before the promotion conceals a client's use shortly after it. With
    /// `rotate_as: self`, the rotation itself is such a use. If the client continues to use the
    /// key, a later record shows it. The same holds for a use within [`CHECKED`] of the promotion,
    /// which may be a check's if the key `signs_for_itself`.
    ///
    /// If `hold_if_used_within` is at most [`USE_RECORDED_EVERY`], only recorded uses count: the
    /// manifest asks for less than IAM can measure, and the program warns about that.
    pub fn since(
        promoted: Moment,
        last_used: Option<Moment>,
        hold_if_used_within: Duration,
        signs_for_itself: bool,
    ) -> Self {
        let Some(moment) = last_used else {
            return Self::None;
        };
        let concealed = moment.plus(CONCEALED);
        let is_measured = hold_if_used_within > USE_RECORDED_EVERY;
        let may_be_checked = signs_for_itself && is_measured && moment <= promoted.plus(CHECKED);
        if moment > promoted && !may_be_checked {
            Self::Last(moment)
        } else if concealed > promoted && is_measured {
            Self::Possible(concealed)
        } else {
            Self::None
        }
    }
}

/// What is known about the old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldKey {
    /// Whether IAM still has it.
    pub state: KeyState,
    /// Whether it was used after the promotion.
    pub used: KeyUse,
}

/// Why an old key is deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeactivationReason {
    /// Its time is over, and no use of it was seen.
    Idle,
    /// It is in use, or may be, and the time for which that delays its deactivation is over.
    PatienceOver,
}

/// What to do with an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetirementAction {
    /// Nothing, now or later.
    Nothing,
    /// Nothing before this moment.
    Keep {
        /// The moment.
        until: Moment,
    },
    /// Read whether IAM has the key, then decide again.
    ReadState,
    /// Read when the key was last used, then decide again.
    ReadUse,
    /// Hold the key back and report it: its time is over, but it is in use.
    Hold {
        /// When it was last used.
        last_used: Moment,
    },
    /// Hold the key back: its time is over, but a use of it may be concealed.
    HoldConcealed {
        /// When the hold ends, if no use is recorded.
        until: Moment,
    },
    /// Deactivate it.
    Deactivate(DeactivationReason),
    /// Delete it.
    Delete,
}

/// Returns what to do now with an old key.
///
/// An active key is deactivated and watched before it is deleted, so that a forgotten client
/// can be helped by activating the key again. Both happen at once only if the manifest sets the
/// same time for them and the key is idle.
pub fn next(timetable: &Timetable, promoted: Moment, now: Moment, key: OldKey) -> RetirementAction {
    let Timetable {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = *timetable;
    let deactivate_at = promoted.plus(deactivate_after);
    let delete_at = promoted.plus(delete_after);
    // The moment from which the key counts as idle.
    let idle_at = |last_used: Moment| last_used.plus(hold_if_used_within);
    let out_of_patience = force_after.is_some_and(|patience| now >= promoted.plus(patience));

    match (key.state, key.used) {
        (KeyState::Gone, _) => RetirementAction::Nothing,
        (KeyState::Unread | KeyState::Active, _) if now < deactivate_at => RetirementAction::Keep {
            until: deactivate_at,
        },
        (KeyState::Inactive, _) if now < delete_at => RetirementAction::Keep { until: delete_at },
        (KeyState::Unread, _) => RetirementAction::ReadState,
        (KeyState::Active | KeyState::Inactive, KeyUse::Unread) => RetirementAction::ReadUse,
        (KeyState::Active, KeyUse::Last(last_used)) if now < idle_at(last_used) => {
            if out_of_patience {
                RetirementAction::Deactivate(DeactivationReason::PatienceOver)
            } else {
                RetirementAction::Hold { last_used }
            }
        }
        (KeyState::Active, KeyUse::Possible(concealed)) if now < idle_at(concealed) => {
            if out_of_patience {
                RetirementAction::Deactivate(DeactivationReason::PatienceOver)
            } else {
                RetirementAction::HoldConcealed {
                    until: idle_at(concealed),
                }
            }
        }
        (KeyState::Active, _) if delete_after == deactivate_after => RetirementAction::Delete,
        (KeyState::Active, _) => RetirementAction::Deactivate(DeactivationReason::Idle),
        (KeyState::Inactive, KeyUse::Last(last_used) | KeyUse::Possible(last_used)) => {
            let watched = delete_after.saturating_sub(deactivate_after);
            let until = idle_at(last_used).plus(watched);
            if now < until {
                RetirementAction::Keep { until }
            } else {
                RetirementAction::Delete
            }
        }
        (KeyState::Inactive, KeyUse::None) => RetirementAction::Delete,
    }
}
