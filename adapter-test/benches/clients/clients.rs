//! Clients that log in all the time while the password rotates.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use keyrota_adapter_test::passwords;
use keyrota_test_servers::Service;
use secrecy::SecretString;
use tokio::time::sleep;

use crate::member::Member;
use crate::setup::WAITS;

/// How long clients go on after each rotation.
const REST: Duration = Duration::from_millis(300);
/// Between two logins of a client.
const PAUSE: Duration = Duration::from_millis(5);
/// How a rotation and a farm behave.
pub struct Pace {
    pub rotations: usize,
    /// When each further member learns a password, after the first.
    pub delay: Duration,
    /// How long the rotation waits for the members before it tests and publishes the password.
    pub propagation: Duration,
}

/// What the clients saw.
#[derive(Default)]
pub struct Seen {
    /// For each rotation, the time from the first refused login to the end of the last.
    pub gaps: Vec<Duration>,
    pub without_retry: Count,
    pub with_retry: Count,
}

/// How many logins there were, and how many failed.
#[derive(Default)]
pub struct Count {
    pub logins: usize,
    pub failed: usize,
}

/// The password that clients read, and whether the rotations are over.
struct Published {
    password: RefCell<SecretString>,
    is_over: Cell<bool>,
    /// When the first and the last login of this rotation was refused.
    refused: Cell<Option<(Instant, Instant)>>,
}

/// Rotates, while one client gives up when it is refused, and another reads and tries again.
pub async fn watch(members: &[Member], pace: &Pace) -> Seen {
    let published = Published {
        password: RefCell::new(SecretString::from(Service::PASSWORD)),
        is_over: Cell::new(false),
        refused: Cell::new(None),
    };
    let (gaps, without_retry, with_retry) = tokio::join!(
        rotate(members, pace, &published),
        log_in(members, &published, &[]),
        log_in(members, &published, &WAITS),
    );
    Seen {
        gaps,
        without_retry,
        with_retry,
    }
}

async fn rotate(members: &[Member], pace: &Pace, published: &Published) -> Vec<Duration> {
    let (first, others) = members.split_first().expect("a member");
    let mut gaps = Vec::new();
    for _ in 0..pace.rotations {
        published.refused.set(None);
        let old = published.password.borrow().clone();
        let new = passwords::random(&passwords::usual_rule()).expect("a password");
        first.change(&old, &new).await;
        let publish = async {
            sleep(pace.propagation).await;
            first.test(&new).await;
            published.password.replace(new.clone());
        };
        let learn = async {
            sleep(pace.delay).await;
            for member in others {
                member.change(&old, &new).await;
            }
        };
        tokio::join!(publish, learn);
        sleep(REST).await;
        let refused = published.refused.get();
        gaps.push(refused.map_or(Duration::ZERO, |(since, until)| until - since));
    }
    published.is_over.set(true);
    gaps
}

/// Logs in at the members in turn. A client that does not wait reports when it was refused.
async fn log_in(members: &[Member], published: &Published, waits: &[Duration]) -> Count {
    let mut count = Count::default();
    let mut turn = members.iter().cycle();
    while !published.is_over.get() {
        let began = Instant::now();
        let mut waits_left = waits.iter();
        let is_failed = loop {
            let password = published.password.borrow().clone();
            let member = turn.next().expect("a member");
            if member.accepts(&password).await {
                break false;
            }
            match waits_left.next() {
                Some(wait) => sleep(*wait).await,
                None => break true,
            }
        };
        if is_failed && waits.is_empty() {
            let since = published.refused.get().map_or(began, |(since, _)| since);
            published.refused.set(Some((since, Instant::now())));
        }
        count.logins += 1;
        count.failed += usize::from(is_failed);
        sleep(PAUSE).await;
    }
    count
}
