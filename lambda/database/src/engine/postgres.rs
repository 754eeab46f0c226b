//! Password changes in PostgreSQL.
//!
//! The function computes the SCRAM verifier and sends it to the server, as
//! `PQencryptPasswordConn` does, so no statement contains a password, and no log can.
//!
//! - `session`: one login, followed by statements
//! - `user`: creates a user with the rights of a manifest, and drops it
//! - `like`: creates a user with the rights of another one, and `setting` copies its settings
//! - `watch`: the server's messages, before the driver sees them

pub mod like;
mod session;
mod setting;
pub mod user;
mod watch;

use postgres_protocol::password;
use secrecy::{ExposeSecret, SecretString};

use crate::server::{
    Accounts, Change, ChangeError, FailureLimit, Inspection, LoginLimits, PasswordExpiry,
    ServerError, ServerFault,
};

use super::{Failure, budget, coded, sent, timed};

pub use session::{Session, log_in, log_in_over};

/// Changes a password: that of the session's user, or of another user.
pub async fn change(session: &mut Session, change: &Change<'_>) -> Result<(), ChangeError> {
    let verifier = timed(
        budget::STATEMENT,
        verifier(session, change.username, change.password),
    )
    .await?;
    let statement = transaction(&format!(
        "ALTER ROLE {} PASSWORD '{verifier}'",
        identifier(change.username),
    ));
    match sent(session.query(&statement)).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(not_allowed(session, change.username, failure).await),
    }
}

/// Returns the error of a change that was sent. If the server does not allow it, the error says what
/// the session's user lacks.
async fn not_allowed(session: &mut Session, username: &str, failure: Failure) -> ChangeError {
    let failure = match failure {
        Failure::Answered(error) if error.fault == ServerFault::NotAllowed => {
            let missing = timed(budget::STATEMENT, missing(session, username)).await;
            Failure::Answered(ServerError {
                fault: missing.unwrap_or(error.fault),
                ..error
            })
        }
        failure => failure,
    };
    failure.of_change()
}

/// Returns the form of a password that the server stores.
async fn verifier(
    session: &mut Session,
    username: &str,
    password: &SecretString,
) -> Result<String, ServerError> {
    // Neither the name nor the verifier can contain the character that ends a protocol message.
    if username.contains('\0') {
        return Err(coded(ServerFault::UserUnknown, "NUL"));
    }
    let secret = password.expose_secret().as_bytes();
    // A server that does not use SCRAM, because it is older than 10 or configured so, would
    // store such a verifier as a password.
    Ok(match encryption(session).await?.as_str() {
        "scram-sha-256" => password::scram_sha_256(secret),
        _ => password::md5(secret, username),
    })
}

/// Returns one request to the server with one transaction.
fn transaction(statements: &str) -> String {
    format!("{}; {statements}; COMMIT", begin())
}

/// Returns the statements that begin a transaction. It can write even if the user's default is
/// read-only, acts as the user even if a role is set, and gives up before the client does.
fn begin() -> String {
    format!(
        "BEGIN READ WRITE; SET LOCAL statement_timeout = {}; SET LOCAL ROLE NONE",
        budget::LOCK.as_millis(),
    )
}

/// Returns what the session's user lacks for changing another role's password. Every role may
/// read `pg_roles`.
async fn missing(session: &mut Session, username: &str) -> Result<ServerFault, ServerError> {
    let rows = session
        .query(&format!(
            "ROLLBACK; SELECT current_setting('server_version_num'), own.rolcreaterole, other.rolsuper, \
             pg_has_role(own.oid, other.oid, 'MEMBER WITH ADMIN OPTION') \
             FROM pg_catalog.pg_roles own, pg_catalog.pg_roles other \
             WHERE own.rolname = session_user AND other.rolname = {} AND own.oid <> other.oid",
            literal(username)
        ))
        .await?;
    let Some(row) = rows.first() else {
        return Ok(ServerFault::NotAllowed);
    };
    let column = |index| row.try_get(index).ok().flatten().unwrap_or_default();
    let version = column(0).parse().unwrap_or_default();
    Ok(missing_privilege(
        version,
        column(1) == "t",
        column(2) == "t",
        column(3) == "t",
    ))
}

