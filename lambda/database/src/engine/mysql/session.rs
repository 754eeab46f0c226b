//! A session in the protocol of MySQL and MariaDB: one login, followed by statements
//! (*Connection Phase*, *Command Phase*).

use std::io::{self, ErrorKind};

use bytes::BytesMut;
use mysql_common::collations::CollationId;
use mysql_common::constants::{CapabilityFlags, Command};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    AuthPlugin, AuthSwitchRequest, ErrPacket, HandshakePacket, HandshakeResponse, SslRequest,
};
use mysql_common::proto::codec::PacketCodec;
use mysql_common::proto::{MyDeserialize, MySerialize};
use mysql_common::value::{TextValue, Value, ValueDeserializer};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::server::{Account, Endpoint, Engine, Login, ServerError, ServerFault, Verification};

use super::super::tls::Configurations;
use super::super::{Duplex, Failure, broken, budget, coded, fault, fit, name, timed};
use super::plugin;
use super::{RefusalPhase, answered};

/// The maximum length of a packet, in bytes. Neither a login nor this module's statements
/// result in longer ones.
const LONGEST: usize = 64 * 1024;

/// The maximum number of rounds in a login: MariaDB tries an account's plugins in turn.
const MOST_ROUNDS: usize = 8;

/// The maximum number of rows that are read from a result.
const MOST_ROWS: usize = 1_000;

/// The maximum size of a statement's result, in bytes.
const LONGEST_RESULT: usize = 1024 * 1024;

/// The length of a packet's header, which counts too: packets may be empty.
const HEADER: usize = 4;

/// utf8mb4 with its oldest collation, which every version knows.
const UTF8: u8 = CollationId::UTF8MB4_GENERAL_CI as u8;

/// The oldest version that supports it.
const OLDEST: (u16, u16, u16) = (5, 5, 3);

/// The maximum packet size that the client announces, in bytes.
const MOST_TAKEN: u32 = 0x0100_0000;

/// The columns of a row as text.
type Row = Vec<Option<String>>;

/// An authenticated connection.
pub struct Session {
    wire: Wire<Box<dyn Duplex>>,
    /// The plugin that the login used.
    pub plugin: AuthPlugin<'static>,
}

/// Connects to a server and logs in.
pub async fn log_in(
    tls: &Configurations,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    fit(endpoint, login)?;
    let stream = name::reach(endpoint).await?;
    let secure = timed(budget::TLS, async {
        let (stream, greeting) = greet(stream, endpoint).await?;
        Ok((tls.secure(endpoint, stream).await?, greeting))
    });
    let (stream, greeting) = secure.await?;
    begin(stream, greeting, endpoint, login).await
}

/// Logs in over a stream that needs no TLS, because it is secure already.
pub async fn log_in_over(
    stream: impl Duplex + 'static,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    fit(endpoint, login)?;
    let (stream, greeting) = timed(budget::TLS, greet(stream, endpoint)).await?;
    begin(stream, greeting, endpoint, login).await
}

/// Reads the server's greeting, and announces TLS.
async fn greet<S: Duplex>(stream: S, endpoint: &Endpoint) -> Result<(S, Greeting), ServerError> {
    let unreachable = |source: io::Error| coded(ServerFault::Unreachable, name::code(&source));
    let mut wire = Wire::new(stream);
    let packet = wire.read().await.map_err(unreachable)?;
    let mut greeting = Greeting::read(&packet, endpoint.engine)?;
    let request = SslRequest::new(capabilities(endpoint), MOST_TAKEN, UTF8);
    wire.write(&request).await.map_err(unreachable)?;
    // Data that arrived before TLS in clear text is not part of the TLS stream.
    if !wire.received.is_empty() {
        return Err(unexpected_packet().into());
    }
    greeting.codec = wire.codec;
    Ok((wire.stream, greeting))
}

