//! Password changes in MariaDB.
//!
//! MariaDB writes statements to its general log unchanged, including `PASSWORD('…')`. Therefore
//! the function computes the stored form of the password for the account's own plugin, and
//! sends only that. If the server insists on checking the password itself
//! (`strict_password_validation` with such a plugin), it receives the password only while its
//! general log is off.

use mysql_common::packets::AuthPlugin;
use secrecy::{ExposeSecret, SecretString};

use crate::server::{Change, ChangeError, Login, PreviousPassword, ServerError, ServerFault};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::accounts::NO_ROLE;
use super::plugin;
use super::{Session, literal, preparation, refused_statement, several_accounts};

/// An account whose password is set, and the plugin that stores it.
#[derive(Clone)]
pub struct Account {
    /// The account as statements name it, or `None` for the session's own.
    pub name: Option<String>,
    /// The pattern of hosts that clients connect from.
    pub host: String,
    pub plugin: AuthPlugin<'static>,
}

/// The statement that sets passwords.
#[derive(Clone, Copy)]
pub struct Form<'form> {
    /// `ALTER USER` or `CREATE USER`.
    pub verb: &'form str,
    /// The account's other options, or nothing.
    pub options: &'form str,
}

/// Changes the password of accounts that exist.
pub const ALTER: Form<'static> = Form {
    verb: "ALTER USER",
    options: "",
};

/// Returns the statement that sets the password of accounts. `stored` returns what an account's plugin
/// stores, as an expression. The session's own account is changed alone.
///
/// If the statement names several accounts, the server changes those that it can, and answers with
/// an error if it could not change all of them.
fn statement(
    form: Form<'_>,
    accounts: &[Account],
    stored: impl Fn(&AuthPlugin<'static>) -> Option<String>,
) -> Result<SecretString, ServerError> {
    let mut changed = Vec::new();
    for Account { name, plugin, .. } in accounts {
        let method = plugin::name(plugin);
        let stored =
            stored(plugin).ok_or_else(|| coded(ServerFault::PluginUnsupported, &method))?;
        changed.push(match name {
            None => return Ok(format!("SET PASSWORD = {stored}").into()),
            Some(name) => format!("{name} IDENTIFIED VIA {method} USING {stored}"),
        });
    }
    let Form { verb, options } = form;
    Ok(format!("{verb} {}{options}", changed.join(", ")).into())
}

/// Changes a password: that of the session's user, or of another user, or of every account of the
/// name. MariaDB keeps one password per plugin.
pub async fn change(
    session: &mut Session,
    login: &Login,
    change: &Change<'_>,
) -> Result<PreviousPassword, ChangeError> {
    let accounts = timed(budget::STATEMENT, prepare(session, login, change)).await?;
    set(session, ALTER, &accounts, change.password).await
}

/// Sets the password of accounts.
pub async fn set(
    session: &mut Session,
    form: Form<'_>,
    accounts: &[Account],
    password: &SecretString,
) -> Result<PreviousPassword, ChangeError> {
    let secret = password.expose_secret();
    let verifiers = statement(form, accounts, |plugin| {
        plugin::verifier(plugin, secret.as_bytes()).map(|verifier| literal(&verifier))
    })?;
    match answered(session, &verifiers).await {
        Ok(()) => return Ok(PreviousPassword::Void),
        // The server is read-only, or it requires the password itself.
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1290") => {
            let shown = timed(budget::STATEMENT, may_be_shown(session, error)).await;
            shown.map_err(ChangeError::Sent)?;
        }
        Err(failure) => return Err(failure.of_change()),
    }
    let password = format!("PASSWORD({})", literal(secret));
    let passwords = statement(form, accounts, |_| Some(password.clone()))?;
    let changed = answered(session, &passwords).await;
    changed.map_err(Failure::of_change)?;
    Ok(PreviousPassword::Void)
}

