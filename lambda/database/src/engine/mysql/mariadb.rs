//! Password changes in MariaDB.
//!
//! MariaDB writes statements to its general log unchanged, including `PASSWORD('…')`. Therefore
//! the function computes the stored form of the password for the account's own plugin, and
//! sends only that. If the server insists on checking the password itself
//! (`strict_password_validation` with such a plugin), it receives the password only while its
//! general log is off.

use mysql_common::packets::AuthPlugin;
use secrecy::{ExposeSecret, SecretString};

use crate::server::{Change, Login, PreviousPassword, ServerError, ServerFault};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::plugin;
use super::{Session, literal, preparation};

/// The account whose password is changed, and the plugin that stores it.
struct Account {
    /// The part of the statement before the password or the verifier.
    statement: String,
    plugin: AuthPlugin<'static>,
}

/// Changes a password: that of the session's user, or of another user. MariaDB keeps one
/// password per plugin.
pub async fn change(
    session: &mut Session,
    login: &Login,
    change: &Change<'_>,
) -> Result<PreviousPassword, ServerError> {
    let account = timed(budget::STATEMENT, prepare(session, login, change.username)).await?;
    let secret = change.password.expose_secret();
    let Some(verifier) = plugin::verifier(&account.plugin, secret.as_bytes()) else {
        return Err(coded(
            ServerFault::NotAllowed,
            plugin::name(&account.plugin),
        ));
    };
    let statement = format!("{} {}", account.statement, literal(&verifier));
    match sent(session.query(&statement)).await {
        Ok(_) => return Ok(PreviousPassword::Void),
        // The server is read-only, or it requires the password itself.
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1290") => {
            timed(budget::STATEMENT, may_be_shown(session, error)).await?;
        }
        Err(failure) => return Err(failure.into()),
    }
    let statement = format!("{} PASSWORD({})", account.statement, literal(secret));
    let statement = SecretString::from(statement);
    sent(session.query(statement.expose_secret())).await?;
    Ok(PreviousPassword::Void)
}

/// Prepares a session, and finds the account to change.
async fn prepare(
    session: &mut Session,
    login: &Login,
    username: &str,
) -> Result<Account, ServerError> {
    match session.query(&preparation()).await {
        Ok(_) => {}
        // With an expired password, only the password can be changed. A verifier contains
        // nothing that depends on the mode.
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1820") => {}
        Err(failure) => return Err(failure.into()),
    }
    if username == login.username {
        return Ok(Account {
            statement: "SET PASSWORD =".to_owned(),
            plugin: session.plugin.clone(),
        });
    }
    another(session, username).await
}

/// Returns another user's account, which requires `SELECT` on `mysql.global_priv`. If several
/// accounts differ in their host part, it returns none: each may have its own password.
async fn another(session: &mut Session, username: &str) -> Result<Account, ServerError> {
    let user = literal(username);
    let rows = session
        .query(&format!(
            "SELECT Host, JSON_VALUE(Priv, '$.plugin'), JSON_EXISTS(Priv, '$.auth_or') \
             FROM mysql.global_priv \
             WHERE User = {user} AND NOT JSON_EXISTS(Priv, '$.is_role')"
        ))
        .await?;
    let several = |count: usize| {
        coded(
            ServerFault::NotAllowed,
            format!("{count} accounts of that name"),
        )
    };
    let mut rows = rows.into_iter();
    let count = rows.len();
    let (Some(row), None) = (rows.next(), rows.next()) else {
        return Err(match count {
            0 => fault(ServerFault::UserUnknown),
            count => several(count),
        });
    };
    let mut row = row.into_iter();
    let (host, name, either) = (
        row.next().flatten(),
        row.next().flatten(),
        row.next().flatten(),
    );
    // `IDENTIFIED VIA` would remove the other plugins.
    if either.as_deref() != Some("0") {
        return Err(coded(ServerFault::NotAllowed, "several plugins"));
    }
    let name = name.unwrap_or_else(|| plugin::name(&AuthPlugin::MysqlNativePassword));
    let plugin = plugin::named(&name).ok_or_else(|| coded(ServerFault::NotAllowed, &name))?;
    let host = literal(&host.unwrap_or_default());
    Ok(Account {
        statement: format!(
            "ALTER USER {user}@{host} IDENTIFIED VIA {} USING",
            plugin::name(&plugin)
        ),
        plugin,
    })
}

/// Checks that the server may see the new password itself, after it refused the stored form of
/// it.
async fn may_be_shown(session: &mut Session, refusal: ServerError) -> Result<(), ServerError> {
    let rows = session
        .query("SELECT @@read_only, @@general_log, @@strict_password_validation")
        .await?;
    let row: Vec<_> = rows.into_iter().flatten().flatten().collect();
    match row
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["0", "0", "1"] => Ok(()),
        ["0", _, "1"] => Err(coded(ServerFault::NotAllowed, "general_log")),
        _ => Err(refusal),
    }
}
