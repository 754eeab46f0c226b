//! When the key before goes. It was replaced at 09:00 on the first of November,
//! and the next rotation is due a month later.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::{HoldReason, RemovalTimes, removal_times};
use super::sample::{at, key};
use crate::model::OldKey;
use crate::port::Key;

const REPLACED: &str = "2026-11-01T09:00:00Z";
const NEXT: &str = "2026-12-01T09:00:00Z";
const WEEK: &str = "deactivate_after=1d delete_after=7d hold_if_used_within=1d";

fn day(day: &str) -> Timestamp {
    at(&format!("2026-11-{day}:00Z"))
}

fn used(when: &str) -> Key {
    Key {
        last_used: Some(day(when)),
        ..key("AKIAPREVIOUS")
    }
}

fn inactive(key: Key) -> Key {
    Key {
        active: false,
        ..key
    }
}

/// Returns the two dates, or a hyphen, and whether and why the key is held back.
fn told(old_key: &str, key: &Key, now: &str) -> String {
    let old_key = OldKey::from_tag(old_key).unwrap();
    let RemovalTimes {
        deactivates,
        deletes,
        held,
    } = removal_times(
        old_key,
        key,
        Some(at(REPLACED)),
        Some(at(NEXT)),
        day(now),
        false,
    );
    let short = |moment: Option<Timestamp>| match moment {
        Some(moment) if moment == at(NEXT) => "next".to_owned(),
        Some(moment) => moment.strftime("%dT%H:%M").to_string(),
        None => "-".to_owned(),
    };
    let held = match held {
        None => "",
        Some(HoldReason::Used) => " held",
        Some(HoldReason::PossiblyUsed) => " possibly held",
    };
    format!("{} {}{held}", short(deactivates), short(deletes))
}

#[test]
fn it_stays_until_the_next_rotation() {
    let unused = key("AKIAPREVIOUS");
    assert_eq!(told("until_next_rotation", &unused, "20T09:00"), "- next");
    // One that is overdue is still what takes it.
    let late = removal_times(
        OldKey::UntilNextRotation,
        &unused,
        Some(at(REPLACED)),
        Some(at(NEXT)),
        at("2027-01-01T00:00:00Z"),
        false,
    );
    assert_eq!(late.deletes, Some(at(NEXT)));
    let unplanned = removal_times(
        OldKey::UntilNextRotation,
        &unused,
        None,
        None,
        at(NEXT),
        false,
    );
    assert_eq!(unplanned, RemovalTimes::default());
}

#[test]
fn a_key_that_nobody_uses_goes_when_its_time_comes() {
    let unused = key("AKIAPREVIOUS");
    assert_eq!(told(WEEK, &unused, "01T10:00"), "02T09:00 08T09:00");
    // Its date has passed, and the next sweep does it.
    assert_eq!(told(WEEK, &unused, "02T09:30"), "02T09:00 08T09:00");
    assert_eq!(told(WEEK, &inactive(unused), "02T10:00"), "- 08T09:00");
    // Used while it was the current one: that is no use of an old key.
    assert_eq!(
        told(WEEK, &used("01T08:44"), "02T09:30"),
        "02T09:00 08T09:00"
    );
}

/// IAM records one use in 15 minutes, so that a use shortly before the replacement conceals one
/// shortly after it. Such a key is held until it is known to be idle.
#[test]
fn a_key_whose_use_may_be_concealed_is_held_until_a_date() {
    for (last, expected) in [
        ("01T08:45", "02T09:01 08T09:01"),
        ("01T09:00", "02T09:16 08T09:16"),
    ] {
        assert_eq!(told(WEEK, &used(last), "02T08:59"), expected);
        let held = format!("{expected} possibly held");
        assert_eq!(told(WEEK, &used(last), "02T09:00"), held);
        assert_eq!(told(WEEK, &used(last), "02T09:16"), expected);
    }
    let late = inactive(used("01T09:00"));
    assert_eq!(told(WEEK, &late, "02T10:00"), "- 08T09:16");
    let forced = format!("{WEEK} force_after=1d");
    assert_eq!(
        told(&forced, &used("01T09:00"), "02T08:30"),
        "02T09:00 08T09:16"
    );
    // IAM cannot measure a hold this short, so only a recorded use counts.
    let short = "deactivate_after=1h delete_after=7d hold_if_used_within=15m";
    let expected = "01T10:00 08T09:00";
    assert_eq!(told(short, &used("01T09:00"), "01T10:00"), expected);
}

