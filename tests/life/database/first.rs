//! The first rotation of a password that clients use already: `first_rotation`.

use serde_json::{Value, json};

use super::client::log_in;
use super::function::AUTHORITY;
use super::rotation::rotate;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST, TestServer};
use crate::environment::CommandOutput;

const SUNDAYS: &str = "schedule: cron(0 2 ? * SUN *)";

/// The clients' login, which is not in the secret.
fn clients_login(site: &Site) -> Value {
    json!({
        "engine": test_server::name(site.server.engine()), "host": "localhost",
        "port": site.server.port(), "dbname": site.user.dbname, "username": site.user.name,
        "password": FIRST,
    })
}

/// Expects that the clients' password is the one in the secret, and works.
async fn clients_work(site: &Site, ran: &CommandOutput) {
    assert_eq!(
        log_in(&site.server, &clients_login(site)).await,
        Ok(()),
        "{ran}"
    );
    assert_eq!(site.value("AWSCURRENT").await["password"], FIRST, "{ran}");
    assert!(
        !site
            .test
            .secret(SECRET)
            .await
            .expect("the secret")
            .labels
            .contains_key("AWSPENDING")
    );
}

/// Adds an entry with another user to the manifest.
fn add_entry(site: &Site) {
    let other = test_server::make_user(&site.server);
    let entry = format!(
        "  - {{ secret: prod/other-db, engine: {}, host: localhost, port: {}, dbname: {}, \
         username: {}, initial_password: env:FIRST_PASSWORD, tls_ca: {AUTHORITY}, \
         first_rotation: now }}\n",
        test_server::name(site.server.engine()),
        site.server.port(),
        other.dbname,
        json!(other.name),
    );
    let manifest = site.test.home.read("keyrota.yaml");
    site.test.manifest(&(manifest + &entry));
}

/// Returns what a bootstrap reports of the first secret, having rotated nothing of it.
async fn is_held_back(site: &Site) -> Value {
    let ran = site.bootstrap().await.exits(0);
    let told = ran.json()["secrets"][0].clone();
    assert_eq!(
        (&told["rotated"], &told["verified"]),
        (&false.into(), &true.into()),
        "{ran}"
    );
    clients_work(site, &ran).await;
    told["first_rotation"].clone()
}

async fn waits_for_its_window(server: impl Into<TestServer>) {
    let site = Site::new(server).await;
    let test = &site.test;
    site.manifest(&format!("first_rotation: null\n{SUNDAYS}"));
    let plan = "plan --database-function-zip database.zip";
    let ran = test.keyrota(plan).await.exits(0);
    for text in [
        "prod/orders-db: first rotation in the window of Sun ",
        " 02:00 UTC; move its clients to the secret before then",
    ] {
        assert!(ran.stdout.contains(text), "{ran}");
    }
    let first = is_held_back(&site).await;
    assert_eq!(first["when"], "scheduled");
    let opens = first["window"]["opens"]
        .as_str()
        .expect("a window")
        .to_owned();
    assert!(opens.ends_with("T02:00:00Z"), "{first}");
    test.until_rotations_end().await;

    let ran = test.keyrota("status --check --format json").await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(secret["state"], "never_rotated", "{ran}");
    assert_eq!(secret["first_rotation"]["window"]["opens"], opens, "{ran}");
    let ran = test.keyrota("doctor").await.exits(0);
    clients_work(&site, &ran).await;

    // Neither another run nor another entry rotates it.
    assert_eq!(is_held_back(&site).await, first);
    add_entry(&site);
    assert_eq!(is_held_back(&site).await, first);
    let ran = test.keyrota("status --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"][1]["state"], "ok", "{ran}");

    // The window opens. From then on it is a password like any other.
    let ended = rotate(test, SECRET).await;
    assert!(ended.is_well(), "{ended:?}");
    let ran = site.bootstrap().await.exits(0);
    let told = &ran.json()["secrets"][0];
    assert_eq!(
        (&told["rotated"], &told["first_rotation"]),
        (&false.into(), &Value::Null),
        "{ran}"
    );
    let ran = test.keyrota("status --check --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["state"], "ok", "{ran}");
    test.check_logs_for_secrets().await;
    test.keyrota("teardown --yes").await.exits(0);
}

