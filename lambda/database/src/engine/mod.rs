//! The adapters for real servers. Each call logs in over a new connection, and then only reads
//! the session's user or changes a password.
//!
//! - `expiry`: when a password expires, in what the servers say about it
//! - [`Session`]: the calls of a server on a connection that is logged in
//! - `name`: from a host name to a TCP connection
//! - `tls`: verification of a server's certificate
//! - `postgres`: password changes in PostgreSQL. The driver is `tokio-postgres`, over a
//!   connection that this module opens
//! - `mysql`: the session that MySQL and MariaDB share, and the statements of each
//!
//! This crate implements the session with MySQL and MariaDB itself, on the packets and
//! authentication plugins of `mysql_common`. The driver that is built on it, `mysql_async`,
//! does not distinguish a refusal in the greeting, which anyone on the network path can send in
//! clear text, from a refused login. If the manifest does not require the server to prove its
//! identity, nothing prevents the driver from sending the password to a MariaDB server that
//! asks for it.

mod expiry;
mod mysql;
mod name;
mod postgres;
mod session;
mod tls;

pub use session::{Duplex, Session};

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::server::{
    Change, ChangeError, Dropped, Endpoint, Engine, Inspection, Login, NewUser, Prepared,
    PreviousPassword, Rights, Server, ServerError, ServerFault,
};

/// The timeout of each network step. A call takes 28 s at most, which leaves half of the
/// function's minute to its calls to AWS.
mod budget {
    use std::time::Duration;

    /// Resolving the host name.
    pub const NAME: Duration = Duration::from_secs(3);
    /// Connecting to one of its addresses.
    pub const CONNECT: Duration = Duration::from_secs(5);
    /// The server's greeting and the TLS handshake.
    pub const TLS: Duration = Duration::from_secs(5);
    /// The login.
    pub const LOGIN: Duration = Duration::from_secs(7);
    /// The statements.
    pub const STATEMENT: Duration = Duration::from_secs(8);
    /// Closing the session, which nothing depends on.
    pub const CLOSE: Duration = Duration::from_millis(500);
    /// How long the server itself may wait for a lock. This is less than the client's timeout,
    /// so that the server gives up first and reports that nothing changed.
    pub const LOCK: Duration = Duration::from_secs(5);
}

/// The servers, with a driver for each engine.
pub struct Engines {
    tls: tls::Configurations,
}

impl Engines {
    /// Returns the servers. `task_root` is the folder that contains the function's package.
    pub fn new(task_root: &Path) -> Self {
        let tls = tls::Configurations::new(task_root.join("tls"));
        Self { tls }
    }

    async fn log_in(&self, endpoint: &Endpoint, login: &Login) -> Result<Session, ServerError> {
        let engine = endpoint.engine;
        Ok(match engine {
            Engine::Postgres => {
                Session::postgres(postgres::log_in(&self.tls, endpoint, login).await?)
            }
            Engine::MySql | Engine::MariaDb => {
                Session::mysql(mysql::log_in(&self.tls, endpoint, login).await?, engine)
            }
        })
    }
}

impl Server for Engines {
    async fn authenticate(&self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
        self.log_in(endpoint, login).await?.authenticate().await
    }

    async fn inspect(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<Inspection, ServerError> {
        let session = self.log_in(endpoint, login).await?;
        session.inspect(login, username).await
    }

    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<PreviousPassword, ChangeError> {
        let session = self.log_in(endpoint, login).await?;
        session.change(login, change).await
    }

    async fn prepare(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        user: &NewUser<'_>,
    ) -> Result<Prepared, ChangeError> {
        let endpoint = &match user.rights {
            Rights::Of(_) => endpoint.clone(),
            Rights::Granted { grants, .. } => of_grants(endpoint, grants),
        };
        let session = self.log_in(endpoint, login).await?;
        session.prepare(login, user).await
    }

    async fn has_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<bool, ServerError> {
        self.log_in(endpoint, login).await?.has_user(username).await
    }

    async fn drop_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        grants: &[String],
    ) -> Result<Dropped, ServerError> {
        let endpoint = &of_grants(endpoint, grants);
        let session = self.log_in(endpoint, login).await?;
        session.drop_user(username, grants).await
    }

    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        every: bool,
    ) -> Result<(), ServerError> {
        let session = self.log_in(endpoint, login).await?;
        session.discard(login, username, every).await
    }
}

/// Returns where privileges are granted and revoked. A grant in PostgreSQL is about objects of the
/// database that the session is connected to, so no other one serves.
fn of_grants(endpoint: &Endpoint, grants: &[String]) -> Endpoint {
    Endpoint {
        any_database: endpoint.any_database && grants.is_empty(),
        ..endpoint.clone()
    }
}

/// Runs an operation that changes nothing. A timeout therefore means that nothing has changed.
async fn timed<T>(
    budget: Duration,
    step: impl Future<Output = Result<T, ServerError>>,
) -> Result<T, ServerError> {
    tokio::time::timeout(budget, step)
        .await
        .unwrap_or(Err(fault(ServerFault::TimedOut)))
}

/// Runs an operation that changes something. If it fails without an answer from the server, it
/// is unknown whether the change was made.
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
    /// The server answered with an error.
    Answered(ServerError),
    /// There was no answer.
    Lost(ServerError),
}

impl Failure {
    /// Returns the error of a change that was sent.
    fn of_change(self) -> ChangeError {
        ChangeError::Sent(self.into())
    }

    /// Returns the error of a right that was not granted. A server that was busy did not refuse it.
    fn of_right(self) -> ChangeError {
        ChangeError::Sent(match self {
            Self::Answered(error) if !error.fault.is_transient() => ServerError {
                fault: ServerFault::RightsRefused,
                ..error
            },
            failure => failure.into(),
        })
    }
}

impl From<Failure> for ServerError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answered(error) | Failure::Lost(error) => error,
        }
    }
}

/// Refuses a name that contains a NUL, which would end the name early in either protocol. No
/// user or database has such a name.
fn fit(endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
    let database = endpoint.dbname.as_deref().unwrap_or_default();
    if login.username.contains('\0') || database.contains('\0') {
        return Err(coded(ServerFault::WrongCredentials, "NUL"));
    }
    Ok(())
}

/// Returns the error of a broken connection. After the TLS handshake, only the server can close
/// the connection or violate the protocol.
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

/// Returns an error with a code. A code from a server is reduced to the characters that codes
/// consist of, since it could be any text.
fn coded(fault: ServerFault, code: impl AsRef<str>) -> ServerError {
    let plain = |character: &char| character.is_ascii_alphanumeric() || " _-".contains(*character);
    let code: String = code.as_ref().chars().filter(plain).take(40).collect();
    ServerError {
        fault,
        code: (!code.is_empty()).then_some(code),
    }
}
