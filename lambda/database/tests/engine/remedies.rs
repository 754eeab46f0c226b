//! Causes that a real server can have, each with the remedy that `docs/reference/errors.md` names
//! for it: the call fails in the named way, the remedy is carried out, and the call succeeds.

use keyrota_database_function::server::{Endpoint, Engine, Login, Server as _, ServerFault};
use keyrota_test_servers::Engine as Kind;

use crate::test_server::{TestServer, check, login};

/// A cause: what produces it, how a login then fails, and what ends it.
struct Case {
    cause: &'static str,
    fault: ServerFault,
    code: &'static str,
    remedy: &'static str,
}

const fn case(
    cause: &'static str,
    fault: ServerFault,
    code: &'static str,
    remedy: &'static str,
) -> Case {
    Case {
        cause,
        fault,
        code,
        remedy,
    }
}

/// Returns the result of a login to the database `orders`.
async fn log_in(
    server: &TestServer,
    login: &Login,
) -> Result<(), keyrota_database_function::server::ServerError> {
    let endpoint = Endpoint {
        dbname: Some("orders".to_owned()),
        ..server.endpoint.clone()
    };
    server.engines.authenticate(&endpoint, login).await
}

async fn each_is_remedied(server: &TestServer, cases: &[Case]) {
    let app = login("app", "old");
    for case in cases {
        assert_eq!(log_in(server, &app).await, Ok(()), "before {}", case.cause);
        server.sql(case.cause);
        if case.code == "1226" {
            // The limit counts this login.
            let _ = log_in(server, &app).await;
        }
        check(log_in(server, &app).await, case.fault, case.code);
        server.sql(case.remedy);
    }
    assert_eq!(log_in(server, &app).await, Ok(()));
}

#[tokio::test]
async fn of_postgres() {
    let server = TestServer::start(Kind::Postgres, &[]);
    server.sql("CREATE ROLE app LOGIN PASSWORD 'old'");
    server.sql("CREATE DATABASE orders");
    let (forbidden, wrong) = (ServerFault::LoginForbidden, ServerFault::WrongCredentials);
    each_is_remedied(
        &server,
        &[
            case(
                "ALTER ROLE app CONNECTION LIMIT 0",
                ServerFault::UserLimit,
                "53300",
                "ALTER ROLE app CONNECTION LIMIT 5",
            ),
            case(
                "ALTER ROLE app NOLOGIN",
                forbidden,
                "28000",
                "ALTER ROLE app LOGIN",
            ),
            case(
                "ALTER ROLE app VALID UNTIL '2001-01-01'",
                wrong,
                "28P01",
                "ALTER ROLE app VALID UNTIL 'infinity'",
            ),
            case(
                "REVOKE CONNECT ON DATABASE orders FROM PUBLIC",
                forbidden,
                "42501",
                "GRANT CONNECT ON DATABASE orders TO app",
            ),
            case(
                "DROP DATABASE orders",
                forbidden,
                "3D000",
                "CREATE DATABASE orders",
            ),
        ],
    )
    .await;
    server.sql("CREATE ROLE administrator LOGIN PASSWORD 'old'");
    let administrator = login("administrator", "old");
    let change = async || {
        server
            .change(&administrator, &login("app", "new"), false)
            .await
    };
    check(change().await, ServerFault::NoCreateRole, "42501");
    server.sql("ALTER ROLE administrator CREATEROLE");
    let version = server.sql("SELECT current_setting('server_version_num')::int >= 160000");
    if version.trim() == "t" {
        check(change().await, ServerFault::NoAdminOption, "42501");
        server.sql("GRANT app TO administrator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE");
    }
    assert!(change().await.is_ok());
}

async fn of_mysql_or_mariadb(kind: Kind, locked: &'static str) {
    let server = TestServer::start(kind, &[]);
    server.sql("CREATE USER app@'%' IDENTIFIED BY 'old'; CREATE DATABASE orders; GRANT ALL ON orders.* TO app@'%'");
    let forbidden = ServerFault::LoginForbidden;
    each_is_remedied(
        &server,
        &[
            case(
                "ALTER USER app@'%' ACCOUNT LOCK",
                forbidden,
                locked,
                "ALTER USER app@'%' ACCOUNT UNLOCK",
            ),
            case(
                "ALTER USER app@'%' PASSWORD EXPIRE",
                ServerFault::PasswordExpired,
                "1820",
                "ALTER USER app@'%' IDENTIFIED BY 'old'",
            ),
            case(
                "ALTER USER app@'%' WITH MAX_CONNECTIONS_PER_HOUR 1",
                ServerFault::UserLimit,
                "1226",
                "ALTER USER app@'%' WITH MAX_CONNECTIONS_PER_HOUR 0",
            ),
            case(
                "REVOKE ALL ON orders.* FROM app@'%'",
                forbidden,
                "1044",
                "GRANT ALL ON orders.* TO app@'%'",
            ),
            case(
                "DROP DATABASE orders",
                forbidden,
                "1049",
                "CREATE DATABASE orders",
            ),
        ],
    )
    .await;
    what_an_administrator_lacks(&server).await;
}

/// An administrator that may not read the accounts of others, and a name with several accounts.
async fn what_an_administrator_lacks(server: &TestServer) {
    server.sql("CREATE USER dba@'%' IDENTIFIED BY 'old'; GRANT CREATE USER ON *.* TO dba@'%'");
    let dba = login("dba", "old");
    let has_user = async || server.engines.has_user(&server.endpoint, &dba, "app").await;
    let change = async || server.change(&dba, &login("app", "new"), false).await;
    if server.endpoint.engine == Engine::MariaDb {
        check(
            has_user().await,
            ServerFault::NotAllowed,
            "accounts not readable",
        );
        server.sql("GRANT SELECT ON mysql.* TO dba@'%'");
    }
    assert_eq!(has_user().await, Ok(true));
    server.sql("CREATE USER app@'10.0.0.1' IDENTIFIED BY 'old'");
    check(change().await, ServerFault::NotAllowed, "several accounts");
    server.sql("DROP USER app@'10.0.0.1'");
    assert!(change().await.is_ok());
}

#[tokio::test]
async fn of_mysql() {
    of_mysql_or_mariadb(Kind::MySql, "3118").await;
}

#[tokio::test]
async fn of_mariadb() {
    of_mysql_or_mariadb(Kind::MariaDb, "4151").await;
}
