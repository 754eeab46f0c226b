//! Password changes in PostgreSQL.
//!
//! The function computes the SCRAM verifier and sends it to the server, as
//! `PQencryptPasswordConn` does, so no statement contains a password, and no log can.

mod session;
mod watch;

use postgres_protocol::password;
use secrecy::ExposeSecret;

use crate::server::{Change, ChangeError, PasswordExpiry, ServerError, ServerFault};

use super::{Failure, budget, coded, sent, timed};

pub use session::{Session, log_in};

/// Changes a password: that of the session's user, or of another user.
pub async fn change(session: &mut Session, change: &Change<'_>) -> Result<(), ChangeError> {
    // Neither the name nor the verifier can contain the character that ends a protocol message.
    if change.username.contains('\0') {
        return Err(coded(ServerFault::UserUnknown, "NUL").into());
    }
    let encryption = timed(budget::STATEMENT, encryption(session)).await?;
    let secret = change.password.expose_secret().as_bytes();
    // A server that does not use SCRAM, because it is older than 10 or configured so, would
    // store such a verifier as a password.
    let verifier = match encryption.as_str() {
        "scram-sha-256" => password::scram_sha_256(secret),
        _ => password::md5(secret, change.username),
    };
    // One request to the server, one transaction. It can write even if the user's default is
    // read-only, acts as the user even if a role is set, and gives up before the client does.
    let statement = format!(
        "BEGIN READ WRITE; SET LOCAL statement_timeout = {}; SET LOCAL ROLE NONE; \
         ALTER ROLE {} PASSWORD '{verifier}'; COMMIT",
        budget::LOCK.as_millis(),
        identifier(change.username),
    );
    let changed = sent(session.query(&statement)).await;
    changed.map(drop).map_err(Failure::of_change)
}

/// Returns until when the session's own password is valid (`VALID UNTIL`), if that ends. Every role
/// may read `pg_roles`.
pub async fn expiry(session: &mut Session) -> Result<Option<PasswordExpiry>, ServerError> {
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

/// Quotes an identifier (*Lexical Structure*): quotation marks in it are doubled.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Classifies an error by its SQLSTATE.
fn classify(state: &str, while_logging_in: bool) -> ServerFault {
    match state {
        "28P01" => ServerFault::WrongCredentials,
        // cannot_connect_now, too_many_connections, read_only_sql_transaction,
        // lock_not_available, query_canceled, and the shutdown codes.
        "57P01" | "57P02" | "57P03" | "53300" | "25006" | "55P03" | "57014" => ServerFault::Busy,
        // Out of memory, disk full, and similar.
        _ if state.starts_with("53") => ServerFault::Busy,
        // No such database, no permission to connect to it, or refused by pg_hba.conf.
        "3D000" | "42501" if while_logging_in => ServerFault::LoginForbidden,
        _ if while_logging_in && state.starts_with("28") => ServerFault::LoginForbidden,
        "42501" => ServerFault::NotAllowed,
        "42704" => ServerFault::UserUnknown,
        // invalid_parameter_value, which password checks raise.
        "22023" => ServerFault::PasswordRefused,
        _ => ServerFault::Refused,
    }
}

/// Returns the server's error, or an unclear result: if the session ends itself, as after an
/// error more severe than ERROR, it may have committed before.
fn answered(state: &str, is_error: bool, while_logging_in: bool) -> Failure {
    let error = coded(classify(state, while_logging_in), state);
    if is_error {
        return Failure::Answered(error);
    }
    Failure::Lost(error)
}
