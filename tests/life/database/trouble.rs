//! Faults on a server or in a secret. They are reported without secrets, nothing is lost,
//! and after the fault is fixed, the next rotation succeeds.

use serde_json::json;
use tokio::net::TcpListener;

use super::client::{Refused, log_in};
use super::rotation::{RotationOutcome, rotate};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine, FIRST};

/// Stores another password as AWSCURRENT, as by hand.
async fn store_password(site: &Site, password: &str) {
    let mut value = site.value("AWSCURRENT").await;
    value["password"] = password.into();
    site.test.conceal(password);
    site.test.store(SECRET, &value).await;
}

async fn what_a_person_did(engine: Engine) {
    let site = Site::bootstrapped(test_server::shared(engine), "").await;
    // The previous password still works, and the server reports this one as wrong.
    store_password(&site, "wrong-by-hand-1").await;
    site.rotates().await;

    store_password(&site, "wrong-by-hand-2").await;
    store_password(&site, "wrong-by-hand-3").await;
    site.fails_to_rotate(&[
        "accepts none of the passwords",
        "AWSCURRENT, AWSPREVIOUS, AWSPENDING",
        "check that the user exists",
    ])
    .await;
    site.logged_error("NoPasswordWorks").await;
    assert_eq!(site.log_in("AWSCURRENT").await, Err(Refused::Wrong));
    test_server::set_password(&site.server, &site.user, "wrong-by-hand-3");
    site.rotates().await;

    test_server::drop_user(&site.server, &site.user);
    site.fails_to_rotate(&["accepts none of the passwords"])
        .await;
    site.test.check_logs_for_secrets().await;
    let current = site.value("AWSCURRENT").await;
    let password = current["password"].as_str().expect("a password");
    test_server::make_again(&site.server, &site.user, password);
    site.rotates().await;
}

#[tokio::test]
async fn wrong_passwords_and_a_dropped_user_of_postgres() {
    what_a_person_did(Engine::Postgres).await;
}

#[tokio::test]
async fn wrong_passwords_and_a_dropped_user_of_mariadb() {
    what_a_person_did(Engine::MariaDb).await;
}

#[tokio::test]
async fn wrong_passwords_and_a_dropped_user_of_mysql() {
    what_a_person_did(Engine::MySql).await;
}

#[tokio::test]
async fn a_first_password_that_does_not_work() {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    test_server::set_password(&site.server, &site.user, "an0ther one");
    let ran = site.bootstrap().await.exits(1);
    ran.fails("seed", &["the user name or the password is wrong"]);
    assert_eq!(
        site.value("AWSCURRENT").await,
        json!({ "engine": "postgres", "username": site.user.name })
    );
    test_server::set_password(&site.server, &site.user, FIRST);
    site.bootstrap().await.exits(0);
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
}

/// A server's rules refuse the rotations until the manifest follows them.
async fn refused_by_rules(engine: Engine, settings: &[&str], rule: &str) {
    let site = Site::bootstrapped(test_server::start(engine, settings), "").await;
    test_server::sql(&site.server, rule);
    let before = site.value("AWSCURRENT").await;
    site.fails_to_rotate(&[
        "the server's rules refuse the new password (1819)",
        "check `password` in the manifest",
    ])
    .await;
    site.logged_error("GivenUp").await;
    assert_eq!(site.value("AWSCURRENT").await, before);
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
    site.manifest("password: { length: 48 }");
    site.bootstrap().await.exits(0);
    site.rotates().await;
}

#[tokio::test]
async fn rules_for_passwords_of_mariadb() {
    // The plug-in needs to see the password, and does not while statements are logged.
    let settings = ["plugin-load-add=simple_password_check", "general-log=OFF"];
    let rule = "SET GLOBAL simple_password_check_minimal_length = 40";
    refused_by_rules(Engine::MariaDb, &settings, rule).await;
}

#[tokio::test]
async fn rules_for_passwords_of_mysql() {
    let rule = "INSTALL COMPONENT 'file://component_validate_password'; \
                SET GLOBAL validate_password.length = 40";
    refused_by_rules(Engine::MySql, &[], rule).await;
}

