//! Clients that log in all the time while the password rotates.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use crate::database::client::log_in;
use crate::database::rotation::rotate;
use crate::database::site::{SECRET, Site};
use crate::setup::WAITS;

/// How many logins there were, and how many failed.
#[derive(Default)]
struct Count {
    logins: Cell<u32>,
    failed: Cell<u32>,
}

impl Count {
    fn add(&self, is_failed: bool) {
        self.logins.update(|count| count + 1);
        self.failed.update(|count| count + u32::from(is_failed));
    }
}

/// What clients saw.
pub struct Observed {
    /// For each rotation, the time from the first refused login to the last.
    refused_for: Vec<Duration>,
    without_retry: (u32, u32),
    with_retry: (u32, u32),
    longest_wait: Duration,
}

impl fmt::Display for Observed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gaps = self.refused_for.clone();
        gaps.sort();
        let shown = |gap: Option<&Duration>| gap.map_or(0, Duration::as_millis);
        let spread = format!(
            "{} / {} / {}",
            shown(gaps.first()),
            shown(gaps.get(gaps.len() / 2)),
            shown(gaps.last())
        );
        let of = |(failed, logins): (u32, u32)| format!("{failed} of {logins}");
        write!(
            formatter,
            "{spread:>22} {:>17} {:>17} {:>9.1} s",
            of(self.without_retry),
            of(self.with_retry),
            self.longest_wait.as_secs_f32()
        )
    }
}

/// Rotates, and returns what the clients saw. After each rotation, they go on for `spread`, and a
/// moment more.
pub async fn watch(site: &Site, rotations: usize, spread: Duration) -> Observed {
    let (hasty, patient) = (Count::default(), Count::default());
    let refusals = Cell::new(None::<(Instant, Instant)>);
    let longest = Cell::new(Duration::ZERO);
    let mut refused_for = Vec::new();
    let rotate_all = async {
        for _ in 0..rotations {
            refusals.set(None);
            let ended = rotate(&site.test, SECRET).await;
            assert!(ended.is_well(), "{ended:?}");
            tokio::time::sleep(spread + Duration::from_millis(300)).await;
            let (first, last) = refusals
                .get()
                .unwrap_or_else(|| (Instant::now(), Instant::now()));
            refused_for.push(last.saturating_duration_since(first));
        }
    };
    tokio::select! {
        () = rotate_all => {}
        () = without_retry(site, &hasty, &refusals) => {}
        () = with_retry(site, &patient, &longest) => {}
    }
    Observed {
        refused_for,
        without_retry: (hasty.failed.get(), hasty.logins.get()),
        with_retry: (patient.failed.get(), patient.logins.get()),
        longest_wait: longest.get(),
    }
}

/// Reads the secret and logs in, once.
async fn without_retry(site: &Site, count: &Count, refusals: &Cell<Option<(Instant, Instant)>>) {
    loop {
        let value = site.value("AWSCURRENT").await;
        let began = Instant::now();
        let failed = log_in(&site.server, &value).await.is_err();
        count.add(failed);
        if failed {
            let first = refusals.get().map_or(began, |(first, _)| first);
            refusals.set(Some((first, Instant::now())));
        }
    }
}

/// Reads the secret and logs in, and does both again after a wait if it is refused.
async fn with_retry(site: &Site, count: &Count, longest: &Cell<Duration>) {
    loop {
        let began = Instant::now();
        let mut waits = WAITS.into_iter();
        let mut is_refused = false;
        let failed = loop {
            let value = site.value("AWSCURRENT").await;
            if log_in(&site.server, &value).await.is_ok() {
                break false;
            }
            is_refused = true;
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => break true,
            }
        };
        count.add(failed);
        if is_refused {
            longest.set(longest.get().max(began.elapsed()));
        }
    }
}
