//! How a test ends early: only the test knows the user's password, so it must restore the old one first.

use std::cell::Cell;

/// Waits for `work`. At a signal, it sets `stopped`, calls `warn`, and waits for the end of the work all
/// the same.
pub(super) async fn at_signal<T>(
    signal: impl Future<Output = ()>,
    stopped: &Cell<bool>,
    warn: impl FnOnce(),
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        // In this order, the signals are handled before the work begins.
        biased;
        () = signal => {}
        ended = &mut work => return ended,
    }
    stopped.set(true);
    warn();
    work.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_work_is_told_and_ends_by_itself() {
        let stopped = Cell::new(false);
        let told = Cell::new(0);
        let work = async {
            while !stopped.get() {
                tokio::task::yield_now().await;
            }
            // What restores a password.
            tokio::task::yield_now().await;
            told.get()
        };
        let warn = || told.set(told.get() + 1);
        let ended = at_signal(tokio::task::yield_now(), &stopped, warn, work).await;
        assert_eq!(ended, 1);
    }

    #[tokio::test]
    async fn without_a_signal_nothing_is_told() {
        let stopped = Cell::new(false);
        let warn = || unreachable!("no signal came");
        at_signal(std::future::pending(), &stopped, warn, async {}).await;
        assert!(!stopped.get());
    }
}
