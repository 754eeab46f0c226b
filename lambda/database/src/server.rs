//! The port for database servers, without driver types.

use std::fmt;

pub use keyrota_contract::check::{FailureLimit, LoginLimits, PasswordExpiry};
pub use keyrota_contract::pins::database::{Engine, Verification};
use secrecy::SecretString;

/// The server's address, and how its certificate is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The kind of server.
    pub engine: Engine,
    /// A DNS name or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database to connect to. If absent, the engine's default is used.
    pub dbname: Option<String>,
    /// Whether the engine's default database serves as well, if the session's user cannot connect
    /// to `dbname`.
    pub any_database: bool,
    /// How the server's certificate is verified.
    pub verification: Verification,
    /// The file in the function's package that contains the trusted certificate authorities. If
    /// absent, the operating system's authorities are trusted.
    pub authorities: Option<String>,
}

/// A user name and a password. The type has no `Debug`, because that would show the password.
#[derive(Clone)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// A password change. The type has no `Debug`.
pub struct Change<'change> {
    /// The user whose password changes: the session's user, or another.
    pub username: &'change str,
    /// The new password.
    pub password: &'change SecretString,
    /// Whether the previous password must stay valid, if the server supports that.
    pub retain: bool,
    /// Whether every account of the name changes, and not only the session's own or the only
    /// one.
    pub every: bool,
}

/// A user that an administrator creates if it is missing. The type has no `Debug`.
pub struct NewUser<'user> {
    /// The user's name.
    pub username: &'user str,
    /// The password, which the user has afterwards in either case.
    pub password: &'user SecretString,
    /// The rights that the user has afterwards, besides those that it had before.
    pub rights: Rights<'user>,
    /// Whether the user may have several accounts, on engines where a name may. Each of them then has
    /// the password.
    pub every: bool,
}

/// The rights of a user that is created.
#[derive(Clone, Copy)]
pub enum Rights<'user> {
    /// Those of another user of the server.
    Of(&'user str),
    /// What the manifest grants.
    Granted {
        /// The privileges, each as the text between GRANT and TO, such as `SELECT ON shop.*`.
        grants: &'user [String],
        /// The roles that the user becomes a member of.
        roles: &'user [String],
    },
}

/// What became of a user that an administrator tried to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The server no longer has it.
    Gone,
    /// The server keeps it, for this reason, and nothing about it has changed. The reason contains
    /// numbers, and no name that the server sent.
    Kept(String),
}

/// Whether a user that was prepared existed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// It was created.
    Created,
    /// It existed.
    Existed,
}

/// What a server says about its session and about the accounts of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// When the session's own password expires. `None` means that the server does not say.
    pub expiry: Option<PasswordExpiry>,
    /// The accounts of the user's name, on engines where a name may have several.
    pub accounts: Accounts,
    /// What limits the logins of the user, as far as the session may read it.
    pub limits: LoginLimits,
}

/// The accounts of one user name, as far as a session may read them. On MySQL and MariaDB, a name
/// has an account for each pattern of hosts, and each account has its own password. Which of them
/// a client uses depends on the host that the client connects from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The account that the session's login used, if the session is the user's.
    pub own: Option<Account>,
    /// Every account of the name, if the session may read them.
    pub all: Option<Vec<Account>>,
}

/// The host pattern that distinguishes an account from others with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The pattern, such as `%` or `10.0.%`. It may be any text that a server sends.
    host: String,
}

/// The longest host that is shown, in characters.
const LONGEST_HOST: usize = 64;

impl Account {
    /// Returns the account for these hosts.
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into() }
    }

    /// Returns whether the account is for clients on all hosts.
    pub fn is_for_any_host(&self) -> bool {
        matches!(self.host.as_str(), "" | "%")
    }

    /// Returns the account as statements name it. The host is reduced to the characters of host
    /// names, addresses, and patterns, because a server could send any text.
    pub fn shown(&self, username: &str) -> String {
        let plain = |one: &char| one.is_ascii_alphanumeric() || "%_.:-/".contains(*one);
        let host: String = self.host.chars().filter(plain).take(LONGEST_HOST).collect();
        format!("'{}'@'{host}'", username.replace('\'', "''"))
    }
}

