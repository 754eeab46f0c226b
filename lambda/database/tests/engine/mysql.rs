//! MySQL. The shared server reads string literals in the least usual way, so the tests fail if
//! a statement depends on a mode.

use std::sync::OnceLock;
use std::time::Duration;

use keyrota_database_function::server::{
    Before, Endpoint, Login, Server as _, ServerError, ServerFault, Verification,
};

use crate::bench::{Bench, Kind, any_characters, check, login, unique};

const MODES: &str = "sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES";

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| Bench::start(Kind::MySql, &[MODES]))
}

/// Creates a user with the password `old`, and returns its name.
fn user(purpose: &str, options: &str) -> String {
    user_of(bench(), purpose, options)
}

fn user_of(bench: &Bench, purpose: &str, options: &str) -> String {
    let name = unique(purpose);
    bench.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED BY 'old' {options}"
    ));
    name
}

async fn discard(bench: &Bench, login: &Login, username: &str) -> Result<(), ServerError> {
    bench
        .engines
        .discard(&bench.endpoint, login, username)
        .await
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let (bench, name) = (bench(), user("own", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-own-new"));
    bench.check_change(&old, &old, &new).await;
    let newer = login(&name, "Tr0ub4dor-own-newer");
    bench.check_change(&new, &new, &newer).await;
    bench.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED BY <secret>"),
        &["Tr0ub4dor-own"],
    );
}

#[tokio::test]
async fn the_password_before_is_retained_where_the_user_may() {
    let (bench, name) = (bench(), user("retain", ""));
    bench.sql(&format!(
        "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}@'%'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-retain-new"));
    assert_eq!(bench.change(&old, &new, true).await, Ok(Before::Retained));
    assert_eq!(bench.authenticate(&old).await, Ok(()));
    assert_eq!(bench.authenticate(&new).await, Ok(()));
    assert_eq!(discard(bench, &new, &name).await, Ok(()));
    check(
        bench.authenticate(&old).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    assert_eq!(bench.authenticate(&new).await, Ok(()));
    // It succeeds if there is no such password.
    assert_eq!(discard(bench, &new, &name).await, Ok(()));
    bench.check_log("RETAIN CURRENT PASSWORD", &["Tr0ub4dor-retain"]);
}

#[tokio::test]
async fn what_may_not_be_retained_is_void() {
    let (bench, name) = (bench(), user("void", ""));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    assert_eq!(bench.change(&old, &new, true).await, Ok(Before::Void));
    check(
        bench.authenticate(&old).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    assert_eq!(bench.authenticate(&new).await, Ok(()));
    check(
        discard(bench, &new, &name).await,
        ServerFault::NotAllowed,
        "1227",
    );
}

#[tokio::test]
async fn the_plugin_is_kept() {
    let (bench, name) = (bench(), unique("plugin"));
    bench.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED WITH sha256_password BY 'old'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    bench.check_change(&old, &old, &new).await;
    let kept = bench.sql(&format!(
        "SELECT plugin FROM mysql.user WHERE user = '{name}'"
    ));
    assert_eq!(kept.trim(), "sha256_password");
}

#[tokio::test]
async fn the_password_before_is_told_where_it_is_asked_for() {
    let (bench, name) = (bench(), user("replace", "PASSWORD REQUIRE CURRENT"));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-replace"));
    bench.check_change(&old, &old, &new).await;
    bench.sql(&format!(
        "GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {name}@'%'"
    ));
    let newer = login(&name, "Tr0ub4dor-replaced");
    assert_eq!(bench.change(&new, &newer, true).await, Ok(Before::Retained));
    bench.check_log("REPLACE <secret>", &["Tr0ub4dor-replace"]);
}

#[tokio::test]
async fn an_administrator_changes_a_password() {
    let (bench, name, other) = (bench(), user("of", ""), user("administrator", ""));
    bench.sql(&format!("GRANT CREATE USER ON *.* TO {other}@'%'"));
    let other = login(&other, "old");
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-admin"));
    bench.check_change(&other, &old, &new).await;
    let newer = login(&name, "newer");
    assert_eq!(
        bench.change(&other, &newer, true).await,
        Ok(Before::Retained)
    );
    assert_eq!(bench.authenticate(&new).await, Ok(()));
    assert_eq!(discard(bench, &other, &name).await, Ok(()));
    check(
        bench.authenticate(&new).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    bench.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED BY <secret>"),
        &["Tr0ub4dor-admin"],
    );
}

#[tokio::test]
async fn names_and_passwords_may_have_any_character() {
    let bench = bench();
    let name = format!("{}\"'\\ ü;--", unique("any"));
    let quoted = name.replace('\'', "''");
    bench.sql(&format!("CREATE USER '{quoted}'@'%' IDENTIFIED BY 'old'"));
    let (old, new) = (login(&name, "old"), login(&name, &any_characters()));
    bench.check_change(&old, &old, &new).await;
    let other = user("administrator", "");
    bench.sql(&format!("GRANT CREATE USER ON *.* TO {other}@'%'"));
    bench.check_change(&login(&other, "old"), &new, &old).await;
}

#[tokio::test]
async fn an_expired_password_can_still_be_changed() {
    let (bench, name) = (bench(), user("expired", "PASSWORD EXPIRE"));
    let (old, new) = (login(&name, "old"), login(&name, "new'new"));
    check(
        bench.authenticate(&old).await,
        ServerFault::LoginForbidden,
        "1820",
    );
    // A mode that cannot be determined would change the meaning of this.
    let result = bench
        .change(&old, &login(&name, "back\\slash"), false)
        .await;
    check(result, ServerFault::LoginForbidden, "1820");
    assert_eq!(bench.change(&old, &new, true).await, Ok(Before::Void));
    assert_eq!(bench.authenticate(&new).await, Ok(()));
}

#[tokio::test]
async fn who_may_not_log_in_is_told_apart() {
    let bench = bench();
    let name = user("login", "");
    let result = bench.authenticate(&login(&name, "wrong")).await;
    check(result, ServerFault::WrongCredentials, "1045");
    let result = bench.authenticate(&login(&name, "")).await;
    check(result, ServerFault::WrongCredentials, "1045");
    let result = bench
        .authenticate(&login("nobody_of_that_name", "old"))
        .await;
    check(result, ServerFault::WrongCredentials, "1045");

    let name = user("locked", "ACCOUNT LOCK");
    let result = bench.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "3118");
    let name = user("failed", "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1");
    let result = bench.authenticate(&login(&name, "wrong")).await;
    check(result, ServerFault::LoginForbidden, "3955");
    let name = user("often", "WITH MAX_CONNECTIONS_PER_HOUR 1");
    assert_eq!(bench.authenticate(&login(&name, "old")).await, Ok(()));
    let result = bench.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::Busy, "1226");
}

#[tokio::test]
async fn the_database_is_the_one_that_is_named() {
    let (bench, name) = (bench(), user("database", ""));
    let (login, database) = (login(&name, "old"), unique("named"));
    let at = async |dbname: &str| {
        let endpoint = Endpoint {
            dbname: Some(dbname.to_owned()),
            ..bench.endpoint.clone()
        };
        bench.engines.authenticate(&endpoint, &login).await
    };
    bench.sql(&format!("CREATE DATABASE {database}"));
    check(at(&database).await, ServerFault::LoginForbidden, "1044");
    bench.sql(&format!(
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
    let (bench, name, other) = (bench(), user("refused", ""), user("other", ""));
    let own = login(&name, "old");
    // The user cannot even see that the other one exists.
    let result = bench.change(&own, &login(&other, "new"), false).await;
    check(result, ServerFault::UserUnknown, "");
    let administrator = user("administrator", "");
    bench.sql(&format!("GRANT CREATE USER ON *.* TO {administrator}@'%'"));
    let administrator = login(&administrator, "old");
    let nobody = login("nobody_of_that_name", "new");
    let result = bench.change(&administrator, &nobody, false).await;
    check(result, ServerFault::UserUnknown, "");
    bench.sql(&format!(
        "CREATE USER {other}@'10.%' IDENTIFIED BY 'another'"
    ));
    let result = bench
        .change(&administrator, &login(&other, "new"), false)
        .await;
    check(result, ServerFault::NotAllowed, "2 accounts of that name");
    let name = user("history", "PASSWORD HISTORY 5");
    let own = login(&name, "old");
    let result = bench.change(&own, &own, false).await;
    check(result, ServerFault::PasswordRefused, "3638");
}

#[tokio::test]
async fn a_server_of_another_make_is_refused() {
    let (bench, name) = (bench(), user("make", ""));
    let endpoint = Endpoint {
        engine: keyrota_database_function::server::Engine::MariaDb,
        ..bench.endpoint.clone()
    };
    let result = bench
        .engines
        .authenticate(&endpoint, &login(&name, "old"))
        .await;
    check(result, ServerFault::Refused, "not MariaDB");
}

#[tokio::test]
async fn unproven_servers_are_logged_in_to_where_that_is_enough() {
    let (bench, name) = (bench(), user("unproven", ""));
    let endpoint = Endpoint {
        verification: Verification::None,
        ..bench.endpoint.clone()
    };
    let login = login(&name, "old");
    for _ in 0..2 {
        let result = bench.engines.authenticate(&endpoint, &login).await;
        assert_eq!(result, Ok(()));
    }
}

/// Uses a separate server, because the settings apply to all of its users.
#[tokio::test]
async fn a_server_that_does_not_take_a_change_says_why() {
    let bench = Bench::start(Kind::MySql, &["max-connections=10"]);
    // No user may connect from here. The server refuses before TLS.
    let result = bench.authenticate(&login("app", "old")).await;
    check(result, ServerFault::LoginForbidden, "1130");

    let name = user_of(&bench, "app", "");
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    bench.sql("SET GLOBAL super_read_only = ON");
    check(
        bench.change(&old, &new, false).await,
        ServerFault::Busy,
        "1290",
    );
    bench.sql("SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF");

    let held = bench
        .server
        .hold("LOCK INSTANCE FOR BACKUP; FLUSH TABLES WITH READ LOCK");
    let held = held.expect("a lock");
    check(
        bench.change(&old, &new, false).await,
        ServerFault::Busy,
        "1205",
    );

    // The connection is closed while the change waits for the lock.
    let end = async {
        let waiting = format!(
            "SELECT CONCAT('KILL ', id) FROM information_schema.processlist
             WHERE user = '{name}' AND state LIKE 'Waiting%'"
        );
        let mut kill = bench.sql(&waiting);
        while !kill.contains("KILL") {
            tokio::time::sleep(Duration::from_millis(10)).await;
            kill = bench.sql(&waiting);
        }
        bench.sql(&kill);
    };
    let (result, ()) = tokio::join!(bench.change(&old, &new, false), end);
    assert_eq!(
        result.expect_err("it was ended").fault,
        ServerFault::Unclear
    );
    drop(held);
    assert_eq!(bench.authenticate(&old).await, Ok(()));

    bench.sql("INSTALL COMPONENT 'file://component_validate_password'");
    let result = bench.change(&old, &new, false).await;
    check(result, ServerFault::PasswordRefused, "1819");
    let new = login(&name, "Tr0ub4dor-valid");
    assert_eq!(bench.change(&old, &new, false).await, Ok(Before::Void));

    let sessions: Vec<_> = (0..11)
        .map_while(|_| bench.server.hold("SELECT 1").ok())
        .collect();
    assert!(sessions.len() >= 10);
    check(bench.authenticate(&new).await, ServerFault::Busy, "1040");
}
