//! Creates a user with the rights of another one, for two users that alternate.
//!
//! The other user's accounts, with their hosts, plugins, required kinds of connection, limits, and
//! rights, are what the server shows (`SHOW CREATE USER`, `SHOW GRANTS`). The rights are compared at
//! each rotation, so that a right that one of the two was granted does not get lost when the other
//! one becomes current. None is revoked.
//!
//! The password is set last, after all rights, so that a login with it means that none is missing.

use secrecy::{ExposeSecret, SecretString};

use crate::server::{
    Change, ChangeError, Engine, Login, NewUser, Prepared, ServerError, ServerFault,
};

use super::super::{Failure, budget, coded, fault, sent, timed};
use super::grants::{Definition, Effect, Right};
use super::{Session, accounts, literal, mariadb, oracle, plugin, preparation, several_accounts};

/// Statements whose answer depends on these variables show names in quotation marks, and the stored
/// form of a password as digits.
const NAMES: &str = "SET SESSION sql_quote_show_create = 1";
const DIGITS: &str = "SET SESSION print_identified_with_as_hex = 1";

/// An account of the other user, and what the user to prepare needs to be its equal.
struct Pair {
    host: String,
    /// How the account to prepare is called in statements.
    account: String,
    exists: bool,
    definition: Definition,
    rights: Vec<Right>,
    /// The roles that a login of the account to prepare activates.
    default_roles: Vec<String>,
}

/// Prepares a user with the accounts and rights of another one.
pub async fn prepare(
    session: &mut Session,
    engine: Engine,
    login: &Login,
    user: &NewUser<'_>,
    base: &str,
) -> Result<Prepared, ChangeError> {
    let pairs = timed(budget::STATEMENT, pairs(session, engine, user, base)).await;
    let pairs = pairs.map_err(of_rights)?;
    let mut prepared = Prepared::Existed;
    for pair in pairs.iter().filter(|pair| !pair.exists) {
        create(session, engine, user, base, pair).await?;
        prepared = Prepared::Created;
    }
    for pair in &pairs {
        let granted = sent(complete(session, pair)).await;
        granted.map_err(|failure| ChangeError::Unsent(of_rights(failure.into())))?;
    }
    // Those that were just created have the password, and a server may refuse to set it again
    // (`password_history`).
    if pairs.iter().all(|pair| !pair.exists) {
        return Ok(prepared);
    }
    let change = Change {
        username: user.username,
        password: user.password,
        retain: false,
        every: user.every,
    };
    match engine {
        Engine::MariaDb => mariadb::change(session, login, &change).await?,
        _ => oracle::change(session, login, &change).await?,
    };
    Ok(prepared)
}

/// Returns the error of reading, creating, or granting.
fn of_rights(error: ServerError) -> ServerError {
    // The server's own codes are numbers.
    let code = error.code.as_deref().unwrap_or_default();
    match error.fault {
        ServerFault::NotAllowed if code.parse::<u16>().is_ok() => ServerError {
            fault: ServerFault::RightsNotGranted,
            ..error
        },
        _ => error,
    }
}

