//! A session in the protocol of MySQL and MariaDB: one login, and statements one
//! after the other (*Connection Phase*, *Command Phase*).

use std::io::{self, ErrorKind};

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::server::{Endpoint, Engine, Fault, Login, ServerError, Verification};

use super::super::tls::Configurations;
use super::super::{Failure, budget, coded, fault, name, timed};
use super::packet::{Fields, push_counted, push_terminated};
use super::plugin::{Plugin, clear};
use super::{When, answered};

/// Packets longer than this are not what a login or our statements bring.
const LONGEST: usize = 64 * 1024;

/// How many rounds a login may take: MariaDB tries an account's plugins in turn.
const MOST_ROUNDS: usize = 8;

/// How many rows of an answer are read.
const MOST_ROWS: usize = 1_000;

/// Capabilities that we ask for (*Capabilities Flags*): the protocol since 4.1
/// with plugins and TLS, a long password, transactions' state; and a login with
/// an expired password, which can still be changed.
const CAPABILITIES: u32 =
    0x0000_0001 | 0x0000_0200 | TLS | 0x0000_2000 | 0x0000_8000 | 0x0008_0000 | 0x0040_0000;
const TLS: u32 = 0x0000_0800;
const WITH_DATABASE: u32 = 0x0000_0008;

/// utf8mb4 with its oldest collation, which every version knows.
const UTF8: u8 = 45;

/// A row's columns as text.
type Row = Vec<Option<String>>;

/// A connection that has logged in.
pub struct Session {
    stream: TlsStream<TcpStream>,
    sequence: u8,
    /// How the login was done.
    pub plugin: Plugin,
}

/// Reaches a server and logs in.
pub async fn log_in(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    let mut stream = name::reach(endpoint).await?;
    let unreachable = |source: io::Error| coded(Fault::Unreachable, name::code(&source));
    let (stream, greeting) = timed(budget::TLS, async {
        let (_, packet) = read_packet(&mut stream).await.map_err(unreachable)?;
        let greeting = Greeting::read(&packet, endpoint.engine)?;
        let request = capabilities(endpoint).to_vec();
        write_packet(&mut stream, 1, &request)
            .await
            .map_err(unreachable)?;
        Ok((tls.secure(endpoint, stream).await?, greeting))
    })
    .await?;
    let mut session = Session {
        stream,
        sequence: 2,
        plugin: greeting.plugin,
    };
    timed(
        budget::LOGIN,
        session.log_in(endpoint, login, &greeting.challenge),
    )
    .await?;
    Ok(session)
}

/// What a server says first.
struct Greeting {
    plugin: Plugin,
    challenge: Vec<u8>,
}

impl Greeting {
    fn read(packet: &[u8], engine: Engine) -> Result<Self, ServerError> {
        let odd = |_| coded(Fault::Refused, "protocol");
        let mut fields = Fields(packet);
        match fields.number(1).map_err(odd)? {
            10 => {}
            0xff => {
                let number = fields.number(2).map_err(odd)?;
                let number = u16::try_from(number).unwrap_or_default();
                return Err(answered(number, When::Greeting).into());
            }
            _ => return Err(coded(Fault::Refused, "protocol")),
        }
        let version = String::from_utf8_lossy(fields.terminated());
        // Statements of the one mean something else to the other.
        if version.contains("MariaDB") != (engine == Engine::MariaDb) {
            let found = ["not MariaDB", "MariaDB"][usize::from(version.contains("MariaDB"))];
            return Err(coded(Fault::Refused, found));
        }
        let rest = |mut fields: Fields<'_>| -> io::Result<(u32, Vec<u8>, Vec<u8>)> {
            fields.take(4)?;
            let mut challenge = fields.take(8)?.to_vec();
            fields.take(1)?;
            let low = fields.number(2)?;
            fields.take(3)?;
            let capabilities = low | fields.number(2)? << 16;
            fields.take(11)?;
            challenge.extend_from_slice(fields.take(12)?);
            fields.take(1)?;
            let capabilities = u32::try_from(capabilities).unwrap_or_default();
            Ok((capabilities, challenge, fields.terminated().to_vec()))
        };
        let (capabilities, challenge, plugin) = rest(fields).map_err(odd)?;
        if capabilities & TLS == 0 {
            return Err(fault(Fault::NoTls));
        }
        // One that we lack may be another than the account's.
        let plugin = Plugin::named(&plugin).unwrap_or(Plugin::Native);
        Ok(Self { plugin, challenge })
    }
}

/// Returns the first part of our answer, which by itself asks for TLS.
fn capabilities(endpoint: &Endpoint) -> [u8; 32] {
    let mut packet = [0; 32];
    let mut flags = CAPABILITIES;
    if endpoint.dbname.is_some() {
        flags |= WITH_DATABASE;
    }
    packet[..4].copy_from_slice(&flags.to_le_bytes());
    packet[4..8].copy_from_slice(&0x0100_0000_u32.to_le_bytes());
    packet[8] = UTF8;
    packet
}

impl Session {
    /// Reads who is logged in: the account itself, and not one that the server
    /// takes for it.
    pub async fn read(&mut self) -> Result<(), ServerError> {
        let rows = self.query("SELECT CURRENT_USER()").await?;
        match rows.as_slice() {
            [row] if row.len() == 1 => Ok(()),
            _ => Err(fault(Fault::Refused)),
        }
    }

    /// Logs out. Whatever comes of it, all that was asked for is done.
    pub async fn close(mut self) {
        let _ = timeout(budget::CLOSE, async {
            self.sequence = 0;
            self.write(&[1]).await?;
            self.stream.shutdown().await.map_err(lost)
        })
        .await;
    }

