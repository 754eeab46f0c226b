//! Creates and drops users of MySQL and MariaDB. The account is for clients on all hosts.
//!
//! The statements are not one transaction. A user is created with its password, and then receives
//! its rights; a user that exists receives its rights, and then its password. So a retry completes
//! what an earlier attempt began, and a user whose password was refused has its rights.

use secrecy::{ExposeSecret, SecretString};

use crate::server::{
    Change, ChangeError, Dropped, Engine, Login, NewUser, Prepared, PreviousPassword, ServerError,
    ServerFault,
};

use super::super::{Failure, budget, coded, sent, timed};
use super::{Session, accounts, literal, mariadb, oracle, preparation};

/// The hosts of an account that the function creates.
const ANY_HOST: &str = "%";
/// `ER_CANNOT_USER_REFERENCED_AS_DEFINER`, since MySQL 8.0.22.
const DEFINER: &str = "4006";

/// Returns whether the server has an account of this name.
pub async fn exists(
    session: &mut Session,
    engine: Engine,
    username: &str,
) -> Result<bool, ServerError> {
    let hosts = timed(budget::STATEMENT, hosts(session, engine, username)).await?;
    Ok(!hosts.is_empty())
}

async fn hosts(
    session: &mut Session,
    engine: Engine,
    username: &str,
) -> Result<Vec<String>, ServerError> {
    let hosts = accounts::hosts(session, engine, username).await?;
    hosts.ok_or_else(|| coded(ServerFault::NotAllowed, "accounts not readable"))
}

/// Prepares a session. In MariaDB, a GRANT could otherwise create an account without a password.
async fn begin(session: &mut Session, engine: Engine) -> Result<(), ServerError> {
    session.query(&preparation()).await?;
    if engine == Engine::MariaDb {
        let mode = "SET SESSION sql_mode = 'NO_AUTO_CREATE_USER'";
        session.query(mode).await?;
    }
    Ok(())
}

/// Creates a user, or sets the password of one that exists, and grants it these privileges and
/// roles.
pub async fn prepare(
    session: &mut Session,
    engine: Engine,
    login: &Login,
    user: &NewUser<'_>,
    grants: &[String],
    roles: &[String],
) -> Result<Prepared, ChangeError> {
    let found = async {
        begin(session, engine).await?;
        hosts(session, engine, user.username).await
    };
    let found = timed(budget::STATEMENT, found).await?;
    if found.is_empty() {
        create(session, engine, user).await?;
        grant(session, engine, user.username, grants, roles).await?;
        return Ok(Prepared::Created);
    }
    grant(session, engine, user.username, grants, roles).await?;
    let change = Change {
        username: user.username,
        password: user.password,
        retain: false,
        every: user.every,
    };
    let changed: Result<PreviousPassword, ChangeError> = match engine {
        Engine::MariaDb => mariadb::change(session, login, &change).await,
        _ => oracle::change(session, login, &change).await,
    };
    changed.map(|_| Prepared::Existed)
}

async fn create(
    session: &mut Session,
    engine: Engine,
    user: &NewUser<'_>,
) -> Result<(), ChangeError> {
    if engine == Engine::MariaDb {
        return mariadb::create(session, &account(user.username), user.password).await;
    }
    // MySQL writes it to its logs without the password (*Passwords and Logging*).
    let statement = SecretString::from(format!(
        "CREATE USER {} IDENTIFIED BY {}",
        account(user.username),
        literal(user.password.expose_secret())
    ));
    let created = sent(session.query(statement.expose_secret())).await;
    created.map(drop).map_err(Failure::of_change)
}

/// Grants the rights, and activates the roles for each login. MariaDB activates one.
async fn grant(
    session: &mut Session,
    engine: Engine,
    username: &str,
    grants: &[String],
    roles: &[String],
) -> Result<(), ChangeError> {
    let account = account(username);
    let roles: Vec<String> = roles.iter().map(|role| literal(role)).collect();
    let mut statements: Vec<String> = roles
        .iter()
        .chain(grants)
        .map(|right| format!("GRANT {right} TO {account}"))
        .collect();
    if !roles.is_empty() {
        let roles = roles.join(", ");
        statements.push(match engine {
            Engine::MariaDb => format!("SET DEFAULT ROLE {roles} FOR {account}"),
            _ => format!("ALTER USER {account} DEFAULT ROLE {roles}"),
        });
    }
    for statement in statements {
        let granted = sent(session.query(&statement)).await;
        granted.map_err(Failure::of_right)?;
    }
    Ok(())
}

/// Drops the account for all hosts, unless views, routines, events, or triggers run with its
/// privileges. Its own privileges go with it.
pub async fn drop_user(
    session: &mut Session,
    engine: Engine,
    username: &str,
) -> Result<Dropped, ServerError> {
    let looked = async {
        begin(session, engine).await?;
        let hosts = hosts(session, engine, username).await?;
        let definer = literal(&format!("{username}@{ANY_HOST}"));
        let mut defined = 0;
        for table in ["VIEWS", "ROUTINES", "EVENTS", "TRIGGERS"] {
            let count = format!(
                "SELECT COUNT(*) FROM information_schema.{table} WHERE DEFINER = {definer}"
            );
            let rows = session.query(&count).await?;
            let text = rows.into_iter().flatten().flatten().next();
            defined += text
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or_default();
        }
        Ok((hosts, defined))
    };
    let (hosts, defined) = timed(budget::STATEMENT, looked).await?;
    if hosts.is_empty() {
        return Ok(Dropped::Gone);
    }
    if !hosts.iter().any(|host| host == ANY_HOST) {
        let reason = "its accounts are not for all hosts, as one that keyrota creates is";
        return Ok(Dropped::Kept(reason.to_owned()));
    }
    if defined > 0 {
        return Ok(Dropped::Kept(format!(
            "it is the definer of {defined} view(s), routine(s), event(s), or trigger(s)"
        )));
    }
    let statement = format!("DROP USER {}", account(username));
    match sent(session.query(&statement)).await {
        Ok(_) => Ok(Dropped::Gone),
        Err(Failure::Answered(error)) if error.code.as_deref() == Some(DEFINER) => {
            let reason = "it is the definer of views, routines, events, or triggers";
            Ok(Dropped::Kept(reason.to_owned()))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Returns the account that the function creates, as statements name it.
fn account(username: &str) -> String {
    format!("{}@{}", literal(username), literal(ANY_HOST))
}