#[test]
fn a_key_in_use_is_held_back() {
    assert_eq!(told(WEEK, &used("03T12:00"), "04T11:59"), "- next held");
    // A day later it may go, and is watched for as long as was meant.
    assert_eq!(
        told(WEEK, &used("03T12:00"), "04T12:00"),
        "04T12:00 10T12:00"
    );
    let late = inactive(used("03T12:00"));
    assert_eq!(told(WEEK, &late, "05T00:00"), "- 10T12:00");
    // Before its date it is known that it will not go on that day.
    assert_eq!(
        told(WEEK, &used("01T20:00"), "02T08:00"),
        "02T20:00 08T20:00"
    );
}

#[test]
fn patience_ends() {
    let forced = format!("{WEEK} force_after=5d");
    assert_eq!(
        told(&forced, &used("04T12:00"), "05T00:00"),
        "06T09:00 next held"
    );
    assert_eq!(
        told(&forced, &used("06T08:00"), "06T09:00"),
        "06T09:00 13T08:00"
    );
    // Patience that ends before the last use is a day old.
    let soon = format!("{WEEK} force_after=1d");
    assert_eq!(
        told(&soon, &used("02T08:00"), "02T08:30"),
        "02T09:00 09T08:00"
    );
    // Patience that would outlive the next rotation ends with that.
    let late = format!("{WEEK} force_after=60d");
    assert_eq!(told(&late, &used("04T12:00"), "05T00:00"), "- next held");
}

#[test]
fn at_once_and_both_at_a_time() {
    let unused = key("AKIAPREVIOUS");
    let at_once = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";
    assert_eq!(told(at_once, &unused, "01T09:00"), "01T09:00 01T09:00");
    let together = "deactivate_after=7d delete_after=7d hold_if_used_within=1d";
    assert_eq!(told(together, &unused, "02T09:00"), "08T09:00 08T09:00");
    assert_eq!(
        told(together, &used("07T20:00"), "08T08:00"),
        "08T20:00 08T20:00"
    );
}

#[test]
fn the_next_rotation_comes_first() {
    let unused = key("AKIAPREVIOUS");
    let long = "deactivate_after=20d delete_after=40d hold_if_used_within=1d";
    assert_eq!(told(long, &unused, "02T09:00"), "21T09:00 next");
    let longer = "deactivate_after=30d delete_after=40d hold_if_used_within=1d";
    assert_eq!(told(longer, &unused, "02T09:00"), "- next");
}

proptest! {
    #[test]
    fn whatever_is_told_is_in_order(
        deactivate in 0u64..100_000_000,
        watched in 0u64..100_000_000,
        hold in any::<u64>(),
        force in proptest::option::of(0u64..u64::MAX),
        last_used in proptest::option::of(-100_000_000i64..100_000_000),
        now in -100_000_000i64..100_000_000,
        active in any::<bool>(),
        own in any::<bool>(),
        next in proptest::option::of(-100_000_000i64..100_000_000),
    ) {
        let moment = |seconds: i64| Timestamp::from_second(at(REPLACED).as_second() + seconds).unwrap();
        let force = force.map_or(String::new(), |force| format!(" force_after={force}s"));
        let delete = deactivate + watched;
        let tag = format!("deactivate_after={deactivate}s delete_after={delete}s hold_if_used_within={hold}s{force}");
        let old_key = OldKey::from_tag(&tag).unwrap();
        let key = Key { active, last_used: last_used.map(moment), ..key("AKIAPREVIOUS") };
        let (now, next) = (moment(now), next.map(moment));
        let removal_times = removal_times(old_key, &key, Some(at(REPLACED)), next, now, own);
        let due = moment(i64::try_from(deactivate).unwrap());
        if let Some(at) = removal_times.deactivates {
            prop_assert!(active && at >= due);
            prop_assert!(removal_times.deletes.is_none_or(|deletes| deletes >= at));
        }
        match removal_times.held {
            Some(HoldReason::Used) => {
                prop_assert!(active && now >= due && key.last_used > Some(at(REPLACED)));
            }
            Some(HoldReason::PossiblyUsed) => {
                let checked = if own { 10 } else { 0 };
                prop_assert!(active && now >= due && key.last_used <= Some(moment(checked)));
                prop_assert!(removal_times.deletes.is_some() && hold > 15 * 60);
            }
            None => prop_assert!(removal_times.deletes.is_some()),
        }
        if let Some(next) = next.filter(|next| *next > now) {
            prop_assert!(removal_times.deletes.is_some_and(|deletes| deletes <= next));
        }
    }
}
