//! The part of SMTP that a probe needs: a connection with TLS, and a login. No mail is sent.
//!
//! Sources: RFC 5321 (commands and replies), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 8314 (TLS
//! from the start on port 465).

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keyrota_contract::value::smtp::password;
use keyrota_function_base::secrets_manager::RefusalDetails;
use keyrota_function_base::tls::{self, HandshakeFault};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::permission::MailServer;
use crate::port::{CallError, CallErrorKind, KeyPair};

/// What the errors of a login name as the action.
const LOG_IN: &str = "smtp:AUTH";
/// How long an attempt may take as a whole.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest reply that is read, in bytes. RFC 5321 allows 512 octets a line.
const MAX_REPLY: usize = 16 * 1024;
/// The name with which the client introduces itself. A function has no name in the DNS.
const EHLO: &str = "EHLO [127.0.0.1]";

/// Mail servers.
pub struct MailServers {
    /// The folder and the file of certificate authorities, if they are not the operating system's.
    authorities: Option<(PathBuf, String)>,
    /// The configuration of TLS, which takes long to create.
    made: RefCell<Option<Arc<ClientConfig>>>,
}

impl MailServers {
    /// Returns mail servers with certificates that the operating system trusts.
    pub fn new() -> Self {
        Self {
            authorities: None,
            made: RefCell::default(),
        }
    }

    /// Returns mail servers with certificates that the authorities in a file have issued.
    pub fn trusting(folder: &Path, file: &str) -> Self {
        Self {
            authorities: Some((folder.to_owned(), file.to_owned())),
            made: RefCell::default(),
        }
    }

    /// Logs in with the SMTP password of a key, once.
    ///
    /// # Errors
    ///
    /// Fails if the server does not accept the login over TLS. The error contains no text of the
    /// server, only the code of its reply.
    pub async fn log_in(&self, key: &KeyPair, server: &MailServer) -> Result<(), CallError> {
        let attempt = self.attempt(key, server);
        match tokio::time::timeout(ATTEMPT_TIMEOUT, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed(CallErrorKind::Unclear, "no answer in time")),
        }
    }

    async fn attempt(&self, key: &KeyPair, server: &MailServer) -> Result<(), CallError> {
        let configuration = self.configuration()?;
        let unknown = |_| failed(CallErrorKind::Refused, "invalid host name");
        let name = ServerName::try_from(server.host.clone()).map_err(unknown)?;
        let address = (server.host.as_str(), server.port);
        let unreached = |_| failed(CallErrorKind::Unsent, "no connection");
        let mut stream = TcpStream::connect(address).await.map_err(unreached)?;
        if !server.begins_with_tls {
            start_tls(&mut stream).await?;
        }
        let connector = TlsConnector::from(configuration);
        let mut stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| untrusted(&error))?;
        authenticate(&mut stream, key, server).await
    }

    fn configuration(&self) -> Result<Arc<ClientConfig>, CallError> {
        if let Some(made) = &*self.made.borrow() {
            return Ok(Arc::clone(made));
        }
        let unusable = || failed(CallErrorKind::Refused, "no certificate authorities");
        let roots = match &self.authorities {
            Some((folder, file)) => tls::authorities(folder, Some(file)),
            None => tls::authorities(Path::new("/"), None),
        };
        let configuration = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable())?
            .with_root_certificates(roots.ok_or_else(unusable)?)
            .with_no_client_auth();
        let configuration = Arc::new(configuration);
        *self.made.borrow_mut() = Some(Arc::clone(&configuration));
        Ok(configuration)
    }
}

/// Asks a server for TLS on a new connection. Nothing that the server sends afterwards has been read.
///
/// # Errors
///
/// Fails if the server does not offer TLS, or sends more than its reply. The error contains no text of
/// the server, only the code of its reply.
pub async fn start_tls<S>(stream: &mut S) -> Result<(), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut plain = Dialogue::new(stream);
    plain.reply(220).await?;
    let offers = plain.ask(EHLO, 250).await?;
    if !offers.has("STARTTLS") {
        return Err(failed(CallErrorKind::Refused, "no STARTTLS"));
    }
    plain.ask("STARTTLS", 220).await?;
    // What somebody adds to the reply would be read as if it came over TLS (RFC 3207).
    if !plain.unread.is_empty() {
        return Err(failed(CallErrorKind::Refused, "data before TLS"));
    }
    Ok(())
}

