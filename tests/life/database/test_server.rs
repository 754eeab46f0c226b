//! Servers, and users on them.

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use keyrota_test_servers::Engine;
use keyrota_test_servers::{Options, Server};

/// The first password of every user that is created here.
pub const FIRST: &str = "F1rst 'o\" pass\\word $(x) %s";

/// A user with its own database.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub dbname: String,
}

/// A server of one test, or of all tests.
pub enum TestServer {
    Shared(&'static Server),
    Own(Box<Server>),
}

impl TestServer {
    /// Returns a server of one test, which it may stop and start.
    pub fn owned(&mut self) -> &mut Server {
        match self {
            Self::Shared(_) => panic!("others use this server"),
            Self::Own(server) => server,
        }
    }
}

impl From<&'static Server> for TestServer {
    fn from(server: &'static Server) -> Self {
        Self::Shared(server)
    }
}

impl From<Server> for TestServer {
    fn from(server: Server) -> Self {
        Self::Own(Box::new(server))
    }
}

impl Deref for TestServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        match self {
            Self::Shared(server) => server,
            Self::Own(server) => server,
        }
    }
}

/// Returns the server of an engine that the tests share.
pub fn shared(engine: Engine) -> &'static Server {
    static SERVERS: [OnceLock<Server>; 3] = [const { OnceLock::new() }; 3];
    SERVERS[engine as usize].get_or_init(|| start(engine, &[]))
}

/// Starts a server.
pub fn start(engine: Engine, settings: &[&str]) -> Server {
    let mut settings: Vec<String> = settings.iter().map(|it| (*it).to_owned()).collect();
    if engine == Engine::Postgres {
        // It refuses simple passwords, if it sees them.
        settings.push("shared_preload_libraries=passwordcheck".to_owned());
    }
    let options = Options {
        settings,
        ..Options::default()
    };
    Server::start(engine, options).expect("a server")
}

/// Returns the name of an engine in manifests and secrets.
pub fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "postgres",
        Engine::MariaDb => "mariadb",
        Engine::MySql => "mysql",
    }
}

/// Runs statements as the superuser.
#[track_caller]
pub fn sql(server: &Server, statements: &str) -> String {
    server.sql(statements).expect("statements that work")
}

/// Creates a user that no other test has, with the password [`FIRST`].
pub fn make_user(server: &Server) -> User {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dbname = format!("orders_{number}");
    let user = User {
        name: format!("o'r\"d \\ers 주문 {number}"),
        dbname: dbname.clone(),
    };
    sql(server, &format!("CREATE DATABASE {dbname};"));
    make_again(server, &user, FIRST);
    user
}

/// Creates a user, possibly one that was dropped.
pub fn make_again(server: &Server, user: &User, password: &str) {
    let (name, password) = (quoted(server, &user.name), literal(server, password));
    let statement = match server.engine() {
        Engine::Postgres => format!("CREATE ROLE {name} LOGIN PASSWORD {password}"),
        Engine::MariaDb | Engine::MySql => format!(
            "CREATE USER {name} IDENTIFIED BY {password}; GRANT ALL ON {}.* TO {name}",
            user.dbname
        ),
    };
    sql(server, &statement);
}

/// Sets a user's password by hand.
pub fn set_password(server: &Server, user: &User, password: &str) {
    let (name, password) = (quoted(server, &user.name), literal(server, password));
    let statement = match server.engine() {
        Engine::Postgres => format!("ALTER ROLE {name} PASSWORD {password}"),
        Engine::MariaDb | Engine::MySql => format!("ALTER USER {name} IDENTIFIED BY {password}"),
    };
    sql(server, &statement);
}

/// Drops a user.
pub fn drop_user(server: &Server, user: &User) {
    let name = quoted(server, &user.name);
    let kind = match server.engine() {
        Engine::Postgres => "ROLE",
        Engine::MariaDb | Engine::MySql => "USER",
    };
    sql(server, &format!("DROP {kind} {name}"));
}

/// Returns a user's name, quoted for statements.
pub fn quoted(server: &Server, name: &str) -> String {
    match server.engine() {
        Engine::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Engine::MariaDb | Engine::MySql => format!("{}@'%'", literal(server, name)),
    }
}

fn literal(server: &Server, text: &str) -> String {
    let text = text.replace('\'', "''");
    match server.engine() {
        Engine::Postgres => format!("'{text}'"),
        Engine::MariaDb | Engine::MySql => format!("'{}'", text.replace('\\', "\\\\")),
    }
}
