//! Users that an administrator creates, gives a password to, and drops, on real servers. The
//! administrator has no more than the privileges that the documentation lists.

use keyrota_database_function::server::{
    ChangeError, Dropped, Endpoint, Engine, Login, NewUser, Prepared, Rights, Server as _,
    ServerError, ServerFault,
};

use crate::test_server::{Kind, TestServer, login, unique};

const PASSWORD: &str = "Tr0ub4dor-users-new";
const EVERY: [Kind; 3] = [Kind::Postgres, Kind::MariaDb, Kind::MySql];

/// A server with an administrator, a database with a table, and a role.
struct Scene {
    server: TestServer,
    endpoint: Endpoint,
    administrator: Login,
    role: String,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        Self::with(kind, &[])
    }

    fn with(kind: Kind, settings: &[&str]) -> Self {
        let server = TestServer::start(kind, settings);
        let role = "readers \"of\" all".to_owned();
        let administrator = login("an_administrator", "Tr0ub4dor-administrator");
        match kind {
            Kind::Postgres => server.sql(
                "CREATE ROLE an_administrator LOGIN CREATEROLE PASSWORD 'Tr0ub4dor-administrator';
                 CREATE ROLE \"readers \"\"of\"\" all\";
                 GRANT \"readers \"\"of\"\" all\" TO an_administrator WITH ADMIN OPTION;
                 CREATE SCHEMA shop AUTHORIZATION an_administrator;
                 CREATE TABLE shop.orders (id integer); CREATE TABLE shop.ungrantable (id integer);
                 ALTER TABLE shop.orders OWNER TO an_administrator;
                 GRANT SELECT ON shop.ungrantable TO an_administrator;
                 GRANT USAGE ON SCHEMA shop TO \"readers \"\"of\"\" all\"",
            ),
            Kind::MariaDb => server.sql(
                "CREATE USER an_administrator@'%' IDENTIFIED BY 'Tr0ub4dor-administrator';
                 CREATE DATABASE shop; CREATE TABLE shop.orders (id integer);
                 GRANT ALL ON shop.* TO an_administrator@'%' WITH GRANT OPTION;
                 GRANT CREATE USER ON *.* TO an_administrator@'%';
                 GRANT SELECT, UPDATE ON mysql.* TO an_administrator@'%';
                 CREATE ROLE 'readers \"of\" all';
                 GRANT SELECT ON shop.* TO 'readers \"of\" all';
                 GRANT 'readers \"of\" all' TO an_administrator@'%' WITH ADMIN OPTION",
            ),
            Kind::MySql => server.sql(
                "CREATE USER an_administrator@'%' IDENTIFIED BY 'Tr0ub4dor-administrator';
                 CREATE DATABASE shop; CREATE TABLE shop.orders (id integer);
                 GRANT ALL ON shop.* TO an_administrator@'%' WITH GRANT OPTION;
                 GRANT CREATE USER ON *.* TO an_administrator@'%';
                 CREATE ROLE 'readers \"of\" all';
                 GRANT SELECT ON shop.* TO 'readers \"of\" all';
                 GRANT 'readers \"of\" all' TO an_administrator@'%' WITH ADMIN OPTION",
            ),
        };
        let endpoint = Endpoint {
            any_database: true,
            ..server.endpoint.clone()
        };
        Self {
            server,
            endpoint,
            administrator,
            role,
        }
    }

    fn engine(&self) -> Engine {
        self.endpoint.engine
    }

    async fn prepare(
        &self,
        user: &Login,
        grants: &[&str],
        roles: &[String],
    ) -> Result<Prepared, ServerError> {
        let grants: Vec<String> = grants.iter().map(|&grant| grant.to_owned()).collect();
        let user = NewUser {
            username: &user.username,
            password: &user.password,
            rights: Rights::Granted {
                grants: &grants,
                roles,
            },
            every: false,
        };
        let prepared = self
            .server
            .engines
            .prepare(&self.endpoint, &self.administrator, &user);
        prepared.await.map_err(|error| match error {
            ChangeError::Sent(error) | ChangeError::Unsent(error) => error,
        })
    }

    async fn exists(&self, username: &str) -> bool {
        let engines = &self.server.engines;
        let exists = engines.has_user(&self.endpoint, &self.administrator, username);
        exists.await.expect("the administrator logs in")
    }

    async fn drop(&self, username: &str, grants: &[&str]) -> Result<Dropped, ServerError> {
        let grants: Vec<String> = grants.iter().map(|&grant| grant.to_owned()).collect();
        let engines = &self.server.engines;
        engines
            .drop_user(&self.endpoint, &self.administrator, username, &grants)
            .await
    }

    /// Returns whether a user can read the table without any other statement.
    fn reads(&self, username: &str) -> bool {
        match self.engine() {
            Engine::Postgres => {
                let read = format!(
                    "SELECT has_table_privilege('{username}', 'shop.orders', 'SELECT') \
                     AND pg_has_role('{username}', 'readers \"of\" all', 'USAGE')"
                );
                self.server.sql(&read).trim() == "t"
            }
            _ => {
                let granted = self
                    .server
                    .sql(&format!("SHOW GRANTS FOR '{username}'@'%'"));
                granted.contains("INSERT") && granted.contains("readers")
            }
        }
    }

    /// Returns the role that is active after a login.
    fn default_role(&self, username: &str) -> String {
        match self.engine() {
            Engine::MariaDb => self.server.sql(&format!(
                "SELECT default_role FROM mysql.user WHERE User = '{username}'"
            )),
            _ => self.server.sql(&format!(
                "SELECT DEFAULT_ROLE_USER FROM mysql.default_roles WHERE USER = '{username}'"
            )),
        }
    }
}

