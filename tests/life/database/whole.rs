//! The whole life of a database's password, on each engine.

use super::client::{Refused, log_in};
use super::rotation::rotate;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};

/// How many rotations a secret lives through.
const ROTATIONS: usize = 20;

async fn life(engine: Engine) {
    let server = test_server::shared(engine);
    let site = Site::new(server).await;
    let test = &site.test;

    let ran = site.bootstrap().await.exits(0);
    let told = &ran.json()["secrets"][0];
    assert_eq!(told["kind"], "database", "{ran}");
    assert_eq!(told["username"], site.user.name, "{ran}");
    assert_eq!(told["access_key_id"], serde_json::Value::Null, "{ran}");
    assert_eq!(
        (&told["rotated"], &told["verified"]),
        (&true.into(), &true.into()),
        "{ran}"
    );
    let first = site.value("AWSCURRENT").await;
    assert_eq!(log_in(server, &first).await, Ok(()));
    assert_eq!(site.log_in("AWSPREVIOUS").await, Err(Refused::Wrong));
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["changes"], 0, "{ran}");

    // A field of somebody else's is kept as well.
    let mut before = first.clone();
    before["note"] = "of somebody else".into();
    test.store(SECRET, &before).await;
    for _ in 1..ROTATIONS {
        let ended = rotate(test, SECRET).await;
        assert!(ended.is_well(), "{ended:?}");
        let after = site.value("AWSCURRENT").await;
        assert_eq!(log_in(server, &after).await, Ok(()));
        assert_eq!(log_in(server, &before).await, Err(Refused::Wrong));
        let mut expected = before;
        assert_ne!(expected["password"], after["password"]);
        expected["password"] = after["password"].clone();
        assert_eq!(after, expected);
        before = after;
    }
    site.rotates().await;
    let ran = test.keyrota("status --check --format json").await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(secret["state"], "ok", "{ran}");
    assert_eq!(secret["username"], site.user.name, "{ran}");
    test.check_logs_for_secrets().await;

    let current = site.value("AWSCURRENT").await;
    test.keyrota("teardown --yes").await.exits(0);
    assert_eq!(test.stack_status("orders").await, None);
    assert!(test.secret(SECRET).await.expect("the secret").deleted);
    // The user is the server's, and stays as it is.
    assert_eq!(log_in(server, &current).await, Ok(()));
    test.keyrota("teardown --yes").await.exits(0);
}

#[tokio::test]
async fn on_postgres() {
    life(Engine::Postgres).await;
}

#[tokio::test]
async fn on_mariadb() {
    life(Engine::MariaDb).await;
}

#[tokio::test]
async fn on_mysql() {
    life(Engine::MySql).await;
}
