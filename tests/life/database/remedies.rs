//! The table of `docs/reference/errors.md` about database servers, carried out: the cause is
//! produced, the command fails with the remedy of its row, the remedy is carried out as it is
//! written, and the same command succeeds.

mod cases;

use keyrota_test_servers::{OpenSession, Server};
use serde_json::json;

use super::site::Site;
use super::test_server::{self, Engine, FIRST, User};
use crate::errors::Table;
use cases::{By, Case, Change, ELSEWHERE, WITH_A_BOOTSTRAP, WITH_A_ROTATION};

const ADMINISTRATOR: &str = "ops/dba";

fn table() -> Table<4> {
    Table::below("What a database server refuses")
}

/// Returns the row that a case is about, whose last cell is the remedy. A case names the begin of
/// the cause.
fn row(cause: &str, by: By) -> [&'static str; 4] {
    table().row(cause, |[_, _, whose, _]| match by {
        By::User => *whose != "the administrator's",
        By::Administrator => *whose != "the user's",
    })
}

/// No row is left out: each is carried out here, or says where else, or why it cannot be produced.
#[test]
fn every_row_has_a_case() {
    let cases = WITH_A_ROTATION.iter().chain(WITH_A_BOOTSTRAP);
    let named = cases.map(|case| (case.cause, case.by));
    let elsewhere = ELSEWHERE.iter().map(|(cause, by, _)| (*cause, *by));
    table().expect_all(named.chain(elsewhere).map(|(cause, by)| row(cause, by)));
}

/// A site with an administrator, whose secret exists.
struct Administered {
    site: Site,
    administrator: User,
    /// Sessions that a case keeps open.
    held: Vec<OpenSession>,
}

impl Administered {
    async fn new(server: Server) -> Self {
        let site = Site::new(server).await;
        let administrator = test_server::make_user(&site.server);
        let new = Self {
            site,
            administrator,
            held: Vec::new(),
        };
        new.run(match new.site.server.engine() {
            Engine::Postgres => "ALTER ROLE {admin} CREATEROLE",
            Engine::MariaDb => {
                "GRANT CREATE USER ON *.* TO {admin}; GRANT SELECT ON mysql.global_priv TO {admin};
                 GRANT SELECT (Host, User, is_role) ON mysql.user TO {admin}"
            }
            Engine::MySql => "GRANT CREATE USER ON *.* TO {admin}",
        });
        let value = json!({ "username": new.administrator.name, "password": FIRST });
        let test = &new.site.test;
        test.make_secret(ADMINISTRATOR, &value.to_string()).await;
        new
    }

    /// Runs statements as the superuser.
    fn run(&self, statements: &str) -> String {
        test_server::sql(&self.site.server, &self.filled(statements))
    }

