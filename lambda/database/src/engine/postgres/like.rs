//! Creates a role with the rights of another one, for two users that alternate.
//!
//! The new role is a member of the other one and acts as it from its login on (`ALTER ROLE … SET
//! role`). Membership alone would not be enough: what the new role creates would belong to it, and the
//! other role could not use it, because rights are inherited from a role by its members and not the
//! other way round (*Role Membership*, *ALTER ROLE*). With the setting, both create objects of the same
//! owner, `DROP OWNED` and default privileges work as before, and row security sees one user.
//!
//! The other role's own settings, such as `search_path`, would not apply, because the server reads
//! those of the role that logs in. Therefore they are copied, and so is the limit of connections.

use crate::server::{ChangeError, NewUser, Prepared, ServerError, ServerFault};

use super::super::{Failure, budget, coded, sent, timed};
use super::setting::{self, Setting};
use super::{Session, identifier, literal, missing, transaction, verifier};

/// What the server says about both roles.
struct Roles {
    /// Whether the role to prepare exists.
    exists: bool,
    /// Whether it is a member of the other role.
    is_member: bool,
    /// The other role's limit of connections.
    limit: i32,
}

/// Prepares a role with the rights of another one, `base`, in one transaction.
///
/// A role that exists keeps its settings. If it is not a member of the other role, it becomes one: the
/// manifest names the pair, clients must find the same rights with either role, and a refusal would
/// only stop the rotation. Nothing is revoked.
pub async fn prepare(
    session: &mut Session,
    user: &NewUser<'_>,
    base: &str,
) -> Result<Prepared, ChangeError> {
    if [user.username, base].iter().any(|name| name.contains('\0')) {
        return Err(coded(ServerFault::UserUnknown, "NUL").into());
    }
    let (roles, verifier) = timed(budget::STATEMENT, async {
        let roles = roles(session, user.username, base).await?;
        let verifier = verifier(session, user.username, user.password).await?;
        Ok((roles, verifier))
    })
    .await?;
    let (role, of) = (identifier(user.username), identifier(base));
    let mut statements = match roles.exists {
        true => format!("ALTER ROLE {role} PASSWORD '{verifier}'"),
        false => format!(
            "CREATE ROLE {role} LOGIN CONNECTION LIMIT {} PASSWORD '{verifier}'",
            roles.limit
        ),
    };
    if !roles.is_member {
        statements += &format!("; GRANT {of} TO {role}");
    }
    let mut has_settings = false;
    if !roles.exists {
        let settings = timed(budget::STATEMENT, settings(session, base)).await?;
        has_settings = !settings.is_empty();
        for setting in settings {
            statements += &format!("; {}", setting.statement(&role)?);
        }
        statements += &format!("; ALTER ROLE {role} SET role TO {of}");
    }
    let prepared = match roles.exists {
        true => Prepared::Existed,
        false => Prepared::Created,
    };
    let failure = match sent(session.query(&transaction(&statements))).await {
        Ok(_) => return Ok(prepared),
        Err(failure) => failure,
    };
    let is_refused =
        matches!(&failure, Failure::Answered(error) if error.fault == ServerFault::NotAllowed);
    let mut error = ServerError::from(failure);
    if is_refused {
        // The administrator needs the same for the membership and for the password.
        let subject = if roles.exists { user.username } else { base };
        let missing = timed(budget::STATEMENT, missing(session, subject)).await;
        error.fault = match missing.unwrap_or(error.fault) {
            // The administrator may create the role, so it may not set one of its parameters.
            ServerFault::NotAllowed if has_settings => ServerFault::RightsNotGranted,
            fault => fault,
        };
    }
    // Where rights are missing, a login with the password shows nothing about them.
    Err(
        match roles.is_member || error.fault == ServerFault::PasswordRefused {
            true => ChangeError::Sent(error),
            false => ChangeError::Unsent(error),
        },
    )
}

/// Reads what the server says about both roles. Every role may read `pg_roles` and
/// `pg_auth_members`, and membership may be indirect.
async fn roles(session: &mut Session, username: &str, base: &str) -> Result<Roles, ServerError> {
    let rows = session
        .query(&format!(
            "WITH RECURSIVE own AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = {user}), \
             above AS (SELECT oid FROM own UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m \
             JOIN above ON above.oid = m.member) \
             SELECT (SELECT count(*) FROM own), \
             (SELECT count(*) FROM above WHERE oid = base.oid), base.rolconnlimit \
             FROM pg_catalog.pg_roles base WHERE base.rolname = {base}",
            user = literal(username),
            base = literal(base),
        ))
        .await?;
    let Some(row) = rows.first() else {
        return Err(coded(ServerFault::UserUnknown, "42704"));
    };
    let column = |index| row.try_get(index).ok().flatten().unwrap_or_default();
    Ok(Roles {
        exists: column(0) == "1",
        is_member: column(1) == "1",
        limit: column(2).parse().unwrap_or(-1),
    })
}

/// Reads the settings of a role, those for one database included. Every role may read
/// `pg_db_role_setting`.
async fn settings(session: &mut Session, username: &str) -> Result<Vec<Setting>, ServerError> {
    let rows = session
        .query(&format!(
            "SELECT d.datname, unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s \
             JOIN pg_catalog.pg_roles r ON r.oid = s.setrole \
             LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE r.rolname = {}",
            literal(username)
        ))
        .await?;
    let read = rows.iter().map(|row| {
        let database = row.try_get(0).ok().flatten();
        let text = row.try_get(1).ok().flatten().unwrap_or_default();
        setting::read(database, text)
    });
    Ok(read.flatten().collect())
}
