//! How often a host that reads its own secret must check for a new key.

use super::{Duration, OldKey, Schedule};

/// Returns the longest interval between two checks of the secret with which a host reads each new
/// key while its own key still works, or `None` if no interval is short enough.
///
/// The old key works until it is deactivated, and until the next scheduled rotation, which deletes it.
/// A rotation that somebody requests earlier can shorten this.
pub fn longest_interval(
    schedule: &Schedule,
    window: Option<Duration>,
    old_key: OldKey,
) -> Option<Duration> {
    let until_next = schedule.shortest_wait(window);
    let interval = match old_key {
        OldKey::UntilNextRotation => until_next,
        OldKey::After(retirement) => retirement.deactivate_after.min(until_next),
    };
    (interval.as_seconds() > 0).then_some(interval)
}

#[cfg(test)]
mod tests {
    use super::super::{Retirement, days_and_hours};
    use super::*;

    fn longest(schedule: &str, window: Option<&str>, deactivate_after: Option<&str>) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let window = window.map(|window| Duration::parse(window).unwrap());
        let old_key = match deactivate_after.map(|text| Duration::parse(text).unwrap()) {
            None => OldKey::UntilNextRotation,
            Some(deactivate_after) => OldKey::After(Retirement {
                deactivate_after,
                delete_after: deactivate_after,
                hold_if_used_within: Duration::seconds(86_400),
                force_after: None,
            }),
        };
        let interval = longest_interval(&schedule, window, old_key);
        interval.map_or_else(|| "none".to_owned(), days_and_hours)
    }

    #[test]
    fn the_old_key_works_until_it_is_deactivated_or_the_next_rotation() {
        for (schedule, window, deactivate_after, expected) in [
            // One rotation at the end of its window, and the next at the beginning.
            ("rate(30 days)", Some("3h"), None, "29 days and 21 hours"),
            ("rate(30 days)", None, None, "29 days"),
            ("rate(30 days)", Some("3h"), Some("1d"), "1 day"),
            (
                "rate(30 days)",
                Some("3h"),
                Some("90d"),
                "29 days and 21 hours",
            ),
            ("rate(30 days)", Some("3h"), Some("0"), "none"),
            // It counts from the hour of the last rotation.
            ("rate(4 hours)", Some("3h"), None, "3 hours"),
            (
                "cron(0 2 ? * SUN *)",
                Some("3h"),
                None,
                "6 days and 21 hours",
            ),
            // 1 February to 1 March.
            (
                "cron(0 0 1 * ? *)",
                Some("1h"),
                None,
                "27 days and 23 hours",
            ),
            ("cron(0 8 1,2 * ? *)", Some("2h"), None, "22 hours"),
            ("cron(0 /8 * * ? *)", None, None, "7 hours"),
            // One window follows the other.
            ("cron(0 /8 * * ? *)", Some("8h"), None, "none"),
            ("cron(0 /8 * * ? *)", Some("8h"), Some("1d"), "none"),
        ] {
            let found = longest(schedule, window, deactivate_after);
            assert_eq!(
                found, expected,
                "{schedule} {window:?} {deactivate_after:?}"
            );
        }
    }
}
