//! The versions of the servers, which `.ci/versions` prints.

use crate::test_server::{Kind, TestServer};

/// Prints the version of a server, and returns its first two numbers.
#[expect(clippy::print_stdout, reason = "`.ci/versions` reads it")]
fn version(kind: Kind, name: &str, statement: &str) -> (u32, u32) {
    let server = TestServer::start(kind, &[]);
    let version = server.sql(statement).trim().to_owned();
    println!("{name} version: {version}");
    let mut numbers = version
        .split(|one: char| !one.is_ascii_digit())
        .map_while(|number| number.parse().ok());
    (
        numbers.next().expect("a version"),
        numbers.next().unwrap_or_default(),
    )
}

#[test]
fn postgres_is_of_a_version_that_is_tested() {
    assert!(version(Kind::Postgres, "postgres", "SHOW server_version") >= (12, 0));
}

#[test]
fn mariadb_is_of_a_version_that_is_tested() {
    assert!(version(Kind::MariaDb, "mariadb", "SELECT @@version") >= (10, 6));
}

#[test]
fn mysql_is_of_a_version_that_is_tested() {
    assert!(version(Kind::MySql, "mysql", "SELECT @@version") >= (8, 0));
}