/// Returns the privilege that a user lacks that was refused a change of another role's password.
/// `administers` says whether it has the `ADMIN` option on that role.
///
/// Source: *ALTER ROLE*, *Role Attributes*, and the release notes of PostgreSQL 16.
fn missing_privilege(
    version: u32,
    may_create_roles: bool,
    is_superuser: bool,
    administers: bool,
) -> ServerFault {
    match (version, may_create_roles) {
        _ if is_superuser => ServerFault::SuperuserNeeded,
        (_, false) => ServerFault::NoCreateRole,
        (160_000.., true) if !administers => ServerFault::NoAdminOption,
        _ => ServerFault::NotAllowed,
    }
}

/// Returns what the server says about the session and about a role. Every role may read
/// `pg_roles`.
pub async fn inspect(session: &mut Session, username: &str) -> Result<Inspection, ServerError> {
    session.read().await?;
    // The login is what matters, so what cannot be read is unknown.
    Ok(Inspection {
        expiry: expiry(session).await.ok().flatten(),
        accounts: Accounts::default(),
        limits: limits(session, username).await.unwrap_or_default(),
    })
}

/// Returns what limits the logins of a role. PostgreSQL itself does not count failed logins. The
/// extension `credcheck` does, and so do the profiles of EDB Postgres Advanced Server, whose limit
/// this function does not read.
///
/// Source: *pg_roles*; `credcheck.max_auth_failure` in the extension's documentation.
async fn limits(session: &mut Session, username: &str) -> Result<LoginLimits, ServerError> {
    let rows = session
        .query(&format!(
            "SELECT rolconnlimit, current_setting('credcheck.max_auth_failure', true), \
             to_regclass('pg_catalog.edb_profile') IS NOT NULL \
             FROM pg_catalog.pg_roles WHERE rolname = {}",
            literal(username)
        ))
        .await?;
    let Some(row) = rows.first() else {
        return Ok(LoginLimits::default());
    };
    let column = |index| row.try_get(index).ok().flatten();
    let failures = match (column(1), column(2)) {
        (_, Some("t") | None) => FailureLimit::Unknown,
        (None | Some(""), _) => FailureLimit::Unlimited,
        (Some(limit), _) => limit
            .parse()
            .map_or(FailureLimit::Unknown, FailureLimit::after),
    };
    Ok(LoginLimits {
        failures,
        // -1 means no limit.
        sessions: column(0).and_then(|limit| limit.parse().ok()),
        methods: Vec::new(),
    })
}

/// Returns until when the session's own password is valid (`VALID UNTIL`), if that ends. Every role
/// may read `pg_roles`.
async fn expiry(session: &mut Session) -> Result<Option<PasswordExpiry>, ServerError> {
    let rows = session
        .query(
            "SELECT floor(extract(epoch FROM rolvaliduntil))::bigint FROM pg_catalog.pg_roles \
             WHERE rolname = session_user AND isfinite(rolvaliduntil)",
        )
        .await?;
    let seconds = rows.first().and_then(|row| row.try_get(0).ok().flatten());
    Ok(seconds
        .and_then(|text: &str| text.parse().ok())
        .map(PasswordExpiry::At))
}

/// Returns the server's `password_encryption`, if the server accepts writes.
async fn encryption(session: &mut Session) -> Result<String, ServerError> {
    let rows = session
        .query("SELECT current_setting('password_encryption'), pg_is_in_recovery()")
        .await?;
    let column = |index| {
        rows.first()
            .and_then(|row| row.try_get(index).ok().flatten())
    };
    match (column(0), column(1)) {
        // A replica would answer the change with read_only_sql_transaction.
        (_, Some("t")) => Err(coded(ServerFault::Busy, "25006")),
        (Some(encryption), _) => Ok(encryption.to_owned()),
        (None, _) => Err(coded(ServerFault::Refused, "password_encryption")),
    }
}

/// Quotes a string literal with escapes (*Lexical Structure*), which no setting of the server reads
/// in another way.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Quotes an identifier (*Lexical Structure*): quotation marks in it are doubled.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// When the server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefusalPhase {
    /// During the login, before or after the password was tested.
    Login,
    /// In response to the password.
    Password,
    /// In response to a statement.
    Statement,
}

/// A server's refusal.
#[derive(Clone, Copy, Debug)]
struct Refusal<'error> {
    /// The SQLSTATE.
    state: &'error str,
    /// The function in the server that refused. Poolers do not have it.
    routine: Option<&'error str>,
    phase: RefusalPhase,
}

