//! When a password expires, as real servers say it to the login itself.

use keyrota_database_function::server::{PasswordExpiry, Server as _};

use crate::test_server::{Kind, TestServer, login, unique};

/// Returns what the server says to a user with these options.
async fn inspect(server: &TestServer, create: &str, options: &str) -> Option<PasswordExpiry> {
    let name = unique("expiry");
    server.sql(&create.replace("NAME", &name).replace("OPTIONS", options));
    let login = login(&name, "Tr0ub4dor-expiry");
    let answer = server.engines.inspect(&server.endpoint, &login, &name);
    answer.await.expect("the login works").expiry
}

#[tokio::test]
async fn postgres_says_until_when_a_password_is_valid() {
    let server = TestServer::start(Kind::Postgres, &[]);
    let create = "CREATE ROLE NAME LOGIN PASSWORD 'Tr0ub4dor-expiry' OPTIONS";
    let until = |text: &str| format!("VALID UNTIL '{text}'");
    let of = async |options: &str| inspect(&server, create, options).await;
    assert_eq!(of("").await, None);
    assert_eq!(of(&until("infinity")).await, None);
    // 2100-01-01T00:00:00Z
    let seconds = 4_102_444_800;
    let expected = Some(PasswordExpiry::At(seconds));
    assert_eq!(of(&until("2100-01-01 00:00:00+00")).await, expected);
    assert_eq!(of(&until("2100-01-01 09:00:00.7+09")).await, expected);
}

async fn check_lifetimes(server: &TestServer) {
    let create = "CREATE USER NAME@'%' IDENTIFIED BY 'Tr0ub4dor-expiry' OPTIONS";
    let of = async |options: &str| inspect(server, create, options).await;
    let days = |days| Some(PasswordExpiry::DaysAfterChange(days));
    assert_eq!(of("").await, None);
    assert_eq!(of("PASSWORD EXPIRE NEVER").await, None);
    assert_eq!(of("PASSWORD EXPIRE INTERVAL 3 DAY").await, days(3));
    assert_eq!(of("PASSWORD EXPIRE").await, Some(PasswordExpiry::Expired));
    // The superuser of a new MariaDB server has never changed its password, which counts as 1970.
    server.sql("ALTER USER CURRENT_USER() PASSWORD EXPIRE NEVER");
    server.sql("SET GLOBAL default_password_lifetime = 90");
    assert_eq!(of("").await, days(90));
    assert_eq!(of("PASSWORD EXPIRE NEVER").await, None);
    server.sql("SET GLOBAL default_password_lifetime = 0");
}

#[tokio::test]
async fn mysql_says_how_long_a_password_is_valid() {
    let server = TestServer::start(Kind::MySql, &[]);
    check_lifetimes(&server).await;
    // A comment of the account says nothing.
    let create = "CREATE USER NAME@'%' IDENTIFIED BY 'Tr0ub4dor-expiry' OPTIONS";
    let comment = "COMMENT 'PASSWORD EXPIRE INTERVAL 1 DAY'";
    assert_eq!(inspect(&server, create, comment).await, None);
}

#[tokio::test]
async fn mariadb_says_how_long_a_password_is_valid() {
    check_lifetimes(&TestServer::start(Kind::MariaDb, &[])).await;
}
