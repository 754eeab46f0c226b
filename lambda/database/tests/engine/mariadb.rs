//! MariaDB.

use std::sync::OnceLock;

use keyrota_database_function::server::{
    Before, Endpoint, Engine, Server as _, ServerFault, Verification,
};

use crate::bench::{Bench, Kind, any_characters, check, login, unique};

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let bench = Bench::start(Kind::MariaDb, &[]);
        bench.sql("INSTALL SONAME 'auth_ed25519'");
        bench
    })
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

/// Creates a user with the plugin ed25519 and the password `old`.
fn ed25519_user(purpose: &str) -> String {
    let name = unique(purpose);
    let via = "IDENTIFIED VIA ed25519 USING PASSWORD('old')";
    bench().sql(&format!("CREATE USER {name}@'%' {via}"));
    name
}

/// Creates a user that may change other users' passwords.
fn administrator() -> String {
    let name = user("administrator", "");
    bench().sql(&format!(
        "GRANT CREATE USER ON *.* TO {name}@'%'; GRANT SELECT ON mysql.* TO {name}@'%'"
    ));
    name
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let (bench, name) = (bench(), user("own", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-own-new"));
    bench.check_change(&old, &old, &new).await;
    // MariaDB keeps no password besides the new one.
    let newer = login(&name, "Tr0ub4dor-own-newer");
    assert_eq!(bench.change(&new, &newer, true).await, Ok(Before::Void));
    let discarded = bench.engines.discard(&bench.endpoint, &newer, &name).await;
    assert_eq!(discarded, Ok(()));
    bench.check_log("SET PASSWORD = '*", &["Tr0ub4dor-own"]);
}

#[tokio::test]
async fn the_plugin_is_kept() {
    let (bench, name) = (bench(), ed25519_user("ed25519"));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-ed25519"));
    bench.check_change(&old, &old, &new).await;
    bench
        .check_change(&login(&administrator(), "old"), &new, &old)
        .await;
    let kept = bench.sql(&format!(
        "SELECT plugin FROM mysql.user WHERE user = '{name}'"
    ));
    assert_eq!(kept.trim(), "ed25519");
    bench.check_log("SET PASSWORD = '", &["Tr0ub4dor-ed25519"]);
}

#[tokio::test]
async fn an_administrator_changes_a_password() {
    let (bench, name) = (bench(), user("of", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-admin"));
    bench
        .check_change(&login(&administrator(), "old"), &old, &new)
        .await;
    bench.check_log(
        &format!("ALTER USER '{name}'@'%' IDENTIFIED VIA mysql_native_password USING '*"),
        &["Tr0ub4dor-admin"],
    );
}

#[tokio::test]
async fn names_and_passwords_may_have_any_character() {
    let bench = bench();
    let name = format!("{}\"'\\ ü;--", unique("any"));
    let quoted = name.replace('\\', "\\\\").replace('\'', "''");
    bench.sql(&format!("CREATE USER '{quoted}'@'%' IDENTIFIED BY 'old'"));
    let (old, new) = (login(&name, "old"), login(&name, &any_characters()));
    bench.check_change(&old, &old, &new).await;
    bench
        .check_change(&login(&administrator(), "old"), &new, &old)
        .await;
}

#[tokio::test]
async fn an_expired_password_can_still_be_changed() {
    let (bench, name) = (bench(), user("expired", "PASSWORD EXPIRE"));
    let (old, new) = (login(&name, "old"), login(&name, "back\\slash"));
    check(
        bench.authenticate(&old).await,
        ServerFault::LoginForbidden,
        "1820",
    );
    assert_eq!(bench.change(&old, &new, false).await, Ok(Before::Void));
    assert_eq!(bench.authenticate(&new).await, Ok(()));
}

#[tokio::test]
async fn who_may_not_log_in_is_told_apart() {
    let bench = bench();
    for name in [
        user("login", ""),
        ed25519_user("login"),
        "nobody".to_owned(),
    ] {
        for password in ["wrong", ""] {
            let result = bench.authenticate(&login(&name, password)).await;
            check(result, ServerFault::WrongCredentials, "1045");
        }
    }
    let name = user("locked", "ACCOUNT LOCK");
    let result = bench.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "4151");
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
    let result = bench.change(&own, &login(&other, "new"), false).await;
    check(result, ServerFault::NotAllowed, "1142");
    let administrator = login(&administrator(), "old");
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
    let name = unique("either");
    bench.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('old')
         OR ed25519 USING PASSWORD('old')"
    ));
    let result = bench
        .change(&administrator, &login(&name, "new"), false)
        .await;
    check(result, ServerFault::NotAllowed, "several plugins");
}

#[tokio::test]
async fn a_server_of_another_make_is_refused() {
    let (bench, name) = (bench(), user("make", ""));
    let endpoint = Endpoint {
        engine: Engine::MySql,
        ..bench.endpoint.clone()
    };
    let result = bench
        .engines
        .authenticate(&endpoint, &login(&name, "old"))
        .await;
    check(result, ServerFault::Refused, "MariaDB");
}

#[tokio::test]
async fn unproven_servers_are_logged_in_to_where_that_is_enough() {
    let bench = bench();
    let endpoint = Endpoint {
        verification: Verification::None,
        ..bench.endpoint.clone()
    };
    for name in [user("unproven", ""), ed25519_user("unproven")] {
        let result = bench
            .engines
            .authenticate(&endpoint, &login(&name, "old"))
            .await;
        assert_eq!(result, Ok(()));
    }
}

/// Uses a separate server, because the settings apply to all of its users.
#[tokio::test]
async fn a_server_that_does_not_take_a_change_says_why() {
    let bench = Bench::start(Kind::MariaDb, &["plugin-maturity=unknown"]);
    let name = user_of(&bench, "app", "");
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    bench.sql("SET GLOBAL read_only = ON");
    check(
        bench.change(&old, &new, false).await,
        ServerFault::Busy,
        "1290",
    );
    bench.sql("SET GLOBAL read_only = OFF");

    // A server that requires the password receives it if it does not log it.
    bench.sql("INSTALL SONAME 'simple_password_check'");
    let strong = login(&name, "Tr0ub4dor-strong");
    let result = bench.change(&old, &strong, false).await;
    check(result, ServerFault::NotAllowed, "general_log");
    assert_eq!(bench.authenticate(&old).await, Ok(()));
    bench.sql("SET GLOBAL general_log = OFF");
    check(
        bench.change(&old, &new, false).await,
        ServerFault::PasswordRefused,
        "1819",
    );
    bench.check_change(&old, &old, &strong).await;
    bench.sql("SET GLOBAL general_log = ON; SET GLOBAL strict_password_validation = OFF");
    bench
        .check_change(&strong, &strong, &login(&name, "weak"))
        .await;
    bench.check_log("SET PASSWORD", &["Tr0ub4dor-strong", "PASSWORD('"]);
}
