//! Creates a user with the rights of another one on real servers, and uses these rights.

use std::io::Write as _;
use std::process::{Command, Stdio};

use keyrota_database_function::server::{
    ChangeError, Login, NewUser, Prepared, Rights, Server as _, ServerError, ServerFault,
};

use crate::test_server::{Kind, TestServer, any_characters, check, login};

/// Prepares a user like another one.
async fn prepare(
    server: &TestServer,
    by: &Login,
    user: &Login,
    like: &str,
    every: bool,
) -> Result<Prepared, ServerError> {
    let user = NewUser {
        username: &user.username,
        password: &user.password,
        rights: Rights::Of(like),
        every,
    };
    let prepared = server.engines.prepare(&server.endpoint, by, &user).await;
    prepared.map_err(|error| match error {
        ChangeError::Sent(error) | ChangeError::Unsent(error) => error,
    })
}

/// Runs statements with the engine's own client after a login over the network.
fn run_as(server: &TestServer, login: &Login, statements: &str) -> Result<String, String> {
    use secrecy::ExposeSecret as _;

    let (port, user) = (server.server.port().to_string(), &login.username);
    let password = login.password.expose_secret();
    let mut command = match server.server.engine() {
        Kind::Postgres => {
            let mut command = Command::new(server.server.program("psql"));
            command.args(["--no-psqlrc", "-Atq", "--set=ON_ERROR_STOP=1"]);
            command.args(["-h", "127.0.0.1", "-p", &port, "-U", user, "-d", "postgres"]);
            command.env("PGPASSWORD", password);
            command
        }
        kind => {
            let (program, tls) = match kind {
                Kind::MySql => ("mysql", "--ssl-mode=REQUIRED"),
                _ => ("mariadb", "--ssl-verify-server-cert=0"),
            };
            let mut command = Command::new(server.server.program(program));
            command.args(["--no-defaults", "--batch", "--skip-column-names", tls]);
            command.args(["-h", "127.0.0.1", "-P", &port, "-u", user]);
            command.env("MYSQL_PWD", password);
            command
        }
    };
    let mut client = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a client");
    let mut input = client.stdin.take().expect("its input");
    // A client that may not log in reads nothing.
    let _ = input.write_all(statements.as_bytes());
    drop(input);
    let output = client.wait_with_output().expect("its output");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    match output.status.success() {
        true => Ok(text(output.stdout).trim().to_owned()),
        false => Err(text(output.stderr)),
    }
}

/// The names of roles that need quotation marks.
const APP: &str = "Orders \"app\"; --";
const CLONE: &str = "Orders \"app\"; --_clone";

