//! MariaDB.

use std::sync::OnceLock;

use keyrota_database_function::server::{
    Endpoint, Engine, PreviousPassword, Server as _, ServerFault, Verification,
};

use crate::test_server::{Kind, TestServer, any_characters, check, login, unique};

fn test_server() -> &'static TestServer {
    static BENCH: OnceLock<TestServer> = OnceLock::new();
    BENCH.get_or_init(|| {
        let test_server = TestServer::start(Kind::MariaDb, &[]);
        test_server.sql("INSTALL SONAME 'auth_ed25519'");
        test_server
    })
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

/// Creates a user with the plugin ed25519 and the password `old`.
fn ed25519_user(purpose: &str) -> String {
    let name = unique(purpose);
    let via = "IDENTIFIED VIA ed25519 USING PASSWORD('old')";
    test_server().sql(&format!("CREATE USER {name}@'%' {via}"));
    name
}

/// Creates a user that may change other users' passwords.
fn administrator() -> String {
    let name = user("administrator", "");
    test_server().sql(&format!(
        "GRANT CREATE USER ON *.* TO {name}@'%'; GRANT SELECT ON mysql.* TO {name}@'%'"
    ));
    name
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let (test_server, name) = (test_server(), user("own", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-own-new"));
    test_server.check_change(&old, &old, &new).await;
    // MariaDB keeps no password besides the new one.
    let newer = login(&name, "Tr0ub4dor-own-newer");
    assert_eq!(
        test_server.change(&new, &newer, true).await,
        Ok(PreviousPassword::Void)
    );
    let discarded = test_server
        .engines
        .discard(&test_server.endpoint, &newer, &name, false)
        .await;
    assert_eq!(discarded, Ok(()));
    test_server.check_log("SET PASSWORD = '*", &["Tr0ub4dor-own"]);
}

#[tokio::test]
async fn the_plugin_is_kept() {
    let (test_server, name) = (test_server(), ed25519_user("ed25519"));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-ed25519"));
    test_server.check_change(&old, &old, &new).await;
    test_server
        .check_change(&login(&administrator(), "old"), &new, &old)
        .await;
    let kept = test_server.sql(&format!(
        "SELECT plugin FROM mysql.user WHERE user = '{name}'"
    ));
    assert_eq!(kept.trim(), "ed25519");
    test_server.check_log("SET PASSWORD = '", &["Tr0ub4dor-ed25519"]);
}

#[tokio::test]
async fn an_administrator_changes_a_password() {
    let (test_server, name) = (test_server(), user("of", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-admin"));
    test_server
        .check_change(&login(&administrator(), "old"), &old, &new)
        .await;
    test_server.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED VIA mysql_native_password USING '*"),
        &["Tr0ub4dor-admin"],
    );
}

#[tokio::test]
async fn names_and_passwords_may_have_any_character() {
    let test_server = test_server();
    let name = format!("{}\"'\\ ü;--", unique("any"));
    let quoted = name.replace('\\', "\\\\").replace('\'', "''");
    test_server.sql(&format!("CREATE USER '{quoted}'@'%' IDENTIFIED BY 'old'"));
    let (old, new) = (login(&name, "old"), login(&name, &any_characters()));
    test_server.check_change(&old, &old, &new).await;
    test_server
        .check_change(&login(&administrator(), "old"), &new, &old)
        .await;
}

#[tokio::test]
async fn an_expired_password_can_still_be_changed() {
    let (test_server, name) = (test_server(), user("expired", "PASSWORD EXPIRE"));
    let (old, new) = (login(&name, "old"), login(&name, "back\\slash"));
    check(
        test_server.authenticate(&old).await,
        ServerFault::PasswordExpired,
        "1820",
    );
    assert_eq!(
        test_server.change(&old, &new, false).await,
        Ok(PreviousPassword::Void)
    );
    assert_eq!(test_server.authenticate(&new).await, Ok(()));
}

#[tokio::test]
async fn who_may_not_log_in_is_told_apart() {
    let test_server = test_server();
    for name in [
        user("login", ""),
        ed25519_user("login"),
        "nobody".to_owned(),
    ] {
        for password in ["wrong", ""] {
            let result = test_server.authenticate(&login(&name, password)).await;
            check(result, ServerFault::WrongCredentials, "1045");
        }
    }
    let name = user("locked", "ACCOUNT LOCK");
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "4151");
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
    let result = test_server.change(&own, &login(&other, "new"), false).await;
    check(result, ServerFault::NotAllowed, "1142");
    let administrator = login(&administrator(), "old");
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
    let name = unique("either");
    test_server.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('old')
         OR ed25519 USING PASSWORD('old')"
    ));
    let result = test_server
        .change(&administrator, &login(&name, "new"), false)
        .await;
    check(result, ServerFault::NotAllowed, "several plugins");
}

