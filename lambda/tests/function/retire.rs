//! What happens to an old key: all combinations of ages, uses, and settings.

use std::time::Duration;

use keyrota_function::moment::Moment;
use keyrota_function::retire::{Because, Next, OldKey, State, Timetable, Use, next};
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

fn at(timetable: &Timetable, now: u64, state: State, used: Use) -> Next {
    next(timetable, PROMOTED, after(now), OldKey { state, used })
}

fn used(seconds: u64) -> Use {
    Use::Last(after(seconds))
}

const KEEP: fn(u64) -> Next = |seconds| Next::Keep {
    until: after(seconds),
};
const IDLE: Next = Next::Deactivate(Because::Idle);
const FORCED: Next = Next::Deactivate(Because::PatienceOver);

#[test]
fn the_life_of_a_key_that_nobody_uses() {
    let usual = usual();
    for (now, state, expected) in [
        (0, State::Unread, KEEP(DAY)),
        (DAY - 1, State::Active, KEEP(DAY)),
        (DAY, State::Unread, Next::ReadState),
        (DAY, State::Active, IDLE),
        (DAY, State::Inactive, KEEP(7 * DAY)),
        (7 * DAY - 1, State::Inactive, KEEP(7 * DAY)),
        (7 * DAY, State::Inactive, Next::Delete),
        (7 * DAY, State::Gone, Next::Nothing),
        // No sweep ran for a long time, but the key is still watched.
        (90 * DAY, State::Active, IDLE),
    ] {
        assert_eq!(
            at(&usual, now, state, Use::None),
            expected,
            "{now} {state:?}"
        );
    }
}

#[test]
fn a_key_in_use_is_held_until_it_is_idle_or_the_patience_is_over() {
    let usual = usual();
    let hold = |seconds| Next::Hold {
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
        let found = at(&usual, now, State::Active, used(last));
        assert_eq!(found, expected, "{now} {last}");
    }
    let patient = timetable(DAY, 7 * DAY, DAY, None);
    let found = at(&patient, 9_999 * DAY, State::Active, used(9_999 * DAY));
    assert_eq!(found, hold(9_999 * DAY));
}

