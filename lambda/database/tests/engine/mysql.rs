//! MySQL. The shared server reads string literals in the least usual way, so the tests fail if
//! a statement depends on a mode.

use std::sync::OnceLock;
use std::time::Duration;

use keyrota_database_function::server::{
    Endpoint, Login, PreviousPassword, Server as _, ServerError, ServerFault, Verification,
};

use crate::test_server::{Kind, TestServer, any_characters, check, login, unique};

const MODES: &str = "sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES";

fn test_server() -> &'static TestServer {
    static BENCH: OnceLock<TestServer> = OnceLock::new();
    BENCH.get_or_init(|| TestServer::start(Kind::MySql, &[MODES]))
}

/// Creates a user with the password `old`, and returns its name.
fn user(purpose: &str, options: &str) -> String {
    user_of(test_server(), purpose, options)
}

fn user_of(test_server: &TestServer, purpose: &str, options: &str) -> String {
    let name = unique(purpose);
    test_server.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED BY 'old' {options}"
    ));
    name
}

async fn discard(
    test_server: &TestServer,
    login: &Login,
    username: &str,
) -> Result<(), ServerError> {
    test_server
        .engines
        .discard(&test_server.endpoint, login, username, false)
        .await
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let (test_server, name) = (test_server(), user("own", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-own-new"));
    test_server.check_change(&old, &old, &new).await;
    let newer = login(&name, "Tr0ub4dor-own-newer");
    test_server.check_change(&new, &new, &newer).await;
    test_server.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED BY <secret>"),
        &["Tr0ub4dor-own"],
    );
}

#[tokio::test]
async fn the_password_before_is_retained_where_the_user_may() {
    let (test_server, name) = (test_server(), user("retain", ""));
    test_server.sql(&format!(
        "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}@'%'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-retain-new"));
    assert_eq!(
        test_server.change(&old, &new, true).await,
        Ok(PreviousPassword::Retained)
    );
    assert_eq!(test_server.authenticate(&old).await, Ok(()));
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
    assert_eq!(discard(test_server, &new, &name).await, Ok(()));
    check(
        test_server.authenticate(&old).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
    // It succeeds if there is no such password.
    assert_eq!(discard(test_server, &new, &name).await, Ok(()));
    test_server.check_log("RETAIN CURRENT PASSWORD", &["Tr0ub4dor-retain"]);
}

#[tokio::test]
async fn what_may_not_be_retained_is_void() {
    let (test_server, name) = (test_server(), user("void", ""));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    assert_eq!(
        test_server.change(&old, &new, true).await,
        Ok(PreviousPassword::Void)
    );
    check(
        test_server.authenticate(&old).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
    check(
        discard(test_server, &new, &name).await,
        ServerFault::NotAllowed,
        "1227",
    );
}

#[tokio::test]
async fn the_plugin_is_kept() {
    let (test_server, name) = (test_server(), unique("plugin"));
    test_server.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED WITH sha256_password BY 'old'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    test_server.check_change(&old, &old, &new).await;
    let kept = test_server.sql(&format!(
        "SELECT plugin FROM mysql.user WHERE user = '{name}'"
    ));
    assert_eq!(kept.trim(), "sha256_password");
}

#[tokio::test]
async fn the_password_before_is_told_where_it_is_asked_for() {
    let (test_server, name) = (test_server(), user("replace", "PASSWORD REQUIRE CURRENT"));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-replace"));
    test_server.check_change(&old, &old, &new).await;
    test_server.sql(&format!(
        "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}@'%'"
    ));
    let newer = login(&name, "Tr0ub4dor-replaced");
    assert_eq!(
        test_server.change(&new, &newer, true).await,
        Ok(PreviousPassword::Retained)
    );
    test_server.check_log("REPLACE <secret>", &["Tr0ub4dor-replace"]);
}

#[tokio::test]
async fn an_administrator_changes_a_password() {
    let (test_server, name, other) = (test_server(), user("of", ""), user("administrator", ""));
    test_server.sql(&format!("GRANT CREATE USER ON *.* TO {other}@'%'"));
    let other = login(&other, "old");
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-admin"));
    test_server.check_change(&other, &old, &new).await;
    let newer = login(&name, "newer");
    assert_eq!(
        test_server.change(&other, &newer, true).await,
        Ok(PreviousPassword::Retained)
    );
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
    assert_eq!(discard(test_server, &other, &name).await, Ok(()));
    check(
        test_server.authenticate(&new).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    test_server.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED BY <secret>"),
        &["Tr0ub4dor-admin"],
    );
}

#[tokio::test]
async fn names_and_passwords_may_have_any_character() {
    let test_server = test_server();
    let name = format!("{}\"'\\ ü;--", unique("any"));
    let quoted = name.replace('\'', "''");
    test_server.sql(&format!("CREATE USER '{quoted}'@'%' IDENTIFIED BY 'old'"));
    let (old, new) = (login(&name, "old"), login(&name, &any_characters()));
    test_server.check_change(&old, &old, &new).await;
    let other = user("administrator", "");
    test_server.sql(&format!("GRANT CREATE USER ON *.* TO {other}@'%'"));
    test_server
        .check_change(&login(&other, "old"), &new, &old)
        .await;
}

#[tokio::test]
async fn an_expired_password_can_still_be_changed() {
    let (test_server, name) = (test_server(), user("expired", "PASSWORD EXPIRE"));
    let (old, new) = (login(&name, "old"), login(&name, "new'new"));
    check(
        test_server.authenticate(&old).await,
        ServerFault::PasswordExpired,
        "1820",
    );
    // A mode that cannot be determined would change the meaning of this.
    let result = test_server
        .change(&old, &login(&name, "back\\slash"), false)
        .await;
    check(result, ServerFault::PasswordExpired, "1820");
    assert_eq!(
        test_server.change(&old, &new, true).await,
        Ok(PreviousPassword::Void)
    );
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
}

#[tokio::test]
async fn who_may_not_log_in_is_told_apart() {
    let test_server = test_server();
    let name = user("login", "");
    let result = test_server.authenticate(&login(&name, "wrong")).await;
    check(result, ServerFault::WrongCredentials, "1045");
    let result = test_server.authenticate(&login(&name, "")).await;
    check(result, ServerFault::WrongCredentials, "1045");
    let result = test_server
        .authenticate(&login("nobody_of_that_name", "old"))
        .await;
    check(result, ServerFault::WrongCredentials, "1045");

    let name = user("locked", "ACCOUNT LOCK");
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "3118");
    let name = user("failed", "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1");
    let result = test_server.authenticate(&login(&name, "wrong")).await;
    check(result, ServerFault::LoginForbidden, "3955");
    let name = user("often", "WITH MAX_CONNECTIONS_PER_HOUR 1");
    assert_eq!(test_server.authenticate(&login(&name, "old")).await, Ok(()));
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::UserLimit, "1226");
}

#[tokio::test]
async fn the_database_is_the_one_that_is_named() {
    let (test_server, name) = (test_server(), user("database", ""));
    let (login, database) = (login(&name, "old"), unique("named"));
    let at = async |dbname: &str| {
        let endpoint = Endpoint {
            dbname: Some(dbname.to_owned()),
            ..test_server.endpoint.clone()
        };
        test_server.engines.authenticate(&endpoint, &login).await
    };
    test_server.sql(&format!("CREATE DATABASE {database}"));
    check(at(&database).await, ServerFault::LoginForbidden, "1044");
    test_server.sql(&format!(
        "GRANT SELECT ON {database}.* TO {name}@'%'; GRANT SELECT ON none_of_that_name.* TO {name}@'%'"
    ));
    assert_eq!(at(&database).await, Ok(()));
    check(
        at("none_of_that_name").await,
        ServerFault::LoginForbidden,
        "1049",
    );
}

#[tokio::test]
async fn refused_changes_are_told_apart() {
    let (test_server, name, other) = (test_server(), user("refused", ""), user("other", ""));
    let own = login(&name, "old");
    // The user cannot even see whether the other one exists.
    let result = test_server.change(&own, &login(&other, "new"), false).await;
    check(result, ServerFault::NotAllowed, "accounts not readable");
    let administrator = user("administrator", "");
    test_server.sql(&format!("GRANT CREATE USER ON *.* TO {administrator}@'%'"));
    let administrator = login(&administrator, "old");
    let nobody = login("nobody_of_that_name", "new");
    let result = test_server.change(&administrator, &nobody, false).await;
    check(result, ServerFault::UserUnknown, "");
    test_server.sql(&format!(
        "CREATE USER {other}@'10.%' IDENTIFIED BY 'another'"
    ));
    let result = test_server
        .change(&administrator, &login(&other, "new"), false)
        .await;
    check(result, ServerFault::NotAllowed, "several accounts");
    let name = user("history", "PASSWORD HISTORY 5");
    let own = login(&name, "old");
    let result = test_server.change(&own, &own, false).await;
    check(result, ServerFault::PasswordRefused, "3638");
}

#[tokio::test]
async fn a_server_of_another_make_is_refused() {
    let (test_server, name) = (test_server(), user("make", ""));
    let endpoint = Endpoint {
        engine: keyrota_database_function::server::Engine::MariaDb,
        ..test_server.endpoint.clone()
    };
    let result = test_server
        .engines
        .authenticate(&endpoint, &login(&name, "old"))
        .await;
    check(result, ServerFault::Refused, "not MariaDB");
}

#[tokio::test]
async fn unproven_servers_are_logged_in_to_where_that_is_enough() {
    let (test_server, name) = (test_server(), user("unproven", ""));
    let endpoint = Endpoint {
        verification: Verification::None,
        ..test_server.endpoint.clone()
    };
    let login = login(&name, "old");
    for _ in 0..2 {
        let result = test_server.engines.authenticate(&endpoint, &login).await;
        assert_eq!(result, Ok(()));
    }
}

/// Uses a separate server, because the settings apply to all of its users.
#[tokio::test]
async fn a_server_that_does_not_take_a_change_says_why() {
    let test_server = TestServer::start(Kind::MySql, &["max-connections=10"]);
    // No user may connect from here. The server refuses before TLS.
    let result = test_server.authenticate(&login("app", "old")).await;
    check(result, ServerFault::LoginForbidden, "1130");

    let name = user_of(&test_server, "app", "");
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    test_server.sql("SET GLOBAL super_read_only = ON");
    check(
        test_server.change(&old, &new, false).await,
        ServerFault::Busy,
        "1290",
    );
    test_server.sql("SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF");

    let held = test_server
        .server
        .hold("LOCK INSTANCE FOR BACKUP; FLUSH TABLES WITH READ LOCK");
    let held = held.expect("a lock");
    check(
        test_server.change(&old, &new, false).await,
        ServerFault::Busy,
        "1205",
    );

    // The connection is closed while the change waits for the lock.
    let end = async {
        let waiting = format!(
            "SELECT CONCAT('KILL ', id) FROM information_schema.processlist
             WHERE user = '{name}' AND state LIKE 'Waiting%'"
        );
        let mut kill = test_server.sql(&waiting);
        while !kill.contains("KILL") {
            tokio::time::sleep(Duration::from_millis(10)).await;
            kill = test_server.sql(&waiting);
        }
        test_server.sql(&kill);
    };
    let (result, ()) = tokio::join!(test_server.change(&old, &new, false), end);
    assert_eq!(
        result.expect_err("it was ended").fault,
        ServerFault::Unclear
    );
    drop(held);
    assert_eq!(test_server.authenticate(&old).await, Ok(()));

    test_server.sql("INSTALL COMPONENT 'file://component_validate_password'");
    let result = test_server.change(&old, &new, false).await;
    check(result, ServerFault::PasswordRefused, "1819");
    let new = login(&name, "Tr0ub4dor-valid");
    assert_eq!(
        test_server.change(&old, &new, false).await,
        Ok(PreviousPassword::Void)
    );

    let sessions: Vec<_> = (0..11)
        .map_while(|_| test_server.server.hold("SELECT 1").ok())
        .collect();
    assert!(sessions.len() >= 10);
    check(
        test_server.authenticate(&new).await,
        ServerFault::Busy,
        "1040",
    );
}
