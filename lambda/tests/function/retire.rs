//! What happens to an old key: all combinations of ages, uses, and settings.

use std::time::Duration;

use keyrota_function::moment::Moment;
use keyrota_function::retire::{
    DeactivationReason, KeyState, KeyUse, OldKey, RetirementAction, Timetable, next,
};
use proptest::prelude::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
const PROMOTED: Moment = Moment(1_795_305_600);

/// Returns the moment this many seconds after the promotion.
fn after(seconds: u64) -> Moment {
    PROMOTED.plus(Duration::from_secs(seconds))
}

fn timetable(deactivate: u64, delete: u64, hold: u64, force: Option<u64>) -> Timetable {
    Timetable {
        deactivate_after: Duration::from_secs(deactivate),
        delete_after: Duration::from_secs(delete),
        hold_if_used_within: Duration::from_secs(hold),
        force_after: force.map(Duration::from_secs),
    }
}

fn usual() -> Timetable {
    timetable(DAY, 7 * DAY, DAY, Some(30 * DAY))
}

fn at(timetable: &Timetable, now: u64, state: KeyState, used: KeyUse) -> RetirementAction {
    next(timetable, PROMOTED, after(now), OldKey { state, used })
}

fn used(seconds: u64) -> KeyUse {
    KeyUse::Last(after(seconds))
}

const KEEP: fn(u64) -> RetirementAction = |seconds| RetirementAction::Keep {
    until: after(seconds),
};
const IDLE: RetirementAction = RetirementAction::Deactivate(DeactivationReason::Idle);
const FORCED: RetirementAction = RetirementAction::Deactivate(DeactivationReason::PatienceOver);

#[test]
fn the_life_of_a_key_that_nobody_uses() {
    let usual = usual();
    for (now, state, expected) in [
        (0, KeyState::Unread, KEEP(DAY)),
        (DAY - 1, KeyState::Active, KEEP(DAY)),
        (DAY, KeyState::Unread, RetirementAction::ReadState),
        (DAY, KeyState::Active, IDLE),
        (DAY, KeyState::Inactive, KEEP(7 * DAY)),
        (7 * DAY - 1, KeyState::Inactive, KEEP(7 * DAY)),
        (7 * DAY, KeyState::Inactive, RetirementAction::Delete),
        (7 * DAY, KeyState::Gone, RetirementAction::Nothing),
        // No sweep ran for a long time, but the key is still watched.
        (90 * DAY, KeyState::Active, IDLE),
    ] {
        assert_eq!(
            at(&usual, now, state, KeyUse::None),
            expected,
            "{now} {state:?}"
        );
    }
}

#[test]
fn a_key_in_use_is_held_until_it_is_idle_or_the_patience_is_over() {
    let usual = usual();
    let hold = |seconds| RetirementAction::Hold {
        last_used: after(seconds),
    };
    for (now, last, expected) in [
        (DAY, 1, hold(1)),
        (DAY + 1, 1, IDLE),
        (10 * DAY, 10 * DAY - HOUR, hold(10 * DAY - HOUR)),
        (10 * DAY, 9 * DAY, IDLE),
        (30 * DAY - 1, 30 * DAY - 2, hold(30 * DAY - 2)),
        (30 * DAY, 30 * DAY - 1, FORCED),
        // The clocks of IAM and Lambda differ.
        (10 * DAY, 11 * DAY, hold(11 * DAY)),
    ] {
        let found = at(&usual, now, KeyState::Active, used(last));
        assert_eq!(found, expected, "{now} {last}");
    }
    let patient = timetable(DAY, 7 * DAY, DAY, None);
    let found = at(&patient, 9_999 * DAY, KeyState::Active, used(9_999 * DAY));
    assert_eq!(found, hold(9_999 * DAY));
}