#[tokio::test]
async fn a_server_of_another_make_is_refused() {
    let (test_server, name) = (test_server(), user("make", ""));
    let endpoint = Endpoint {
        engine: Engine::MySql,
        ..test_server.endpoint.clone()
    };
    let result = test_server
        .engines
        .authenticate(&endpoint, &login(&name, "old"))
        .await;
    check(result, ServerFault::Refused, "MariaDB");
}

#[tokio::test]
async fn unproven_servers_are_logged_in_to_where_that_is_enough() {
    let test_server = test_server();
    let endpoint = Endpoint {
        verification: Verification::None,
        ..test_server.endpoint.clone()
    };
    for name in [user("unproven", ""), ed25519_user("unproven")] {
        let result = test_server
            .engines
            .authenticate(&endpoint, &login(&name, "old"))
            .await;
        assert_eq!(result, Ok(()));
    }
}

/// Uses a separate server, because the settings apply to all of its users.
#[tokio::test]
async fn a_server_that_does_not_take_a_change_says_why() {
    let test_server = TestServer::start(Kind::MariaDb, &["plugin-maturity=unknown"]);
    let name = user_of(&test_server, "app", "");
    let administrator = user_of(&test_server, "administrator", "");
    test_server.sql(&format!(
        "GRANT CREATE USER ON *.* TO {administrator}@'%'; GRANT SELECT ON mysql.* TO {administrator}@'%'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    test_server.sql("SET GLOBAL read_only = ON");
    check(
        test_server.change(&old, &new, false).await,
        ServerFault::Busy,
        "1290",
    );
    test_server.sql("SET GLOBAL read_only = OFF");

    // A server that requires the password receives it if it does not log it.
    test_server.sql("INSTALL SONAME 'simple_password_check'");
    let strong = login(&name, "Tr0ub4dor-strong");
    let result = test_server.change(&old, &strong, false).await;
    check(result, ServerFault::NotAllowed, "general_log");
    assert_eq!(test_server.authenticate(&old).await, Ok(()));
    test_server.sql("SET GLOBAL general_log = OFF");
    check(
        test_server.change(&old, &new, false).await,
        ServerFault::PasswordRefused,
        "1819",
    );
    test_server.check_change(&old, &old, &strong).await;
    test_server.sql("SET GLOBAL general_log = ON; SET GLOBAL strict_password_validation = OFF");
    test_server
        .check_change(&strong, &strong, &login(&name, "weak"))
        .await;
    test_server.check_log("SET PASSWORD", &["Tr0ub4dor-strong", "PASSWORD('"]);

    // The server hides the reason from an administrator behind another code.
    test_server.sql("SET GLOBAL strict_password_validation = ON");
    let by = login(&administrator, "old");
    let result = test_server.change(&by, &strong, false).await;
    check(result, ServerFault::NotAllowed, "general_log");
    test_server.sql("SET GLOBAL general_log = OFF");
    check(
        test_server.change(&by, &new, false).await,
        ServerFault::PasswordRefused,
        "1819",
    );
    let weak = login(&name, "weak");
    test_server.check_change(&by, &weak, &strong).await;
}
