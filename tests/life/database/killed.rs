//! A bootstrap that is killed as soon as the server has the first password, before anything has
//! logged in with it, and one in which the function dies there too. The next bootstrap completes it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;

use super::client::log_in;
use super::created::{ADMINISTRATOR, administered, created, is_proven};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST};
use crate::environment::{CommandOutput, Cut, Fault, Proxy, Watch};

const BOOTSTRAP: &str = "bootstrap --yes --database-function-zip database.zip --format json";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// The program. The function completes the rotation by itself.
    Program,
    /// The program, and the function at its next call.
    Both,
}

/// Returns when the server accepts the password of AWSPENDING. The call that the function makes then
/// has not been answered yet.
async fn until_set(site: &Site, watch: &mut Watch) -> tokio::sync::oneshot::Sender<()> {
    while let Some(done) = watch.recv().await {
        let pending = site.test.value(SECRET, "AWSPENDING").await;
        if let Some(pending) = pending.filter(|value| value["password"].is_string())
            && log_in(&site.server, &pending).await == Ok(())
        {
            return done;
        }
        let _ = done.send(());
    }
    panic!("the rotation has ended");
}

/// Deploys with an administrator whose password is wrong, so that the function is there and has
/// changed nothing, and returns the right login too.
async fn deployed(engine: Engine, creates: bool) -> (Site, Value) {
    let site = administered(test_server::shared(engine)).await;
    let settings = match creates {
        true => {
            test_server::drop_user(&site.server, &site.user);
            created(&site)
        }
        false => {
            test_server::set_password(&site.server, &site.user, "N0body knows it");
            format!("rotate_as: {ADMINISTRATOR}\ninitial_password: set")
        }
    };
    site.manifest(&settings);
    let right = site
        .test
        .value(ADMINISTRATOR, "AWSCURRENT")
        .await
        .expect("a login");
    let mut wrong = right.clone();
    wrong["password"] = json!("wr0ng");
    site.test.store(ADMINISTRATOR, &wrong).await;
    site.bootstrap().await.exits(1);
    (site, right)
}

async fn is_completed(engine: Engine, creates: bool, victim: Victim) {
    let what = format!("{engine:?} {creates} {victim:?}");
    let (site, right) = deployed(engine, creates).await;
    let test = &site.test;
    let proxy = Proxy::start(test.endpoint(), Fault::None).await;
    test.send_function_through(&proxy.endpoint()).await;
    let mut watch = proxy.watch_everything();
    // From here on, Secrets Manager's own retry can complete the rotation too.
    test.store(ADMINISTRATOR, &right).await;

    let mut command = test.program(BOOTSTRAP);
    command.env("FIRST_PASSWORD", FIRST);
    let child = command.spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs").to_string();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let answered = tokio::select! {
        output = &mut ended => panic!("{what}: {}", CommandOutput::new(BOOTSTRAP, output.expect("its output"))),
        answered = until_set(&site, &mut watch) => answered,
    };
    let status = Command::new("kill").args(["-KILL", &id]).status().await;
    assert!(status.expect("kill can be started").success());
    let ran = CommandOutput::new(BOOTSTRAP, ended.await.expect("its output"));
    assert_eq!(ran.code, None, "{what}: {ran}");
    let before = site.value("AWSCURRENT").await;
    let nothing = before["password"].as_str().unwrap_or_default();
    assert!(nothing.is_empty(), "{what}: it is promoted already");
    let set = site.value("AWSPENDING").await;
    if victim == Victim::Both {
        proxy.meet(Fault::Cut(1, Cut::KillBefore));
    }
    drop(watch);
    let _ = answered.send(());
    if victim == Victim::Both {
        let deadline = Instant::now() + Duration::from_secs(60);
        while proxy.seen().cut.is_none() {
            assert!(Instant::now() < deadline, "{what}: it calls nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.meet(Fault::None);
    }

    let ran = site.bootstrap().await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(secret["verified"], true, "{what}: {ran}");
    // The password that the server had is the one that clients get, so no second password replaced it.
    let current = site.value("AWSCURRENT").await;
    assert_eq!(current["password"], set["password"], "{what}: {ran}");
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()), "{what}: {ran}");
    test.check_logs_for_secrets().await;
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, false).await;
    assert_eq!(site.value("AWSCURRENT").await, current, "{what}: {ran}");
    site.rotates().await;
}

#[tokio::test]
async fn a_user_that_was_created_on_postgres_keeps_its_password() {
    for victim in [Victim::Program, Victim::Both] {
        is_completed(Engine::Postgres, true, victim).await;
    }
}

#[tokio::test]
async fn a_user_that_was_created_on_mysql_keeps_its_password() {
    for victim in [Victim::Program, Victim::Both] {
        is_completed(Engine::MySql, true, victim).await;
    }
}

#[tokio::test]
async fn a_password_that_was_set_stays_on_each_engine() {
    for engine in [Engine::Postgres, Engine::MariaDb, Engine::MySql] {
        is_completed(engine, false, Victim::Both).await;
    }
}
