//! The time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A point in time, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    pub fn now() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the host says when time is up, and the stub when things were made"
        )]
        let now = SystemTime::now();
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        Self(Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX))
    }

    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.checked_sub(duration).unwrap_or(Timestamp::MIN))
    }

    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.checked_add(duration).unwrap_or(Timestamp::MAX))
    }

    pub fn milliseconds_since_1970(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Returns seconds since 1970 with milliseconds, in Secrets Manager's format.
    pub fn seconds(self) -> f64 {
        self.0.as_duration().as_secs_f64()
    }

    /// Returns the time to the second, in IAM's format.
    pub fn text(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Returns the day.
    pub fn day(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }
}