/// Starts PostgreSQL with a role, and with an administrator that may grant it and is no superuser.
fn postgres() -> (TestServer, Login) {
    let server = TestServer::start(Kind::Postgres, &[]);
    let app = APP.replace('"', "\"\"");
    server.sql(&format!(
        "CREATE ROLE admin LOGIN CREATEROLE PASSWORD 'admin';
         CREATE ROLE \"{app}\" LOGIN CONNECTION LIMIT 7 PASSWORD 'old';
         CREATE SCHEMA shop AUTHORIZATION \"{app}\";
         ALTER ROLE \"{app}\" SET search_path = \"$user\", shop, public;
         ALTER ROLE \"{app}\" IN DATABASE postgres SET work_mem = '8MB';
         ALTER ROLE \"{app}\" SET shop.note = 'it''s; DROP TABLE orders';"
    ));
    let version = server.sql("SHOW server_version_num");
    if version.trim() >= "160000" {
        server.sql(&format!(
            "GRANT \"{app}\" TO admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        ));
    }
    (server, login("admin", "admin"))
}

#[tokio::test]
async fn postgres_creates_a_member_that_acts_as_the_first_user() {
    let (server, admin) = postgres();
    let (app, clone) = (login(APP, "old"), login(CLONE, &any_characters()));
    run_as(&server, &app, "CREATE TABLE orders (id int)").expect("its own schema");
    let version = server.sql("SHOW server_version_num");
    // Since PostgreSQL 16, `CREATEROLE` is not enough.
    if version.trim() >= "160000" {
        let app = APP.replace('"', "\"\"");
        server.sql(&format!("GRANT \"{app}\" TO admin WITH ADMIN OPTION"));
    }
    // Only a superuser may set a parameter that no extension has defined.
    let refused = prepare(&server, &admin, &clone, APP, false).await;
    check(refused, ServerFault::RightsNotGranted, "42501");
    match version.trim() >= "150000" {
        true => server.sql("GRANT SET ON PARAMETER shop.note TO admin"),
        false => server.sql("ALTER ROLE admin SUPERUSER"),
    };
    let prepared = prepare(&server, &admin, &clone, APP, false).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    assert_eq!(server.authenticate(&clone).await, Ok(()));
    // The first user was not changed.
    assert_eq!(server.authenticate(&app).await, Ok(()));

    // What the second one creates belongs to the first one, and both can use everything.
    let statements = "INSERT INTO orders VALUES (1); CREATE TABLE items (id int); \
                      SELECT current_user, session_user";
    let users = run_as(&server, &clone, statements).expect("the rights of the first one");
    assert_eq!(users, format!("{APP}|{CLONE}"));
    run_as(
        &server,
        &app,
        "ALTER TABLE items ADD COLUMN name text; DROP TABLE items",
    )
    .expect("its own table");

    // A login has the same settings.
    let settings = "SELECT current_setting('search_path'), current_setting('work_mem'), \
                    current_setting('shop.note')";
    let of_clone = run_as(&server, &clone, settings);
    assert_eq!(of_clone, run_as(&server, &app, settings));
    assert_eq!(
        of_clone.expect("the settings"),
        "\"$user\", shop, public|8MB|it's; DROP TABLE orders"
    );
    let limit = server.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname LIKE '%_clone'");
    assert_eq!(limit.trim(), "7");

    // The next time, it exists, and its settings stay.
    let again = login(CLONE, "again");
    let prepared = prepare(&server, &admin, &again, APP, false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    assert_eq!(server.authenticate(&again).await, Ok(()));
    check(
        server.authenticate(&clone).await,
        ServerFault::WrongCredentials,
        "28P01",
    );
    server.check_log("CREATE ROLE", &[&any_characters(), "again"]);
}

#[tokio::test]
async fn postgres_grants_membership_that_is_missing() {
    let (server, admin) = postgres();
    server.sql("CREATE ROLE other LOGIN PASSWORD 'old'");
    let version = server.sql("SHOW server_version_num");
    if version.trim() >= "160000" {
        let other = login("other", "new");
        let prepared = prepare(&server, &admin, &other, APP, false).await;
        check(prepared, ServerFault::NoAdminOption, "42501");
        assert_eq!(server.authenticate(&login("other", "old")).await, Ok(()));
        server.sql("GRANT other TO admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE");
    }
    let other = login("other", "new");
    let prepared = prepare(&server, &admin, &other, APP, false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    run_as(&server, &other, "SELECT count(*) FROM shop.nothing").expect_err("no such table");
    run_as(&server, &other, "CREATE TABLE shop.items (id int)").expect("the schema of the first");
}

#[tokio::test]
async fn postgres_says_what_the_administrator_lacks() {
    let (server, admin) = postgres();
    let clone = login(CLONE, "new");
    let refused = prepare(&server, &admin, &clone, "nobody", false).await;
    check(refused, ServerFault::UserUnknown, "42704");
    server.sql("ALTER ROLE admin NOCREATEROLE");
    let refused = prepare(&server, &admin, &clone, APP, false).await;
    check(refused, ServerFault::NoCreateRole, "42501");
    assert_eq!(
        server
            .sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE '%clone'")
            .trim(),
        "0"
    );
}

/// The database of the servers with hosts, with a name that needs quotation.
const DATABASE: &str = "`shop ``TO`` 'x'`";

/// Starts MySQL or MariaDB with a user of a certain kind, and an administrator.
fn with_hosts(kind: Kind, host: &str, options: &str) -> (TestServer, Login) {
    let modes: &[&str] = match kind {
        Kind::MySql => &["sql-mode=NO_BACKSLASH_ESCAPES,ANSI_QUOTES"],
        _ => &[],
    };
    let server = TestServer::start(kind, modes);
    server.sql(&format!(
        "CREATE DATABASE {DATABASE}; CREATE TABLE {DATABASE}.orders (id int, note text);
         CREATE DATABASE reports; CREATE TABLE reports.totals (id int);
         CREATE USER app@'{host}' IDENTIFIED BY 'old' {options};
         GRANT SELECT, INSERT (id) ON {DATABASE}.orders TO app@'{host}';
         CREATE USER admin@'%' IDENTIFIED BY 'admin';
         GRANT CREATE USER ON *.* TO admin@'%';
         GRANT SELECT ON mysql.* TO admin@'%';
         GRANT SELECT, INSERT ON {DATABASE}.* TO admin@'%' WITH GRANT OPTION"
    ));
    (server, login("admin", "admin"))
}

/// The statements that the first user may run.
fn work() -> String {
    format!(
        "INSERT INTO {DATABASE}.orders (id) VALUES (1); SELECT COUNT(*) > 0 FROM {DATABASE}.orders"
    )
}

async fn rights_are_copied(kind: Kind) {
    let limit = "REQUIRE SSL WITH MAX_USER_CONNECTIONS 5";
    let (server, admin) = with_hosts(kind, "%", limit);
    let (app, clone) = (login("app", "old"), login("app_clone", &any_characters()));
    let prepared = prepare(&server, &admin, &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    for user in [&app, &clone] {
        assert_eq!(run_as(&server, user, &work()).as_deref(), Ok("1"));
    }
    // Nothing besides.
    let update = format!("UPDATE {DATABASE}.orders SET note = 'x'");
    run_as(&server, &clone, &update).expect_err("a right that the first one lacks");
    let created = server.sql("SHOW CREATE USER app_clone@'%'");
    assert!(created.contains("REQUIRE SSL"), "{created}");
    assert!(created.contains("MAX_USER_CONNECTIONS 5"), "{created}");

    // The other direction: what the second user was granted reaches the first one.
    server.sql("GRANT SELECT ON reports.totals TO app_clone@'%'");
    server.sql("GRANT SELECT ON reports.* TO admin@'%' WITH GRANT OPTION");
    let new = login("app", "Tr0ub4dor-new");
    let prepared = prepare(&server, &admin, &new, "app_clone", false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    run_as(&server, &new, "SELECT * FROM reports.totals").expect("the new right");
    assert_eq!(server.authenticate(&clone).await, Ok(()));
    check(
        server.authenticate(&app).await,
        ServerFault::WrongCredentials,
        "1045",
    );
    // And a second rotation of the second one.
    let newer = login("app_clone", "Tr0ub4dor-newer");
    let prepared = prepare(&server, &admin, &newer, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    assert_eq!(run_as(&server, &newer, &work()).as_deref(), Ok("1"));
    server.check_log("app_clone", &["Tr0ub4dor"]);
}

#[tokio::test]
async fn mysql_gives_the_second_user_the_rights_of_the_first() {
    rights_are_copied(Kind::MySql).await;
}

#[tokio::test]
async fn mariadb_gives_the_second_user_the_rights_of_the_first() {
    rights_are_copied(Kind::MariaDb).await;
}

async fn roles_are_copied(kind: Kind, default: &str) {
    let (server, admin) = with_hosts(kind, "%", "");
    server.sql(&format!(
        "CREATE ROLE readers; GRANT SELECT ON reports.* TO readers;
         GRANT readers TO app@'%'; {default};
         GRANT readers TO admin@'%' WITH ADMIN OPTION"
    ));
    if kind == Kind::MariaDb {
        server.sql("GRANT UPDATE ON mysql.* TO admin@'%'");
    }
    let clone = login("app_clone", "new");
    let prepared = prepare(&server, &admin, &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    for _ in 0..2 {
        // The role is active from the login on.
        run_as(&server, &clone, "SELECT * FROM reports.totals").expect("the role");
        let prepared = prepare(&server, &admin, &clone, "app", false).await;
        assert_eq!(prepared, Ok(Prepared::Existed));
    }
}

#[tokio::test]
async fn mysql_gives_the_second_user_the_roles_of_the_first() {
    roles_are_copied(Kind::MySql, "ALTER USER app@'%' DEFAULT ROLE readers").await;
}

#[tokio::test]
async fn mariadb_gives_the_second_user_the_roles_of_the_first() {
    roles_are_copied(Kind::MariaDb, "SET DEFAULT ROLE readers FOR app@'%'").await;
}

async fn each_account_has_a_second_one(kind: Kind) {
    let (server, admin) = with_hosts(kind, "127.0.0.1", "");
    server.sql("CREATE USER app@'10.0.0.%' IDENTIFIED BY 'older'");
    let clone = login("app_clone", "new");
    let refused = prepare(&server, &admin, &clone, "app", false).await;
    check(refused, ServerFault::NotAllowed, "several accounts");
    let prepared = prepare(&server, &admin, &clone, "app", true).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    assert_eq!(run_as(&server, &clone, &work()).as_deref(), Ok("1"));
    let hosts = "SELECT Host FROM mysql.user WHERE User = 'app_clone' ORDER BY Host";
    assert_eq!(server.sql(hosts).trim(), "10.0.0.%\n127.0.0.1");
    // An account of the second user for other hosts would keep another password.
    server.sql("DROP USER app@'10.0.0.%'");
    let refused = prepare(&server, &admin, &clone, "app", false).await;
    check(refused, ServerFault::AccountsDiffer, "");
    server.sql("DROP USER app_clone@'10.0.0.%'");
    let prepared = prepare(&server, &admin, &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
}

#[tokio::test]
async fn mysql_creates_an_account_for_each_of_the_first_user() {
    each_account_has_a_second_one(Kind::MySql).await;
}

#[tokio::test]
async fn mariadb_creates_an_account_for_each_of_the_first_user() {
    each_account_has_a_second_one(Kind::MariaDb).await;
}

async fn what_the_administrator_lacks(kind: Kind) {
    let (server, admin) = with_hosts(kind, "%", "");
    let clone = login("app_clone", "new");
    let refused = prepare(&server, &admin, &clone, "nobody", false).await;
    check(refused, ServerFault::UserUnknown, "");
    server.sql(&format!(
        "REVOKE GRANT OPTION ON {DATABASE}.* FROM admin@'%'"
    ));
    let refused = prepare(&server, &admin, &clone, "app", false).await;
    let fault = refused.expect_err("no right to grant").fault;
    assert_eq!(fault, ServerFault::RightsNotGranted);
    // The remedy, and the next try.
    server.sql(&format!(
        "GRANT SELECT, INSERT ON {DATABASE}.* TO admin@'%' WITH GRANT OPTION"
    ));
    let prepared = prepare(&server, &admin, &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    assert_eq!(run_as(&server, &clone, &work()).as_deref(), Ok("1"));
    server.sql("REVOKE SELECT ON mysql.* FROM admin@'%'");
    let refused = prepare(&server, &admin, &clone, "app", false).await;
    let fault = refused.expect_err("no right to read").fault;
    assert!(
        [ServerFault::RightsNotGranted, ServerFault::NotAllowed].contains(&fault),
        "{fault:?}"
    );
}

#[tokio::test]
async fn mysql_says_what_the_administrator_lacks() {
    what_the_administrator_lacks(Kind::MySql).await;
}

#[tokio::test]
async fn mariadb_says_what_the_administrator_lacks() {
    what_the_administrator_lacks(Kind::MariaDb).await;
}

/// The second account stores its password like the first one.
#[tokio::test]
async fn mariadb_keeps_the_plugin() {
    let server = TestServer::start(Kind::MariaDb, &[]);
    server.sql(
        "INSTALL SONAME 'auth_ed25519';
         CREATE USER app@'%' IDENTIFIED VIA ed25519 USING PASSWORD('old');
         GRANT ALL ON test.* TO app@'%';
         CREATE USER admin@'%' IDENTIFIED BY 'admin';
         GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION",
    );
    let clone = login("app_clone", "new");
    let prepared = prepare(&server, &login("admin", "admin"), &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    assert_eq!(server.authenticate(&clone).await, Ok(()));
    let plugin = "SELECT plugin FROM mysql.user WHERE User = 'app_clone'";
    assert_eq!(server.sql(plugin).trim(), "ed25519");
}

/// MySQL refuses a password that an account had before, also if it has it now.
#[tokio::test]
async fn mysql_may_refuse_the_same_password_again() {
    let (server, admin) = with_hosts(Kind::MySql, "%", "");
    let clone = login("app_clone", "new");
    let prepared = prepare(&server, &admin, &clone, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    server.sql("ALTER USER app_clone@'%' PASSWORD HISTORY 3");
    let newer = login("app_clone", "newer");
    let prepared = prepare(&server, &admin, &newer, "app", false).await;
    assert_eq!(prepared, Ok(Prepared::Existed));
    let refused = prepare(&server, &admin, &newer, "app", false).await;
    check(refused, ServerFault::PasswordRefused, "3638");
    assert_eq!(server.authenticate(&newer).await, Ok(()));
}