/// Logs in with the SMTP password of a key over a connection with TLS, and ends the session.
///
/// # Errors
///
/// Fails if the server does not accept the login. The error contains no text of the server, only the
/// code of its reply.
pub async fn authenticate<S>(
    stream: &mut S,
    key: &KeyPair,
    server: &MailServer,
) -> Result<(), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut secure = Dialogue::new(stream);
    if server.begins_with_tls {
        secure.reply(220).await?;
    }
    let offers = secure.ask(EHLO, 250).await?;
    let password = password(&key.secret, &server.region);
    secure.authenticate(&offers, &key.id, &password).await?;
    // The login has succeeded, whatever becomes of the farewell.
    drop(secure.send("QUIT").await);
    Ok(())
}

impl Default for MailServers {
    fn default() -> Self {
        Self::new()
    }
}

fn failed(kind: CallErrorKind, code: impl Into<String>) -> CallError {
    CallError {
        action: LOG_IN,
        kind,
        answer: Some(Box::new(RefusalDetails {
            code: Some(code.into()),
            ..RefusalDetails::default()
        })),
    }
}

fn untrusted(error: &std::io::Error) -> CallError {
    match tls::handshake_fault(error) {
        HandshakeFault::Untrusted(reason) => {
            failed(CallErrorKind::Refused, format!("certificate {reason}"))
        }
        HandshakeFault::Incompatible(reason) => failed(
            CallErrorKind::Refused,
            reason.unwrap_or("no TLS".to_owned()),
        ),
        HandshakeFault::InvalidName => failed(CallErrorKind::Refused, "invalid host name"),
        HandshakeFault::Broken => failed(CallErrorKind::Unclear, "connection broken"),
    }
}

/// A reply of a server, without its texts except for what it offers.
struct Reply {
    code: u16,
    /// The lines, in upper case.
    lines: Vec<String>,
}

impl Reply {
    /// Returns the error of a refused login. The server may not know a new key yet.
    fn refused_login(&self) -> CallError {
        match self.code {
            500..600 => failed(CallErrorKind::NotAuthorised, self.code.to_string()),
            _ => self.refusal(),
        }
    }

    /// Returns the error of a reply that refuses a command. Those with 4 are temporary.
    fn refusal(&self) -> CallError {
        let kind = match self.code {
            400..500 => CallErrorKind::Throttled,
            _ => CallErrorKind::Refused,
        };
        failed(kind, self.code.to_string())
    }

    /// Returns whether the server offers an extension.
    fn has(&self, extension: &str) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| line.split(' ').next() == Some(extension))
    }

    /// Returns whether the server offers a mechanism of AUTH.
    fn authenticates(&self, mechanism: &str) -> bool {
        let mut words = self.lines.iter().map(|line| line.split(' '));
        words.any(|mut words| words.next() == Some("AUTH") && words.any(|it| it == mechanism))
    }
}

/// Commands and replies on a connection.
struct Dialogue<'stream, S> {
    stream: &'stream mut S,
    /// What was received beyond the last reply.
    unread: Vec<u8>,
}

