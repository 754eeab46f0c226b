//! A session with PostgreSQL: one login, followed by statements.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use postgres_protocol::message::frontend::ssl_request;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::tls::{TlsConnect, TlsStream};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, SimpleQueryMessage, SimpleQueryRow,
};

use crate::server::{Endpoint, Login, ServerError, ServerFault, Verification};

use super::super::tls::Configurations;
use super::super::{Failure, budget, coded, fault, fit, name, timed};
use super::user::NOT_GRANTED;
use super::watch::Watched;
use super::{Refusal, RefusalPhase, answered};

/// The default database, which every server has. AWS's own rotation functions use it too.
const DEFAULT_DATABASE: &str = "postgres";

/// An authenticated connection.
pub struct Session {
    client: Client,
    /// The task that runs the connection until it ends.
    carrier: JoinSet<Result<(), Error>>,
    /// Whether the server has warned that it did not grant a privilege.
    not_granted: Arc<AtomicBool>,
}

/// The codes of a database that does not exist, and of one that the user may not connect to. The
/// server looks for the database after it has authenticated the user.
const NO_DATABASE: [&str; 2] = ["3D000", "42501"];

/// Connects to a server and logs in.
pub async fn log_in(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    fit(endpoint, login)?;
    let named = endpoint.dbname.as_deref().unwrap_or(DEFAULT_DATABASE);
    let has_no_database = |error: &ServerError| {
        let code = error.code.as_deref();
        error.fault == ServerFault::LoginForbidden && NO_DATABASE.iter().any(|it| code == Some(it))
    };
    match log_in_to(tls, endpoint, login, named).await {
        Err(error)
            if endpoint.any_database && named != DEFAULT_DATABASE && has_no_database(&error) =>
        {
            log_in_to(tls, endpoint, login, DEFAULT_DATABASE).await
        }
        done => done,
    }
}

async fn log_in_to(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
    dbname: &str,
) -> Result<Session, ServerError> {
    let stream = name::reach(endpoint).await?;
    let stream = timed(budget::TLS, async {
        let stream = ask_for_tls(stream).await?;
        tls.secure_for_postgres(endpoint, stream).await
    })
    .await?;
    begin(stream, endpoint, login, dbname).await
}

/// Logs in over a stream that needs no TLS, because it is secure already.
pub async fn log_in_over(
    stream: impl TlsStream + Unpin + Send + 'static,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    fit(endpoint, login)?;
    let dbname = endpoint.dbname.as_deref().unwrap_or(DEFAULT_DATABASE);
    begin(stream, endpoint, login, dbname).await
}

/// Logs in over a secure stream.
async fn begin(
    stream: impl TlsStream + Unpin + Send + 'static,
    endpoint: &Endpoint,
    login: &Login,
    dbname: &str,
) -> Result<Session, ServerError> {
    let mut config = Config::new();
    config
        .user(&login.username)
        .password(login.password.expose_secret())
        .dbname(dbname)
        .application_name("keyrota")
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    let stream = Watched::new(stream, endpoint.verification != Verification::None);
    let exchange = stream.exchange();
    timed(budget::LOGIN, async {
        let connected = config.connect_raw(stream, Secured).await;
        let (client, connection) = connected.map_err(|error| {
            let phase = match exchange.awaits_verdict() {
                true => RefusalPhase::Password,
                false => RefusalPhase::Login,
            };
            driver_failure(error, phase)
        })?;
        let mut carrier = JoinSet::new();
        let not_granted = Arc::new(AtomicBool::new(false));
        carrier.spawn(carry(connection, not_granted.clone()));
        Ok(Session {
            client,
            carrier,
            not_granted,
        })
    })
    .await
}

/// Runs a connection until it ends, and notes the warning of a privilege that was not granted. The
/// server sends it before the end of the statement.
async fn carry<S, T>(
    mut connection: Connection<S, T>,
    not_granted: Arc<AtomicBool>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message?
            && notice.code().code() == NOT_GRANTED
        {
            not_granted.store(true, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Requests TLS. The response is one byte, and nothing more is read before the TLS handshake.
/// The driver would do the same, but would not distinguish a server that could not start a
/// process from a server without TLS.
async fn ask_for_tls(mut stream: TcpStream) -> Result<TcpStream, ServerError> {
    let mut request = BytesMut::new();
    ssl_request(&mut request);
    let lost = |source: io::Error| coded(ServerFault::Unreachable, name::code(&source));
    stream.write_all(&request).await.map_err(lost)?;
    match stream.read_u8().await.map_err(lost)? {
        b'S' => Ok(stream),
        // The server could not start a process for this connection.
        b'E' => Err(fault(ServerFault::Busy)),
        _ => Err(fault(ServerFault::NoTls)),
    }
}

/// Tells the driver that a stream already uses TLS.
struct Secured;

impl<S: TlsStream + Unpin> TlsConnect<S> for Secured {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}

impl Session {
    /// Logs out. Failures are ignored, since all work is done.
    pub async fn close(self) {
        let Self {
            client,
            mut carrier,
            not_granted: _,
        } = self;
        // The connection closes when its client is dropped.
        drop(client);
        let _ = timeout(budget::CLOSE, carrier.join_next()).await;
    }

    /// Reads the session's user.
    pub async fn read(&mut self) -> Result<(), ServerError> {
        let rows = self.query("SELECT session_user").await?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(()),
            _ => Err(fault(ServerFault::Refused)),
        }
    }

    /// Returns whether the server has warned that it did not grant a privilege.
    pub fn has_granted_nothing(&self) -> bool {
        self.not_granted.load(Ordering::Relaxed)
    }

    /// Runs statements, and returns the rows of all of them.
    pub async fn query(&mut self, statements: &str) -> Result<Vec<SimpleQueryRow>, Failure> {
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        match self.client.simple_query(statements).await {
            Ok(messages) => Ok(messages.into_iter().filter_map(row).collect()),
            // The connection has the cause.
            Err(error) if error.is_closed() => Err(match self.carrier.join_next().await {
                Some(Ok(Err(error))) => driver_failure(error, RefusalPhase::Statement),
                _ => Failure::Lost(fault(ServerFault::Busy)),
            }),
            Err(error) => Err(driver_failure(error, RefusalPhase::Statement)),
        }
    }
}

/// Classifies a driver error by its source: the server's own error, by its SQLSTATE and
/// severity; a broken connection, by [`Watched`]; or the driver's own error about a message
/// from the server.
fn driver_failure(error: Error, phase: RefusalPhase) -> Failure {
    let lost = |fault, code| Failure::Lost(coded(fault, code));
    let Some(source) = error.into_source() else {
        // An unexpected message.
        return lost(ServerFault::Refused, "protocol");
    };
    if let Some(error) = source.downcast_ref::<DbError>() {
        let is_error = match error.parsed_severity() {
            Some(severity) => severity == Severity::Error,
            // Servers before 9.6 report it only in their own language.
            None => error.severity() == "ERROR",
        };
        let refusal = Refusal {
            state: error.code().code(),
            routine: error.routine(),
            phase,
        };
        return answered(refusal, is_error);
    }
    match source.downcast_ref::<io::Error>() {
        Some(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => Failure::Lost(ServerError::clone(error)),
            // The server does not have the password that it asks for, or its message is
            // malformed.
            None if phase != RefusalPhase::Statement => lost(ServerFault::Untrusted, "SCRAM"),
            None => lost(ServerFault::Refused, "protocol"),
        },
        // GSSAPI, SSPI, and others do not use a password.
        None => lost(ServerFault::LoginForbidden, "authentication method"),
    }
}
