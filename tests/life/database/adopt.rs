//! A database secret that exists already, in the form in which AWS's own rotation functions and
//! Amazon RDS write it.

use serde_json::json;

use super::client::{Refused, log_in};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST};

async fn adopts(engine: Engine) {
    let site = Site::new(test_server::shared(engine)).await;
    let test = &site.test;
    let (user, port) = (&site.user, site.server.port());
    let login = format!(
        "{{\"username\":{},\"password\":{},\"engine\":\"{}\",\"host\":\"localhost\",\"port\":{port},\"dbname\":{},\"dbInstanceIdentifier\":\"orders\",\"dbClusterIdentifier\":null}}",
        json!(user.name),
        json!(FIRST),
        test_server::name(engine),
        json!(user.dbname),
    );
    let arn = test.make_secret(SECRET, &login).await;
    site.manifest("adopt: true");
    let ran = test.keyrota("generate").await.exits(0);
    let header = test.home.read("rendered/stack.yaml");
    let header: Vec<&str> = header
        .lines()
        .take_while(|line| line.starts_with('#'))
        .collect();
    assert!(
        header.contains(&format!("#   {SECRET}").as_str()),
        "{header:#?}\n{ran}"
    );

    let ran = site.bootstrap().await.exits(0);
    let told = &ran.json()["secrets"][0];
    assert_eq!(
        (&told["arn"], &told["rotated"]),
        (&arn.as_str().into(), &true.into()),
        "{ran}"
    );
    let after = site.value("AWSCURRENT").await;
    let mut expected: serde_json::Value = serde_json::from_str(&login).expect("JSON");
    expected["password"] = after["password"].clone();
    assert_eq!(after, expected);
    assert_ne!(after["password"], FIRST);
    assert_eq!(log_in(&site.server, &after).await, Ok(()));
    assert_eq!(site.log_in("AWSPREVIOUS").await, Err(Refused::Wrong));
    site.rotates().await;
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["changes"], 0, "{ran}");

    // After a teardown, the same secret is used again.
    test.keyrota("teardown --yes").await.exits(0);
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["arn"], *arn, "{ran}");
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    site.rotates().await;
}

#[tokio::test]
async fn of_postgres() {
    adopts(Engine::Postgres).await;
}

#[tokio::test]
async fn of_mysql() {
    adopts(Engine::MySql).await;
}
