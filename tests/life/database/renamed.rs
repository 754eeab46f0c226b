//! A database whose secret gets another name in the manifest.

use serde_json::json;

use super::client::log_in;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};

const NEW: &str = "prod/orders-renamed";

/// The hint is carried out as it is written.
#[tokio::test]
async fn the_password_moves_to_the_new_secret_as_the_hint_says() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    let before = site.value("AWSCURRENT").await;
    let renamed = |initial: &str| {
        site.manifest("first_rotation: on_request");
        let file = site.test.home.file("keyrota.yaml");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let text = std::fs::read_to_string(file).expect("the manifest");
        let text = text
            .replace(SECRET, NEW)
            .replace("env:FIRST_PASSWORD", initial);
        site.test.manifest(&text);
    };
    renamed("env:FIRST_PASSWORD");
    let plan = "plan --database-function-zip database.zip --format json";
    let ran = site.test.keyrota(plan).await;
    for text in [
        "a secret cannot be renamed",
        "initial_password: prod/orders-db",
    ] {
        assert!(ran.stderr.contains(text), "{text}\n{ran}");
    }

    renamed(SECRET);
    site.bootstrap().await.exits(0);
    let value = async |secret| {
        site.test
            .value(secret, "AWSCURRENT")
            .await
            .expect("a value")
    };
    // Until the rotation, clients of both secrets log in.
    for secret in [SECRET, NEW] {
        let value = value(secret).await;
        assert_eq!(value["password"], before["password"]);
        assert_eq!(log_in(&site.server, &value).await, Ok(()));
    }
    let ran = site
        .test
        .keyrota(&format!("rotate {NEW} --format json"))
        .await;
    assert_eq!(ran.exits(0).json()["secrets"][0]["verified"], true);
    assert_eq!(log_in(&site.server, &value(NEW).await).await, Ok(()));
    assert!(log_in(&site.server, &value(SECRET).await).await.is_err());
    site.test.keyrota("status --check").await.exits(0);
    site.test.keyrota("doctor").await.exits(0);
}

/// The user of a secret cannot change. The hint is carried out as it is written.
#[tokio::test]
async fn another_user_of_the_same_secret_gets_a_secret_of_its_own() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    let before = site.value("AWSCURRENT").await;
    let other = test_server::make_user(&site.server);
    let manifest = |user: &str, secret: &str| {
        site.manifest("");
        let file = site.test.home.file("keyrota.yaml");
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let text = std::fs::read_to_string(file).expect("the manifest");
        let text = text
            .replace(SECRET, secret)
            .replace(&json!(site.user.name).to_string(), &json!(user).to_string());
        site.test.manifest(&text);
    };
    manifest(&other.name, SECRET);
    let ran = site.bootstrap().await;
    assert_eq!(ran.findings(), [format!("other-login secret {SECRET}")]);
    assert!(ran.stdout.contains("`secret:`"), "{ran}");
    manifest(&site.user.name, SECRET);
    site.bootstrap().await.exits(0);
    manifest(&other.name, NEW);
    site.bootstrap().await.exits(0);
    site.test.keyrota("status --check").await.exits(0);
    assert_eq!(site.value("AWSCURRENT").await, before);
    assert_eq!(log_in(&site.server, &before).await, Ok(()));
}
