//! The servers as they are: each call logs in over a connection of its own, and
//! does no more than read who that is or change a password.
//!
//! - `name`: from a host to a TCP connection
//! - `tls`: what a server's certificate has to be
//! - `postgres`: how a password is changed in PostgreSQL; the driver is
//!   `tokio-postgres`, over a connection that we make
//! - `mysql`: the session that MySQL and MariaDB share, and each one's statements
//!
//! The session with MySQL and MariaDB is ours, on the packets and ways of logging
//! in of `mysql_common`. The driver over that, `mysql_async`, does not tell a
//! refusal in the greeting, which anybody on the way can say in clear text, from a
//! refused login; and where the manifest asks for no proof of who the server is,
//! nothing keeps it from showing the password to a MariaDB that asks for it.

mod mysql;
mod name;
mod postgres;
mod tls;

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::server::{Before, Change, Endpoint, Engine, Login, Server, ServerError, ServerFault};

/// What each network step may take. A call takes 28 s at most, which leaves half
/// of the function's minute to the calls to AWS around it.
mod budget {
    use std::time::Duration;

    /// Looking up the host's name.
    pub const NAME: Duration = Duration::from_secs(3);
    /// Reaching one of its addresses.
    pub const CONNECT: Duration = Duration::from_secs(5);
    /// The server's greeting, and TLS.
    pub const TLS: Duration = Duration::from_secs(5);
    /// The login.
    pub const LOGIN: Duration = Duration::from_secs(7);
    /// The statements.
    pub const STATEMENT: Duration = Duration::from_secs(8);
    /// The good-bye, which nothing depends on.
    pub const CLOSE: Duration = Duration::from_millis(500);
    /// What the server itself may wait for a lock: less, so that it gives up
    /// before we do and says that nothing was changed.
    pub const LOCK: Duration = Duration::from_secs(5);
}

/// The servers, each by its driver.
pub struct Engines {
    tls: tls::Configurations,
}

impl Engines {
    /// Returns the servers. `task_root` is the folder of the function's package.
    pub fn new(task_root: &Path) -> Self {
        let tls = tls::Configurations::new(task_root.join("tls"));
        Self { tls }
    }
}

impl Server for Engines {
    async fn authenticate(&self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
        match endpoint.engine {
            Engine::Postgres => {
                let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
                let read = timed(budget::STATEMENT, session.read()).await;
                session.close().await;
                read
            }
            Engine::MySql | Engine::MariaDb => {
                let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
                let read = timed(budget::STATEMENT, session.read()).await;
                session.close().await;
                read
            }
        }
    }

    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<Before, ServerError> {
        if endpoint.engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let changed = postgres::change(&mut session, change).await;
            session.close().await;
            return changed.map(|()| Before::Void);
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let changed = match endpoint.engine {
            Engine::MariaDb => mysql::mariadb::change(&mut session, login, change).await,
            _ => mysql::oracle::change(&mut session, login, change).await,
        };
        session.close().await;
        changed
    }

    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<(), ServerError> {
        // The others know one password a user.
        if endpoint.engine != Engine::MySql {
            return self.authenticate(endpoint, login).await;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let discarded = mysql::oracle::discard(&mut session, login, username).await;
        session.close().await;
        discarded
    }
}

/// Carries out what asks for no change: out of time, nothing has happened.
async fn timed<T>(
    budget: Duration,
    step: impl Future<Output = Result<T, ServerError>>,
) -> Result<T, ServerError> {
    tokio::time::timeout(budget, step)
        .await
        .unwrap_or(Err(fault(ServerFault::TimedOut)))
}

/// Carries out what asks for a change. What is no answer of the server's leaves
/// open whether it was made.
async fn sent<T>(step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let unclear = |code| Failure::Lost(coded(ServerFault::Unclear, code));
    match tokio::time::timeout(budget::STATEMENT, step).await {
        Ok(Err(Failure::Lost(error))) => Err(unclear(error.code.unwrap_or_default())),
        Ok(done) => done,
        Err(_) => Err(unclear("no answer in time".to_owned())),
    }
}

/// How a statement failed.
enum Failure {
    /// The server said so: nothing was changed.
    Answered(ServerError),
    /// There was no answer.
    Lost(ServerError),
}

impl From<Failure> for ServerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answered(error) | Failure::Lost(error) => error,
        }
    }
}

/// Refuses what ends a name early in either protocol: a name with a zero in it is
/// no user's and no database's.
fn fit(endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
    let database = endpoint.dbname.as_deref().unwrap_or_default();
    if login.username.contains('\0') || database.contains('\0') {
        return Err(coded(ServerFault::WrongCredentials, "NUL"));
    }
    Ok(())
}

/// Returns that the connection broke: after TLS it is the server that stops, or
/// that says what the protocol does not have.
fn broken(source: &io::Error) -> ServerError {
    let fault = match source.kind() {
        io::ErrorKind::InvalidData => ServerFault::Refused,
        _ => ServerFault::Busy,
    };
    coded(fault, name::code(source))
}

/// Returns an error without a code.
fn fault(fault: ServerFault) -> ServerError {
    ServerError { fault, code: None }
}

/// Returns an error with its code. A code that came from a server is cut to what
/// codes are made of, since it could be any text.
fn coded(fault: ServerFault, code: impl AsRef<str>) -> ServerError {
    let plain = |character: &char| character.is_ascii_alphanumeric() || " _-".contains(*character);
    let code: String = code.as_ref().chars().filter(plain).take(40).collect();
    ServerError {
        fault,
        code: (!code.is_empty()).then_some(code),
    }
}
