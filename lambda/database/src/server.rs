//! What the steps need of a database server, without a word of any driver.

use std::fmt;

pub use keyrota_contract::pins::database::{Engine, Verification};
use secrecy::SecretString;

/// Where a server is, and how it has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What kind of server it is.
    pub engine: Engine,
    /// A name in DNS, or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to; the engine's default where there is none.
    pub dbname: Option<String>,
    /// What is asked of its certificate.
    pub verification: Verification,
    /// The file, packed with the function, with the authorities that may have
    /// signed it; else those that the operating system trusts.
    pub authorities: Option<String>,
}

/// Whom to log in as. It has no `Debug`, which would show the password.
#[derive(Clone)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// Its password.
    pub password: SecretString,
}

/// What a user's password becomes. It has no `Debug`.
pub struct Change<'change> {
    /// Whose password it is; the one who logged in, or another.
    pub username: &'change str,
    /// What it becomes.
    pub password: &'change SecretString,
    /// The password before is to go on working, where the server can do that.
    pub retain: bool,
}

/// What became of the password before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is void.
    Void,
    /// It works beside the new one, until it is discarded or replaced.
    Retained,
}

/// A server, reached anew for each call. Every network step has a time of its own.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Server {
    /// Logs in, reads who that is, and logs out. It is tried once.
    async fn authenticate(&self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError>;

    /// Logs in and changes a password. It is tried once: after
    /// [`ServerFault::Unclear`] it may have been changed.
    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<Before, ServerError>;

    /// Logs in and discards the password that was retained of a user: the one who
    /// logged in, or another. There need be none.
    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<(), ServerError>;
}

/// How a call failed, by what may be done about it. Told by SQLSTATE, error
/// number or the kind of the operating system's error, never by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// The server knows the user's name or password as wrong, or does not tell
    /// which of the two.
    WrongCredentials,
    /// The login was right and the user may not log in all the same: locked,
    /// expired, not from this host, no such database.
    LoginForbidden,
    /// The host's name has no address.
    NameUnknown,
    /// No way to the host, or nobody listens there.
    Unreachable,
    /// The host did not answer in time while it was being reached, or did not
    /// go on before anything was asked of it.
    TimedOut,
    /// The server has no TLS, or not one that we speak.
    NoTls,
    /// The certificate is not one that is trusted.
    Untrusted,
    /// The server is starting, stopping, full or only to be read.
    Busy,
    /// The server's rules for passwords refuse the new one.
    PasswordRefused,
    /// The user may not change that password.
    NotAllowed,
    /// The server does not know whose password it is to change.
    UserUnknown,
    /// The connection broke after the change was asked for: it may have been
    /// carried out.
    Unclear,
    /// Any other refusal. Nothing was changed.
    Refused,
}

impl ServerFault {
    /// Returns its name, as the answer to a check has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong_credentials",
            Self::LoginForbidden => "login_forbidden",
            Self::NameUnknown => "name_unknown",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::NoTls => "no_tls",
            Self::Untrusted => "untrusted",
            Self::Busy => "busy",
            Self::PasswordRefused => "password_refused",
            Self::NotAllowed => "not_allowed",
            Self::UserUnknown => "user_unknown",
            Self::Unclear => "unclear",
            Self::Refused => "refused",
        }
    }

    /// Whether the same call may succeed later without anyone's help.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::NameUnknown | Self::Unreachable | Self::TimedOut | Self::Busy | Self::Unclear
        )
    }
}

/// A call to a server that failed. It carries a code, never the server's text:
/// that can repeat what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// What may be done about it.
    pub fault: ServerFault,
    /// SQLSTATE, error number or operating system's error, as the engine's
    /// documentation has it.
    pub code: Option<String>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.fault {
            ServerFault::WrongCredentials => "the user name or the password is wrong",
            ServerFault::LoginForbidden => "the user may not log in",
            ServerFault::NameUnknown => "the host's name has no address",
            ServerFault::Unreachable => {
                "there is no way to the host, or nobody listens on the port"
            }
            ServerFault::TimedOut => "the host did not answer in time",
            ServerFault::NoTls => "the server does not offer TLS",
            ServerFault::Untrusted => "the server's certificate is not trusted",
            ServerFault::Busy => "the server is starting, stopping or full, or takes no changes",
            ServerFault::PasswordRefused => "the server's rules refuse the new password",
            ServerFault::NotAllowed => "the user may not change that password",
            ServerFault::UserUnknown => "the server does not know the user",
            ServerFault::Unclear => "the connection broke before the answer",
            ServerFault::Refused => "the server refused",
        };
        formatter.write_str(reason)?;
        match &self.code {
            Some(code) => write!(formatter, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServerError {}
