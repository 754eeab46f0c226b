//! The protocol that MySQL and MariaDB share, and the statements of each.
//!
//! - `accounts`: which accounts of a name there are
//! - `plugin`: the authentication plugins, and the form in which a server stores a password
//! - `session`: one login, followed by statements
//! - `oracle`, `mariadb`: password changes in each
//! - `user`: creates a user with the rights of a manifest, and drops it
//! - `like`: creates a user with the rights of another one
//! - `grants`: what a server says about the rights of an account

mod accounts;
mod grants;
pub mod like;
mod limits;
pub mod mariadb;
pub mod oracle;
mod plugin;
mod session;
pub mod user;

use secrecy::ExposeSecret;

use crate::server::{
    Account, Accounts, Engine, Inspection, Login, PasswordExpiry, ServerError, ServerFault,
};

pub use session::{Session, log_in, log_in_over};

use super::{Failure, coded, expiry};

/// Statements that give all later statements the same meaning on every server: no SQL mode
/// changes how a string literal is read, and the server waits for a lock for less time than the
/// client does.
fn preparation() -> String {
    let seconds = super::budget::LOCK.as_secs();
    format!(
        "SET SESSION sql_mode = '', lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}"
    )
}

/// `ER_MUST_CHANGE_PASSWORD`.
const EXPIRED: &str = "1820";

/// Returns whether a statement was refused because the password has expired.
pub fn is_expired(error: &ServerError) -> bool {
    error.code.as_deref() == Some(EXPIRED)
}

/// Returns what the server says about the session and the accounts of a user's name.
pub async fn inspect(
    session: &mut Session,
    engine: Engine,
    login: &Login,
    username: &str,
) -> Result<Inspection, ServerError> {
    let account = session.read().await?;
    let own = (login.username == username).then_some(account);
    let expiry = expiry(session).await.ok().flatten();
    let hosts = accounts::hosts(session, engine, username).await?;
    let limits = limits::read(session, engine, own.is_some(), username, hosts.as_deref()).await?;
    let all = hosts.map(|hosts| hosts.into_iter().map(Account::new).collect());
    Ok(Inspection {
        expiry,
        accounts: Accounts { own, all },
        limits,
    })
}

/// Returns how long after a change the session's own password expires, if it does. Every account
/// may read its own statement (*SHOW CREATE USER*), but not when its password was last changed.
/// The statement may contain the stored form of the password, and is discarded.
async fn expiry(session: &mut Session) -> Result<Option<PasswordExpiry>, ServerError> {
    let Some(statement) = accounts::statement(session, "CURRENT_USER()").await? else {
        return Ok(None);
    };
    let default = session.query("SELECT @@default_password_lifetime").await;
    // Servers before MariaDB 10.4 have no such variable.
    let default = default.unwrap_or_default().into_iter().flatten().flatten();
    let default = default.filter_map(|days| days.parse().ok()).next();
    Ok(expiry::of_statement(
        statement.expose_secret(),
        default.unwrap_or_default(),
    ))
}

/// Quotes a string literal (*String Literals*), under the mode that [`preparation`] sets.
fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            // A doubled quotation mark ends the literal in no mode.
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            _ => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

/// Returns the error of a statement that the server refused with this number.
fn refused_statement(number: u16) -> ServerError {
    let fault = classify(number, RefusalPhase::Statement);
    coded(fault, number.to_string())
}

/// Returns the refusal to change one of several accounts.
fn several_accounts() -> ServerError {
    coded(ServerFault::NotAllowed, "several accounts")
}

/// When the server refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RefusalPhase {
    /// In clear text, where anyone could have sent it.
    Greeting,
    /// During the login.
    Login,
    /// In response to a statement.
    Statement,
}

/// Classifies an error by its number (*Server Error Message Reference* of MySQL, *MariaDB Error
/// Codes*).
fn classify(number: u16, when: RefusalPhase) -> ServerFault {
    match number {
        // Access denied, in its three forms.
        1045 | 1698 | 1873 => match when {
            RefusalPhase::Greeting => ServerFault::Refused,
            RefusalPhase::Login => ServerFault::WrongCredentials,
            RefusalPhase::Statement => ServerFault::NotAllowed,
        },
        // The account's own limits: connections at a time, and per hour.
        1203 | 1226 => ServerFault::UserLimit,
        // Too many connections in total; out of resources; shutdown in progress; read-only, in
        // its forms; a lock that another session holds.
        1040 | 1041 | 1053 | 1290 | 1792 | 1836 | 1205 | 1213 | 3170 => ServerFault::Busy,
        // No permission for the database, or no such database; the host is not allowed or is
        // blocked; the account is locked, in both servers' codes.
        1044 | 1049 | 1130 | 1129 | 3118 | 3955 | 4151 if when != RefusalPhase::Statement => {
            ServerFault::LoginForbidden
        }
        // The password must be changed before the login, or in it.
        1862 | 1820 => ServerFault::PasswordExpired,
        1819 | 3638 => ServerFault::PasswordRefused,
        1044 | 1131 | 1132 | 1142 | 1143 | 1227 | 1370 | 1410 => ServerFault::NotAllowed,
        1133 | 1396 => ServerFault::UserUnknown,
        _ => ServerFault::Refused,
    }
}

/// Returns the server's error, or an unclear result if the server was interrupted or is being
/// shut down.
fn answered(number: u16, when: RefusalPhase) -> Failure {
    let error = coded(classify(number, when), number.to_string());
    match number {
        1053 | 1152 | 1184 | 1317 | 1927 | 3024 | 3168 if when == RefusalPhase::Statement => {
            Failure::Lost(error)
        }
        _ => Failure::Answered(error),
    }
}
