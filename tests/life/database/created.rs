//! Passwords that nobody knows, and users that the function creates and drops.

use serde_json::{Value, json};

use super::client::log_in;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST, TestServer};
use crate::environment::CommandOutput;

pub const ADMINISTRATOR: &str = "ops/administrator";
const PLAN: &str = "plan --database-function-zip database.zip";
const TEARDOWN: &str = "teardown --yes --format json";

/// Returns an account with the secret of an administrator who may grant what concerns the user's
/// database.
pub async fn administered(server: impl Into<TestServer>) -> Site {
    let site = Site::new(server).await;
    let administrator = test_server::make_user(&site.server);
    let quoted = test_server::quoted(&site.server, &administrator.name);
    let dbname = &site.user.dbname;
    let rights = match site.server.engine() {
        Engine::Postgres => {
            let user = test_server::quoted(&site.server, &site.user.name);
            format!(
                "ALTER ROLE {quoted} CREATEROLE; ALTER DATABASE {dbname} OWNER TO {quoted};
                 GRANT {user} TO {quoted} WITH ADMIN OPTION"
            )
        }
        Engine::MariaDb => format!(
            "GRANT CREATE USER ON *.* TO {quoted}; GRANT SELECT ON mysql.* TO {quoted};
             GRANT ALL ON {dbname}.* TO {quoted} WITH GRANT OPTION"
        ),
        Engine::MySql => format!(
            "GRANT CREATE USER ON *.* TO {quoted};
             GRANT ALL ON {dbname}.* TO {quoted} WITH GRANT OPTION"
        ),
    };
    test_server::sql(&site.server, &rights);
    let value = json!({ "username": administrator.name, "password": FIRST });
    site.test
        .make_secret(ADMINISTRATOR, &value.to_string())
        .await;
    site
}

/// Returns the settings of a user that is created.
pub fn created(site: &Site) -> String {
    let dbname = &site.user.dbname;
    let grant = match site.server.engine() {
        Engine::Postgres => format!("CREATE, TEMP ON DATABASE {dbname}"),
        _ => format!("SELECT, CREATE VIEW ON {dbname}.*"),
    };
    format!("rotate_as: {ADMINISTRATOR}\ncreate_user: true\ngrants: ['{grant}']")
}

/// Returns an account whose user has been created by a bootstrap.
async fn with_created_user(engine: Engine) -> Site {
    let site = administered(test_server::shared(engine)).await;
    test_server::drop_user(&site.server, &site.user);
    site.manifest(&created(&site));
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, true).await;
    site
}

/// Expects that a bootstrap has proven the password.
pub async fn is_proven(site: &Site, ran: &CommandOutput, rotated: bool) {
    let told = ran.json()["secrets"][0].clone();
    assert_eq!(
        (&told["rotated"], &told["verified"]),
        (&rotated.into(), &true.into()),
        "{ran}"
    );
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()), "{ran}");
    site.test.check_logs_for_secrets().await;
}

/// Returns an item of the result of a teardown.
fn item(ran: &CommandOutput, list: &str) -> Option<Value> {
    let json = ran.json();
    let items = json[list].as_array().expect("a list");
    let mut items = items.iter();
    items.find(|item| item["type"] == "database user").cloned()
}

async fn sets_a_password(engine: Engine) {
    let site = administered(test_server::shared(engine)).await;
    let test = &site.test;
    test_server::set_password(&site.server, &site.user, "N0body knows it");
    site.manifest(&format!(
        "rotate_as: {ADMINISTRATOR}\ninitial_password: set"
    ));
    let ran = test.keyrota(PLAN).await.exits(0);
    for text in [
        "the administrator sets the password of",
        "voids the present one",
    ] {
        assert!(ran.stdout.contains(text), "{ran}");
    }
    let no_rotation = "bootstrap --yes --no-rotate --database-function-zip database.zip";
    let ran = test.keyrota(no_rotation).await.exits(3);
    ran.says(&["--no-rotate"]);
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, true).await;
    let unknown = json!({ "password": "N0body knows it" });
    let mut before = site.value("AWSCURRENT").await;
    before["password"] = unknown["password"].clone();
    assert!(log_in(&site.server, &before).await.is_err());
    for check in ["status --check", "doctor"] {
        test.keyrota(check).await.exits(0);
    }

    // It is not set again.
    let current = site.value("AWSCURRENT").await;
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, false).await;
    assert_eq!(site.value("AWSCURRENT").await, current);
    site.rotates().await;

    // One that someone removes is set by the next rotation.
    let mut removed = site.value("AWSCURRENT").await;
    removed.as_object_mut().expect("fields").remove("password");
    test.store(SECRET, &removed).await;
    let ran = test.keyrota("rotate --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));

    // The user existed before, so it stays.
    let current = site.value("AWSCURRENT").await;
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(item(&ran, "deleted"), None, "{ran}");
    assert_eq!(log_in(&site.server, &current).await, Ok(()));
}

#[tokio::test]
async fn a_password_that_nobody_knows_is_set_on_postgres() {
    sets_a_password(Engine::Postgres).await;
}