/// Logs in over a secure stream, after the greeting.
async fn begin(
    stream: impl Duplex + 'static,
    greeting: Greeting,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Session, ServerError> {
    let plugin = greeting.first_plugin(endpoint);
    let stream: Box<dyn Duplex> = Box::new(stream);
    let wire = Wire {
        stream,
        codec: greeting.codec,
        received: BytesMut::new(),
    };
    let mut session = Session { wire, plugin };
    let login = session.log_in(endpoint, login, &greeting.challenge);
    timed(budget::LOGIN, login).await?;
    Ok(session)
}

/// The server's greeting.
struct Greeting {
    plugin: AuthPlugin<'static>,
    challenge: Vec<u8>,
    /// The state after the packets before TLS: packets are counted across it.
    codec: PacketCodec,
}

impl Greeting {
    fn read(packet: &[u8], engine: Engine) -> Result<Self, ServerError> {
        match packet.first() {
            Some(10) => {}
            Some(0xff) => return Err(server_failure(packet, RefusalPhase::Greeting).into()),
            _ => return Err(unexpected_packet().into()),
        }
        // The parser subtracts from the length of the challenge as from a signed number.
        if challenge_length(packet).is_none_or(|length| length > i8::MAX.unsigned_abs()) {
            return Err(unexpected_packet().into());
        }
        let greeting: HandshakePacket<'_> = parsed(packet)?;
        // Some statements have a different meaning in MySQL and in MariaDB.
        let is_mariadb = greeting.server_version_str().contains("MariaDB");
        if is_mariadb != (engine == Engine::MariaDb) {
            let found = ["not MariaDB", "MariaDB"][usize::from(is_mariadb)];
            return Err(coded(ServerFault::Refused, found));
        }
        if !greeting
            .capabilities()
            .contains(CapabilityFlags::CLIENT_SSL)
        {
            return Err(fault(ServerFault::NoTls));
        }
        let plugin = greeting.auth_plugin().map(AuthPlugin::into_owned);
        Ok(Self {
            plugin: plugin.unwrap_or(AuthPlugin::MysqlNativePassword),
            challenge: greeting.nonce(),
            codec: PacketCodec::default(),
        })
    }

    /// Returns the plugin that a login begins with. The server's default may differ from the
    /// account's plugin, which the server then requests. A plugin that reveals the password is
    /// not used before the server requests it.
    fn first_plugin(&self, endpoint: &Endpoint) -> AuthPlugin<'static> {
        if plugin::shows_password(&self.plugin) && is_trusted(endpoint) {
            return AuthPlugin::CachingSha2Password;
        }
        AuthPlugin::MysqlNativePassword
    }
}

/// Returns the length of the challenge that a greeting announces, after the server's version, the number of
/// the connection, the first part of the challenge, and what the server offers
/// (*Protocol::HandshakeV10*).
fn challenge_length(greeting: &[u8]) -> Option<u8> {
    let version = greeting.iter().position(|byte| *byte == 0)?;
    greeting
        .get(version + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2)
        .copied()
}

/// Returns whether the server may receive the password although it may have proven nothing.
/// MySQL's default plugin leaves no alternative.
fn is_trusted(endpoint: &Endpoint) -> bool {
    endpoint.verification != Verification::None || endpoint.engine == Engine::MySql
}

/// Returns the capabilities that the client requests (*Capabilities Flags*): the protocol since
/// 4.1 with plugins and TLS, the long-password flag, and transactions. It also requests a login
/// with an expired password, because such a password can still be changed.
fn capabilities(endpoint: &Endpoint) -> CapabilityFlags {
    let mut flags = CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_SSL
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS;
    flags.set(
        CapabilityFlags::CLIENT_CONNECT_WITH_DB,
        endpoint.dbname.is_some(),
    );
    flags
}

impl Session {
    /// Reads the authenticated account itself, not an account that the server substitutes for
    /// it.
    pub async fn read(&mut self) -> Result<Account, ServerError> {
        let rows = self.query("SELECT CURRENT_USER()").await?;
        let [row] = rows.as_slice() else {
            return Err(fault(ServerFault::Refused));
        };
        match row.as_slice() {
            // A user's name may contain the character, a host may not.
            [Some(account)] => Ok(Account::new(
                account.rsplit_once('@').map_or("", |(_, host)| host),
            )),
            _ => Err(fault(ServerFault::Refused)),
        }
    }

    /// Logs out. Failures are ignored, since all work is done.
    pub async fn close(mut self) {
        let _ = timeout(budget::CLOSE, async {
            self.wire.command(Command::COM_QUIT, "").await?;
            self.wire.stream.shutdown().await
        })
        .await;
    }

    /// Runs one statement, and returns its rows.
    pub async fn query(&mut self, statement: &str) -> Result<Vec<Row>, Failure> {
        let sent = self.wire.command(Command::COM_QUERY, statement).await;
        sent.map_err(lost)?;
        let first = self.read_packet().await?;
        match first.first() {
            Some(0x00) => return Ok(Vec::new()),
            Some(0xff) => return Err(server_failure(&first, RefusalPhase::Statement)),
            // The server requests a local file.
            Some(0xfb) | None => return Err(unexpected_packet()),
            Some(_) => {}
        }
        let mut left = LONGEST_RESULT;
        let mut is_row = false;
        let mut rows = Vec::new();
        loop {
            let packet = self.read_packet().await?;
            left = left
                .checked_sub(packet.len() + HEADER)
                .ok_or_else(unexpected_packet)?;
            // The definitions of the columns come first.
            if !is_row {
                is_row = is_end(&packet);
                continue;
            }
            if is_end(&packet) {
                return Ok(rows);
            }
            if packet.first() == Some(&0xff) {
                return Err(server_failure(&packet, RefusalPhase::Statement));
            }
            if rows.len() == MOST_ROWS {
                return Err(unexpected_packet());
            }
            rows.push(columns(&packet)?);
        }
    }

