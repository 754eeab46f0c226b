//! A session with PostgreSQL: one login, and statements one after the other.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;

use bytes::BytesMut;
use postgres_protocol::message::frontend::ssl_request;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::tls::{TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage, SimpleQueryRow};

use crate::server::{Endpoint, Login, ServerError, ServerFault, Verification};

use super::super::tls::Configurations;
use super::super::{Failure, budget, coded, fault, fit, name, timed};
use super::answered;
use super::watch::Watched;

/// The database that everybody has, where none is named; AWS's own rotation
/// functions take it, too.
const DEFAULT_DATABASE: &str = "postgres";

/// A connection that has logged in.
pub struct Session {
    client: Client,
    /// What carries the connection, until it ends.
    carrier: JoinSet<Result<(), Error>>,
}

/// Reaches a server and logs in.
pub async fn log_in(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    fit(endpoint, login)?;
    let stream = name::reach(endpoint).await?;
    let stream = timed(budget::TLS, async {
        let stream = ask_for_tls(stream).await?;
        tls.secure_for_postgres(endpoint, stream).await
    })
    .await?;
    let mut config = Config::new();
    config
        .user(&login.username)
        .password(login.password.expose_secret())
        .dbname(endpoint.dbname.as_deref().unwrap_or(DEFAULT_DATABASE))
        .application_name("keyrota")
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    let stream = Watched::new(stream, endpoint.verification != Verification::None);
    timed(budget::LOGIN, async {
        let connected = config.connect_raw(stream, Secured).await;
        let (client, connection) = connected.map_err(|error| told(error, true))?;
        let mut carrier = JoinSet::new();
        carrier.spawn(connection);
        Ok(Session { client, carrier })
    })
    .await
}

/// Asks for TLS. One byte comes back, and not a byte more is read before TLS. The
/// driver would do the same, and not tell a server that could not start a process
/// from one that has no TLS.
async fn ask_for_tls(mut stream: TcpStream) -> Result<TcpStream, ServerError> {
    let mut request = BytesMut::new();
    ssl_request(&mut request);
    let lost = |source: io::Error| coded(ServerFault::Unreachable, name::code(&source));
    stream.write_all(&request).await.map_err(lost)?;
    match stream.read_u8().await.map_err(lost)? {
        b'S' => Ok(stream),
        // It could not start a process to serve us.
        b'E' => Err(fault(ServerFault::Busy)),
        _ => Err(fault(ServerFault::NoTls)),
    }
}

/// Tells the driver that a stream is TLS already.
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
    /// Logs out. Whatever comes of it, all that was asked for is done.
    pub async fn close(self) {
        let Self {
            client,
            mut carrier,
        } = self;
        // It says good-bye when nobody is left to ask it for anything.
        drop(client);
        let _ = timeout(budget::CLOSE, carrier.join_next()).await;
    }

    /// Reads who is logged in.
    pub async fn read(&mut self) -> Result<(), ServerError> {
        let rows = self.query("SELECT session_user").await?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(()),
            _ => Err(fault(ServerFault::Refused)),
        }
    }

    /// Runs statements, and returns the rows of all of them.
    pub async fn query(&mut self, statements: &str) -> Result<Vec<SimpleQueryRow>, Failure> {
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        match self.client.simple_query(statements).await {
            Ok(messages) => Ok(messages.into_iter().filter_map(row).collect()),
            // Why, the connection knows.
            Err(error) if error.is_closed() => Err(match self.carrier.join_next().await {
                Some(Ok(Err(error))) => told(error, false),
                _ => Failure::Lost(fault(ServerFault::Busy)),
            }),
            Err(error) => Err(told(error, false)),
        }
    }
}

/// Returns what the driver's error comes from: the server's own, told by its
/// SQLSTATE and severity; a broken connection's, told by [`Watched`]; or the
/// driver's, about what the server said.
fn told(error: Error, while_logging_in: bool) -> Failure {
    let lost = |fault, code| Failure::Lost(coded(fault, code));
    let Some(source) = error.into_source() else {
        // A message out of turn.
        return lost(ServerFault::Refused, "protocol");
    };
    if let Some(error) = source.downcast_ref::<DbError>() {
        let is_error = match error.parsed_severity() {
            Some(severity) => severity == Severity::Error,
            // Servers before 9.6 tell it only in their own language.
            None => error.severity() == "ERROR",
        };
        return answered(error.code().code(), is_error, while_logging_in);
    }
    match source.downcast_ref::<io::Error>() {
        Some(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => Failure::Lost(ServerError::clone(error)),
            // It does not know the password that it asks for, or what it says
            // cannot be read.
            None if while_logging_in => lost(ServerFault::Untrusted, "SCRAM"),
            None => lost(ServerFault::Refused, "protocol"),
        },
        // GSSAPI, SSPI… ask for what is no password.
        None => lost(ServerFault::LoginForbidden, "authentication method"),
    }
}
