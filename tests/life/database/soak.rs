//! Clients under load while their password rotates.
//!
//! Between the password change on the server and the move of AWSCURRENT, the secret contains a
//! password that no longer works. A client that reads the secret again after a refusal, with
//! increasing waits until it has another password, never fails. The length of that gap is reported
//! but not asserted, because it depends on the machine, and real services take longer.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::{Duration, Instant};

use super::client::{Refused, log_in};
use super::rotation::rotate;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};

const ROTATIONS: usize = 6;
const CLIENTS: usize = 3;

/// The waits of the documented retry.
const WAITS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(9),
];

/// The results of the clients.
#[derive(Default)]
struct Record {
    logins: Cell<u32>,
    refusals: Cell<u32>,
    most_waits: Cell<usize>,
    gaps: RefCell<Vec<Duration>>,
}

/// Logs in repeatedly, and reads the secret only after a refusal.
async fn client(site: &Site, record: &Record) {
    let mut value = site.value("AWSCURRENT").await;
    loop {
        let mut waits = WAITS.into_iter();
        loop {
            match log_in(&site.server, &value).await {
                Ok(()) => break,
                Err(Refused::Otherwise(said)) => panic!("{said}"),
                Err(Refused::Wrong) => {}
            }
            record.refusals.set(record.refusals.get() + 1);
            let refused = value;
            // A refused password is not tried again, and a new one is tried immediately.
            loop {
                value = site.value("AWSCURRENT").await;
                if value != refused {
                    break;
                }
                let wait = waits.next().expect("the retry never fails");
                tokio::time::sleep(wait).await;
            }
            let waited = WAITS.len() - waits.len();
            record.most_waits.set(record.most_waits.get().max(waited));
        }
        record.logins.set(record.logins.get() + 1);
    }
}

/// Reads the secret and logs in without pauses, and records for how long AWSCURRENT was
/// refused.
async fn measure(site: &Site, record: &Record) {
    let mut refused = None;
    loop {
        let value = site.value("AWSCURRENT").await;
        let began = Instant::now();
        match log_in(&site.server, &value).await {
            Ok(()) => {
                if let Some(since) = refused.take() {
                    record.gaps.borrow_mut().push(began.duration_since(since));
                }
            }
            Err(_) => {
                refused.get_or_insert(began);
            }
        }
    }
}

async fn soak(engine: Engine, retained: bool) {
    let site = Site::new(test_server::shared(engine)).await;
    if retained {
        site.may_retain();
    }
    site.bootstrap().await.exits(0);
    let record = Record::default();
    let clients = async {
        let clients = (0..CLIENTS).map(|_| client(&site, &record));
        futures_util::future::join_all(clients).await;
    };
    let rotations = async {
        for _ in 0..ROTATIONS {
            let ended = rotate(&site.test, SECRET).await;
            assert!(ended.is_well(), "{ended:?}");
            assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        }
    };
    let began = Instant::now();
    tokio::select! {
        () = clients => {}
        () = rotations => {}
    }
    let took = began.elapsed();
    // Without the load, which would affect the measurement.
    tokio::select! {
        () = measure(&site, &record) => {}
        () = async {
            for _ in 0..ROTATIONS {
                let ended = rotate(&site.test, SECRET).await;
                assert!(ended.is_well(), "{ended:?}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        } => {}
    }
    assert!(record.logins.get() > 0, "no client had a turn");
    let mut gaps = record.gaps.take();
    gaps.sort();
    if retained {
        // A client that has not read for two rotations must read again, but never waits.
        assert_eq!((record.most_waits.get(), gaps.len()), (0, 0));
    }
    let told = |gap: Option<&Duration>| gap.map_or(0.0, |gap| gap.as_secs_f32() * 1000.0);
    // Printed even if the test's output is captured.
    let _ = writeln!(
        std::io::stderr(),
        "{}{}: {} logins of {CLIENTS} clients in {:.1} s of {ROTATIONS} rotations, {} refused, {} waits \
         at most; AWSCURRENT refused in {} of {ROTATIONS} more for {:.0}, {:.0}, {:.0} ms \
         (least, median, most)",
        test_server::name(engine),
        if retained {
            ", old password retained"
        } else {
            ""
        },
        record.logins.get(),
        took.as_secs_f32(),
        record.refusals.get(),
        record.most_waits.get(),
        gaps.len(),
        told(gaps.first()),
        told(gaps.get(gaps.len() / 2)),
        told(gaps.last()),
    );
}

#[tokio::test]
async fn on_postgres() {
    soak(Engine::Postgres, false).await;
}

#[tokio::test]
async fn on_mariadb() {
    soak(Engine::MariaDb, false).await;
}

#[tokio::test]
async fn on_mysql() {
    soak(Engine::MySql, false).await;
}

#[tokio::test]
async fn on_mysql_that_retains_the_password_before() {
    soak(Engine::MySql, true).await;
}
