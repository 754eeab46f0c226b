//! A client that logs in with AWSCURRENT, and reads the secret again when it is refused.

use std::time::{Duration, Instant};

use super::site::{SECRET, Site};

/// How long a client waits for the current version to change.
const PATIENCE: Duration = Duration::from_secs(30);

/// Logs in until the future ends. Each login that is refused waits for another value of AWSCURRENT, and
/// then succeeds.
pub async fn logs_in_during<T>(site: &Site, what: impl Future<Output = T>) -> T {
    let logs_in = async {
        loop {
            let password = site.current_password().await;
            if password != site.portal.password() {
                let other = another(site, &password).await;
                assert_eq!(other, site.portal.password(), "the login is refused again");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        done = what => done,
        () = logs_in => unreachable!("the client never ends"),
    }
}

async fn another(site: &Site, password: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let current = site.current_password().await;
        if current != password {
            return current;
        }
        assert!(Instant::now() < deadline, "{SECRET} stays as it was");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