/// A password change that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The change was not requested, so this call changed nothing.
    Unsent(ServerError),
    /// The change was requested. Whatever the answer was, the server may have carried it out.
    Sent(ServerError),
}

impl From<ServerError> for ChangeError {
    fn from(error: ServerError) -> Self {
        Self::Unsent(error)
    }
}

/// The state of the previous password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviousPassword {
    /// It no longer works.
    Void,
    /// It works beside the new password until it is discarded or replaced.
    Retained,
}

/// A server. Each call opens a new connection, and every network step has its own timeout.
#[expect(async_fn_in_trait, reason = "the function runs on one thread")]
pub trait Server {
    /// Logs in, reads the session's user, and logs out. It does not retry.
    async fn authenticate(&self, endpoint: &Endpoint, login: &Login) -> Result<(), ServerError>;

    /// Does the same, and asks when the session's own password expires, and which accounts of a
    /// user's name there are.
    async fn inspect(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<Inspection, ServerError>;

    /// Logs in and changes a password. It does not retry: after [`ChangeError::Sent`], the
    /// password may have changed.
    async fn change(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        change: &Change<'_>,
    ) -> Result<PreviousPassword, ChangeError>;

    /// Logs in as an administrator and creates a user with its password, or sets the password of a
    /// user that exists. Rights that the user lacks are granted, and none are revoked. It does not
    /// retry, and is idempotent.
    ///
    /// With the rights of another user, the user may have been created and may lack rights after
    /// [`ChangeError::Unsent`], and lacks none after [`ChangeError::Sent`]. With rights that the
    /// manifest grants, nothing was sent before `Unsent`. After `Sent`, a user that was created may lack
    /// rights on MySQL and MariaDB. A password whose `VALID UNTIL` is over on PostgreSQL then becomes
    /// valid without an end, because no password would work otherwise. The other engines end an expiry
    /// when the password is set.
    async fn prepare(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        user: &NewUser<'_>,
    ) -> Result<Prepared, ChangeError>;

    /// Logs in as an administrator and returns whether the server has a user of this name.
    async fn has_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
    ) -> Result<bool, ServerError>;

    /// Logs in as an administrator, revokes these privileges of a user, and drops it. The server keeps
    /// a user that owns objects, or that others depend on. No object is dropped or given to another
    /// owner.
    async fn drop_user(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        grants: &[String],
    ) -> Result<Dropped, ServerError>;

    /// Logs in and discards the retained password of the session's user or of another user, or
    /// of every account of the name. It succeeds if there is none.
    async fn discard(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        username: &str,
        every: bool,
    ) -> Result<(), ServerError>;
}

/// How a call failed, classified by what can be done about it. The SQLSTATE, the error number,
/// or the kind of the operating system's error determines it. The text of a message never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// The user name or the password is wrong. Some servers do not say which.
    WrongCredentials,
    /// The password is correct, but the user may not log in: the account is locked or expired,
    /// it may not connect from this host, or the database does not exist.
    LoginForbidden,
    /// The account's authentication plugin is one that the function does not support. No password was
    /// sent.
    PluginUnsupported,
    /// The password is correct, but has expired.
    PasswordExpired,
    /// The user has reached a limit of its own, for example on its connections.
    UserLimit,
    /// A pooler in front of the server failed before it could test the password, or after that.
    Pooler,
    /// The host name has no address.
    NameUnknown,
    /// There is no route to the host, or nothing listens on the port.
    Unreachable,
    /// The connection to the host timed out, or the host stopped responding before any change
    /// was requested.
    TimedOut,
    /// The server does not support TLS, or not a compatible version.
    NoTls,
    /// The certificate is not trusted.
    Untrusted,
    /// The server is starting, stopping, at its limits, or read-only.
    Busy,
    /// The server's password policy refuses the new password.
    PasswordRefused,
    /// The user may not change this password.
    NotAllowed,
    /// The administrator lacks PostgreSQL's attribute for changing other roles.
    NoCreateRole,
    /// The administrator lacks the option that PostgreSQL 16 and later require on the user's role.
    NoAdminOption,
    /// Only a superuser may change this user's password.
    SuperuserNeeded,
    /// The administrator may not read the rights of a user, or not grant them to another.
    RightsNotGranted,
    /// The user to prepare has an account for hosts that the other user has none for.
    AccountsDiffer,
    /// The user whose password must change does not exist on the server.
    UserUnknown,
    /// The server refuses to grant one of the rights of a user that is created.
    RightsRefused,
    /// The connection broke after the change was requested, so the change may have been carried
    /// out.
    Unclear,
    /// Any other refusal.
    Refused,
}

