//! What limits the logins of a user, as real servers say it to the user itself and to others.

use keyrota_database_function::server::{FailureLimit, Login, LoginLimits, Server as _};

use crate::test_server::{Kind, TestServer, login, unique};

const PASSWORD: &str = "Tr0ub4dor-limits";

async fn limits(server: &TestServer, by: &Login, name: &str) -> LoginLimits {
    let inspected = server.engines.inspect(&server.endpoint, by, name).await;
    inspected.expect("the login works").limits
}

/// Creates a user, and returns its login.
fn create(server: &TestServer, options: &str) -> Login {
    let name = unique("limited");
    let create = match server.endpoint.engine.has_hosts() {
        true => format!("CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}' {options}"),
        false => format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}"),
    };
    server.sql(&create);
    login(&name, PASSWORD)
}

async fn own(server: &TestServer, options: &str) -> LoginLimits {
    let user = create(server, options);
    limits(server, &user, &user.username).await
}

#[tokio::test]
async fn postgres_tolerates_failed_logins_and_limits_sessions() {
    let server = TestServer::start(Kind::Postgres, &[]);
    let unlimited = LoginLimits {
        failures: FailureLimit::Unlimited,
        ..LoginLimits::default()
    };
    assert_eq!(own(&server, "").await, unlimited);
    let limited = create(&server, "CONNECTION LIMIT 3");
    let expected = LoginLimits {
        sessions: Some(3),
        ..unlimited
    };
    let other = create(&server, "");
    for by in [&limited, &other] {
        assert_eq!(limits(&server, by, &limited.username).await, expected);
    }
    // A role that does not exist has no limits.
    let nobody = limits(&server, &other, "nobody_of_that_name").await;
    assert_eq!(nobody, LoginLimits::default());
}

/// The parameter of an extension, which any server can have.
#[tokio::test]
async fn postgres_with_credcheck_has_a_limit() {
    let server = TestServer::start(Kind::Postgres, &["credcheck.max_auth_failure=4"]);
    assert_eq!(own(&server, "").await.failures, FailureLimit::After(4));
}

#[tokio::test]
async fn mysql_says_when_it_locks_an_account() {
    let server = TestServer::start(Kind::MySql, &[]);
    let found = own(&server, "").await;
    assert_eq!(found.failures, FailureLimit::Unlimited);
    assert_eq!(found.methods, ["caching_sha2_password"]);
    let options = "WITH MAX_USER_CONNECTIONS 2 FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 1";
    let locked = create(&server, options);
    let expected = LoginLimits {
        failures: FailureLimit::After(3),
        sessions: Some(2),
        methods: vec!["caching_sha2_password".to_owned()],
    };
    let administrator = create(&server, "");
    let to = format!("{}@'%'", administrator.username);
    assert_eq!(
        limits(&server, &administrator, &locked.username).await,
        LoginLimits::default()
    );
    server.sql(&format!(
        "GRANT CREATE USER ON *.* TO {to}; GRANT SELECT ON mysql.* TO {to}"
    ));
    for by in [&locked, &administrator] {
        assert_eq!(limits(&server, by, &locked.username).await, expected);
    }
}

#[tokio::test]
async fn mariadb_has_one_limit_for_all_and_several_methods_for_one() {
    let server = TestServer::start(Kind::MariaDb, &["max-password-errors=5"]);
    let found = own(&server, "WITH MAX_USER_CONNECTIONS 2").await;
    assert_eq!(
        (found.failures, found.sessions),
        (FailureLimit::After(5), Some(2))
    );

    let name = unique("either");
    server.sql(&format!(
        "CREATE USER {name}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{PASSWORD}') OR unix_socket"
    ));
    let user = login(&name, PASSWORD);
    let found = limits(&server, &user, &name).await;
    assert_eq!(found.methods, ["mysql_native_password", "unix_socket"]);
    server.sql("SET GLOBAL max_password_errors = 4294967295");
    let found = limits(&server, &user, &name).await;
    assert_eq!(found.failures, FailureLimit::Unlimited);
}
