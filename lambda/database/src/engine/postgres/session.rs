//! A session in PostgreSQL's protocol (*Frontend/Backend Protocol*), version 3.0:
//! one login, and statements one after the other.

use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::server::{Endpoint, Fault, Login, ServerError, Verification};

use super::super::tls::Configurations;
use super::super::{Failure, budget, coded, fault, name, timed};
use super::answered;

/// The database that everybody has, where none is named; AWS's own rotation
/// functions take it, too.
const DEFAULT_DATABASE: &str = "postgres";

/// Messages longer than this are not what a login or our statements bring.
const LONGEST: usize = 64 * 1024;

/// How many rounds of hashing a server may ask for; its default is 4,096. Without
/// a bound it could keep us busy for good.
const MOST_ITERATIONS: u32 = 1_000_000;

/// How many rows of an answer are read.
const MOST_ROWS: usize = 1_000;

/// A row's columns as text.
type Row = Vec<Option<String>>;

/// A connection that has logged in.
pub struct Session {
    stream: TlsStream<TcpStream>,
    received: BytesMut,
}

/// Reaches a server and logs in.
pub async fn log_in(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    let stream = name::reach(endpoint).await?;
    let stream = timed(budget::TLS, async {
        let stream = ask_for_tls(stream).await?;
        tls.secure(endpoint, stream).await
    })
    .await?;
    let mut session = Session {
        stream,
        received: BytesMut::new(),
    };
    timed(budget::LOGIN, session.log_in(endpoint, login)).await?;
    Ok(session)
}

/// Asks for TLS. One byte comes back, and not a byte more is read before TLS.
async fn ask_for_tls(mut stream: TcpStream) -> Result<TcpStream, ServerError> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let lost = |source: io::Error| coded(Fault::Unreachable, name::code(&source));
    stream.write_all(&request).await.map_err(lost)?;
    match stream.read_u8().await.map_err(lost)? {
        b'S' => Ok(stream),
        // It could not start a process to serve us.
        b'E' => Err(fault(Fault::Busy)),
        _ => Err(fault(Fault::NoTls)),
    }
}

impl Session {
    /// Logs out. Whatever comes of it, all that was asked for is done.
    pub async fn close(mut self) {
        let mut buffer = BytesMut::new();
        frontend::terminate(&mut buffer);
        let _ = timeout(budget::CLOSE, async {
            self.write(&buffer).await?;
            self.stream.shutdown().await.map_err(lost)
        })
        .await;
    }

