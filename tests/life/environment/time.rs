//! The virtual time of a strict local AWS.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Key, Signed};

/// How often virtual time is moved on beside real time.
const STEP: Duration = Duration::from_millis(50);

/// Virtual time that passes until this is dropped.
pub struct TimePassing(JoinHandle<()>);

impl TimePassing {
    pub(super) fn start(endpoint: &str, root: Key, factor: f64) -> Self {
        let endpoint = endpoint.to_owned();
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(STEP).await;
                advance(&endpoint, &root, STEP.as_secs_f64() * factor).await;
            }
        }))
    }
}

impl Drop for TimePassing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lets virtual time pass at once.
pub(super) async fn advance(endpoint: &str, root: &Key, seconds: f64) {
    let path = format!("/_ministack/advance?seconds={seconds}");
    let request = Signed::new("keyrota", "POST", &path);
    request.send(endpoint, root, "").await;
}
