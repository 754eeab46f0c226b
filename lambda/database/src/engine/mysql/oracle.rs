//! Password changes in MySQL.
//!
//! `ALTER USER … IDENTIFIED BY` keeps the account's plugin. MySQL writes it to its general,
//! slow, and binary logs without the password (*Passwords and Logging*): as `<secret>`, or in
//! the form that the account then stores. MySQL does not log a statement that it cannot parse.

use secrecy::{ExposeSecret, SecretString};

use crate::server::{Change, Login, PreviousPassword, ServerError, ServerFault};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::{Session, literal, preparation};

/// The account of the session, whatever its host part is.
const OWN: &str = "CURRENT_USER()";

/// `ER_MUST_CHANGE_PASSWORD`.
const EXPIRED: &str = "1820";

/// Changes a password: that of the session's user, or of another user. The previous password is
/// retained if requested and if the session may do so: for itself with
/// `APPLICATION_PASSWORD_ADMIN`, and for another user with `CREATE USER`.
pub async fn change(
    session: &mut Session,
    login: &Login,
    change: &Change<'_>,
) -> Result<PreviousPassword, ServerError> {
    let (account, plain) = prepare(session, login, change.username).await?;
    let secret = change.password.expose_secret();
    // Under a mode that could not be set, these would be read differently.
    if !plain && secret.contains(['\\', '\0']) {
        return Err(coded(ServerFault::PasswordExpired, EXPIRED));
    }
    let new = literal(secret);
    let own = account == OWN;
    let old = own.then_some(&login.password);
    let statement = |replace: bool, retain: bool| {
        let mut statement = format!("ALTER USER {account} IDENTIFIED BY {new}");
        if let Some(old) = old.filter(|_| replace) {
            statement += &format!(" REPLACE {}", literal(old.expose_secret()));
        }
        if retain {
            statement += " RETAIN CURRENT PASSWORD";
        }
        SecretString::from(statement)
    };
    let (mut replace, mut retain) = (false, change.retain);
    loop {
        let statement = statement(replace, retain);
        let error = match sent(session.query(statement.expose_secret())).await {
            Ok(_) if retain => return Ok(PreviousPassword::Retained),
            Ok(_) => return Ok(PreviousPassword::Void),
            Err(Failure::Answered(error)) => error,
            Err(Failure::Lost(error)) => return Err(error),
        };
        match error.code.as_deref() {
            // Servers may require the current password as well (`password_require_current`).
            Some("3892") if own && !replace => replace = true,
            // Not allowed; not supported before 8.0.14; not supported by this plugin.
            Some("1227" | "1064" | "3894" | "3895" | "3878") if retain => retain = false,
            _ => return Err(error),
        }
    }
}

/// Discards the retained password.
pub async fn discard(
    session: &mut Session,
    login: &Login,
    username: &str,
) -> Result<(), ServerError> {
    let (account, _) = prepare(session, login, username).await?;
    sent(session.query(&format!("ALTER USER {account} DISCARD OLD PASSWORD"))).await?;
    Ok(())
}

/// Prepares a session. Returns the account to change, as statements name it, and whether the
/// server now reads string literals as this module writes them. With an expired password, only
/// the password can be changed.
async fn prepare(
    session: &mut Session,
    login: &Login,
    username: &str,
) -> Result<(String, bool), ServerError> {
    timed(budget::STATEMENT, async {
        let plain = match session.query(&preparation()).await {
            Ok(_) => true,
            Err(Failure::Answered(error)) if error.code.as_deref() == Some(EXPIRED) => false,
            Err(failure) => return Err(failure.into()),
        };
        if username == login.username {
            return Ok((OWN.to_owned(), plain));
        }
        Ok((account(session, username).await?, plain))
    })
    .await
}

/// Returns another user's account. If several accounts differ in their host part, it returns
/// none: each may have its own password.
async fn account(session: &mut Session, username: &str) -> Result<String, ServerError> {
    let user = literal(username);
    // Since 8.0.21, every user may read which accounts it may change.
    let attributes =
        format!("SELECT HOST FROM information_schema.USER_ATTRIBUTES WHERE USER = {user}");
    let rows = match session.query(&attributes).await {
        Err(Failure::Answered(_)) => {
            let table = format!("SELECT Host FROM mysql.user WHERE User = {user}");
            session.query(&table).await
        }
        rows => rows,
    };
    let hosts: Vec<String> = rows?.into_iter().flatten().flatten().collect();
    match hosts.as_slice() {
        [] => Err(fault(ServerFault::UserUnknown)),
        [host] => Ok(format!("{user}@{}", literal(host))),
        several => Err(coded(
            ServerFault::NotAllowed,
            format!("{} accounts of that name", several.len()),
        )),
    }
}
