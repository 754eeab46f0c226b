//! Time and chance.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Fake;
use crate::port::Clock;

#[async_trait(?Send)]
impl Clock for Fake {
    fn now(&self) -> Timestamp {
        self.world.borrow().now
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.rest(duration).await;
    }

    fn token(&self) -> String {
        self.world.borrow_mut().token()
    }
}
