//! A moment of the calendar, to the second.
//!
//! Dates are for the questions that are about dates: when a key that has been
//! replaced goes, and whether a key was made when a run of the rotation said that
//! it would make one. `decide`, which chooses between keys, knows none.

use std::fmt;
use std::time::Duration;

const DAY: i64 = 86_400;

/// A moment: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// Returns the moment this long after it.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(duration.as_secs()))
    }

    /// Returns the time from an earlier moment to this one; zero where it is
    /// not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let seconds = self.0.saturating_sub(earlier.0);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }
}

/// Writes it as RFC 3339 does.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Returns year, month and day of a day counted from 1 January 1970.
///
/// Years are counted from March, so that the day that leap years add is the
/// last of its year; four hundred of them are one cycle of the calendar.
fn date(days: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 146_097;
    // The days from 1 March of the year 0 to 1 January 1970.
    let days = days + 719_468;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (cycle * 400 + year + next, month, day)
}

/// Reads a duration as pins write it: `90s`, `15m`, `4h` or `1d`.
pub fn duration(text: &str) -> Option<Duration> {
    keyrota_contract::duration::parse(text).map(Duration::from_secs)
}
