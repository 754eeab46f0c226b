//! PostgreSQL.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use keyrota_database_function::server::{
    ChangeError, Endpoint, Server as _, ServerFault, Verification,
};

use crate::test_server::{Kind, TestServer, any_characters, check, login, unique};

fn test_server() -> &'static TestServer {
    static BENCH: OnceLock<TestServer> = OnceLock::new();
    BENCH.get_or_init(|| TestServer::start(Kind::Postgres, &[]))
}

/// Creates a user with the password `old`, and returns its name.
fn user(purpose: &str, options: &str) -> String {
    let name = unique(purpose);
    test_server().sql(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'old' {options}"
    ));
    name
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let (test_server, name) = (test_server(), user("own", ""));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-own-new"));
    test_server.check_change(&old, &old, &new).await;
    let newer = login(&name, "Tr0ub4dor-own-newer");
    test_server.check_change(&new, &new, &newer).await;
    test_server.check_log(
        &format!("ALTER ROLE \"{name}\" PASSWORD 'SCRAM-SHA-256$"),
        &["Tr0ub4dor-own"],
    );
}

#[tokio::test]
async fn a_server_of_md5_keeps_to_it() {
    let (test_server, name) = (test_server(), unique("md5"));
    test_server.sql(&format!(
        "SET password_encryption = 'md5'; CREATE ROLE {name} LOGIN PASSWORD 'old' IN ROLE md5;
         ALTER ROLE {name} SET password_encryption = 'md5'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-md5"));
    test_server.check_change(&old, &old, &new).await;
    let kept = test_server.sql(&format!(
        "SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'"
    ));
    assert!(kept.starts_with("md5"), "{kept}");
    test_server.check_log(
        &format!("ALTER ROLE \"{name}\" PASSWORD 'md5"),
        &["Tr0ub4dor-md5"],
    );
}

#[tokio::test]
async fn an_administrator_changes_a_password() {
    let (test_server, name, other) = (
        test_server(),
        user("of", ""),
        user("administrator", "CREATEROLE"),
    );
    // Since PostgreSQL 16, `CREATEROLE` is not enough.
    if test_server.sql("SHOW server_version_num").trim() >= "160000" {
        test_server.sql(&format!("GRANT {name} TO {other} WITH ADMIN OPTION"));
    }
    let (old, new) = (login(&name, "old"), login(&name, "Tr0ub4dor-admin"));
    test_server
        .check_change(&login(&other, "old"), &old, &new)
        .await;
}

#[tokio::test]
async fn names_and_passwords_may_have_any_character() {
    let test_server = test_server();
    let name = format!("{} \"; DROP ROLE postgres; -- \\ ' ü $1", unique("any"));
    let quoted = name.replace('"', "\"\"");
    test_server.sql(&format!("CREATE ROLE \"{quoted}\" LOGIN PASSWORD 'old'"));
    let (old, new) = (login(&name, "old"), login(&name, &any_characters()));
    test_server.check_change(&old, &old, &new).await;
    test_server.check_change(&new, &new, &old).await;
}

#[tokio::test]
async fn what_is_set_for_the_user_does_not_stand_in_the_way() {
    let (test_server, name, group) = (test_server(), user("set", ""), unique("group"));
    test_server.sql(&format!(
        "CREATE ROLE {group}; GRANT {group} TO {name}; ALTER ROLE {name} SET role = '{group}';
         ALTER ROLE {name} SET default_transaction_read_only = on;
         ALTER ROLE {name} SET client_encoding = 'LATIN1'"
    ));
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    test_server.check_change(&old, &old, &new).await;
}

#[tokio::test]
async fn who_may_not_log_in_is_told_apart() {
    let test_server = test_server();
    let wrong = |name: &str| login(name, "wrong");
    let name = user("login", "");
    let result = test_server.authenticate(&wrong(&name)).await;
    check(result, ServerFault::WrongCredentials, "28P01");
    let result = test_server
        .authenticate(&wrong("nobody_of_that_name"))
        .await;
    check(result, ServerFault::WrongCredentials, "28P01");
    // PostgreSQL reports an expired password as a wrong one.
    let name = user("expired", "VALID UNTIL '2001-01-01'");
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::WrongCredentials, "28P01");

    let name = user("locked", "");
    test_server.sql(&format!("ALTER ROLE {name} NOLOGIN"));
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "28000");
    let name = user("rejected", "IN ROLE rejected");
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::LoginForbidden, "28000");
    let name = user("full", "CONNECTION LIMIT 0");
    let result = test_server.authenticate(&login(&name, "old")).await;
    check(result, ServerFault::UserLimit, "53300");
}

