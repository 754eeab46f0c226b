//! How a password is changed in MySQL.
//!
//! `ALTER USER … IDENTIFIED BY` keeps the account's plugin, and MySQL writes it
//! to its general, slow and binary logs without the password (*Passwords and
//! Logging*): `<secret>`, or what the account then holds. A statement that it
//! cannot parse it does not log.

use secrecy::{ExposeSecret, SecretString};

use crate::server::{Before, Change, Login, ServerError, ServerFault};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::{Session, literal, preparation};

/// The account that is logged in, whatever host it is for.
const OWN: &str = "CURRENT_USER()";

/// `ER_MUST_CHANGE_PASSWORD`.
const EXPIRED: &str = "1820";

/// Changes a password: the login's own, or another's. The one before is retained
/// where that is wanted and the login may do so: for itself with
/// `APPLICATION_PASSWORD_ADMIN`, for another with `CREATE USER`.
pub async fn change(
    session: &mut Session,
    login: &Login,
    change: &Change<'_>,
) -> Result<Before, ServerError> {
    let (account, plain) = prepare(session, login, change.username).await?;
    let secret = change.password.expose_secret();
    // Under a mode that we could not set, these would be read otherwise.
    if !plain && secret.contains(['\\', '\0']) {
        return Err(coded(ServerFault::LoginForbidden, EXPIRED));
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
            Ok(_) if retain => return Ok(Before::Retained),
            Ok(_) => return Ok(Before::Void),
            Err(Failure::Answered(error)) => error,
            Err(Failure::Lost(error)) => return Err(error),
        };
        match error.code.as_deref() {
            // Servers may ask for the password before as well
            // (`password_require_current`).
            Some("3892") if own && !replace => replace = true,
            // Not allowed; not known, before 8.0.14; not for this plugin.
            Some("1227" | "1064" | "3894" | "3895" | "3878") if retain => retain = false,
            _ => return Err(error),
        }
    }
}

/// Discards the password that was retained.
pub async fn discard(
    session: &mut Session,
    login: &Login,
    username: &str,
) -> Result<(), ServerError> {
    let (account, _) = prepare(session, login, username).await?;
    sent(session.query(&format!("ALTER USER {account} DISCARD OLD PASSWORD"))).await?;
    Ok(())
}

/// Readies a session, and returns the account that is meant as statements name
/// it, and whether texts are now read as we write them: with an expired password
/// nothing may be done but to change it.
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

/// Returns another's account. Of several that differ in the host they are for,
/// none is chosen: each may have a password of its own.
async fn account(session: &mut Session, username: &str) -> Result<String, ServerError> {
    let user = literal(username);
    // All may read which accounts they may change, since 8.0.21.
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
