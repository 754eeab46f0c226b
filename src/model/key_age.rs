//! How long an access key can be active under its schedule.

use super::{Duration, OldKey, Schedule};

/// The function retires old keys once an hour.
const SWEEP: Duration = Duration::seconds(3_600);
/// The numbers of days and hours to try in `rate(…)`.
const DAYS: std::ops::RangeInclusive<u32> = 1..=999;
const HOURS: std::ops::RangeInclusive<u32> = 4..=23;

/// Returns the longest time for which an access key can be active, from its creation until it is
/// deactivated or deleted.
///
/// A key is replaced by the next rotation, and the rotation after that deletes it in any case.
/// With `old_key`, the sweep deactivates it earlier. A key that a client uses is held back for
/// as long as `force_after` says, so that the times before it do not count here. A rotation that
/// fails or comes late makes the key older than this; the alarms report that.
pub fn longest_active(schedule: &Schedule, window: Option<Duration>, old_key: OldKey) -> Duration {
    let until_replaced = schedule.longest_wait(1, window);
    let until_deleted = schedule.longest_wait(2, window);
    let kept = match old_key {
        OldKey::UntilNextRotation => None,
        // The rotation itself deactivates it.
        OldKey::After(retirement) if retirement.deactivate_after.as_seconds() == 0 => {
            Some(retirement.deactivate_after)
        }
        OldKey::After(retirement) => retirement.force_after,
    };
    let until_retired = kept.map(|kept| {
        let seconds = [until_replaced, kept, SWEEP].map(Duration::as_seconds);
        Duration::seconds(seconds.iter().sum())
    });
    until_retired.map_or(until_deleted, |retired| retired.min(until_deleted))
}

/// Returns the slowest `rate(…)` under which no access key is active for longer than `limit`,
/// with the same window and treatment of old keys.
pub fn slowest_schedule(
    limit: Duration,
    window: Option<Duration>,
    old_key: OldKey,
) -> Option<Schedule> {
    let days = DAYS.rev().map(|days| match days {
        1 => "rate(1 day)".to_owned(),
        _ => format!("rate({days} days)"),
    });
    let hours = HOURS.rev().map(|hours| format!("rate({hours} hours)"));
    let mut schedules = days
        .chain(hours)
        .filter_map(|text| Schedule::parse(&text).ok());
    schedules.find(|schedule| {
        let window = window.filter(|window| schedule.check_window(*window).is_ok());
        longest_active(schedule, window, old_key) <= limit
    })
}

/// Returns a duration in days and hours, rounded up to whole hours.
pub fn days_and_hours(duration: Duration) -> String {
    let count = |count: u64, unit: &str| match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    };
    let hours = duration.as_seconds().div_ceil(3_600);
    match (hours / 24, hours % 24) {
        (0, hours) => count(hours, "hour"),
        (days, 0) => count(days, "day"),
        (days, hours) => format!("{} and {}", count(days, "day"), count(hours, "hour")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Retirement;

    const DAY: u64 = 86_400;

    fn timed(deactivate_after: u64, force_after: Option<u64>) -> OldKey {
        OldKey::After(Retirement {
            deactivate_after: Duration::seconds(deactivate_after),
            delete_after: Duration::seconds(7 * DAY),
            hold_if_used_within: Duration::seconds(DAY),
            force_after: force_after.map(Duration::seconds),
        })
    }

    fn active(schedule: &str, window: Option<&str>, old_key: OldKey) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let window = window.map(|window| Duration::parse(window).unwrap());
        days_and_hours(longest_active(&schedule, window, old_key))
    }

    #[test]
    fn a_key_is_active_until_the_rotation_after_the_next() {
        let until_next = OldKey::UntilNextRotation;
        for (schedule, window, expected) in [
            // 2 × 30 days and the window.
            ("rate(30 days)", Some("3h"), "60 days and 3 hours"),
            // A window lasts until the end of the day.
            ("rate(30 days)", None, "61 days"),
            // Each window moves the next one.
            ("rate(10 hours)", None, "22 hours"),
            ("cron(0 2 ? * SUN *)", Some("3h"), "14 days and 3 hours"),
            // July and August have 31 days each.
            ("cron(0 0 1 * ? *)", Some("1h"), "62 days and 1 hour"),
            // 1 June to 1 January, and to 1 June.
            ("cron(0 0 1 1,6 ? *)", Some("1h"), "366 days and 1 hour"),
            // Two leap years later.
            ("cron(0 0 29 2 ? *)", Some("1h"), "2922 days and 1 hour"),
            ("cron(0 /8 * * ? *)", None, "17 hours"),
        ] {
            assert_eq!(active(schedule, window, until_next), expected, "{schedule}");
        }
    }

    #[test]
    fn a_key_that_is_in_use_is_active_until_it_is_forced_out() {
        let cases = [
            // A key in use is held back until the rotation after the next.
            (timed(DAY, None), "60 days and 3 hours"),
            // 30 days, the window, 2 days, and an hour until the sweep.
            (timed(DAY, Some(2 * DAY)), "32 days and 4 hours"),
            (timed(DAY, Some(40 * DAY)), "60 days and 3 hours"),
            // The rotation deactivates it.
            (timed(0, None), "30 days and 4 hours"),
        ];
        for (old_key, expected) in cases {
            assert_eq!(active("rate(30 days)", Some("3h"), old_key), expected);
        }
    }

    #[test]
    fn the_slowest_schedule_satisfies_the_limit_and_the_next_one_does_not() {
        let window = Some(Duration::seconds(3 * 3_600));
        let slowest = |limit: &str, old_key| {
            let limit = Duration::parse(limit).unwrap();
            slowest_schedule(limit, window, old_key).map(|schedule| schedule.to_string())
        };
        let until_next = OldKey::UntilNextRotation;
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(slowest("90d", until_next), text("rate(44 days)"));
        assert_eq!(slowest("90d", timed(0, None)), text("rate(89 days)"));
        assert_eq!(slowest("51h", until_next), text("rate(1 day)"));
        assert_eq!(slowest("50h", until_next), text("rate(22 hours)"));
        assert_eq!(slowest("14h", until_next), text("rate(4 hours)"));
        assert_eq!(slowest("9h", until_next), None);
    }
}
