//! Administrators' secrets as Amazon RDS, AWS's own functions, and people write them.

use serde_json::{Value, json};

use super::site::Site;
use super::test_server::{self, Engine, FIRST, TestServer, User};

const PLAN: &str = "plan --database-function-zip database.zip --format json";

fn administrator(server: &TestServer, rights: &str) -> User {
    let administrator = test_server::make_user(server);
    let quoted = test_server::quoted(server, &administrator.name);
    test_server::sql(server, &rights.replace("{0}", &quoted));
    administrator
}

/// Returns a user name and a password, with more fields.
fn value(administrator: &User, more: &Value) -> Value {
    let mut value = json!({ "username": administrator.name, "password": FIRST });
    for (field, held) in more.as_object().expect("fields") {
        value[field] = held.clone();
    }
    value
}

#[tokio::test]
async fn each_form_of_a_secret_serves_the_program_and_the_function() {
    // As Amazon RDS names it.
    const NAME: &str = "rds!cluster-0361984b-5f0e-4a68-9b0f-2f7c6d1a9e55";
    for (engine, aurora, rights) in [
        (
            Engine::Postgres,
            "aurora-postgresql",
            "ALTER ROLE {0} CREATEROLE",
        ),
        (
            Engine::MySql,
            "aurora-mysql",
            "GRANT CREATE USER ON *.* TO {0}",
        ),
    ] {
        let site = Site::new(test_server::shared(engine)).await;
        let administrator = administrator(&site.server, rights);
        let port = site.server.port();
        let short = value(&administrator, &json!({}));
        let arn = site.test.make_secret(NAME, &short.to_string()).await;
        site.manifest(&format!("rotate_as: {NAME}"));
        site.bootstrap().await.exits(0);
        assert_eq!(site.value("AWSCURRENT").await["masterarn"], arn);
        site.rotates().await;
        for more in [
            json!({ "engine": aurora, "host": "localhost", "port": port, "dbname": "none_such" }),
            json!({ "engine": aurora, "host": "LOCALHOST" }),
            json!({ "engine": test_server::name(engine), "host": "localhost", "port": port.to_string() }),
        ] {
            site.test.store(NAME, &value(&administrator, &more)).await;
            site.test.keyrota(PLAN).await.exits(0);
            site.rotates().await;
        }

        // What the value repeats must agree, for the program and for the function.
        for (more, field) in [
            (json!({ "host": "127.0.0.1" }), "host"),
            (json!({ "port": 1 }), "port"),
            (json!({ "engine": "mariadb" }), "engine"),
        ] {
            site.test.store(NAME, &value(&administrator, &more)).await;
            let told = format!("has another `{field}` than the server in the manifest");
            let ran = site.test.keyrota(PLAN).await.exits(3);
            assert!(ran.stdout.contains(&told), "{ran}");
            site.fails_to_rotate(&[NAME, &told]).await;
        }
        site.test.store(NAME, &short).await;
        site.rotates().await;
    }
}

#[tokio::test]
async fn a_name_that_ends_like_an_arn_is_written_as_its_arn() {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    let administrator = administrator(&site.server, "ALTER ROLE {0} CREATEROLE");
    let short = value(&administrator, &json!({})).to_string();
    let arn = site.test.make_secret("ops/db-master", &short).await;
    // A secret that the role must not be able to read.
    site.test.make_secret("ops/db", "{}").await;
    site.manifest("rotate_as: ops/db-master");
    let ran = site.bootstrap().await.exits(3);
    let told = "ends with a hyphen and six characters";
    assert!(
        ran.stdout.contains(told) && ran.stdout.contains("complete ARN"),
        "{ran}"
    );
    site.manifest(&format!("rotate_as: '{arn}'"));
    site.bootstrap().await.exits(0);
    assert_eq!(site.value("AWSCURRENT").await["masterarn"], arn);
    site.rotates().await;
}

#[tokio::test]
async fn an_administrators_own_database_is_not_needed() {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    let administrator = administrator(&site.server, "ALTER ROLE {0} CREATEROLE");
    let owner = test_server::quoted(&site.server, &site.user.name);
    // Only the user itself may connect to its database.
    test_server::sql(
        &site.server,
        &format!(
            "REVOKE CONNECT ON DATABASE {0} FROM PUBLIC; GRANT CONNECT ON DATABASE {0} TO {owner}",
            site.user.dbname
        ),
    );
    let short = value(&administrator, &json!({ "dbname": "none_such" }));
    site.test.make_secret("ops/dba", &short.to_string()).await;
    site.manifest("rotate_as: ops/dba");
    site.bootstrap().await.exits(0);
    site.rotates().await;
}

#[tokio::test]
async fn the_error_says_whose_login_failed() {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    let administrator = administrator(&site.server, "ALTER ROLE {0} CREATEROLE");
    let short = value(&administrator, &json!({}));
    site.test.make_secret("ops/dba", &short.to_string()).await;
    site.manifest("rotate_as: ops/dba");
    site.bootstrap().await.exits(0);
    // The remedy is carried out as it is written.
    test_server::set_password(&site.server, &administrator, "an0ther one");
    site.fails_to_rotate(&[
        "log in to",
        "as the administrator in ops/dba",
        "the user name or the password is wrong",
        "store the administrator's current password in that secret",
    ])
    .await;
    site.logged_error("NoAdministratorLogin").await;
    let mut current = short.clone();
    current["password"] = "an0ther one".into();
    site.test.conceal("an0ther one");
    site.test.store("ops/dba", &current).await;
    site.rotates().await;
}