/// Sends a statement about accounts. The server reports a failure of `ALTER USER` or `CREATE USER` as
/// 1396, whatever the reason was, and lists the reason before it (*SHOW ERRORS*).
async fn answered(session: &mut Session, statement: &SecretString) -> Result<(), Failure> {
    let error = match sent(session.query(statement.expose_secret())).await {
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1396") => error,
        ended => return ended.map(drop),
    };
    // Without the list, the error stays what it is. A row has the level, the code, and a message.
    let errors = sent(session.query("SHOW ERRORS")).await;
    let codes = errors.unwrap_or_default().into_iter();
    let mut codes = codes.filter_map(|row| row.into_iter().nth(1).flatten()?.parse().ok());
    let reason = codes.find(|&code: &u16| code != 1396);
    Err(Failure::Answered(reason.map_or(error, refused_statement)))
}

/// Creates an account, which statements name like this. Its plugin is one that every server has.
pub async fn create(
    session: &mut Session,
    account: &str,
    password: &SecretString,
) -> Result<(), ChangeError> {
    let plugin = AuthPlugin::MysqlNativePassword;
    let method = plugin::name(&plugin);
    let create = |stored: &str| {
        let statement = format!("CREATE USER {account} IDENTIFIED VIA {method} USING {stored}");
        SecretString::from(statement)
    };
    let secret = password.expose_secret();
    let verifier = plugin::verifier(&plugin, secret.as_bytes());
    let verifier = verifier.ok_or_else(|| coded(ServerFault::PasswordRefused, &method))?;
    let verifier = create(&literal(&verifier));
    match answered(session, &verifier).await {
        Ok(()) => return Ok(()),
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1290") => {
            let shown = timed(budget::STATEMENT, may_be_shown(session, error)).await;
            shown.map_err(ChangeError::Sent)?;
        }
        Err(failure) => return Err(failure.of_change()),
    }
    let password = create(&format!("PASSWORD({})", literal(secret)));
    let created = answered(session, &password).await;
    created.map_err(Failure::of_change)
}

/// Prepares a session, and finds the accounts to change.
async fn prepare(
    session: &mut Session,
    login: &Login,
    change: &Change<'_>,
) -> Result<Vec<Account>, ServerError> {
    match session.query(&preparation()).await {
        Ok(_) => {}
        // With an expired password, only the password can be changed. A verifier contains
        // nothing that depends on the mode.
        Err(Failure::Answered(error)) if error.code.as_deref() == Some("1820") => {}
        Err(failure) => return Err(failure.into()),
    }
    if change.username == login.username && !change.every {
        return Ok(vec![Account {
            name: None,
            host: String::new(),
            plugin: session.plugin.clone(),
        }]);
    }
    others(session, change.username, change.every).await
}

/// Returns another user's account, or every account of the name. If there are several and only one
/// may change, it returns none: each has its own password.
async fn others(
    session: &mut Session,
    username: &str,
    every: bool,
) -> Result<Vec<Account>, ServerError> {
    let accounts = of_name(session, username).await?;
    match accounts.len() {
        0 => Err(fault(ServerFault::UserUnknown)),
        2.. if !every => Err(several_accounts()),
        _ => Ok(accounts),
    }
}

/// Returns every account of a name, which requires `SELECT` on `mysql.global_priv`.
pub async fn of_name(session: &mut Session, username: &str) -> Result<Vec<Account>, ServerError> {
    let user = literal(username);
    let rows = session
        .query(&format!(
            "SELECT Host, JSON_VALUE(Priv, '$.plugin'), COALESCE(JSON_LENGTH(Priv, '$.auth_or'), 0) > 1 \
             FROM mysql.global_priv WHERE User = {user} AND {NO_ROLE}"
        ))
        .await?;
    rows.into_iter().map(|row| account(&user, row)).collect()
}

/// Returns the account in a row of [`of_name`].
fn account(user: &str, row: Vec<Option<String>>) -> Result<Account, ServerError> {
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
    let plugin = plugin::named(&name)
        .ok_or_else(|| coded(ServerFault::PluginUnsupported, plugin::shown(&name)))?;
    let host = host.unwrap_or_default();
    Ok(Account {
        name: Some(format!("{user}@{}", literal(&host))),
        host,
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
