//! How a password is changed in PostgreSQL.
//!
//! The server gets a verifier that is made here, as `PQencryptPasswordConn`
//! does, so that no password is in a statement and none can be in its log.

mod session;
mod watch;

use postgres_protocol::password;
use secrecy::ExposeSecret;

use crate::server::{Change, ServerError, ServerFault};

use super::{Failure, budget, coded, sent, timed};

pub use session::{Session, log_in};

/// Changes a password: the login's own, or another's.
pub async fn change(session: &mut Session, change: &Change<'_>) -> Result<(), ServerError> {
    // Neither name nor verifier can hold what ends a message of the protocol.
    if change.username.contains('\0') {
        return Err(coded(ServerFault::UserUnknown, "NUL"));
    }
    let encryption = timed(budget::STATEMENT, encryption(session)).await?;
    let secret = change.password.expose_secret().as_bytes();
    // Where a server older than 10, or one set so, knows no SCRAM, it would take
    // such a verifier for a password.
    let verifier = match encryption.as_str() {
        "scram-sha-256" => password::scram_sha_256(secret),
        _ => password::md5(secret, change.username),
    };
    // One statement to the server, one transaction. It writes even if reading is
    // the user's default, acts as the user even if a role is, and gives up by
    // itself before we do.
    let statement = format!(
        "BEGIN READ WRITE; SET LOCAL statement_timeout = {}; SET LOCAL ROLE NONE; \
         ALTER ROLE {} PASSWORD '{verifier}'; COMMIT",
        budget::LOCK.as_millis(),
        identifier(change.username),
    );
    sent(session.query(&statement)).await?;
    Ok(())
}

/// Returns the server's `password_encryption`, where it can be written to.
async fn encryption(session: &mut Session) -> Result<String, ServerError> {
    let rows = session
        .query("SELECT current_setting('password_encryption'), pg_is_in_recovery()")
        .await?;
    let column = |index| {
        rows.first()
            .and_then(|row| row.try_get(index).ok().flatten())
    };
    match (column(0), column(1)) {
        // What a replica would answer to the change: read_only_sql_transaction.
        (_, Some("t")) => Err(coded(ServerFault::Busy, "25006")),
        (Some(encryption), _) => Ok(encryption.to_owned()),
        (None, _) => Err(coded(ServerFault::Refused, "password_encryption")),
    }
}

/// Quotes a name, as *Lexical Structure* has it: what it holds is doubled.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Tells what may be done about an error, by its SQLSTATE.
fn classify(state: &str, while_logging_in: bool) -> ServerFault {
    match state {
        "28P01" => ServerFault::WrongCredentials,
        // cannot_connect_now, too_many_connections, read_only_sql_transaction,
        // lock_not_available, query_canceled, and the shutdowns.
        "57P01" | "57P02" | "57P03" | "53300" | "25006" | "55P03" | "57014" => ServerFault::Busy,
        // Out of memory, of disk…
        _ if state.starts_with("53") => ServerFault::Busy,
        // No such database, no right to connect to it, refused by pg_hba.conf.
        "3D000" | "42501" if while_logging_in => ServerFault::LoginForbidden,
        _ if while_logging_in && state.starts_with("28") => ServerFault::LoginForbidden,
        "42501" => ServerFault::NotAllowed,
        "42704" => ServerFault::UserUnknown,
        // invalid_parameter_value, which checks of passwords raise.
        "22023" => ServerFault::PasswordRefused,
        _ => ServerFault::Refused,
    }
}

/// Returns the error that a server told, or that it left open what it did: a
/// session that ends itself, as with what is more than an error, may have
/// committed before.
fn answered(state: &str, is_error: bool, while_logging_in: bool) -> Failure {
    let error = coded(classify(state, while_logging_in), state);
    if is_error {
        return Failure::Answered(error);
    }
    Failure::Lost(error)
}
