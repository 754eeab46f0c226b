//! Password changes in MySQL.
//!
//! `ALTER USER … IDENTIFIED BY` keeps the account's plugin. MySQL writes it to its general,
//! slow, and binary logs without the password (*Passwords and Logging*): as `<secret>`, or in
//! the form that the account then stores. MySQL does not log a statement that it cannot parse.

use secrecy::{ExposeSecret, SecretString};

use crate::server::{
    Change, ChangeError, Engine, Login, PreviousPassword, ServerError, ServerFault,
};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::{Session, accounts, literal, preparation, several_accounts};

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
) -> Result<PreviousPassword, ChangeError> {
    let (accounts, plain) = prepare(session, login, change.username, change.every).await?;
    let secret = change.password.expose_secret();
    // Under a mode that could not be set, these would be read differently.
    if !plain && secret.contains(['\\', '\0']) {
        return Err(coded(ServerFault::PasswordExpired, EXPIRED).into());
    }
    let new = literal(secret);
    let own = accounts == [OWN];
    let old = own.then_some(&login.password);
    let statement = |replace: bool, retain: bool| {
        let mut option = format!(" IDENTIFIED BY {new}");
        if let Some(old) = old.filter(|_| replace) {
            option += &format!(" REPLACE {}", literal(old.expose_secret()));
        }
        if retain {
            option += " RETAIN CURRENT PASSWORD";
        }
        SecretString::from(alter(&accounts, &option))
    };
    let (mut replace, mut retain) = (false, change.retain);
    loop {
        let statement = statement(replace, retain);
        let error = match sent(session.query(statement.expose_secret())).await {
            Ok(_) if retain => return Ok(PreviousPassword::Retained),
            Ok(_) => return Ok(PreviousPassword::Void),
            Err(Failure::Answered(error)) => error,
            Err(failure) => return Err(failure.of_change()),
        };
        match error.code.as_deref() {
            // Servers may require the current password as well (`password_require_current`).
            Some("3892") if own && !replace => replace = true,
            // Not allowed; not supported before 8.0.14; not supported by this plugin.
            Some("1227" | "1064" | "3894" | "3895" | "3878") if retain => retain = false,
            _ => return Err(ChangeError::Sent(error)),
        }
    }
}

/// Returns the statement that changes accounts: all of them, or none (*Atomic Data Definition
/// Statement Support*).
fn alter(accounts: &[String], option: &str) -> String {
    let changed: Vec<String> = accounts
        .iter()
        .map(|account| account.clone() + option)
        .collect();
    format!("ALTER USER {}", changed.join(", "))
}

/// Discards the retained password.
pub async fn discard(
    session: &mut Session,
    login: &Login,
    username: &str,
    every: bool,
) -> Result<(), ServerError> {
    let (accounts, _) = prepare(session, login, username, every).await?;
    sent(session.query(&alter(&accounts, " DISCARD OLD PASSWORD"))).await?;
    Ok(())
}

/// Prepares a session. Returns the accounts to change, as statements name them, and whether the
/// server now reads string literals as this module writes them. With an expired password, only
/// the password can be changed.
async fn prepare(
    session: &mut Session,
    login: &Login,
    username: &str,
    every: bool,
) -> Result<(Vec<String>, bool), ServerError> {
    timed(budget::STATEMENT, async {
        let plain = match session.query(&preparation()).await {
            Ok(_) => true,
            Err(Failure::Answered(error)) if error.code.as_deref() == Some(EXPIRED) => false,
            Err(failure) => return Err(failure.into()),
        };
        if username == login.username && !every {
            return Ok((vec![OWN.to_owned()], plain));
        }
        if !plain {
            return Err(coded(ServerFault::PasswordExpired, EXPIRED));
        }
        Ok((accounts(session, username, every).await?, plain))
    })
    .await
}

/// Returns another user's account, or every account of the name. If there are several and only one
/// may change, it returns none: each has its own password.
async fn accounts(
    session: &mut Session,
    username: &str,
    every: bool,
) -> Result<Vec<String>, ServerError> {
    let hosts = accounts::hosts(session, Engine::MySql, username).await?;
    let hosts = hosts.ok_or_else(|| coded(ServerFault::NotAllowed, "accounts not readable"))?;
    let user = literal(username);
    match hosts.len() {
        0 => Err(fault(ServerFault::UserUnknown)),
        2.. if !every => Err(several_accounts()),
        _ => Ok(hosts
            .iter()
            .map(|host| format!("{user}@{}", literal(host)))
            .collect()),
    }
}
