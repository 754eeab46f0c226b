//! The adapters for real servers. Each call logs in over a new connection, and then only reads
//! the session's user or changes a password.
//!
//! - `expiry`: when a password expires, in what the servers say about it
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
mod tls;

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::server::{
    Change, ChangeError, Dropped, Endpoint, Engine, Inspection, Login, NewUser, PasswordExpiry,
    Prepared, PreviousPassword, Rights, Server, ServerError, ServerFault,
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
                read.map(drop)
            }
        }
    }

    async fn inspect(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<Inspection, ServerError> {
        if endpoint.engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let inspected = timed(budget::STATEMENT, postgres::inspect(&mut session, username));
            let inspected = inspected.await;
            session.close().await;
            return inspected;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let inspected = timed(
            budget::STATEMENT,
            mysql::inspect(&mut session, endpoint.engine, login, username),
        );
        let inspected = inspected.await;
        session.close().await;
        match inspected {
            // The login can change its password, and do nothing else.
            Err(error) if mysql::is_expired(&error) => Ok(Inspection {
                expiry: Some(PasswordExpiry::Expired),
                ..Inspection::default()
            }),
            inspected => inspected,
        }
    }

    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<PreviousPassword, ChangeError> {
        if endpoint.engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let changed = postgres::change(&mut session, change).await;
            session.close().await;
            return changed.map(|()| PreviousPassword::Void);
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let changed = match endpoint.engine {
            Engine::MariaDb => mysql::mariadb::change(&mut session, login, change).await,
            _ => mysql::oracle::change(&mut session, login, change).await,
        };
        session.close().await;
        changed
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
        let engine = endpoint.engine;
        if engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let prepared = match user.rights {
                Rights::Of(other) => postgres::like::prepare(&mut session, user, other).await,
                Rights::Granted { grants, roles } => {
                    postgres::user::prepare(&mut session, user, grants, roles).await
                }
            };
            session.close().await;
            return prepared;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let prepared = match user.rights {
            Rights::Of(other) => {
                mysql::like::prepare(&mut session, engine, login, user, other).await
            }
            Rights::Granted { grants, roles } => {
                mysql::user::prepare(&mut session, engine, login, user, grants, roles).await
            }
        };
        session.close().await;
        prepared
    }

    async fn has_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<bool, ServerError> {
        if endpoint.engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let exists = postgres::user::exists(&mut session, username).await;
            session.close().await;
            return exists;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let exists = mysql::user::exists(&mut session, endpoint.engine, username).await;
        session.close().await;
        exists
    }

    async fn drop_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        grants: &[String],
    ) -> Result<Dropped, ServerError> {
        let endpoint = &of_grants(endpoint, grants);
        if endpoint.engine == Engine::Postgres {
            let mut session = postgres::log_in(&self.tls, endpoint, login).await?;
            let dropped = postgres::user::drop(&mut session, username, grants).await;
            session.close().await;
            return dropped;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let dropped = mysql::user::drop_user(&mut session, endpoint.engine, username).await;
        session.close().await;
        dropped
    }

    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        every: bool,
    ) -> Result<(), ServerError> {
        // The other engines keep one password per user.
        if endpoint.engine != Engine::MySql {
            return self.authenticate(endpoint, login).await;
        }
        let mut session = mysql::log_in(&self.tls, endpoint, login).await?;
        let discarded = mysql::oracle::discard(&mut session, login, username, every).await;
        session.close().await;
        discarded
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
