//! PgBouncer in front of a PostgreSQL server.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::cache;
use crate::error::Error;
use crate::port;
use crate::process::{Process, hand_over};
use crate::programs::{self, PGBOUNCER};
use crate::server::Server;

/// How long it may take to listen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// The role with which the pooler asks the server for passwords.
const ASKS: &str = "pgbouncer_asks";
const ASKS_WITH: &str = "asks-for-passwords-1";

/// How the pooler knows the passwords of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// It asks the server at each login (`auth_query`).
    Asked,
    /// It has a list, which it reads when it starts and when it is reloaded (`auth_file`).
    Listed,
}

/// A pooler. When this is dropped, it ends and its folder is removed.
pub struct Pooler {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
    /// How often the list was written.
    lists: Cell<u64>,
}

impl Pooler {
    /// Starts a pooler that accepts TLS with the server's certificate, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be downloaded or does not start.
    pub fn start(server: &Server, passwords: Passwords) -> Result<Self, Error> {
        let programs = programs::fetch(&PGBOUNCER)?;
        let folder = tempfile::Builder::new()
            .prefix("keyrota-pooler-")
            .tempdir()
            .map_err(Error::io("make a temporary folder"))?;
        server.sql(&format!(
            "DO $$ BEGIN CREATE ROLE {ASKS} LOGIN SUPERUSER PASSWORD '{ASKS_WITH}'; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ))?;
        let mut pooler = Self {
            port: port::free(),
            process: None,
            lists: Cell::new(0),
            folder,
        };
        pooler.list(&[])?;
        let settings = pooler.settings(server, passwords);
        let file = pooler.path().join("pgbouncer.ini");
        cache::write(&file, &settings)?;
        let mut command = Command::new(programs.path("pgbouncer"));
        command.arg(&file);
        let log = pooler.path().join("log");
        let output = File::create(&log).map_err(Error::file("write", &log))?;
        let errors = output.try_clone().map_err(Error::file("write", &log))?;
        hand_over(pooler.path())?;
        command.stdout(output).stderr(errors);
        pooler.process = Some(Process::start(&mut command, pooler.path())?);
        pooler.wait()?;
        Ok(pooler)
    }

    fn settings(&self, server: &Server, passwords: Passwords) -> String {
        let (keys, port, server_port) = (server.folder().display(), self.port, server.port());
        let list = self.path().join("users.txt");
        let mut settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\npool_mode = transaction\nauth_type = scram-sha-256\n\
             auth_file = {}\nclient_tls_sslmode = require\nclient_tls_key_file = {keys}/server.key\n\
             client_tls_cert_file = {keys}/server.pem\nserver_tls_sslmode = disable\n\
             ignore_startup_parameters = extra_float_digits\nserver_login_retry = 1\n",
            list.display()
        );
        if passwords == Passwords::Asked {
            let _ = writeln!(settings, "auth_user = {ASKS}");
        }
        settings
    }

    /// Writes the list of users and passwords. The pooler reads it when it is reloaded.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn list(&self, users: &[(&str, &str)]) -> Result<(), Error> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let all = [(ASKS, ASKS_WITH)].into_iter().chain(users.iter().copied());
        let lines = all.map(|(user, password)| format!("{} {}\n", quoted(user), quoted(password)));
        let file = self.path().join("users.txt");
        cache::write(&file, &lines.collect::<String>())?;
        // The pooler skips a file that seems unchanged: of the same size, and written in the same
        // second.
        let count = self.lists.get() + 1;
        self.lists.set(count);
        let date = || {
            let opened = File::options().write(true).open(&file)?;
            let written = opened.metadata()?.modified()?;
            opened.set_modified(written + Duration::from_secs(count))
        };
        date().map_err(Error::file("date", &file))
    }

    /// Makes it read its files again.
    pub fn reload(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::HUP);
        }
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn wait(&mut self) -> Result<(), Error> {
        let since = Instant::now();
        while let Err(error) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            let ended = self.process.as_mut().is_none_or(Process::has_ended);
            if ended || since.elapsed() > PATIENCE {
                return Err(Error::Silent {
                    engine: "PgBouncer",
                    client: Box::new(Error::io("connect")(error)),
                    log: cache::read(&self.path().join("log")),
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end(Signal::TERM);
        }
    }
}
