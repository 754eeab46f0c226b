//! The system's clock and random number generator.

use async_trait::async_trait;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::port::Clock;

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait(?Send)]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the edge where time comes in"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: std::time::Duration) {
        tokio::time::sleep(duration).await;
    }

    fn token(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// Returns the moment, if it is in the calendar's range.
pub(super) fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::new(date.secs(), i32::try_from(date.subsec_nanos()).ok()?).ok()
}