#[tokio::test]
async fn the_database_is_the_one_that_is_named() {
    let (test_server, name) = (test_server(), user("database", ""));
    let login = login(&name, "old");
    let at = async |dbname: &str| {
        let endpoint = Endpoint {
            dbname: Some(dbname.to_owned()),
            ..test_server.endpoint.clone()
        };
        test_server.engines.authenticate(&endpoint, &login).await
    };
    check(
        at("none_of_that_name").await,
        ServerFault::LoginForbidden,
        "3D000",
    );
    let closed = unique("closed");
    test_server.sql(&format!("CREATE DATABASE {closed}"));
    assert_eq!(at(&closed).await, Ok(()));
    test_server.sql(&format!("REVOKE CONNECT ON DATABASE {closed} FROM PUBLIC"));
    check(at(&closed).await, ServerFault::LoginForbidden, "42501");
    // A password can be changed from any database.
    for dbname in ["none_of_that_name", &closed] {
        let endpoint = Endpoint {
            dbname: Some(dbname.to_owned()),
            any_database: true,
            ..test_server.endpoint.clone()
        };
        let result = test_server.engines.authenticate(&endpoint, &login).await;
        assert_eq!(result, Ok(()), "{dbname}");
    }
}

#[tokio::test]
async fn refused_changes_are_told_apart() {
    let (test_server, name) = (test_server(), user("refused", ""));
    let own = login(&name, "old");
    let other = user("other", "");
    let result = test_server.change(&own, &login(&other, "new"), false).await;
    check(result, ServerFault::NoCreateRole, "42501");
    let superuser = login(&user("superuser", "SUPERUSER"), "new");
    let result = test_server.change(&own, &superuser, false).await;
    check(result, ServerFault::SuperuserNeeded, "42501");
    let administrator = login(&user("administrator", "CREATEROLE"), "old");
    let nobody = login("nobody_of_that_name", "new");
    let result = test_server.change(&administrator, &nobody, false).await;
    check(result, ServerFault::UserUnknown, "42704");
    // This is all that a password check can detect in a verifier.
    test_server.sql(&format!(
        "ALTER ROLE {name} SET session_preload_libraries = passwordcheck"
    ));
    let result = test_server.change(&own, &login(&name, &name), false).await;
    check(result, ServerFault::PasswordRefused, "22023");
    assert_eq!(test_server.authenticate(&own).await, Ok(()));
}

#[tokio::test]
async fn a_password_in_clear_text_goes_to_a_proven_server_only() {
    let (test_server, name) = (test_server(), user("clear", "IN ROLE plain"));
    let login = login(&name, "old");
    assert_eq!(test_server.authenticate(&login).await, Ok(()));
    let endpoint = Endpoint {
        verification: Verification::None,
        ..test_server.endpoint.clone()
    };
    let result = test_server.engines.authenticate(&endpoint, &login).await;
    check(result, ServerFault::Untrusted, "password in clear text");
}

#[tokio::test]
async fn a_full_server_is_told_from_a_limit_of_the_role() {
    let test_server = TestServer::start(Kind::Postgres, &["max_connections=5"]);
    test_server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    let app = login("app", "old");
    assert_eq!(test_server.authenticate(&app).await, Ok(()));
    let sessions: Vec<_> = (0..5)
        .map_while(|_| test_server.server.hold("SELECT 1").ok())
        .collect();
    assert!(sessions.len() >= 2, "{}", sessions.len());
    check(
        test_server.authenticate(&app).await,
        ServerFault::Busy,
        "53300",
    );
}