    /// Runs one statement, and returns its rows.
    pub async fn query(&mut self, statement: &str) -> Result<Vec<Row>, Failure> {
        self.sequence = 0;
        self.write(&[&[3], statement.as_bytes()].concat()).await?;
        let first = self.read_packet().await?;
        match first.first() {
            Some(0x00) => return Ok(Vec::new()),
            Some(0xff) => return Err(told(&first, When::Statement)),
            // It asks for a file of ours.
            Some(0xfb) | None => return Err(odd()),
            Some(_) => {}
        }
        while !is_end(&self.read_packet().await?) {}
        let mut rows = Vec::new();
        loop {
            let packet = self.read_packet().await?;
            if is_end(&packet) {
                return Ok(rows);
            }
            if packet.first() == Some(&0xff) {
                return Err(told(&packet, When::Statement));
            }
            if rows.len() == MOST_ROWS {
                return Err(odd());
            }
            let mut fields = Fields(&packet);
            let mut row = Vec::new();
            while !fields.0.is_empty() {
                row.push(fields.text().map_err(lost)?);
            }
            rows.push(row);
        }
    }

    async fn log_in(
        &mut self,
        endpoint: &Endpoint,
        login: &Login,
        challenge: &[u8],
    ) -> Result<(), ServerError> {
        let password = login.password.expose_secret().as_bytes();
        // Whether somebody who has proven nothing may see the password. MySQL's
        // default plugin leaves no choice.
        let trusted =
            endpoint.verification != Verification::None || endpoint.engine == Engine::MySql;
        // What shows the password waits until the account is known to need it.
        if self.plugin == Plugin::Sha256 {
            self.plugin = Plugin::CachingSha2;
        }
        let answer = self.plugin.answer(password, challenge);
        let packet = self.response(endpoint, login, &answer).map_err(unfit)?;
        self.write(&packet).await?;
        for _ in 0..MOST_ROUNDS {
            let packet = self.read_packet().await?;
            let mut fields = Fields(&packet);
            match fields.number(1).map_err(lost)? {
                0x00 => return Ok(()),
                0xff => return Err(told(&packet, When::Login).into()),
                0xfe => {
                    let name = fields.terminated();
                    let Some(plugin) = Plugin::named(name) else {
                        let name = String::from_utf8_lossy(name).into_owned();
                        return Err(coded(Fault::LoginForbidden, name));
                    };
                    if plugin.shows_password() && !trusted {
                        return Err(coded(Fault::Untrusted, plugin.client()));
                    }
                    self.plugin = plugin;
                    let challenge = fields.0.strip_suffix(&[0]).unwrap_or(fields.0);
                    self.write(&plugin.answer(password, challenge)).await?;
                }
                // caching_sha2_password: it has the digest, or asks for the password.
                0x01 if self.plugin == Plugin::CachingSha2 => match fields.0 {
                    [3] => {}
                    [4] if trusted => self.write(&clear(password)).await?,
                    [4] => return Err(coded(Fault::Untrusted, self.plugin.client())),
                    _ => return Err(odd().into()),
                },
                // A second factor.
                0x02 => return Err(coded(Fault::LoginForbidden, "second factor")),
                _ => return Err(odd().into()),
            }
        }
        Err(odd().into())
    }

    /// Returns our answer to the greeting.
    fn response(&self, endpoint: &Endpoint, login: &Login, answer: &[u8]) -> io::Result<Vec<u8>> {
        let mut packet = capabilities(endpoint).to_vec();
        push_terminated(&mut packet, login.username.as_bytes())?;
        push_counted(&mut packet, answer)?;
        if let Some(database) = &endpoint.dbname {
            push_terminated(&mut packet, database.as_bytes())?;
        }
        push_terminated(&mut packet, self.plugin.client().as_bytes())?;
        Ok(packet)
    }

    async fn write(&mut self, payload: &[u8]) -> Result<(), Failure> {
        let sequence = self.sequence;
        write_packet(&mut self.stream, sequence, payload)
            .await
            .map_err(lost)
    }

    async fn read_packet(&mut self) -> Result<Vec<u8>, Failure> {
        let (sequence, packet) = read_packet(&mut self.stream).await.map_err(lost)?;
        self.sequence = sequence.wrapping_add(1);
        Ok(packet)
    }
}

async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let [low, middle, high, sequence] = header;
    let length = u32::from_le_bytes([low, middle, high, 0]);
    let length = usize::try_from(length).map_err(|_| ErrorKind::InvalidData)?;
    if length > LONGEST {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await?;
    Ok((sequence, packet))
}

async fn write_packet(
    stream: &mut (impl AsyncWrite + Unpin),
    sequence: u8,
    payload: &[u8],
) -> io::Result<()> {
    if payload.len() > LONGEST {
        return Err(ErrorKind::InvalidInput.into());
    }
    let length = u32::try_from(payload.len()).map_err(|_| ErrorKind::InvalidInput)?;
    let [low, middle, high, _] = length.to_le_bytes();
    let packet = [&[low, middle, high, sequence], payload].concat();
    stream.write_all(&packet).await?;
    stream.flush().await
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

fn told(packet: &[u8], when: When) -> Failure {
    let mut fields = Fields(packet.get(1..).unwrap_or_default());
    let number = fields.number(2).unwrap_or_default();
    answered(u16::try_from(number).unwrap_or_default(), when)
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

fn odd() -> Failure {
    Failure::Lost(coded(Fault::Refused, "protocol"))
}

/// A name with a zero in it is no user's and no database's.
fn unfit(_: io::Error) -> ServerError {
    coded(Fault::WrongCredentials, "NUL")
}