impl<'stream, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'stream, S> {
    fn new(stream: &'stream mut S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends a command, and returns the reply if it has this code.
    async fn ask(&mut self, command: &str, expected: u16) -> Result<Reply, CallError> {
        self.send(command).await?;
        self.reply(expected).await
    }

    /// Logs in with the simplest mechanism that the server offers.
    async fn authenticate(
        &mut self,
        offers: &Reply,
        user: &str,
        password: &SecretString,
    ) -> Result<(), CallError> {
        if offers.authenticates("PLAIN") {
            let response = SecretString::from(format!("\0{user}\0{}", password.expose_secret()));
            self.send_secret("AUTH PLAIN ", &response).await?;
        } else if offers.authenticates("LOGIN") {
            self.ask("AUTH LOGIN", 334).await?;
            self.send(&BASE64_STANDARD.encode(user)).await?;
            let reply = self.read().await?;
            if reply.code != 334 {
                return Err(reply.refused_login());
            }
            self.send_secret("", password).await?;
        } else {
            return Err(failed(CallErrorKind::Refused, "no AUTH PLAIN or LOGIN"));
        }
        let reply = self.read().await?;
        match reply.code {
            235 => Ok(()),
            _ => Err(reply.refused_login()),
        }
    }

    async fn send_secret(&mut self, command: &str, secret: &SecretString) -> Result<(), CallError> {
        let encoded = SecretString::from(BASE64_STANDARD.encode(secret.expose_secret()));
        let line = SecretString::from(format!("{command}{}", encoded.expose_secret()));
        self.send(line.expose_secret()).await
    }

    async fn send(&mut self, command: &str) -> Result<(), CallError> {
        let broken = |_| failed(CallErrorKind::Unclear, "connection broken");
        let written = self.stream.write_all(command.as_bytes()).await;
        written.map_err(broken)?;
        self.stream.write_all(b"\r\n").await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    async fn reply(&mut self, expected: u16) -> Result<Reply, CallError> {
        let reply = self.read().await?;
        match reply.code == expected {
            true => Ok(reply),
            false => Err(reply.refusal()),
        }
    }

    /// Reads a reply, whose last line has a space after the code.
    async fn read(&mut self) -> Result<Reply, CallError> {
        let garbled = || failed(CallErrorKind::Refused, "no SMTP reply");
        let mut lines = Vec::new();
        let mut left = MAX_REPLY;
        loop {
            let line = self.line().await?;
            // A line without text counts too, or there could be any number of them.
            left = left.checked_sub(line.len() + 1).ok_or_else(garbled)?;
            let (code, text) = line.split_at_checked(3).ok_or_else(garbled)?;
            // The parser of numbers would accept a sign.
            if !code.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(garbled());
            }
            let code: u16 = code.parse().map_err(|_| garbled())?;
            let is_last = match text.bytes().next() {
                None | Some(b' ') => true,
                Some(b'-') => false,
                Some(_) => return Err(garbled()),
            };
            lines.push(text.get(1..).unwrap_or_default().to_ascii_uppercase());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
    }

    async fn line(&mut self) -> Result<String, CallError> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(end + 1);
                let line = std::mem::replace(&mut self.unread, rest);
                let text = String::from_utf8_lossy(&line);
                return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.unread.len() > MAX_REPLY {
                return Err(failed(CallErrorKind::Refused, "no SMTP reply"));
            }
            let mut received = [0; 1024];
            let broken = || failed(CallErrorKind::Unclear, "connection broken");
            let count = self.stream.read(&mut received).await;
            match count.map_err(|_| broken())? {
                0 => return Err(broken()),
                count => self.unread.extend_from_slice(&received[..count]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server may refuse a user that it does not know before it asks for the password.
    #[test]
    fn a_refused_user_name_is_a_refused_login() {
        for (reply, kind) in [
            ("535 unknown", CallErrorKind::NotAuthorised),
            ("454 busy", CallErrorKind::Throttled),
            ("235 welcome", CallErrorKind::Refused),
        ] {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            let error = runtime.block_on(async {
                let (mut client, mut server) = tokio::io::duplex(1024);
                let replies = format!("334 VXNlcm5hbWU6\r\n{reply}\r\n");
                server.write_all(replies.as_bytes()).await.expect("sent");
                let offers = Reply {
                    code: 250,
                    lines: vec!["AUTH LOGIN".to_owned()],
                };
                let mut dialogue = Dialogue::new(&mut client);
                let password = SecretString::from("password");
                let outcome = dialogue.authenticate(&offers, "user", &password).await;
                outcome.expect_err("it is refused")
            });
            assert_eq!(error.kind, kind, "{reply}");
        }
    }
    fn reply_to(sent: &[u8], again: &[u8]) -> Result<u16, CallError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (mut client, mut server) = tokio::io::duplex(1024);
            let endless = async {
                server.write_all(sent).await?;
                while !again.is_empty() {
                    server.write_all(again).await?;
                }
                server.shutdown().await
            };
            let mut dialogue = Dialogue::new(&mut client);
            tokio::select! {
                biased;
                reply = dialogue.read() => reply.map(|reply| reply.code),
                ended = endless => panic!("the server ended first: {ended:?}"),
            }
        })
    }

    #[test]
    fn a_reply_has_an_end() {
        for again in ["250-\r\n", "250-x\n", "a"] {
            let error = reply_to(b"", again.as_bytes()).expect_err("it is too long");
            let code = error.answer.and_then(|answer| answer.code);
            assert_eq!(code.as_deref(), Some("no SMTP reply"), "{again}");
        }
    }

    #[test]
    fn a_code_is_three_digits() {
        assert_eq!(reply_to(b"250-a\r\n250 b\r\n", b"x").ok(), Some(250));
        for line in ["+25 a\r\n", "25 a\r\n", "2500 a\r\n", "abc\r\n", "\r\n"] {
            assert!(reply_to(line.as_bytes(), b"x").is_err(), "{line}");
        }
    }
}