#[tokio::test]
async fn a_lock_is_given_up_on_by_the_server() {
    let (test_server, name) = (test_server(), user("waits", ""));
    let held = test_server.server.hold(&format!(
        "BEGIN; ALTER ROLE {name} VALID UNTIL '2099-01-01'"
    ));
    let held = held.expect("a lock");
    let old = login(&name, "old");
    let result = test_server.change(&old, &login(&name, "new"), false).await;
    check(result, ServerFault::Busy, "57014");
    drop(held);
    assert_eq!(test_server.authenticate(&old).await, Ok(()));
}

#[tokio::test]
async fn an_ended_session_leaves_it_open_what_it_did() {
    let (test_server, name) = (test_server(), user("ended", ""));
    let held = test_server.server.hold(&format!(
        "BEGIN; ALTER ROLE {name} VALID UNTIL '2099-01-01'"
    ));
    let _held = held.expect("a lock");
    let (old, new) = (login(&name, "old"), login(&name, "new"));
    let end = async {
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = '{name}' AND wait_event_type = 'Lock'"
        );
        while !test_server.sql(&statement).contains('t') {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (result, ()) = tokio::join!(test_server.change(&old, &new, false), end);
    check(result, ServerFault::Unclear, "57P01");
}

#[tokio::test]
async fn a_server_that_takes_no_changes_is_busy() {
    let mut test_server = TestServer::start(Kind::Postgres, &[]);
    test_server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    let (old, new) = (login("app", "old"), login("app", "new"));
    // A replica without a primary.
    test_server.server.stop();
    let signal = test_server.server.folder().join("data/standby.signal");
    std::fs::File::create(signal).expect("a file");
    test_server.server.start_again().expect("a replica");
    assert_eq!(test_server.authenticate(&old).await, Ok(()));
    check(
        test_server.change(&old, &new, false).await,
        ServerFault::Busy,
        "25006",
    );

    // A server that is still starting: a replica that accepts no connections.
    test_server.server.stop();
    let settings = test_server
        .server
        .folder()
        .join("data/postgresql.auto.conf");
    std::fs::File::options()
        .append(true)
        .open(settings)
        .and_then(|mut file| file.write_all(b"hot_standby = off\n"))
        .expect("a setting");
    test_server.server.start_listening().expect("a port");
    check(
        test_server.authenticate(&old).await,
        ServerFault::Busy,
        "57P03",
    );
}

#[tokio::test]
async fn a_server_that_dies_under_a_change_leaves_it_open() {
    let mut test_server = TestServer::start(Kind::Postgres, &[]);
    test_server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    let (old, new) = (login("app", "old"), login("app", "new"));
    let statement = "BEGIN; ALTER ROLE app VALID UNTIL '2099-01-01'";
    let held = test_server.server.hold(statement).expect("a lock");
    let TestServer {
        server,
        engines,
        endpoint,
        ..
    } = &mut test_server;
    let change = keyrota_database_function::server::Change {
        username: "app",
        password: &new.password,
        retain: false,
        every: false,
    };
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE usename = 'app' AND wait_event_type = 'Lock'";
    let kill = async {
        while server.sql(waits).expect("a count").trim() != "1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill();
    };
    let (result, ()) = tokio::join!(engines.change(endpoint, &old, &change), kill);
    drop(held);
    let Err(ChangeError::Sent(error)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.fault, ServerFault::Unclear);
    // The server is down, and nothing listens on the port.
    check(
        test_server.authenticate(&old).await,
        ServerFault::Unreachable,
        "ECONNREFUSED",
    );
    test_server.server.start_again().expect("it starts again");
    assert_eq!(test_server.authenticate(&old).await, Ok(()));
}
