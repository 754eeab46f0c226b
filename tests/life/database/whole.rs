//! The whole life of a database password, on each engine.

use serde_json::json;

use super::client::{Refused, log_in};
use super::rotation::rotate;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};
use crate::environment::TestEnvironment;

/// The number of rotations.
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

    // A field that another program added is kept too.
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
    // The user on the server remains unchanged.
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

#[tokio::test]
async fn text_that_cloudformation_loses_changes_nothing() {
    let account = TestEnvironment::strict("ascii", 1).await;
    let site = Site::in_account(account, test_server::shared(Engine::Postgres).into());
    let tags = |team: &str| {
        format!("tags: {{ 담당: {team}, Zuständig: Zahlungsverkehr Köln, チーム: 決済 }}\n")
    };
    site.manifest_with(&tags("플랫폼관리팀"), "");
    let ran = site.bootstrap().await.exits(0);
    assert_ne!(ran.json()["changes"], 0, "{ran}");
    let plan = "plan --database-function-zip database.zip --format json";
    let ran = site.test.keyrota(plan).await.exits(0);
    assert_eq!(ran.json()["changes"], json!([]), "{ran}");
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["changes"], 0, "{ran}");
    // A different text of the same length is a change.
    site.manifest_with(&tags("데이터보안팀"), "");
    let ran = site.bootstrap().await.exits(0);
    assert_ne!(ran.json()["changes"], 0, "{ran}");
}