#[test]
fn a_key_that_was_held_is_watched_as_long_as_any_other() {
    let usual = usual();
    // Last used on the tenth day: idle on the eleventh, and then for six more days.
    for (now, expected) in [
        (11 * DAY, KEEP(17 * DAY)),
        (17 * DAY - 1, KEEP(17 * DAY)),
        (17 * DAY, Next::Delete),
    ] {
        let found = at(&usual, now, State::Inactive, used(10 * DAY));
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn the_same_time_for_both_is_one_call() {
    let both = timetable(DAY, DAY, DAY, Some(2 * DAY));
    assert_eq!(at(&both, DAY - 1, State::Unread, Use::Unread), KEEP(DAY));
    assert_eq!(at(&both, DAY, State::Active, Use::None), Next::Delete);
    assert_eq!(at(&both, DAY, State::Inactive, Use::None), Next::Delete);
    // A key in use is never deleted, even if it is not held back any longer.
    assert_eq!(at(&both, 2 * DAY, State::Active, used(2 * DAY)), FORCED);
    let found = at(&both, 2 * DAY, State::Inactive, used(2 * DAY));
    assert_eq!(found, KEEP(3 * DAY));

    let zero = timetable(0, 0, DAY, None);
    assert_eq!(at(&zero, 0, State::Unread, Use::None), Next::ReadState);
    assert_eq!(at(&zero, 0, State::Active, Use::None), Next::Delete);
    let zero = timetable(0, DAY, DAY, None);
    assert_eq!(at(&zero, 0, State::Active, Use::None), IDLE);
}

#[test]
fn nobody_asks_before_the_time_has_come() {
    let usual = usual();
    for (now, state, expected) in [
        (DAY - 1, State::Active, KEEP(DAY)),
        (DAY, State::Active, Next::ReadUse),
        (7 * DAY - 1, State::Inactive, KEEP(7 * DAY)),
        (7 * DAY, State::Inactive, Next::ReadUse),
    ] {
        assert_eq!(at(&usual, now, state, Use::Unread), expected);
    }
}

/// The rotation itself signs with the old key, shortly before the key is replaced.
#[test]
fn only_what_was_signed_after_the_promotion_is_use() {
    for (last_used, expected) in [
        (None, Use::None),
        (Some(Moment(1)), Use::None),
        (Some(PROMOTED), Use::None),
        (Some(after(1)), used(1)),
    ] {
        assert_eq!(Use::since(PROMOTED, last_used), expected);
    }
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
        let uses = times.into_iter().flat_map(beside).map(used);
        for used in uses.chain([Use::Unread, Use::None]) {
            for state in [State::Unread, State::Gone, State::Active, State::Inactive] {
                promised(timetable, now, state, used);
                cases += 1;
            }
        }
    }
    cases
}

fn promised(timetable: &Timetable, now: u64, state: State, used: Use) {
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
    let in_use = matches!(used, Use::Last(moment) if after(now) < moment.plus(hold_for));
    let case = format!("{timetable:?} {now} {state:?} {used:?}");
    match at(timetable, now, state, used) {
        Next::Nothing => assert_eq!(state, State::Gone, "{case}"),
        Next::Keep { until } => {
            assert!(until > after(now), "{case}");
            assert_ne!(state, State::Gone, "{case}");
            let due = match state {
                State::Inactive => delete,
                _ => deactivate,
            };
            let watched = matches!(used, Use::Last(_)) && state == State::Inactive;
            assert!(now < due || watched, "{case}");
        }
        Next::ReadState => assert!(state == State::Unread && now >= deactivate, "{case}"),
        Next::ReadUse => {
            assert!(used == Use::Unread && now >= deactivate, "{case}");
            assert!(state == State::Active || now >= delete, "{case}");
        }
        Next::Hold { last_used } => {
            assert!(state == State::Active && in_use && !forced, "{case}");
            assert!(now >= deactivate && used == Use::Last(last_used), "{case}");
        }
        Next::Deactivate(because) => {
            assert!(state == State::Active && now >= deactivate, "{case}");
            assert_eq!(because == Because::PatienceOver, in_use, "{case}");
            assert!(!in_use || forced, "{case}");
            assert!(deactivate != delete || in_use, "{case}");
        }
        Next::Delete => {
            assert!(!in_use && now >= delete, "{case}");
            assert!(state == State::Inactive || deactivate == delete, "{case}");
            assert_ne!(used, Use::Unread, "{case}");
            if let Use::Last(moment) = used {
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
        let (mut now, mut state, mut last, mut deactivated) = (0, State::Active, None, None);
        for gap in gaps.into_iter().chain([100 * DAY; 3]) {
            // The client uses it all the time, until it stops or is refused.
            if state == State::Active {
                let until = stops.min(now + gap);
                if until > now {
                    last = Some(until);
                }
            }
            now += gap;
            let used = last.map_or(Use::None, |last| Use::since(PROMOTED, Some(after(last))));
            match at(&timetable, now, state, used) {
                Next::Deactivate(because) => {
                    prop_assert_eq!(state, State::Active);
                    let hold = timetable.hold_if_used_within.as_secs();
                    let idle = last.is_none_or(|last| now >= last + hold);
                    let over = timetable.force_after.is_some_and(|force| now >= force.as_secs());
                    prop_assert!(idle || over && because == Because::PatienceOver);
                    state = State::Inactive;
                    deactivated = Some(now);
                }
                Next::Delete => {
                    prop_assert!(deactivated.is_some() || timetable.deactivate_after == timetable.delete_after);
                    state = State::Gone;
                }
                _ => {}
            }
        }
        prop_assert_eq!(state, State::Gone);
    }
}
