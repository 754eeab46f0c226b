//! Two runs of one step at once: one waits at each of its calls of AWS, while another makes all of its
//! own.

use std::io::Write as _;

use super::rotation::{RotationOutcome, rotate};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};
use crate::environment::{Cut, Fault, Proxy, STEPS};

async fn twice(engine: Engine) {
    let site = Site::bootstrapped(test_server::shared(engine), "").await;
    let proxy = Proxy::start(site.test.endpoint(), Fault::None).await;
    site.test.send_function_through(&proxy.endpoint()).await;
    let (mut overlaps, mut refused) = (0, 0);
    for step in STEPS {
        for number in 1.. {
            let at = format!("call {number} of {step}");
            let version = begin(&site, &proxy).await;
            let run = async |step: &str| site.test.run_step(SECRET, step, &version).await;
            for earlier in STEPS.iter().take_while(|it| **it != step) {
                assert_eq!(run(earlier).await, Ok(()), "{at}: {earlier}");
            }
            let overlapped = proxy.overlap(number, run(step), run(step)).await;
            let is_held = overlapped.is_ok();
            match overlapped {
                Ok((waiting, other)) => {
                    overlaps += 1;
                    refused += i32::from(waiting.is_err()) + i32::from(other.is_err());
                    assert!(
                        waiting.is_ok() || other.is_ok(),
                        "{at}: {waiting:?}, {other:?}"
                    );
                }
                Err(ended) => assert_eq!(ended, Ok(()), "{at}"),
            }
            // A refused step is repeated with the whole rotation.
            for later in STEPS.iter().skip_while(|it| **it != step) {
                if let Err(error) = run(later).await {
                    let ended = rotate(&site.test, SECRET).await;
                    assert!(ended.is_well(), "{at}: {later} {error}: {ended:?}");
                    break;
                }
            }
            assert_eq!(site.log_in("AWSCURRENT").await, Ok(()), "{at}");
            let labels = site.test.secret(SECRET).await.expect("the secret").labels;
            assert_eq!(labels["AWSCURRENT"], version, "{at}: {labels:?}");
            if !is_held {
                break;
            }
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "{engine:?}: {overlaps} calls overlapped, {refused} runs refused"
    );
    site.test.keyrota("rotate").await.exits(0);
    site.test.keyrota("doctor").await.exits(0);
    site.test.check_logs_for_secrets().await;
}

/// Starts a rotation that ends at once, before it has changed anything. Returns its version.
async fn begin(site: &Site, proxy: &Proxy) -> String {
    proxy.meet(Fault::Cut(1, Cut::KillBefore));
    let ended = rotate(&site.test, SECRET).await;
    proxy.meet(Fault::None);
    assert!(RotationOutcome::is_by_death(&ended), "{ended:?}");
    let labels = site.test.secret(SECRET).await.expect("the secret").labels;
    labels["AWSPENDING"].clone()
}

#[tokio::test]
async fn on_postgres() {
    twice(Engine::Postgres).await;
}

#[tokio::test]
async fn on_mariadb() {
    twice(Engine::MariaDb).await;
}

#[tokio::test]
async fn on_mysql() {
    twice(Engine::MySql).await;
}