impl ServerFault {
    /// Returns the fault's name in the response to a check.
    pub fn name(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong_credentials",
            Self::LoginForbidden => "login_forbidden",
            Self::PluginUnsupported => "plugin_unsupported",
            Self::PasswordExpired => "password_expired",
            Self::UserLimit => "user_limit",
            Self::Pooler => "pooler",
            Self::NameUnknown => "name_unknown",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::NoTls => "no_tls",
            Self::Untrusted => "untrusted",
            Self::Busy => "busy",
            Self::PasswordRefused => "password_refused",
            Self::NotAllowed => "not_allowed",
            Self::NoCreateRole => "no_create_role",
            Self::NoAdminOption => "no_admin_option",
            Self::SuperuserNeeded => "superuser_needed",
            Self::RightsNotGranted => "rights_not_granted",
            Self::AccountsDiffer => "accounts_differ",
            Self::UserUnknown => "user_unknown",
            Self::RightsRefused => "rights_refused",
            Self::Unclear => "unclear",
            Self::Refused => "refused",
        }
    }

    /// Returns whether the same call may succeed later without intervention.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::NameUnknown
                | Self::Unreachable
                | Self::TimedOut
                | Self::Busy
                | Self::UserLimit
                | Self::Pooler
                | Self::Unclear
        )
    }
}

/// A call to a server that failed. It carries a code, and never the server's message, which can
/// repeat the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// The kind of failure.
    pub fault: ServerFault,
    /// The SQLSTATE, the error number, or the operating system's error, as in the engine's
    /// documentation.
    pub code: Option<String>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.fault {
            ServerFault::WrongCredentials => "the user name or the password is wrong",
            ServerFault::LoginForbidden => "the user may not log in",
            ServerFault::PluginUnsupported => {
                "the account's authentication plugin is not supported"
            }
            ServerFault::PasswordExpired => "the password has expired",
            ServerFault::UserLimit => "the user has reached its own limit",
            ServerFault::Pooler => "the pooler in front of the server cannot log in to it",
            ServerFault::NameUnknown => "the host's name has no address",
            ServerFault::Unreachable => {
                "there is no route to the host, or nothing listens on the port"
            }
            ServerFault::TimedOut => "the host did not answer in time",
            ServerFault::NoTls => "the server does not offer TLS",
            ServerFault::Untrusted => "the server's certificate is not trusted",
            ServerFault::Busy => "the server is starting, stopping or full, or takes no changes",
            ServerFault::PasswordRefused => "the server's rules refuse the new password",
            ServerFault::NotAllowed => "the user may not change that password",
            ServerFault::NoCreateRole => "the administrator has no CREATEROLE",
            ServerFault::NoAdminOption => {
                "the administrator has no ADMIN option on the user's role"
            }
            ServerFault::SuperuserNeeded => "only a superuser may change a superuser's password",
            ServerFault::RightsNotGranted => {
                "the administrator may not give the user's rights to another"
            }
            ServerFault::AccountsDiffer => {
                "the user has an account for hosts that the current user has none for"
            }
            ServerFault::UserUnknown => "the server does not know the user",
            ServerFault::RightsRefused => {
                "the server refuses one of the user's `grants` or `roles`"
            }
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