fn grants(engine: Engine) -> [&'static str; 2] {
    match engine {
        Engine::Postgres => ["SELECT, INSERT ON shop.orders", "USAGE ON SCHEMA shop"],
        _ => ["INSERT ON shop.orders", "UPDATE (id) ON shop.orders"],
    }
}

async fn check_creation(kind: Kind) {
    let scene = Scene::new(kind);
    let name = unique("created");
    let new = login(&name, PASSWORD);
    let roles = [scene.role.clone()];
    let grants = grants(scene.engine());
    assert!(!scene.exists(&name).await);
    let prepared = scene.prepare(&new, &grants, &roles).await;
    assert_eq!(prepared, Ok(Prepared::Created));
    assert!(scene.exists(&name).await);
    assert_eq!(scene.server.authenticate(&new).await, Ok(()));
    assert!(scene.reads(&name));
    if scene.engine() != Engine::Postgres {
        assert_eq!(scene.default_role(&name).trim(), scene.role);
    }
    // A retry, with the same password and with another one.
    for password in [PASSWORD, "Tr0ub4dor-users-newer"] {
        let again = login(&name, password);
        let prepared = scene.prepare(&again, &grants, &roles).await;
        assert_eq!(prepared, Ok(Prepared::Existed));
        assert_eq!(scene.server.authenticate(&again).await, Ok(()));
    }
    assert!(scene.reads(&name));
    let statement = match scene.engine() {
        Engine::Postgres => format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'SCRAM-SHA-256$"),
        Engine::MySql => format!("CREATE USER '{name}'@'%' IDENTIFIED BY <secret>"),
        Engine::MariaDb => {
            format!("CREATE USER '{name}'@'%' IDENTIFIED VIA mysql_native_password USING '*")
        }
    };
    scene.server.check_log(&statement, &["Tr0ub4dor-users"]);

    // Its rights do not keep the server from dropping it.
    assert_eq!(scene.drop(&name, &grants).await, Ok(Dropped::Gone));
    assert!(!scene.exists(&name).await);
}

#[tokio::test]
async fn a_user_is_created_with_its_rights_on_postgres() {
    check_creation(Kind::Postgres).await;
}