    fn filled(&self, statements: &str) -> String {
        let server = &self.site.server;
        let name = &self.site.user.name;
        [
            ("{user}", test_server::quoted(server, name)),
            (
                "{clone}",
                test_server::quoted(server, &format!("{name}_clone")),
            ),
            (
                "{admin}",
                test_server::quoted(server, &self.administrator.name),
            ),
            (
                "{user elsewhere}",
                test_server::quoted(server, name).replace("'%'", "'10.0.0.1'"),
            ),
            ("{db}", self.site.user.dbname.clone()),
        ]
        .iter()
        .fold(statements.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }

    fn manifest(&self, settings: &str) {
        let settings = settings.replace("{db}", &self.site.user.dbname);
        self.site.manifest(&settings);
    }

    async fn make(&mut self, change: &Change) {
        match *change {
            Change::Sql(statements) => {
                self.run(statements);
            }
            Change::Manifest(settings) => {
                self.manifest(settings);
                self.site.bootstrap().await.exits(0);
            }
            Change::WrongLogin => {
                let mut value = self.site.value("AWSCURRENT").await;
                value["password"] = "wr0ng".into();
                let ended = super::client::log_in(&self.site.server, &value).await;
                assert!(ended.is_err());
            }
            Change::CurrentPassword => {
                let value = self.site.value("AWSCURRENT").await;
                let password = value["password"].as_str().expect("a password");
                test_server::set_password(&self.site.server, &self.site.user, password);
            }
            Change::FirstPassword => {
                test_server::set_password(&self.site.server, &self.site.user, FIRST);
            }
            Change::AdministratorsPassword(password) => {
                let server = &self.site.server;
                test_server::set_password(server, &self.administrator, password);
            }
            Change::AdministratorsSecret(password) => {
                self.site.test.conceal(password);
                let value = json!({ "username": self.administrator.name, "password": password });
                self.site.test.store(ADMINISTRATOR, &value).await;
            }
            Change::SuperusersSecret => {
                let superuser = test_server::make_user(&self.site.server);
                let name = test_server::quoted(&self.site.server, &superuser.name);
                self.run(&format!("ALTER ROLE {name} SUPERUSER"));
                let value = json!({ "username": superuser.name, "password": FIRST });
                let test = &self.site.test;
                test.make_secret("ops/superuser", &value.to_string()).await;
            }
            Change::Hold(statements, times) => {
                for _ in 0..times {
                    let held = self.site.server.hold(&self.filled(statements));
                    self.held.push(held.expect("a session"));
                }
            }
            Change::EndSessions => self.held.clear(),
            Change::Stop => self.site.server.owned().stop(),
            Change::Start => {
                let started = self.site.server.owned().start_again();
                started.expect("it starts again");
            }
            Change::Pause => self.site.server.pause(),
            Change::Resume => self.site.server.resume(),
        }
    }

    async fn make_all(&mut self, changes: &[Change]) {
        for change in changes {
            self.make(change).await;
        }
    }
}

/// Carries out the cases of an engine whose command is `keyrota rotate`, one after the other in one
/// stack.
async fn with_rotations(server: Server) {
    let engine = server.engine();
    let mut site = Administered::new(server).await;
    let mut before = None;
    let cases = WITH_A_ROTATION.iter();
    for case in cases.filter(|case| case.engines.contains(&engine)) {
        if before != Some(case.settings) {
            site.manifest(case.settings);
            site.site.bootstrap().await.exits(0);
            before = Some(case.settings);
        }
        site.make_all(case.produced).await;
        let [.., remedy] = row(case.cause, case.by);
        let ran = site.site.test.keyrota("rotate --format json").await;
        let told = ran.json()["secrets"][0]["error"].to_string();
        assert!(
            told.contains(remedy),
            "{}: `{remedy}` is not told\n{ran}",
            case.cause
        );
        site.make_all(case.remedied).await;
        site.site.rotates().await;
        if case
            .remedied
            .iter()
            .any(|it| matches!(it, Change::Manifest(_)))
        {
            before = None;
        }
        site.make_all(case.restored).await;
    }
    site.site.test.check_logs_for_secrets().await;
}

#[tokio::test]
async fn of_rotations_with_postgres() {
    // Three connections are for superusers, and the function needs one at a time.
    let settings = ["max_connections=7", "superuser_reserved_connections=3"];
    with_rotations(test_server::start(Engine::Postgres, &settings)).await;
}

#[tokio::test]
async fn of_rotations_with_mariadb() {
    let settings = ["plugin-load-add=simple_password_check", "general-log=OFF"];
    with_rotations(test_server::start(Engine::MariaDb, &settings)).await;
}

#[tokio::test]
async fn of_rotations_with_mysql() {
    with_rotations(test_server::start(Engine::MySql, &["partial-revokes=ON"])).await;
}

/// Carries out a case whose command is the first `keyrota bootstrap`, in a new stack.
async fn with_a_bootstrap(case: &Case, engine: Engine) {
    let mut site = Administered::new(test_server::start(engine, &[])).await;
    site.manifest(case.settings);
    site.make_all(case.produced).await;
    let [.., remedy] = row(case.cause, case.by);
    let ran = site.site.bootstrap().await.exits(1);
    // In the text of the result, quotation marks are escaped.
    let told = ran.stdout.replace("\\\"", "\"");
    assert!(told.contains(remedy), "`{remedy}` is not told\n{ran}");
    site.make_all(case.remedied).await;
    site.site.bootstrap().await.exits(0);
    site.site.rotates().await;
}

#[tokio::test]
async fn of_bootstraps() {
    for case in WITH_A_BOOTSTRAP {
        for &engine in case.engines {
            with_a_bootstrap(case, engine).await;
        }
    }
}