/// Reads the accounts of both users.
async fn pairs(
    session: &mut Session,
    engine: Engine,
    user: &NewUser<'_>,
    base: &str,
) -> Result<Vec<Pair>, ServerError> {
    session.query(&preparation()).await?;
    session.query(NAMES).await?;
    if engine == Engine::MySql {
        // Servers before 8.0.17 do not have it.
        match session.query(DIGITS).await {
            Ok(_) | Err(Failure::Answered(_)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    let unreadable = || coded(ServerFault::NotAllowed, "accounts not readable");
    let hosts = accounts::hosts(session, engine, base).await?;
    let hosts = hosts.ok_or_else(unreadable)?;
    let own = accounts::hosts(session, engine, user.username).await?;
    let own = own.ok_or_else(unreadable)?;
    if hosts.is_empty() {
        return Err(fault(ServerFault::UserUnknown));
    }
    if !user.every && hosts.len() > 1 {
        return Err(several_accounts());
    }
    // An account for other hosts would keep another password, and clients there would use it.
    if !user.every && own.iter().any(|host| !hosts.contains(host)) {
        return Err(fault(ServerFault::AccountsDiffer));
    }
    let mut pairs = Vec::new();
    for host in hosts {
        let exists = own.contains(&host);
        pairs.push(pair(session, user.username, base, host, exists).await?);
    }
    Ok(pairs)
}

/// Reads an account of the other user, and the account to prepare if it exists.
async fn pair(
    session: &mut Session,
    username: &str,
    base: &str,
    host: String,
    exists: bool,
) -> Result<Pair, ServerError> {
    let named = |name: &str| format!("{}@{}", literal(name), literal(&host));
    let (account, of) = (named(username), named(base));
    let definition = definition(session, &of).await?;
    let rights = rights(session, base, &host, &of).await?;
    let (mut held, mut default_roles) = (Vec::new(), Vec::new());
    if exists {
        held = self::rights(session, username, &host, &account).await?;
        default_roles = self::definition(session, &account).await?.default_roles;
    }
    let missing = rights.into_iter().filter(|right| !right.is_among(&held));
    let rights: Vec<Right> = missing.collect();
    if exists
        && rights
            .iter()
            .any(|right| right.effect() == Effect::Restricts)
    {
        // It could remove a right that the account was granted by itself.
        return Err(coded(ServerFault::NotAllowed, "partial revoke"));
    }
    Ok(Pair {
        account,
        exists,
        definition,
        rights,
        default_roles,
        host,
    })
}

/// Reads what would create an account again. It may contain the stored form of the password.
async fn definition(session: &mut Session, account: &str) -> Result<Definition, ServerError> {
    let rows = session
        .query(&format!("SHOW CREATE USER {account}"))
        .await?;
    let statement: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let statement = SecretString::from(statement.join(" "));
    let read = Definition::read(statement.expose_secret());
    read.ok_or_else(|| coded(ServerFault::Refused, "SHOW CREATE USER"))
}

/// Reads the rights of an account. They may contain the stored form of the password.
async fn rights(
    session: &mut Session,
    username: &str,
    host: &str,
    account: &str,
) -> Result<Vec<Right>, ServerError> {
    let rows = session.query(&format!("SHOW GRANTS FOR {account}")).await?;
    let lines = rows.into_iter().flatten().flatten().map(SecretString::from);
    Ok(lines
        .filter_map(|line| Right::read(line.expose_secret(), username, host))
        .collect())
}

/// Creates an account with its password.
async fn create(
    session: &mut Session,
    engine: Engine,
    user: &NewUser<'_>,
    base: &str,
    pair: &Pair,
) -> Result<(), ChangeError> {
    if engine == Engine::MariaDb {
        let like = timed(budget::STATEMENT, mariadb::of_name(session, base)).await?;
        let like = like.into_iter().find(|it| it.host == pair.host);
        let like = like.ok_or_else(|| fault(ServerFault::UserUnknown))?;
        let form = mariadb::Form {
            verb: "CREATE USER",
            options: &pair.definition.options,
        };
        let account = mariadb::Account {
            name: Some(pair.account.clone()),
            ..like
        };
        return match mariadb::set(session, form, &[account], user.password).await {
            Ok(_) => Ok(()),
            Err(error) => Err(of_creation(error)),
        };
    }
    let plugin = pair.definition.plugin.as_deref().unwrap_or_default();
    if plugin::named(plugin).is_none() {
        return Err(coded(ServerFault::PluginUnsupported, plugin::shown(plugin)).into());
    }
    // MySQL writes this to its logs without the password, as it does with `ALTER USER`.
    let statement = SecretString::from(format!(
        "CREATE USER {} IDENTIFIED WITH {plugin} BY {}{}",
        pair.account,
        literal(user.password.expose_secret()),
        pair.definition.options,
    ));
    match sent(session.query(statement.expose_secret())).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(of_creation(failure.of_change())),
    }
}

/// Returns the error of a creation. If the account exists by now, another run has created it. Its rights are not granted yet, so that a login with the password
/// would show nothing; only the server's rules for passwords end the rotation.
fn of_creation(error: ChangeError) -> ChangeError {
    match error {
        ChangeError::Sent(error) if error.fault == ServerFault::UserUnknown => {
            ChangeError::Unsent(ServerError {
                fault: ServerFault::Busy,
                ..error
            })
        }
        ChangeError::Sent(error) if error.fault != ServerFault::PasswordRefused => {
            ChangeError::Unsent(of_rights(error))
        }
        error => error,
    }
}

/// Grants an account the rights that it lacks, and lets its logins activate the same roles.
async fn complete(session: &mut Session, pair: &Pair) -> Result<(), Failure> {
    for right in &pair.rights {
        session.query(&right.statement(&pair.account)).await?;
    }
    let wanted = &pair.definition.default_roles;
    if wanted.iter().all(|role| pair.default_roles.contains(role)) {
        return Ok(());
    }
    let mut roles = pair.default_roles.clone();
    roles.extend(wanted.iter().cloned());
    roles.sort();
    roles.dedup();
    let statement = format!(
        "ALTER USER {} DEFAULT ROLE {}",
        pair.account,
        roles.join(", ")
    );
    session.query(&statement).await.map(drop)
}