#[tokio::test]
async fn a_user_is_created_with_its_rights_on_mariadb() {
    check_creation(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_user_is_created_with_its_rights_on_mysql() {
    check_creation(Kind::MySql).await;
}

/// The name and the password may have any character.
#[tokio::test]
async fn names_are_quoted() {
    for kind in EVERY {
        let scene = Scene::new(kind);
        let name = "a \"b\" 'c' \\ `d`; --";
        let new = login(name, &crate::test_server::any_characters());
        let prepared = scene
            .prepare(&new, &[], std::slice::from_ref(&scene.role))
            .await;
        assert_eq!(prepared, Ok(Prepared::Created), "{kind:?}");
        assert_eq!(scene.server.authenticate(&new).await, Ok(()), "{kind:?}");
        assert_eq!(scene.drop(name, &[]).await, Ok(Dropped::Gone), "{kind:?}");
        assert!(!scene.exists(name).await, "{kind:?}");
    }
}

/// Without a password, with one that nobody knows, and with one that has expired.
#[tokio::test]
async fn a_password_that_does_not_work_is_replaced() {
    for kind in EVERY {
        let scene = Scene::new(kind);
        let (create, variants): (_, &[&str]) = match kind {
            Kind::Postgres => (
                "CREATE ROLE NAME LOGIN OPTIONS",
                &[
                    "",
                    "PASSWORD 'unknown'",
                    "PASSWORD 'unknown' VALID UNTIL '2001-01-01'",
                    "PASSWORD 'unknown' VALID UNTIL '-infinity'",
                    "PASSWORD 'unknown' VALID UNTIL '2100-01-01'",
                ],
            ),
            _ => (
                "CREATE USER NAME@'%' OPTIONS",
                &[
                    "",
                    "IDENTIFIED BY 'unknown'",
                    "IDENTIFIED BY 'unknown' PASSWORD EXPIRE",
                ],
            ),
        };
        for options in variants {
            let name = unique("unknown");
            let create = create.replace("NAME", &name).replace("OPTIONS", options);
            scene.server.sql(&create);
            if kind == Kind::Postgres {
                // From PostgreSQL 16 on, the administrator needs it for a role of others.
                scene.server.sql(&format!(
                    "GRANT {name} TO an_administrator WITH ADMIN OPTION"
                ));
            }
            let new = login(&name, PASSWORD);
            let prepared = scene.prepare(&new, &[], &[]).await;
            assert_eq!(prepared, Ok(Prepared::Existed), "{create}");
            assert_eq!(scene.server.authenticate(&new).await, Ok(()), "{create}");
            let inspected = scene
                .server
                .engines
                .inspect(&scene.server.endpoint, &new, &name)
                .await;
            // A date in the future stays.
            let expiry = inspected.expect("it logs in").expiry;
            assert_eq!(expiry.is_some(), options.contains("2100"), "{create}");
        }
    }
}

async fn check_refused(kind: Kind, right: &str, code: &str) {
    let scene = Scene::new(kind);
    let name = unique("refused");
    let new = login(&name, PASSWORD);
    let refused = scene.prepare(&new, &[right], &[]).await.expect_err(right);
    assert_eq!(refused.fault, ServerFault::RightsRefused, "{right}");
    assert_eq!(refused.code.as_deref(), Some(code), "{right}");
    // PostgreSQL has rolled everything back. The other servers have a user without the right.
    let is_left = kind != Kind::Postgres;
    assert_eq!(scene.exists(&name).await, is_left, "{right}");
    // When the cause is gone, a retry completes the user.
    let good = grants(scene.engine());
    let expected = match is_left {
        true => Prepared::Existed,
        false => Prepared::Created,
    };
    assert_eq!(
        scene
            .prepare(&new, &good, std::slice::from_ref(&scene.role))
            .await,
        Ok(expected)
    );
    assert!(scene.reads(&name), "{right}");
    assert_eq!(scene.server.authenticate(&new).await, Ok(()), "{right}");
}

#[tokio::test]
async fn a_right_that_cannot_be_granted_is_told_on_postgres() {
    check_refused(Kind::Postgres, "SELECT ON shop.no_such_table", "42P01").await;
    check_refused(Kind::Postgres, "SELECTT ON shop.orders", "42601").await;
    // The server only warns that it granted nothing.
    check_refused(Kind::Postgres, "SELECT ON shop.ungrantable", "01007").await;
}

#[tokio::test]
async fn a_right_that_cannot_be_granted_is_told_on_mariadb() {
    check_refused(Kind::MariaDb, "SELECT ON shop.no_such_table", "1146").await;
    check_refused(Kind::MariaDb, "SELECTT ON shop.orders", "1064").await;
    check_refused(Kind::MariaDb, "RELOAD ON *.*", "1045").await;
}

#[tokio::test]
async fn a_right_that_cannot_be_granted_is_told_on_mysql() {
    check_refused(Kind::MySql, "SELECT ON shop.no_such_table", "1146").await;
    check_refused(Kind::MySql, "SELECTT ON shop.orders", "3619").await;
    check_refused(Kind::MySql, "RELOAD ON *.*", "1045").await;
}

fn kept(dropped: Result<Dropped, ServerError>) -> String {
    match dropped {
        Ok(Dropped::Kept(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_user_of_postgres_that_owns_objects_stays() {
    let scene = Scene::new(Kind::Postgres);
    let name = unique("owner");
    let new = login(&name, PASSWORD);
    let grants = grants(Engine::Postgres);
    let prepared = scene
        .prepare(&new, &grants, std::slice::from_ref(&scene.role))
        .await;
    assert_eq!(prepared, Ok(Prepared::Created));
    let owned = format!("CREATE TABLE owned (id integer); ALTER TABLE owned OWNER TO {name}");
    scene.server.sql(&owned);
    let reason = kept(scene.drop(&name, &grants).await);
    assert_eq!(reason, "it owns 1 object(s)");
    // It keeps its rights and its password too.
    assert!(scene.reads(&name));
    assert_eq!(scene.server.authenticate(&new).await, Ok(()));

    scene.server.sql("DROP TABLE owned");
    scene
        .server
        .sql(&format!("GRANT SELECT ON shop.ungrantable TO {name}"));
    let reason = kept(scene.drop(&name, &grants).await);
    assert_eq!(
        reason,
        "it has privileges on 1 object(s) that `grants` in the manifest does not list"
    );
    assert!(scene.reads(&name));
    scene
        .server
        .sql(&format!("REVOKE SELECT ON shop.ungrantable FROM {name}"));
    // A grant on an object that is gone does not stand in the way.
    let more = [grants.as_slice(), &["SELECT ON shop.no_such_table"]].concat();
    assert_eq!(scene.drop(&name, &more).await, Ok(Dropped::Gone));
    assert!(!scene.exists(&name).await);
}

#[tokio::test]
async fn an_account_that_defines_objects_stays() {
    for kind in [Kind::MariaDb, Kind::MySql] {
        let scene = Scene::new(kind);
        let name = unique("definer");
        let new = login(&name, PASSWORD);
        let prepared = scene.prepare(&new, &grants(scene.engine()), &[]).await;
        assert_eq!(prepared, Ok(Prepared::Created));
        for (create, drop) in [
            (
                "CREATE DEFINER=NAME@'%' SQL SECURITY DEFINER VIEW shop.seen AS SELECT 1",
                "DROP VIEW shop.seen",
            ),
            (
                "CREATE DEFINER=NAME@'%' PROCEDURE shop.routine() SELECT 1",
                "DROP PROCEDURE shop.routine",
            ),
            (
                "CREATE DEFINER=NAME@'%' TRIGGER shop.fired BEFORE INSERT ON shop.orders \
                 FOR EACH ROW SET NEW.id = 1",
                "DROP TRIGGER shop.fired",
            ),
            (
                "CREATE DEFINER=NAME@'%' EVENT shop.happens ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
                "DROP EVENT shop.happens",
            ),
        ] {
            scene.server.sql(&create.replace("NAME", &name));
            let reason = kept(scene.drop(&name, &[]).await);
            assert!(reason.starts_with("it is the definer of 1 "), "{reason}");
            assert_eq!(scene.server.authenticate(&new).await, Ok(()));
            scene.server.sql(drop);
        }
        assert_eq!(scene.drop(&name, &[]).await, Ok(Dropped::Gone), "{kind:?}");
        assert!(!scene.exists(&name).await);
        // One that is gone is gone.
        if kind == Kind::MySql {
            assert_eq!(scene.drop(&name, &[]).await, Ok(Dropped::Gone));
        }
    }
}

#[tokio::test]
async fn an_account_for_other_hosts_is_no_account_of_ours() {
    for kind in [Kind::MariaDb, Kind::MySql] {
        let scene = Scene::new(kind);
        let name = unique("hosts");
        scene
            .server
            .sql(&format!("CREATE USER {name}@'10.%' IDENTIFIED BY 'x'"));
        assert!(scene.exists(&name).await);
        let reason = kept(scene.drop(&name, &[]).await);
        assert!(reason.contains("all hosts"), "{reason}");
        assert!(scene.exists(&name).await);
    }
}

/// Objects of another database cannot be granted from the administrator's default one.
#[tokio::test]
async fn grants_are_made_in_the_database_of_the_entry() {
    let scene = Scene::new(Kind::Postgres);
    let elsewhere = Scene {
        endpoint: Endpoint {
            dbname: Some("no_such_database".to_owned()),
            ..scene.endpoint.clone()
        },
        ..scene
    };
    let new = login(&unique("elsewhere"), PASSWORD);
    let refused = elsewhere.prepare(&new, &["SELECT ON shop.orders"], &[]);
    let refused = refused.await.expect_err("no database");
    assert_eq!(refused.fault, ServerFault::LoginForbidden);
    // A role is one of the whole server.
    let roles = std::slice::from_ref(&elsewhere.role);
    let prepared = elsewhere.prepare(&new, &[], roles).await;
    assert_eq!(prepared, Ok(Prepared::Created));
}

#[tokio::test]
async fn an_administrator_without_the_privilege_creates_nobody() {
    for (kind, revoke, expected) in [
        (
            Kind::Postgres,
            "ALTER ROLE an_administrator NOCREATEROLE",
            ServerFault::NotAllowed,
        ),
        (
            Kind::MariaDb,
            "REVOKE CREATE USER ON *.* FROM an_administrator@'%'",
            ServerFault::NotAllowed,
        ),
    ] {
        let scene = Scene::new(kind);
        scene.server.sql(revoke);
        let new = login(&unique("nobody"), PASSWORD);
        let refused = scene.prepare(&new, &[], &[]).await.expect_err(revoke);
        assert_eq!(refused.fault, expected, "{kind:?} {refused}");
    }
}
