//! A point in time, to the second.
//!
//! Only two questions depend on dates: when a replaced key is retired, and whether a key was
//! created when a run of the rotation recorded that it was about to create one. `decide`, which
//! chooses between keys, uses no dates.

use std::fmt;
use std::time::Duration;

const DAY: i64 = 86_400;

/// A point in time: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// Returns the moment that is later by this duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(duration.as_secs()))
    }

    /// Returns the time since an earlier moment, or zero if that moment is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let seconds = self.0.saturating_sub(earlier.0);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }
}

/// Formats the moment as in RFC 3339.
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

/// Returns the year, month, and day of a day, counted from 1 January 1970.
///
/// The calculation counts years from March, so that a leap day is the last day of its year. The
/// calendar repeats every four hundred years.
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

/// Parses a duration in the format of the pins: `90s`, `15m`, `4h`, or `1d`.
pub fn duration(text: &str) -> Option<Duration> {
    keyrota_contract::duration::parse(text).map(Duration::from_secs)
}
