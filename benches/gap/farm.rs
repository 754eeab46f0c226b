//! A farm of two servers. Clients reach them in turn, and the second learns what changes on the first
//! some time later.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyrota_test_servers::{Server, Superuser};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::database::site::Site;
use crate::database::test_server::{self, Engine};

/// How often the first server is asked what has changed.
const POLL: Duration = Duration::from_millis(100);

/// The second server, and the address that leads to both in turn.
pub struct Farm {
    second: Server,
    port: u16,
    delay: Duration,
    replication: std::cell::RefCell<Option<Replication>>,
}

/// A thread that copies accounts. It ends when this is dropped.
struct Replication {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Replication {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Farm {
    /// Starts the second server, which clients of the first then trust too.
    pub async fn start(first: &Server, delay: Duration) -> Self {
        let second = test_server::start(first.engine(), &[]);
        let authority = first.authority();
        let both = [first.authority(), second.authority()]
            .map(|file| std::fs::read_to_string(file).expect("an authority"));
        std::fs::write(authority, both.concat()).expect("both authorities");
        let ports = [first.port(), second.port()];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(lead_in_turn(listener, ports));
        Self {
            second,
            port,
            delay,
            replication: std::cell::RefCell::default(),
        }
    }

    /// Returns the port that leads to both servers in turn.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes the second server learn the accounts of a site's user, and of the user that takes turns
    /// with it.
    pub fn follow(&self, site: &Site) {
        let (user, database) = (site.user.name.clone(), site.user.dbname.clone());
        test_server::sql(&self.second, &format!("CREATE DATABASE {database}"));
        let ends = Arc::new(AtomicBool::new(false));
        let (first, second) = (site.server.superuser(), self.second.superuser());
        let (delay, until) = (self.delay, Arc::clone(&ends));
        let users = [user.clone(), format!("{user}_clone")];
        let thread = std::thread::spawn(move || {
            replicate(&first, &second, &users, &database, delay, &until);
        });
        self.replication.replace(Some(Replication {
            ends,
            thread: Some(thread),
        }));
    }
}

/// Leads each connection to the next of the servers.
async fn lead_in_turn(listener: TcpListener, ports: [u16; 2]) {
    let turn = AtomicUsize::new(0);
    while let Ok((mut client, _)) = listener.accept().await {
        let port = ports[turn.fetch_add(1, Ordering::Relaxed) % ports.len()];
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// Copies the accounts of these users from the first server to the second, each change `delay` after
/// it was made.
fn replicate(
    first: &Superuser,
    second: &Superuser,
    users: &[String],
    database: &str,
    delay: Duration,
    ends: &AtomicBool,
) {
    let mut known = vec![None; users.len()];
    let mut due: Vec<(Instant, String)> = Vec::new();
    let mut is_new = true;
    while !ends.load(Ordering::Relaxed) {
        for (user, known) in users.iter().zip(&mut known) {
            let account = stored(first, user);
            if account.is_some() && account != *known {
                // What is there from the beginning is known to both.
                let wait = if is_new { Duration::ZERO } else { delay };
                let statements = account
                    .as_deref()
                    .map(|it| copied(first, user, it, database));
                due.extend(statements.map(|statements| (Instant::now() + wait, statements)));
                *known = account;
            }
        }
        is_new = false;
        while let Some((_, statements)) = due.first().filter(|(at, _)| *at <= Instant::now()) {
            second.sql(statements).expect("a copied account");
            due.remove(0);
        }
        std::thread::sleep(POLL);
    }
}

/// Returns what the server stores for an account, if it exists.
fn stored(server: &Superuser, user: &str) -> Option<String> {
    let user = literal(server, user);
    let rows = server.sql(&match server.engine() {
        Engine::Postgres => {
            format!("SELECT rolpassword FROM pg_authid WHERE rolname = {user}")
        }
        Engine::MariaDb => {
            format!("SELECT HEX(Priv) FROM mysql.global_priv WHERE User = {user}")
        }
        Engine::MySql => format!(
            "SELECT HEX(authentication_string), HEX(COALESCE(User_attributes, '')) \
             FROM mysql.user WHERE User = {user}"
        ),
    });
    let row = rows.expect("an answer").trim().to_owned();
    (!row.is_empty()).then_some(row)
}

/// Returns the statements that give another server this account.
fn copied(server: &Superuser, user: &str, account: &str, database: &str) -> String {
    let name = literal(server, user);
    match server.engine() {
        Engine::Postgres => {
            let role = format!("\"{}\"", user.replace('"', "\"\""));
            format!(
                "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
                 ALTER ROLE {role} PASSWORD '{account}'"
            )
        }
        Engine::MariaDb => format!(
            "CREATE USER IF NOT EXISTS {name}@'%'; GRANT ALL ON {database}.* TO {name}@'%'; \
             UPDATE mysql.global_priv SET Priv = UNHEX('{account}') WHERE User = {name}; FLUSH PRIVILEGES"
        ),
        Engine::MySql => {
            let (password, attributes) = account.split_once('\t').unwrap_or((account, ""));
            let attributes = match attributes.is_empty() {
                true => "NULL".to_owned(),
                false => format!("CONVERT(UNHEX('{attributes}') USING utf8mb4)"),
            };
            format!(
                "CREATE USER IF NOT EXISTS {name}@'%'; GRANT ALL ON {database}.* TO {name}@'%'; \
                 UPDATE mysql.user SET authentication_string = UNHEX('{password}'), \
                 User_attributes = {attributes} WHERE User = {name}; FLUSH PRIVILEGES"
            )
        }
    }
}

fn literal(server: &Superuser, text: &str) -> String {
    let text = text.replace('\'', "''");
    match server.engine() {
        Engine::Postgres => format!("'{text}'"),
        Engine::MariaDb | Engine::MySql => format!("'{}'", text.replace('\\', "\\\\")),
    }
}