/// Classifies an error by its SQLSTATE and by what was tested.
///
/// Source of the routine: `InitializeSessionUserId` in PostgreSQL's `miscinit.c` checks the limit
/// of the role. That of the server has the same SQLSTATE, and is checked elsewhere.
fn classify(refusal: Refusal<'_>) -> ServerFault {
    let while_logging_in = refusal.phase != RefusalPhase::Statement;
    match refusal.state {
        "28P01" => ServerFault::WrongCredentials,
        // PgBouncer has no other code for most of its errors. In response to the password, the
        // error is about the password.
        "08P01" if refusal.phase == RefusalPhase::Password => ServerFault::WrongCredentials,
        state if while_logging_in && state.starts_with("08") => ServerFault::Pooler,
        "53300" if refusal.routine == Some("InitializeSessionUserId") => ServerFault::UserLimit,
        // cannot_connect_now, too_many_connections, read_only_sql_transaction,
        // lock_not_available, query_canceled, and the shutdown codes.
        "57P01" | "57P02" | "57P03" | "53300" | "25006" | "55P03" | "57014" => ServerFault::Busy,
        // Out of memory, disk full, and similar.
        state if state.starts_with("53") => ServerFault::Busy,
        // No such database, no permission to connect to it, or refused by pg_hba.conf.
        "3D000" | "42501" if while_logging_in => ServerFault::LoginForbidden,
        state if while_logging_in && state.starts_with("28") => ServerFault::LoginForbidden,
        "42501" => ServerFault::NotAllowed,
        "42704" => ServerFault::UserUnknown,
        // invalid_parameter_value, which password checks raise.
        "22023" => ServerFault::PasswordRefused,
        _ => ServerFault::Refused,
    }
}

/// Returns the server's error, or an unclear result: if the session ends itself, as after an
/// error more severe than ERROR, it may have committed before.
fn answered(refusal: Refusal<'_>, is_error: bool) -> Failure {
    // A SQLSTATE has five characters (*PostgreSQL Error Codes*). Other text of a server is not
    // repeated, because it could be anything, and even the password.
    let is_code = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    let is_state = refusal.state.len() == 5 && refusal.state.bytes().all(is_code);
    let state = if is_state { refusal.state } else { "" };
    let error = coded(classify(refusal), state);
    if is_error {
        return Failure::Answered(error);
    }
    Failure::Lost(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(state: &str, phase: RefusalPhase) -> ServerFault {
        classify(Refusal {
            state,
            routine: None,
            phase,
        })
    }

    #[test]
    fn only_a_code_of_the_server_is_repeated() {
        let told = |state| {
            let refusal = Refusal {
                state,
                routine: None,
                phase: RefusalPhase::Login,
            };
            ServerError::from(answered(refusal, true)).code
        };
        assert_eq!(told("28P01").as_deref(), Some("28P01"));
        for state in ["", "28P0", "28p01", "28P011", "hunter2hunter2", "a b c"] {
            assert_eq!(told(state), None, "{state}");
        }
    }

    #[test]
    fn a_poolers_only_code_means_what_was_tested() {
        for (phase, expected) in [
            (RefusalPhase::Login, ServerFault::Pooler),
            (RefusalPhase::Password, ServerFault::WrongCredentials),
            (RefusalPhase::Statement, ServerFault::Refused),
        ] {
            assert_eq!(fault("08P01", phase), expected);
        }
        assert_eq!(fault("08006", RefusalPhase::Password), ServerFault::Pooler);
    }

    #[test]
    fn a_full_server_is_not_a_roles_limit() {
        let full = |routine| {
            classify(Refusal {
                state: "53300",
                routine,
                phase: RefusalPhase::Login,
            })
        };
        assert_eq!(full(Some("InitProcess")), ServerFault::Busy);
        assert_eq!(full(None), ServerFault::Busy);
        assert_eq!(
            full(Some("InitializeSessionUserId")),
            ServerFault::UserLimit
        );
    }

    #[test]
    fn what_an_administrator_lacks_depends_on_the_version() {
        for (version, may_create_roles, is_superuser, administers, expected) in [
            (150_006, false, false, false, ServerFault::NoCreateRole),
            (160_001, false, false, true, ServerFault::NoCreateRole),
            (160_001, true, false, false, ServerFault::NoAdminOption),
            (160_001, true, false, true, ServerFault::NotAllowed),
            (150_006, true, false, false, ServerFault::NotAllowed),
            (170_000, true, true, true, ServerFault::SuperuserNeeded),
        ] {
            let missing = missing_privilege(version, may_create_roles, is_superuser, administers);
            assert_eq!(missing, expected, "{version}");
        }
    }

    #[test]
    fn a_literal_ends_where_it_should() {
        assert_eq!(literal(r"o'r\d"), r"E'o''r\\d'");
    }
}
