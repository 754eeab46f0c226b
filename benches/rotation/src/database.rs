//! A server with the user whose password is rotated.

use std::path::Path;
use std::process::Stdio;

use keyrota_test_servers::{Options, Server};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::block_in_place;

use crate::authority::{Authority, HOST};
use crate::error::Error;
use crate::stub::account::Account;

/// The file in a function's zip with the authorities that it trusts.
const AUTHORITIES: &str = "authorities.pem";

const USER: &str = "application";

/// The password before a process rotates it for the first time.
const FIRST_PASSWORD: &str = "before-the-first-rotation";

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// PostgreSQL
    #[value(name = "postgres")]
    Postgres,
    /// MariaDB
    #[value(name = "mariadb")]
    MariaDb,
}

impl Engine {
    /// Returns its name, as one says it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// Returns its name, as a secret has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        }
    }

    /// Returns the database to connect to, where one has to be named.
    const fn dbname(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("postgres"),
            Self::MariaDb => None,
        }
    }
}

/// A server of its own, which ends with the value.
pub struct Database {
    pub engine: Engine,
    server: Server,
    /// What clients trust, as PEM.
    authorities: String,
}

impl Database {
    /// Starts a server, and makes the user.
    ///
    /// # Errors
    ///
    /// Returns an error if the server is not available, or does not start.
    pub fn start(engine: Engine, authority: &Authority) -> Result<Self, Error> {
        let kind = match engine {
            Engine::Postgres => keyrota_test_servers::Engine::Postgres,
            Engine::MariaDb => keyrota_test_servers::Engine::MariaDb,
        };
        let server = block_in_place(|| Server::start(kind, Options::default()))?;
        let own = server.authority();
        let own = read(&own).map_err(Error::io("read", &own))?;
        // As long a list as that of a provider's authorities, which comes with
        // the function: Amazon RDS has about a hundred.
        let authorities = format!("{}\n{own}", authority.bundle);
        let database = Self {
            engine,
            server,
            authorities,
        };
        database.sql(match engine {
            Engine::Postgres => "CREATE ROLE application LOGIN",
            Engine::MariaDb => "CREATE USER application@'%'",
        })?;
        Ok(database)
    }

    /// Writes into a function's folder what its zip has beside its code.
    ///
    /// # Errors
    ///
    /// Returns that it cannot be written.
    pub fn write_task_files(&self, task_root: &Path) -> Result<(), Error> {
        let folder = task_root.join("tls");
        std::fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        let file = folder.join(AUTHORITIES);
        write(&file, &self.authorities).map_err(Error::io("write", &file))
    }

    /// Gives the user its first password, and returns an account whose secret
    /// holds that.
    ///
    /// # Errors
    ///
    /// Returns what the server refuses.
    pub fn account(&self) -> Result<Account, Error> {
        self.sql(&match self.engine {
            Engine::Postgres => format!("ALTER ROLE application PASSWORD '{FIRST_PASSWORD}'"),
            Engine::MariaDb => {
                format!("ALTER USER application@'%' IDENTIFIED BY '{FIRST_PASSWORD}'")
            }
        })?;
        let (engine, port) = (self.engine.name(), self.server.port());
        let mut value = json!({
            "engine": engine,
            "host": HOST,
            "port": port,
            "username": USER,
            "password": FIRST_PASSWORD,
        });
        if let Some(dbname) = self.engine.dbname() {
            value["dbname"] = dbname.into();
        }
        let account = Account::of_password(&value);
        account.map_err(|refusal| Error::Usage(refusal.message))
    }

    /// Returns what the function's pins say of the secret, for a user that changes its
    /// own password.
    pub fn pin(&self) -> Value {
        let mut pin = json!({
            "username": USER,
            "engine": self.engine.name(),
            "host": HOST,
            "port": self.server.port(),
            "tls": "verify-full",
            "tls_ca": AUTHORITIES,
            "password": { "length": 32, "exclude": "/@\"'\\" },
            "rotate_as": "self",
        });
        if let Some(dbname) = self.engine.dbname() {
            pin["dbname"] = dbname.into();
        }
        pin
    }

    /// Asks the server whether it lets the user in with a password. The engine's
    /// own client asks, so that neither side's driver vouches for itself.
    ///
    /// # Errors
    ///
    /// Returns what the client says where it does not get in.
    pub async fn admits(&self, password: &str) -> Result<(), String> {
        let authority = self.server.authority();
        let port = self.server.port().to_string();
        let mut client = match self.engine {
            Engine::Postgres => {
                let mut client = Command::new(self.server.program("psql"));
                client
                    .args(["--no-psqlrc", "--quiet", "--no-password"])
                    .args(["--host", HOST, "--port", &port, "--username", USER])
                    .args(["--dbname", "postgres", "--command", "SELECT 1"])
                    .env("PGSSLMODE", "verify-full")
                    .env("PGSSLROOTCERT", authority)
                    .env("PGPASSWORD", password);
                client
            }
            Engine::MariaDb => {
                let mut client = Command::new(self.server.program("mariadb"));
                client
                    .args(["--no-defaults", "--protocol=tcp", "--host", HOST])
                    .args(["--port", &port, "--user", USER])
                    .args(["--ssl-verify-server-cert", "--execute", "SELECT 1"])
                    .arg(format!("--ssl-ca={}", authority.display()))
                    .env("MYSQL_PWD", password);
                client
            }
        };
        let output = client
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| format!("its client cannot be run: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Runs statements as the superuser.
    fn sql(&self, statements: &str) -> Result<(), Error> {
        block_in_place(|| self.server.sql(statements))?;
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a server is trusted by is in a file"
)]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "functions find what they trust in a file"
)]
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}