#[tokio::test]
async fn a_password_waits_for_its_window_on_postgres() {
    waits_for_its_window(test_server::shared(Engine::Postgres)).await;
}

#[tokio::test]
async fn a_password_waits_for_its_window_on_mariadb() {
    waits_for_its_window(test_server::shared(Engine::MariaDb)).await;
}

#[tokio::test]
async fn a_password_waits_for_a_request() {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    let test = &site.test;
    site.manifest(&format!("first_rotation: on_request\n{SUNDAYS}"));
    let first = is_held_back(&site).await;
    let expected = json!({
        "when": "on_request", "window": null, "initial_password": null, "create_user": false,
    });
    assert_eq!(first, expected);
    let rotation = async || {
        let secret = test.secretsmanager.describe_secret().secret_id(SECRET);
        let secret = secret.send().await.expect("the secret");
        let rules = secret
            .rotation_rules
            .and_then(|rules| rules.schedule_expression);
        (secret.rotation_enabled.unwrap_or_default(), rules)
    };
    assert_eq!(rotation().await, (false, None));
    let ran = test.keyrota("status --check --format json").await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(secret["state"], "never_rotated", "{ran}");
    assert_eq!(secret["first_rotation"], first, "{ran}");
    test.keyrota("status --no-values --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    test.keyrota("plan --detailed-exitcode --database-function-zip database.zip")
        .await
        .exits(0);
    assert_eq!(is_held_back(&site).await, first);

    // Only its name requests it.
    let ran = test.keyrota("rotate --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"], json!([]), "{ran}");
    ran.says(&["waits for `keyrota rotate prod/orders-db`"]);
    let ran = test
        .keyrota("rotate --format json prod/orders-db")
        .await
        .exits(0);
    assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
    let on = (true, Some("cron(0 2 ? * SUN *)".to_owned()));
    assert_eq!(rotation().await, on);
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    assert!(log_in(&site.server, &clients_login(&site)).await.is_err());
    for check in ["status --check", "doctor"] {
        test.keyrota(check).await.exits(0);
    }
    test.keyrota("plan --detailed-exitcode --database-function-zip database.zip")
        .await
        .exits(0);
    // Without names, it rotates as the others do.
    site.rotates().await;

    // Its schedule is compared with the manifest, and a deployment sets it.
    site.manifest("first_rotation: on_request\nschedule: rate(7 days)");
    let ran = test.keyrota("doctor --format json").await.exits(5);
    assert_eq!(ran.json()["findings"][0]["id"], "rotation-differs", "{ran}");
    let current = site.value("AWSCURRENT").await;
    let weekly = (true, Some("rate(7 days)".to_owned()));
    // CloudFormation adds a schedule to a secret that rotates already, and removes it again.
    for (first, changes) in [("on_request", 0), ("scheduled", 1), ("on_request", 1)] {
        site.manifest(&format!("first_rotation: {first}\nschedule: rate(7 days)"));
        let ran = site.bootstrap().await.exits(0);
        assert_eq!(ran.json()["changes"], changes, "{first}\n{ran}");
        assert_eq!(ran.json()["secrets"][0]["rotated"], false, "{first}\n{ran}");
        assert_eq!(rotation().await, weekly, "{first}\n{ran}");
        test.until_rotations_end().await;
        test.keyrota("status --check").await.exits(0);
        test.keyrota("doctor").await.exits(0);
    }
    assert_eq!(site.value("AWSCURRENT").await, current);

    test.keyrota("teardown --yes").await.exits(0);
    assert!(test.secret(SECRET).await.expect("the secret").deleted);
    assert!(!rotation().await.0);
    assert_eq!(log_in(&site.server, &current).await, Ok(()));
}

#[tokio::test]
async fn a_teardown_before_the_first_rotation_leaves_the_password() {
    let site = Site::bootstrapped(
        test_server::shared(Engine::Postgres),
        "first_rotation: on_request",
    )
    .await;
    let ran = site.test.keyrota("teardown --yes").await.exits(0);
    assert_eq!(
        log_in(&site.server, &clients_login(&site)).await,
        Ok(()),
        "{ran}"
    );
    assert_eq!(site.test.stack_status("orders").await, None);
    // Another deployment takes it up as it was.
    assert_eq!(is_held_back(&site).await["when"], "on_request");
}