#[tokio::test]
async fn a_password_that_nobody_knows_is_set_on_mariadb() {
    sets_a_password(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_password_that_nobody_knows_is_set_on_mysql() {
    sets_a_password(Engine::MySql).await;
}

async fn creates_and_drops(engine: Engine) {
    let site = administered(test_server::shared(engine)).await;
    let test = &site.test;
    test_server::drop_user(&site.server, &site.user);
    site.manifest(&created(&site));
    let ran = test.keyrota(PLAN).await.exits(0);
    let told = "the administrator creates the user";
    assert!(ran.stdout.contains(told), "{ran}");
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, true).await;
    for check in ["status --check", "doctor"] {
        test.keyrota(check).await.exits(0);
    }
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, false).await;
    site.rotates().await;

    let current = site.value("AWSCURRENT").await;
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    let dropped = item(&ran, "deleted").unwrap_or_else(|| panic!("{ran}"));
    let user = format!("{} at localhost:{}", site.user.name, site.server.port());
    assert_eq!(dropped["name"], user);
    assert!(log_in(&site.server, &current).await.is_err(), "{ran}");
    let again = "a user that can be created again";
    test_server::make_again(&site.server, &site.user, again);
    test_server::drop_user(&site.server, &site.user);

    // Nothing is left to drop.
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(item(&ran, "deleted"), None, "{ran}");
    assert_eq!(item(&ran, "left_over"), None, "{ran}");

    // Another deployment uses the secret again, and creates the user again.
    let ran = site.bootstrap().await.exits(0);
    is_proven(&site, &ran, true).await;
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    assert!(item(&ran, "deleted").is_some(), "{ran}");
}

#[tokio::test]
async fn a_user_is_created_and_dropped_on_postgres() {
    creates_and_drops(Engine::Postgres).await;
}

#[tokio::test]
async fn a_user_is_created_and_dropped_on_mariadb() {
    creates_and_drops(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_user_is_created_and_dropped_on_mysql() {
    creates_and_drops(Engine::MySql).await;
}

#[tokio::test]
async fn a_user_is_kept_on_request() {
    let site = with_created_user(Engine::Postgres).await;
    let current = site.value("AWSCURRENT").await;
    let keep = "teardown --yes --keep-users --format json";
    let ran = site.test.keyrota(keep).await.exits(0);
    assert_eq!(item(&ran, "deleted"), None, "{ran}");
    let retained = ran.json()["retained"].to_string();
    assert!(retained.contains("stays valid on the server"), "{ran}");
    assert_eq!(log_in(&site.server, &current).await, Ok(()), "{ran}");
    // Another deployment takes it up as it is.
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
}

async fn leaves(engine: Engine) {
    let site = with_created_user(engine).await;
    let user = test_server::quoted(&site.server, &site.user.name);
    let (owned, reason) = match engine {
        Engine::Postgres => (
            format!("CREATE SCHEMA of_{} AUTHORIZATION {user}", site.user.dbname),
            "it owns 1 object",
        ),
        _ => (
            format!(
                "CREATE DEFINER={user} VIEW {}.seen AS SELECT 1",
                site.user.dbname
            ),
            "it is the definer of 1",
        ),
    };
    test_server::sql(&site.server, &owned);
    let current = site.value("AWSCURRENT").await;
    let ran = site.test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(item(&ran, "deleted"), None, "{ran}");
    let left = item(&ran, "left_over").unwrap_or_else(|| panic!("{ran}"));
    assert!(left["note"].to_string().contains(reason), "{ran}");
    assert_eq!(log_in(&site.server, &current).await, Ok(()), "{ran}");
    assert_eq!(site.test.stack_status("orders").await, None);
}

#[tokio::test]
async fn a_user_that_owns_objects_is_left_over_on_postgres() {
    leaves(Engine::Postgres).await;
}

#[tokio::test]
async fn a_user_that_defines_objects_is_left_over_on_mysql() {
    leaves(Engine::MySql).await;
}

#[tokio::test]
async fn a_user_that_existed_before_is_neither_taken_over_nor_dropped() {
    let site = administered(test_server::shared(Engine::Postgres)).await;
    site.manifest(&created(&site));
    let clients = |site: &Site| {
        json!({
            "engine": "postgres", "host": "localhost", "port": site.server.port(),
            "dbname": site.user.dbname, "username": site.user.name, "password": FIRST,
        })
    };
    let ran = site.bootstrap().await.exits(1);
    assert!(ran.stdout.contains("the user exists already"), "{ran}");
    assert_eq!(log_in(&site.server, &clients(&site)).await, Ok(()));
    let ran = site.test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(item(&ran, "deleted"), None, "{ran}");
    assert_eq!(log_in(&site.server, &clients(&site)).await, Ok(()));

    // Nor if the entry names it first, and says later that the function creates it.
    let site = administered(test_server::shared(Engine::Postgres)).await;
    site.manifest(&format!("rotate_as: {ADMINISTRATOR}"));
    site.bootstrap().await.exits(0);
    site.manifest(&created(&site));
    let ran = site.bootstrap().await.exits(3);
    assert!(ran.stdout.contains("user-exists"), "{ran}");
}

/// A right that the administrator may not grant ends the first rotation, and the next bootstrap
/// completes it when the cause is gone.
#[tokio::test]
async fn a_bootstrap_completes_a_first_rotation_that_failed() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let site = administered(test_server::shared(engine)).await;
        test_server::drop_user(&site.server, &site.user);
        let good = created(&site);
        let grant = match engine {
            Engine::Postgres => "SELECT ON no_such_table",
            _ => "SELECT ON no_such_database.no_such_table",
        };
        site.manifest(&format!(
            "rotate_as: {ADMINISTRATOR}\ncreate_user: true\ngrants: ['{grant}']"
        ));
        let ran = site.bootstrap().await.exits(1);
        assert!(ran.stdout.contains("`grants` or `roles`"), "{ran}");
        site.manifest(&good);
        let ran = site.bootstrap().await.exits(0);
        is_proven(&site, &ran, true).await;
        let ran = site.test.keyrota(TEARDOWN).await.exits(0);
        assert!(item(&ran, "deleted").is_some(), "{ran}");
    }
}
