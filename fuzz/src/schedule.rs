//! A schedule expression, a window, and a moment.
//!
//! The input is `EXPRESSION`, and then, each on a line of its own, the length of the window and a
//! moment in seconds since 1970.

use jiff::{SignedDuration, Timestamp};
use keyrota::model::schedule::Unit;
use keyrota::model::{Duration, Schedule};

/// The latest moment, in the year 2200, in seconds.
const LATEST: i64 = 7_258_118_400;
/// The year 2100, in seconds. The longest time between rotations is known until then, because it is no
/// leap year.
const CENTURY: i64 = 4_102_444_800;
/// How many windows are compared.
const COUNT: usize = 40;
/// Secrets Manager rotates no secret more often than this, in hours.
const MOST_OFTEN: i64 = 4;

/// Reads the expression, and compares its windows with each other and with what the schedule says.
///
/// # Panics
///
/// Panics if they contradict each other.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.split('\n');
    let expression = lines.next().unwrap_or_default();
    let window = lines.next().unwrap_or_default();
    let moment: i64 = lines.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let schedule = match Schedule::parse(expression) {
        Ok(schedule) => schedule,
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            return;
        }
    };
    assert_eq!(schedule.as_str(), expression);
    let after = Timestamp::from_second(moment.rem_euclid(LATEST)).expect("it is in the calendar");
    let window = Duration::parse(window).ok();
    let fits = window.is_none_or(|window| schedule.check_window(window).is_ok());
    if fits {
        compare(&schedule, window, after);
    }
}

fn compare(schedule: &Schedule, window: Option<Duration>, after: Timestamp) {
    let windows: Vec<_> = schedule.windows(after, window).take(COUNT).collect();
    assert_eq!(windows.len(), COUNT, "{schedule} ends");
    let unit = schedule.calendar().unit();
    let seconds = |duration: Duration| i64::try_from(duration.as_seconds()).expect("it is short");
    let shortest = seconds(schedule.shortest_wait(window));
    let longest = seconds(schedule.longest_wait(1, window));
    for one in &windows {
        assert!(one.opens > after, "{one:?} is not after {after}");
        assert_eq!(one.opens.as_second() % 3_600, 0, "{one:?}");
        let length = one.closes.duration_since(one.opens);
        assert!(length.is_positive() && length <= SignedDuration::from_hours(24));
        if let Some(window) = window {
            assert_eq!(length.as_secs(), seconds(window));
        }
        if unit == Unit::Days {
            let day = |moment: Timestamp| moment.as_second().div_euclid(86_400);
            let last = one.closes - SignedDuration::from_secs(1);
            assert_eq!(day(one.opens), day(last), "{one:?} exceeds its day");
        }
        if schedule.rate().is_none() {
            let found = schedule.window_until(one.closes, window);
            assert_eq!(found, Some(*one), "by its end");
        }
    }
    for pair in windows.windows(2) {
        let [one, next] = pair else { unreachable!() };
        assert!(one.closes <= next.opens, "{one:?} overlaps {next:?}");
        let gap = next.opens.duration_since(one.opens);
        assert!(gap >= SignedDuration::from_hours(MOST_OFTEN), "{pair:?}");
        if next.opens.as_second() >= CENTURY {
            break;
        }
        // The first rotation may end when its window closes, and the next one may begin as soon
        // as its window opens; or the other way round.
        let least = next.opens.duration_since(one.closes).as_secs();
        let most = next.closes.duration_since(one.opens).as_secs();
        // The next window of a rate depends on when the rotation was.
        let is_rate = schedule.rate().is_some();
        assert!(
            is_rate || shortest <= least,
            "{schedule}: {shortest} s, but {pair:?}"
        );
        assert!(longest >= most, "{schedule}: {longest} s, but {pair:?}");
    }
}