/// PostgreSQL's `passwordcheck` refuses a simple password that is sent as text. Of a verifier,
/// it can only check that it was not made from the user's name.
#[tokio::test]
async fn rules_for_passwords_of_postgres_see_no_password() {
    let server = test_server::shared(Engine::Postgres);
    let rule =
        r##"password: { length: 8, exclude: '0123456789!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~' }"##;
    let site = Site::bootstrapped(server, rule).await;
    let name = test_server::quoted(server, &site.user.name);
    let by_hand = server.sql(&format!("ALTER ROLE {name} PASSWORD 'lettersonly'"));
    let refused = by_hand.expect_err("it is refused").to_string();
    assert!(refused.contains("letters and nonletters"), "{refused}");
    site.rotates().await;
    let current = site.value("AWSCURRENT").await;
    let password = current["password"].as_str().expect("a password");
    assert_eq!(password.len(), 8);
    let log = server.log();
    assert!(!log.contains(password), "the server logged a password");
}

#[tokio::test]
async fn another_host_in_a_version() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut value = site.value("AWSCURRENT").await;
    value["password"] = "never-sent".into();
    value["port"] = port.into();
    let listens = async {
        let _ = listener.accept().await;
        panic!("something was sent to the other server");
    };
    let tries = async {
        // In AWSPENDING: that rotation is given up, and another one begins.
        let request = site.test.secretsmanager.put_secret_value();
        let request = request.secret_id(SECRET).version_stages("AWSPENDING");
        let request = request.secret_string(value.to_string());
        request.send().await.expect("the value is stored");
        let ended = rotate(&site.test, SECRET).await;
        assert!(matches!(ended, RotationOutcome::Badly { .. }), "{ended:?}");
        site.logged_error("GivenUp").await;
        assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        site.rotates().await;

        // In AWSCURRENT: a person or the next deployment corrects it.
        let right = site.value("AWSCURRENT").await;
        value["password"] = right["password"].clone();
        site.test.store(SECRET, &value).await;
        site.fails_to_rotate(&["port", "what the manifest says"])
            .await;
        site.bootstrap().await.exits(0);
        assert_eq!(site.value("AWSCURRENT").await["port"], right["port"]);
        assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        site.rotates().await;
    };
    tokio::select! {
        () = listens => {}
        () = tries => {}
    }
}

#[tokio::test]
async fn an_administrator_changes_the_password() {
    for (engine, rights) in [
        (Engine::Postgres, "ALTER ROLE {0} CREATEROLE"),
        (
            Engine::MariaDb,
            "GRANT CREATE USER ON *.* TO {0}; GRANT SELECT ON mysql.global_priv TO {0}",
        ),
        (Engine::MySql, "GRANT CREATE USER ON *.* TO {0}"),
    ] {
        let server = test_server::shared(engine);
        let administrator = test_server::make_user(server);
        let quoted = test_server::quoted(server, &administrator.name);
        test_server::sql(server, &rights.replace("{0}", &quoted));
        let site = Site::new(server).await;
        let mut secret = json!({
            "engine": test_server::name(engine), "host": "localhost", "port": server.port(),
            "username": administrator.name, "password": FIRST,
        });
        if engine == Engine::Postgres {
            secret["dbname"] = administrator.dbname.clone().into();
        }
        let arn = site.test.make_secret("ops/dba", &secret.to_string()).await;
        site.manifest("rotate_as: ops/dba");
        site.bootstrap().await.exits(0);
        let before = site.value("AWSCURRENT").await;
        assert_eq!(before["masterarn"], arn);
        // In MySQL, a user that may change others' passwords may also retain theirs.
        let kept = match engine {
            Engine::MySql => Ok(()),
            Engine::Postgres | Engine::MariaDb => Err(Refused::Wrong),
        };
        assert_eq!(site.log_in("AWSPREVIOUS").await, kept);

        // The user's own password need not be known.
        test_server::set_password(server, &site.user, "f0rgotten by all");
        site.rotates().await;
        assert_eq!(log_in(server, &before).await, Err(Refused::Wrong));

        // The password of another server is not sent to this one.
        secret["host"] = "127.0.0.1".into();
        site.test.store("ops/dba", &secret).await;
        site.fails_to_rotate(&["ops/dba", "another `host`"]).await;
        site.logged_error("AdministratorUnfit").await;
        assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));
        secret["host"] = "localhost".into();
        site.test.store("ops/dba", &secret).await;
        site.rotates().await;
    }
}
