//! Time: the port, and the system clock as its adapter.

use std::time::{Duration, Instant, SystemTime};

use crate::moment::Moment;

/// Time. All waiting in the function uses this port.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Clock {
    /// Returns the time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns the current time.
    fn moment(&self) -> Moment;

    /// Waits for a duration.
    async fn sleep(&self, duration: Duration);
}

/// The moment by which a step must end, on the step's clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// Time since the clock's fixed moment.
    pub at: Duration,
}

impl Deadline {
    /// Returns the remaining time.
    pub fn remaining_time(self, clock: &impl Clock) -> Duration {
        self.at.saturating_sub(clock.now())
    }
}

/// The system clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Returns a clock that starts now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn moment(&self) -> Moment {
        Moment(i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Returns the current time.
#[expect(clippy::disallowed_methods, reason = "this is the edge")]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Returns the time since 1970-01-01T00:00:00Z.
pub fn since_1970() -> Duration {
    time_of_day()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
