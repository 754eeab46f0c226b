//! A server that becomes unavailable during a rotation, at each step.

use super::rotation::{RotationOutcome, rotate};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};
use crate::environment::{Fault, Proxy};

/// What happens to the server when a step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// It is stopped, and started again after the rotation has failed.
    Stopped,
    /// It crashes and restarts immediately.
    Restarted,
}

/// The steps, each of which first reads the secret, and the function's message without a
/// server. The first step needs no server.
const STEPS: [(&str, &str); 4] = [
    ("createSecret", "NotChanged"),
    ("setSecret", "NotChanged"),
    ("testSecret", "TestFailed"),
    ("finishSecret", "TestFailed"),
];

async fn outages(engine: Engine) {
    // The tests' MySQL servers may lose the last commits in a crash, for speed.
    let settings: &[&str] = match engine {
        Engine::Postgres => &[],
        Engine::MariaDb | Engine::MySql => &["innodb-flush-log-at-trx-commit=1"],
    };
    let mut site = Site::bootstrapped(test_server::start(engine, settings), "").await;
    let proxy = Proxy::start(site.test.endpoint(), Fault::None).await;
    site.test.send_function_through(&proxy.endpoint()).await;
    for outage in [Outage::Restarted, Outage::Stopped] {
        for (number, (step, error)) in (1..).zip(STEPS) {
            proxy.meet(Fault::Hold(number, Some("DescribeSecret")));
            let befall = async {
                proxy.stopped().await;
                let server = site.server.owned();
                match outage {
                    Outage::Stopped => server.stop(),
                    Outage::Restarted => {
                        server.kill();
                        server.start_again().expect("it starts again");
                    }
                }
                proxy.release();
            };
            let (ended, ()) = tokio::join!(rotate(&site.test, SECRET), befall);
            proxy.meet(Fault::None);
            let fails = outage == Outage::Stopped;
            assert_eq!(ended.is_well(), !fails, "{outage:?} {step}: {ended:?}");
            if outage == Outage::Stopped {
                let server = site.server.owned();
                server.start_again().expect("it starts again");
            }
            if let RotationOutcome::Badly {
                step: at,
                error: by,
            } = &ended
            {
                let expected = if step == "createSecret" {
                    "setSecret"
                } else {
                    step
                };
                assert_eq!((at.as_str(), by.as_str()), (expected, error));
                site.logged_error(error).await;
                // Between the password change and the move of the label, AWSCURRENT is refused.
                let current = site.log_in("AWSCURRENT").await;
                let is_changed = ["testSecret", "finishSecret"].contains(&step);
                assert_eq!(current.is_ok(), !is_changed, "{current:?}");
                let ran = site.test.keyrota("rotate --format json").await.exits(0);
                assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
            }
            assert_eq!(site.log_in("AWSCURRENT").await, Ok(()), "{outage:?} {step}");
        }
    }
    site.test.check_logs_for_secrets().await;
}

#[tokio::test]
async fn of_postgres() {
    outages(Engine::Postgres).await;
}

#[tokio::test]
async fn of_mariadb() {
    outages(Engine::MariaDb).await;
}

#[tokio::test]
async fn of_mysql() {
    outages(Engine::MySql).await;
}
