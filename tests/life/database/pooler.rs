//! Clients that log in to a pooler, while the function rotates on the server.

use keyrota_test_servers::{Passwords, Pooler};

use super::client::log_in;
use super::site::Site;
use super::test_server::{self, Engine, FIRST};

fn behind(pooler: &Pooler) -> String {
    format!("clients: {{ host: localhost, port: {} }}", pooler.port())
}

/// The value names the pooler, which knows each new password at the next login.
#[tokio::test]
async fn clients_of_a_pooler_that_asks_the_server_follow_every_rotation() {
    let site = Site::new(test_server::start(Engine::Postgres, &[])).await;
    let pooler = Pooler::start(&site.server, Passwords::Asked).expect("a pooler");
    site.manifest(&behind(&pooler));
    site.bootstrap().await.exits(0);
    for _ in 0..3 {
        let value = site.value("AWSCURRENT").await;
        assert_eq!(value["port"], pooler.port());
        assert_eq!(log_in(&site.server, &value).await, Ok(()));
        site.rotates().await;
    }
    site.test.keyrota("doctor").await.exits(0);

    // The server's own address in a value would send clients past the pooler.
    let mut value = site.value("AWSCURRENT").await;
    value["port"] = site.server.port().into();
    site.test.store(super::site::SECRET, &value).await;
    let ran = site.test.keyrota("doctor --format json").await.exits(5);
    assert!(ran.stdout.contains("value-outdated"), "{ran}");
    site.bootstrap().await.exits(0);
    assert_eq!(site.value("AWSCURRENT").await["port"], pooler.port());
    site.rotates().await;
}

/// A pooler with a list refuses the new password until it is reloaded. The rotation says so, and so
/// does `doctor`, whose remedy is carried out here.
#[tokio::test]
async fn a_pooler_with_a_list_is_found_and_reloaded() {
    let site = Site::new(test_server::start(Engine::Postgres, &[])).await;
    let pooler = Pooler::start(&site.server, Passwords::Listed).expect("a pooler");
    pooler.list(&[(&site.user.name, FIRST)]).expect("a list");
    pooler.reload();
    site.manifest(&behind(&pooler));
    site.bootstrap().await.exits(0);
    site.logged_error("ClientsRefused").await;
    let ran = site.test.keyrota("doctor --format json").await.exits(5);
    let found = &ran.json()["findings"][0];
    let evidence = found["evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("clients cannot log in"), "{ran}");
    let remedy = found["remedy"].as_str().unwrap_or_default();
    assert!(remedy.contains("reload it"), "{ran}");

    let value = site.value("AWSCURRENT").await;
    let password = value["password"].as_str().expect("a password");
    pooler.list(&[(&site.user.name, password)]).expect("a list");
    pooler.reload();
    let ran = site.test.keyrota("doctor --format json").await.exits(0);
    assert!(ran.stdout.contains("database:ClientLogIn"), "{ran}");
    assert_eq!(log_in(&site.server, &value).await, Ok(()));
}

/// The promotion waits until the members of a farm know the new password.
#[tokio::test]
async fn a_rotation_waits_for_the_members_of_a_farm() {
    let site = Site::bootstrapped(
        test_server::shared(Engine::Postgres),
        "propagation: 2s\nfirst_rotation: scheduled",
    )
    .await;
    let since = std::time::Instant::now();
    site.rotates().await;
    assert!(since.elapsed() >= std::time::Duration::from_secs(2));
    let lines = site.test.logged().await;
    let waits = lines
        .iter()
        .any(|line| line.contains("the members of a farm learn"));
    assert!(waits, "{lines:#?}");
}
