//! Which accounts of a user's name there are, as far as the session may read them.
//!
//! Both servers select the account of a login by the host that the client connects from, the most
//! specific first (*Access Control, Stage 1* in the MySQL Reference Manual, *CREATE USER* in the
//! MariaDB documentation). A session without privileges can read only its own account, so a look
//! that shows one account means something only if the session may see others.

use secrecy::SecretString;

use crate::server::{Engine, ServerError};

use super::super::Failure;
use super::{Session, literal};

/// A role of MariaDB, which shares the table with accounts and cannot log in.
pub const NO_ROLE: &str = "NOT JSON_EXISTS(Priv, '$.is_role')";

/// Counts what shows that a session of MySQL may read the accounts of others: such an account, or the
/// privilege that shows them. The second view shows a session its own privileges.
const MAY_READ_OTHERS: &str = "SELECT \
    (SELECT COUNT(*) FROM information_schema.USER_ATTRIBUTES \
     WHERE CONCAT(USER, '@', HOST) <> CURRENT_USER()) + \
    (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES \
     WHERE PRIVILEGE_TYPE = 'CREATE USER')";

/// Returns the hosts of all accounts of a name, or `None` if the session may not read them.
pub async fn hosts(
    session: &mut Session,
    engine: Engine,
    username: &str,
) -> Result<Option<Vec<String>>, ServerError> {
    let user = literal(username);
    let tables = match engine {
        Engine::MariaDb => vec![
            format!("mysql.user WHERE User = {user} AND is_role = 'N'"),
            format!("mysql.global_priv WHERE User = {user} AND {NO_ROLE}"),
        ],
        _ => vec![format!("mysql.user WHERE User = {user}")],
    };
    for table in tables {
        if let Some(hosts) = column(session, &format!("SELECT Host FROM {table}")).await? {
            return Ok(Some(hosts));
        }
    }
    if engine == Engine::MariaDb {
        return Ok(None);
    }
    // Since 8.0.21, each session may read the accounts that it may change, and its own.
    match column(session, MAY_READ_OTHERS).await? {
        Some(count) if count != ["0"] => {}
        _ => return Ok(None),
    }
    let view = "information_schema.USER_ATTRIBUTES";
    column(
        session,
        &format!("SELECT HOST FROM {view} WHERE USER = {user}"),
    )
    .await
}

/// Returns the statement that would create an account again, or `None` if the server refuses to show
/// it. `name` is the account as statements name it. The statement may contain the stored form of the
/// password.
pub async fn statement(
    session: &mut Session,
    name: &str,
) -> Result<Option<SecretString>, ServerError> {
    let shown = column(session, &format!("SHOW CREATE USER {name}")).await?;
    Ok(shown.map(|columns| SecretString::from(columns.join(" "))))
}

/// Returns the column that a statement reads, or `None` if the server refuses it.
pub async fn column(
    session: &mut Session,
    statement: &str,
) -> Result<Option<Vec<String>>, ServerError> {
    match session.query(statement).await {
        Ok(rows) => Ok(Some(rows.into_iter().flatten().flatten().collect())),
        Err(Failure::Answered(_)) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}
