//! Time and chance.

use async_trait::async_trait;
use jiff::Timestamp;

use super::FakeAws;
use crate::port::Clock;

#[async_trait(?Send)]
impl Clock for FakeAws {
    fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    async fn sleep(&self, duration: std::time::Duration) {
        self.rest(duration).await;
    }

    fn token(&self) -> String {
        self.state.borrow_mut().token()
    }
}