#[test]
fn a_key_that_was_held_is_watched_as_long_as_any_other() {
    let usual = usual();
    // Last used on the tenth day: idle on the eleventh, and then for six more days.
    for (now, expected) in [
        (11 * DAY, KEEP(17 * DAY)),
        (17 * DAY - 1, KEEP(17 * DAY)),
        (17 * DAY, RetirementAction::Delete),
    ] {
        let found = at(&usual, now, KeyState::Inactive, used(10 * DAY));
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn the_same_time_for_both_is_one_call() {
    let both = timetable(DAY, DAY, DAY, Some(2 * DAY));
    assert_eq!(
        at(&both, DAY - 1, KeyState::Unread, KeyUse::Unread),
        KEEP(DAY)
    );
    assert_eq!(
        at(&both, DAY, KeyState::Active, KeyUse::None),
        RetirementAction::Delete
    );
    assert_eq!(
        at(&both, DAY, KeyState::Inactive, KeyUse::None),
        RetirementAction::Delete
    );
    // A key in use is never deleted, even if it is not held back any longer.
    assert_eq!(at(&both, 2 * DAY, KeyState::Active, used(2 * DAY)), FORCED);
    let found = at(&both, 2 * DAY, KeyState::Inactive, used(2 * DAY));
    assert_eq!(found, KEEP(3 * DAY));

    let zero = timetable(0, 0, DAY, None);
    assert_eq!(
        at(&zero, 0, KeyState::Unread, KeyUse::None),
        RetirementAction::ReadState
    );
    assert_eq!(
        at(&zero, 0, KeyState::Active, KeyUse::None),
        RetirementAction::Delete
    );
    let zero = timetable(0, DAY, DAY, None);
    assert_eq!(at(&zero, 0, KeyState::Active, KeyUse::None), IDLE);
}

#[test]
fn nobody_asks_before_the_time_has_come() {
    let usual = usual();
    for (now, state, expected) in [
        (DAY - 1, KeyState::Active, KEEP(DAY)),
        (DAY, KeyState::Active, RetirementAction::ReadUse),
        (7 * DAY - 1, KeyState::Inactive, KEEP(7 * DAY)),
        (7 * DAY, KeyState::Inactive, RetirementAction::ReadUse),
    ] {
        assert_eq!(at(&usual, now, state, KeyUse::Unread), expected);
    }
}

/// The rotation itself signs with the old key, shortly before the key is replaced. IAM records
/// one use in 15 minutes, so that this conceals what a client signs shortly after.
#[test]
fn only_what_may_have_been_signed_after_the_promotion_is_use() {
    let before = |seconds: u64| Moment(PROMOTED.0.saturating_sub_unsigned(seconds));
    for (last_used, expected) in [
        (None, KeyUse::None),
        (Some(Moment(1)), KeyUse::None),
        (Some(before(16 * 60)), KeyUse::None),
        (Some(before(16 * 60 - 1)), KeyUse::Possible(after(1))),
        (Some(PROMOTED), KeyUse::Possible(after(16 * 60))),
        (Some(after(1)), used(1)),
    ] {
        assert_eq!(
            KeyUse::since(PROMOTED, last_used, Duration::from_secs(DAY), false),
            expected
        );
    }
}

/// A check that began before the promotion may sign with the key of AWSCURRENT, which is the old
/// key by then. It ends after ten seconds.
#[test]
fn what_a_check_may_have_signed_is_no_proof_of_a_client() {
    let day = Duration::from_secs(DAY);
    for (seconds, expected) in [
        (1, KeyUse::Possible(after(16 * 60 + 1))),
        (10, KeyUse::Possible(after(16 * 60 + 10))),
        (11, used(11)),
    ] {
        let last_used = Some(after(seconds));
        assert_eq!(KeyUse::since(PROMOTED, last_used, day, true), expected);
        // No check signs with the key.
        let expected = used(seconds);
        assert_eq!(KeyUse::since(PROMOTED, last_used, day, false), expected);
        // The manifest asks for less than IAM can measure.
        let short = Duration::from_secs(15 * 60);
        assert_eq!(KeyUse::since(PROMOTED, last_used, short, true), expected);
    }
}

/// IAM cannot measure a hold that is this short, and the program warns about it.
#[test]
fn with_a_hold_of_15_minutes_or_less_only_a_recorded_use_counts() {
    let before = Moment(PROMOTED.0 - 1);
    let hold = |minutes: u64| Duration::from_secs(minutes * 60);
    for (hold, expected) in [
        (hold(0), KeyUse::None),
        (hold(15), KeyUse::None),
        (
            hold(15) + Duration::from_secs(1),
            KeyUse::Possible(after(16 * 60 - 1)),
        ),
    ] {
        assert_eq!(KeyUse::since(PROMOTED, Some(before), hold, false), expected);
        assert_eq!(
            KeyUse::since(PROMOTED, Some(after(1)), hold, false),
            used(1)
        );
    }
}

#[test]
fn a_key_whose_use_may_be_concealed_is_held_like_one_in_use() {
    let usual = usual();
    let possible = KeyUse::Possible(after(900));
    let hold = RetirementAction::HoldConcealed {
        until: after(DAY + 900),
    };
    for (now, state, expected) in [
        (DAY - 1, KeyState::Active, KEEP(DAY)),
        (DAY, KeyState::Active, hold),
        (DAY + 899, KeyState::Active, hold),
        (DAY + 900, KeyState::Active, IDLE),
        (7 * DAY + 899, KeyState::Inactive, KEEP(7 * DAY + 900)),
        (7 * DAY + 900, KeyState::Inactive, RetirementAction::Delete),
    ] {
        assert_eq!(at(&usual, now, state, possible), expected, "{now}");
    }
    let impatient = timetable(DAY, 7 * DAY, DAY, Some(DAY));
    assert_eq!(at(&impatient, DAY, KeyState::Active, possible), FORCED);
}

/// All settings with these times, which are close to each other's boundaries, and all ages and
/// uses at and near those boundaries. The test compares each decision with what the manifest
/// promises, expressed in a different way.
#[test]
fn the_whole_grid_keeps_what_the_manifest_promises() {
    let times = [0, HOUR, DAY, 7 * DAY];
    let mut cases = 0;
    for deactivate in times {
        for delete in times.into_iter().filter(|delete| *delete >= deactivate) {
            for hold in times {
                let patiences = times.into_iter().filter(|force| *force >= deactivate);
                for force in patiences.map(Some).chain([None]) {
                    let timetable = timetable(deactivate, delete, hold, force);
                    cases += grid(&timetable);
                }
            }
        }
    }
    assert!(cases > 100_000, "only {cases} cases");
}

fn grid(timetable: &Timetable) -> usize {
    let times = [0, HOUR, DAY, 2 * DAY, 7 * DAY, 8 * DAY, 14 * DAY];
    let beside = |time: u64| [time.saturating_sub(1), time, time + 1];
    let mut cases = 0;
    for now in times.into_iter().flat_map(beside) {
        let moments = times.into_iter().flat_map(beside).map(after);
        let uses = moments.flat_map(|moment| [KeyUse::Last(moment), KeyUse::Possible(moment)]);
        for used in uses.chain([KeyUse::Unread, KeyUse::None]) {
            for state in [
                KeyState::Unread,
                KeyState::Gone,
                KeyState::Active,
                KeyState::Inactive,
            ] {
                promised(timetable, now, state, used);
                cases += 1;
            }
        }
    }
    cases
}

fn promised(timetable: &Timetable, now: u64, state: KeyState, used: KeyUse) {
    let seconds = |duration: Duration| duration.as_secs();
    let (deactivate, delete, hold) = (
        seconds(timetable.deactivate_after),
        seconds(timetable.delete_after),
        seconds(timetable.hold_if_used_within),
    );
    let forced = timetable
        .force_after
        .is_some_and(|force| now >= seconds(force));
    let hold_for = timetable.hold_if_used_within;
    let last = match used {
        KeyUse::Last(moment) | KeyUse::Possible(moment) => Some(moment),
        KeyUse::Unread | KeyUse::None => None,
    };
    let in_use = last.is_some_and(|moment| after(now) < moment.plus(hold_for));
    let case = format!("{timetable:?} {now} {state:?} {used:?}");
    match at(timetable, now, state, used) {
        RetirementAction::Nothing => assert_eq!(state, KeyState::Gone, "{case}"),
        RetirementAction::Keep { until } => {
            assert!(until > after(now), "{case}");
            assert_ne!(state, KeyState::Gone, "{case}");
            let due = match state {
                KeyState::Inactive => delete,
                _ => deactivate,
            };
            let watched = last.is_some() && state == KeyState::Inactive;
            assert!(now < due || watched, "{case}");
        }
        RetirementAction::ReadState => {
            assert!(state == KeyState::Unread && now >= deactivate, "{case}")
        }
        RetirementAction::ReadUse => {
            assert!(used == KeyUse::Unread && now >= deactivate, "{case}");
            assert!(state == KeyState::Active || now >= delete, "{case}");
        }
        RetirementAction::Hold { last_used } => {
            assert!(state == KeyState::Active && in_use && !forced, "{case}");
            assert!(
                now >= deactivate && used == KeyUse::Last(last_used),
                "{case}"
            );
        }
        RetirementAction::HoldConcealed { until } => {
            assert!(state == KeyState::Active && in_use && !forced, "{case}");
            assert!(now >= deactivate && until > after(now), "{case}");
            assert!(matches!(used, KeyUse::Possible(_)), "{case}");
        }
        RetirementAction::Deactivate(because) => {
            assert!(state == KeyState::Active && now >= deactivate, "{case}");
            assert_eq!(
                because == DeactivationReason::PatienceOver,
                in_use,
                "{case}"
            );
            assert!(!in_use || forced, "{case}");
            assert!(deactivate != delete || in_use, "{case}");
        }
        RetirementAction::Delete => {
            assert!(!in_use && now >= delete, "{case}");
            assert!(
                state == KeyState::Inactive || deactivate == delete,
                "{case}"
            );
            assert_ne!(used, KeyUse::Unread, "{case}");
            if let Some(moment) = last {
                let watched = Duration::from_secs(hold + delete - deactivate);
                assert!(after(now) >= moment.plus(watched), "{case}");
            }
        }
    }
}

prop_compose! {
    fn any_timetable()(
        deactivate in 0..40 * DAY,
        watch in 0..40 * DAY,
        hold in 0..10 * DAY,
        patience in proptest::option::of(0..90 * DAY),
    ) -> Timetable {
        timetable(deactivate, deactivate + watch, hold, patience.map(|it| deactivate + it))
    }
}

proptest! {
    /// Sweeps run at arbitrary times, and a client uses the key until some day, as long as the
    /// key is accepted. The key is never deactivated while the client uses it before that is
    /// due, is watched before it is deleted, and is eventually removed.
    #[test]
    fn a_life(timetable in any_timetable(), gaps in proptest::collection::vec(1..3 * DAY, 1..80), stops in 0..60 * DAY) {
        let (mut now, mut state, mut last, mut deactivated) = (0, KeyState::Active, None, None);
        for gap in gaps.into_iter().chain([100 * DAY; 3]) {
            // The client uses it all the time, until it stops or is refused.
            if state == KeyState::Active {
                let until = stops.min(now + gap);
                if until > now {
                    last = Some(until);
                }
            }
            now += gap;
            let hold = timetable.hold_if_used_within;
            let used = KeyUse::since(PROMOTED, last.map(after), hold, false);
            match at(&timetable, now, state, used) {
                RetirementAction::Deactivate(because) => {
                    prop_assert_eq!(state, KeyState::Active);
                    let idle = last.is_none_or(|last| now >= last + hold.as_secs());
                    let over = timetable.force_after.is_some_and(|force| now >= force.as_secs());
                    prop_assert!(idle || over && because == DeactivationReason::PatienceOver);
                    state = KeyState::Inactive;
                    deactivated = Some(now);
                }
                RetirementAction::Delete => {
                    prop_assert!(deactivated.is_some() || timetable.deactivate_after == timetable.delete_after);
                    state = KeyState::Gone;
                }
                _ => {}
            }
        }
        prop_assert_eq!(state, KeyState::Gone);
    }
}
