//! Time: the port, and the machine's clock behind it.

use std::time::{Duration, Instant, SystemTime};

use crate::moment::Moment;

/// Time, which passes only here.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Clock {
    /// Returns the time since some fixed moment.
    fn now(&self) -> Duration;

    /// Returns the time of day.
    fn moment(&self) -> Moment;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The moment at which a step must be over, as its clock counts.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// Time since the clock's fixed moment.
    pub at: Duration,
}

impl Deadline {
    /// Returns how much time is left.
    pub fn remaining_time(self, clock: &impl Clock) -> Duration {
        self.at.saturating_sub(clock.now())
    }
}

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Returns the clock, which counts from now.
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

/// Returns the time of day.
#[expect(clippy::disallowed_methods, reason = "this is the edge")]
pub fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Returns how long ago 1970 began.
pub fn since_1970() -> Duration {
    time_of_day()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
