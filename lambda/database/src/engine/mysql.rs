//! The protocol that MySQL and MariaDB share, and each one's statements.
//!
//! - `plugin`: the ways of logging in, and what a server keeps of a password
//! - `session`: one login, and statements one after the other
//! - `oracle`, `mariadb`: how a password is changed in each

pub mod mariadb;
pub mod oracle;
mod plugin;
mod session;

use crate::server::ServerFault;

pub use session::{Session, log_in};

use super::{Failure, coded};

/// Statements that make what follows mean the same on every server: no mode
/// changes what a quoted text is, and no lock is waited for until we give up.
fn preparation() -> String {
    let seconds = super::budget::LOCK.as_secs();
    format!(
        "SET SESSION sql_mode = '', lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}"
    )
}

/// Quotes a text (*String Literals*), under the mode that [`preparation`] sets.
fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            // Doubled, it ends the text in no mode.
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            _ => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

/// When a server said no.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// In clear text, where anybody could have said it.
    Greeting,
    /// While we logged in.
    Login,
    /// To a statement.
    Statement,
}

/// Tells what may be done about an error, by its number (*Server Error Message
/// Reference* of MySQL, *MariaDB Error Codes*).
fn classify(number: u16, when: When) -> ServerFault {
    match number {
        // Access denied, in its three forms.
        1045 | 1698 | 1873 => match when {
            When::Greeting => ServerFault::Refused,
            When::Login => ServerFault::WrongCredentials,
            When::Statement => ServerFault::NotAllowed,
        },
        // Too many connections, of all or of the user; out of resources; being
        // shut down; read-only, in its forms; a lock that others hold.
        1040 | 1041 | 1203 | 1226 | 1053 | 1290 | 1792 | 1836 | 1205 | 1213 | 3170 => {
            ServerFault::Busy
        }
        // No right to the database, none of that name; the host is not allowed
        // or blocked; locked, in both servers' words; expired; the password is
        // to be changed first.
        1044 | 1049 | 1130 | 1129 | 3118 | 3955 | 4151 | 1862 | 1820 if when != When::Statement => {
            ServerFault::LoginForbidden
        }
        1820 => ServerFault::LoginForbidden,
        1819 | 3638 => ServerFault::PasswordRefused,
        1044 | 1131 | 1132 | 1142 | 1143 | 1227 | 1370 | 1410 => ServerFault::NotAllowed,
        1133 | 1396 => ServerFault::UserUnknown,
        _ => ServerFault::Refused,
    }
}

/// Returns the error that a server told, or that it left open what it did: it
/// was interrupted, or is being shut down.
fn answered(number: u16, when: When) -> Failure {
    let error = coded(classify(number, when), number.to_string());
    match number {
        1053 | 1152 | 1184 | 1317 | 1927 | 3024 | 3168 if when == When::Statement => {
            Failure::Lost(error)
        }
        _ => Failure::Answered(error),
    }
}