    /// Reads who is logged in.
    pub async fn read(&mut self) -> Result<(), ServerError> {
        let rows = self.query("SELECT session_user").await?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(()),
            _ => Err(fault(Fault::Refused)),
        }
    }

    /// Runs statements, and returns the rows of all of them.
    pub async fn query(&mut self, statements: &str) -> Result<Vec<Row>, Failure> {
        self.send(|buffer| frontend::query(statements, buffer))
            .await?;
        let mut rows = Vec::new();
        let mut failure = None;
        loop {
            match self.receive().await? {
                Message::DataRow(body) if rows.len() < MOST_ROWS => {
                    rows.push(columns(&body).map_err(lost)?);
                }
                Message::DataRow(_) => return Err(lost(io::ErrorKind::InvalidData.into())),
                Message::ErrorResponse(body) => {
                    let error = told(&body, false);
                    // Of one that ends the session nothing follows.
                    if matches!(error, Failure::Lost(_)) {
                        return Err(error);
                    }
                    failure = Some(error);
                }
                Message::ReadyForQuery(_) => return failure.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    async fn log_in(&mut self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError> {
        let database = endpoint.dbname.as_deref().unwrap_or(DEFAULT_DATABASE);
        let parameters = [
            ("user", login.username.as_str()),
            ("database", database),
            ("client_encoding", "UTF8"),
            ("application_name", "keyrota"),
        ];
        self.send(|buffer| frontend::startup_message(parameters, buffer))
            .await?;
        let password = login.password.expose_secret().as_bytes();
        let mut scram: Option<ScramSha256> = None;
        loop {
            match self.receive().await? {
                // A server that has begun SCRAM has to end it: it proves with it
                // that it knows the password, too.
                Message::AuthenticationOk if scram.is_none() => {}
                Message::AuthenticationCleartextPassword => {
                    // Not even encrypted to somebody who has proven nothing.
                    if endpoint.verification == Verification::None {
                        return Err(coded(Fault::Untrusted, "password in clear text"));
                    }
                    self.send(|buffer| frontend::password_message(password, buffer))
                        .await?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(login.username.as_bytes(), password, body.salt());
                    self.send(|buffer| frontend::password_message(hash.as_bytes(), buffer))
                        .await?;
                }
                Message::AuthenticationSasl(body) if scram.is_none() => {
                    let offered = body.mechanisms().any(|name| Ok(name == SCRAM_SHA_256));
                    if !offered.unwrap_or_default() {
                        return Err(coded(Fault::LoginForbidden, "SASL"));
                    }
                    let begun = ScramSha256::new(password, ChannelBinding::unsupported());
                    let begun = scram.insert(begun);
                    let mut buffer = BytesMut::new();
                    frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), &mut buffer)
                        .map_err(protocol)?;
                    self.write(&buffer).await?;
                }
                Message::AuthenticationSaslContinue(body) => {
                    let begun = scram
                        .as_mut()
                        .ok_or_else(|| coded(Fault::Refused, "SASL"))?;
                    if !is_bounded(body.data()) {
                        return Err(coded(Fault::Refused, "SCRAM iterations"));
                    }
                    begun.update(body.data()).map_err(protocol)?;
                    let mut buffer = BytesMut::new();
                    frontend::sasl_response(begun.message(), &mut buffer).map_err(protocol)?;
                    self.write(&buffer).await?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let begun = scram
                        .as_mut()
                        .ok_or_else(|| coded(Fault::Refused, "SASL"))?;
                    // It does not know the password that it asks for.
                    begun
                        .finish(body.data())
                        .map_err(|_| coded(Fault::Untrusted, "SCRAM"))?;
                    scram = None;
                }
                Message::ErrorResponse(body) => return Err(told(&body, true).into()),
                Message::ReadyForQuery(_) => return Ok(()),
                Message::ParameterStatus(_)
                | Message::BackendKeyData(_)
                | Message::NoticeResponse(_) => {}
                // GSSAPI, SSPI… ask for what is no password.
                _ => return Err(coded(Fault::LoginForbidden, "authentication method")),
            }
        }
    }

    async fn send(
        &mut self,
        message: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut buffer = BytesMut::new();
        message(&mut buffer).map_err(|_| Failure::Answered(coded(Fault::Refused, "NUL")))?;
        self.write(&buffer).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(bytes).await.map_err(lost)?;
        self.stream.flush().await.map_err(lost)
    }

    async fn receive(&mut self) -> Result<Message, Failure> {
        loop {
            if let Some(header) = Header::parse(&self.received).map_err(lost)?
                && usize::try_from(header.len()).is_ok_and(|length| length > LONGEST)
            {
                return Err(lost(io::ErrorKind::InvalidData.into()));
            }
            if let Some(message) = Message::parse(&mut self.received).map_err(lost)? {
                return Ok(message);
            }
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(lost)? == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

/// Says whether a server's first SCRAM message asks for no more hashing than
/// a server would.
fn is_bounded(data: &[u8]) -> bool {
    let text = std::str::from_utf8(data).unwrap_or_default();
    text.split(',')
        .filter_map(|attribute| attribute.strip_prefix("i="))
        .all(|count| {
            count
                .parse()
                .is_ok_and(|count: u32| count <= MOST_ITERATIONS)
        })
}

fn columns(body: &DataRowBody) -> io::Result<Row> {
    let text = |range: Option<std::ops::Range<usize>>| {
        let bytes = range.map(|range| &body.buffer()[range]);
        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    body.ranges().map(text).collect()
}

/// Returns what a server's error says by its codes: its SQLSTATE and its severity,
/// which servers before 9.6 tell only in their own language.
fn told(body: &ErrorResponseBody, while_logging_in: bool) -> Failure {
    let (mut state, mut severity) = (String::new(), String::new());
    let mut fields = body.fields();
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => state = value,
            b'S' if severity.is_empty() => severity = value,
            b'V' => severity = value,
            _ => {}
        }
    }
    answered(&state, &severity, while_logging_in)
}

/// Returns that the connection broke: after TLS it is the server that stops, or
/// that says what the protocol does not have.
fn lost(source: io::Error) -> Failure {
    let fault = match source.kind() {
        io::ErrorKind::InvalidData => Fault::Refused,
        _ => Fault::Busy,
    };
    Failure::Lost(coded(fault, name::code(&source)))
}

fn protocol(_: io::Error) -> ServerError {
    coded(Fault::Refused, "SCRAM")
}