    async fn log_in(
        &mut self,
        endpoint: &Endpoint,
        login: &Login,
        challenge: &[u8],
    ) -> Result<(), ServerError> {
        let password = login.password.expose_secret().as_bytes();
        let answer =
            plugin::answer(&self.plugin, password, challenge).ok_or_else(unexpected_packet)?;
        let response = HandshakeResponse::new(
            Some(answer),
            OLDEST,
            Some(login.username.as_bytes()),
            endpoint.dbname.as_ref().map(String::as_bytes),
            Some(self.plugin.borrow()),
            capabilities(endpoint),
            None,
            MOST_TAKEN,
        );
        self.wire.write(&response).await.map_err(lost)?;
        for _ in 0..MOST_ROUNDS {
            let packet = self.read_packet().await?;
            let answer = match packet.first() {
                Some(0x00) => return Ok(()),
                Some(0xff) => return Err(server_failure(&packet, RefusalPhase::Login).into()),
                Some(0xfe) => {
                    let request: AuthSwitchRequest<'_> = parsed(&packet)?;
                    self.plugin = allowed(request.auth_plugin(), endpoint)?;
                    plugin::answer(&self.plugin, password, request.plugin_data())
                        .ok_or_else(unexpected_packet)?
                }
                // The server has the digest cached, or requests the password.
                Some(0x01) if self.plugin == AuthPlugin::CachingSha2Password => {
                    match packet.as_slice() {
                        [_, 3] => continue,
                        [_, 4] => plugin::clear(password),
                        _ => return Err(unexpected_packet().into()),
                    }
                }
                Some(0x02) => return Err(coded(ServerFault::LoginForbidden, "second factor")),
                _ => return Err(unexpected_packet().into()),
            };
            self.wire.write_bytes(&answer).await.map_err(lost)?;
        }
        Err(unexpected_packet().into())
    }

    async fn read_packet(&mut self) -> Result<Vec<u8>, Failure> {
        self.wire.read().await.map_err(lost)
    }
}

/// Returns the plugin that the server requests, if that plugin may be used.
fn allowed(
    wanted: AuthPlugin<'_>,
    endpoint: &Endpoint,
) -> Result<AuthPlugin<'static>, ServerError> {
    let name = String::from_utf8_lossy(wanted.as_bytes()).into_owned();
    if !plugin::is_known(&wanted) {
        return Err(coded(ServerFault::PluginUnsupported, plugin::shown(&name)));
    }
    if plugin::shows_password(&wanted) && !is_trusted(endpoint) {
        return Err(coded(ServerFault::Untrusted, name));
    }
    Ok(wanted.into_owned())
}

/// Packets over a connection.
struct Wire<S> {
    stream: S,
    codec: PacketCodec,
    received: BytesMut,
}

impl<S: Duplex> Wire<S> {
    fn new(stream: S) -> Self {
        let mut codec = PacketCodec::default();
        codec.max_allowed_packet = LONGEST;
        Self {
            stream,
            codec,
            received: BytesMut::new(),
        }
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = Vec::new();
        while !self
            .codec
            .decode(&mut self.received, &mut packet)
            .map_err(|_| ErrorKind::InvalidData)?
        {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(packet)
    }

    async fn write(&mut self, packet: &impl MySerialize) -> io::Result<()> {
        let mut bytes = Vec::new();
        packet.serialize(&mut bytes);
        self.write_bytes(&bytes).await
    }

    async fn command(&mut self, command: Command, argument: &str) -> io::Result<()> {
        self.codec.reset_seq_id();
        let packet = [&[command as u8], argument.as_bytes()].concat();
        self.write_bytes(&packet).await
    }

    async fn write_bytes(&mut self, mut packet: &[u8]) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        self.codec
            .encode(&mut packet, &mut bytes)
            .map_err(|_| ErrorKind::InvalidInput)?;
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }
}

fn parsed<'packet, T: MyDeserialize<'packet, Ctx = ()>>(
    packet: &'packet [u8],
) -> Result<T, Failure> {
    ParseBuf(packet).parse(()).map_err(|_| unexpected_packet())
}

fn columns(packet: &[u8]) -> Result<Row, Failure> {
    let mut fields = ParseBuf(packet);
    let mut row = Vec::new();
    while !fields.is_empty() {
        let field = fields.parse::<ValueDeserializer<TextValue>>(());
        row.push(match field.map_err(|_| unexpected_packet())?.0 {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        });
    }
    Ok(row)
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

/// Returns the meaning of a server error by its number. The rest of the packet is ignored,
/// since its format depends on the phase of the login.
fn server_failure(packet: &[u8], when: RefusalPhase) -> Failure {
    match ParseBuf(packet).parse(CapabilityFlags::empty()) {
        Ok(ErrPacket::Error(error)) => answered(error.error_code(), when),
        _ => answered(0, when),
    }
}

fn lost(source: io::Error) -> Failure {
    Failure::Lost(broken(&source))
}

fn unexpected_packet() -> Failure {
    Failure::Lost(coded(ServerFault::Refused, "protocol"))
}

#[cfg(test)]
mod tests;
