//! Creates and drops users of PostgreSQL.
//!
//! A user, its rights, and its password are one transaction: a retry finds all of them or none. From
//! PostgreSQL 16 on, a role with `CREATEROLE` receives the `ADMIN` option on each role that it
//! creates, so it can change its password and drop it later (*CREATE ROLE*, *Role Attributes*).

use crate::server::{ChangeError, Dropped, NewUser, Prepared, ServerError, ServerFault};

use super::super::{Failure, budget, coded, sent, timed};
use super::{Session, begin, identifier, literal, not_allowed, verifier};

/// `dependent_objects_still_exist`.
const DEPENDENT: &str = "2BP01";

/// Returns whether the server has a role of this name. Every role may read `pg_roles`.
pub async fn exists(session: &mut Session, username: &str) -> Result<bool, ServerError> {
    Ok(timed(budget::STATEMENT, find(session, username))
        .await?
        .is_some())
}

/// Returns whether the password of a role is past its `VALID UNTIL`, or `None` if there is no such
/// role.
async fn find(session: &mut Session, username: &str) -> Result<Option<bool>, ServerError> {
    let rows = session
        .query(&format!(
            "SELECT coalesce(rolvaliduntil <= now(), false) FROM pg_catalog.pg_roles WHERE rolname = {}",
            literal(username)
        ))
        .await?;
    let expired = rows.first().map(|row| row.try_get(0).ok().flatten());
    Ok(expired.map(|text| text == Some("t")))
}

/// Creates a role, or sets the password of one that exists, and grants it these privileges and
/// roles.
pub async fn prepare(
    session: &mut Session,
    user: &NewUser<'_>,
    grants: &[String],
    roles: &[String],
) -> Result<Prepared, ChangeError> {
    let (verifier, found) = timed(budget::STATEMENT, async {
        let verifier = verifier(session, user.username, user.password).await?;
        Ok((verifier, find(session, user.username).await?))
    })
    .await?;
    let role = identifier(user.username);
    let (set, prepared) = match found {
        None => (
            format!("CREATE ROLE {role} LOGIN PASSWORD '{verifier}'"),
            Prepared::Created,
        ),
        // Nobody knows until when the new password should be valid.
        Some(true) => (
            format!("ALTER ROLE {role} PASSWORD '{verifier}' VALID UNTIL 'infinity'"),
            Prepared::Existed,
        ),
        Some(false) => (
            format!("ALTER ROLE {role} PASSWORD '{verifier}'"),
            Prepared::Existed,
        ),
    };
    let begun = sent(session.query(&format!("{}; {set}", begin()))).await;
    if let Err(failure) = begun {
        return Err(not_allowed(session, user.username, failure).await);
    }
    let granted = roles.iter().map(|role| identifier(role));
    for right in granted.chain(grants.iter().cloned()) {
        let granted = sent(session.query(&format!("GRANT {right} TO {role}"))).await;
        granted.map_err(|failure| failure.of_right())?;
        // Without the grant option, the server only warns.
        if session.has_granted_nothing() {
            let refused = coded(ServerFault::RightsRefused, NOT_GRANTED);
            return Err(ChangeError::Sent(refused));
        }
    }
    sent(session.query("COMMIT"))
        .await
        .map_err(Failure::of_change)?;
    Ok(prepared)
}

/// `privilege_not_granted`, the code of a warning.
pub const NOT_GRANTED: &str = "01007";

/// Drops a role, unless it owns objects or has rights that the manifest does not grant. The
/// privileges of the manifest, `grants`, are revoked in the same transaction.
pub async fn drop(
    session: &mut Session,
    username: &str,
    grants: &[String],
) -> Result<Dropped, ServerError> {
    let role = identifier(username);
    sent(session.query(&begin())).await?;
    // The server removes memberships itself.
    for grant in grants {
        // An object that is gone has no rights on it.
        let revoke = format!("SAVEPOINT revoke; REVOKE {grant} FROM {role}");
        match sent(session.query(&revoke)).await {
            Ok(_) => {}
            Err(Failure::Answered(_)) => {
                sent(session.query("ROLLBACK TO SAVEPOINT revoke")).await?;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    match sent(session.query(&format!("SAVEPOINT last; DROP ROLE {role}"))).await {
        Ok(_) => {
            sent(session.query("COMMIT")).await?;
            Ok(Dropped::Gone)
        }
        Err(Failure::Answered(error)) if error.code.as_deref() == Some(DEPENDENT) => {
            let reason = timed(budget::STATEMENT, reason(session, username)).await?;
            sent(session.query("ROLLBACK")).await?;
            Ok(Dropped::Kept(reason))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Returns why a role cannot be dropped, after its rights of the manifest were revoked.
async fn reason(session: &mut Session, username: &str) -> Result<String, ServerError> {
    let rows = session
        .query(&format!(
            "ROLLBACK TO SAVEPOINT last; \
             SELECT count(*) FILTER (WHERE deptype = 'o'), count(*) FILTER (WHERE deptype <> 'o') \
             FROM pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass \
             AND refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = {})",
            literal(username)
        ))
        .await?;
    let count = |index| {
        let row = rows.first();
        let text = row.and_then(|row| row.try_get(index).ok().flatten());
        text.and_then(|text: &str| text.parse().ok())
            .unwrap_or_default()
    };
    Ok(match (count(0), count(1)) {
        (0_u64, 0) => "other objects of the server depend on it".to_owned(),
        (0, others) => format!(
            "it has privileges on {others} object(s) that `grants` in the manifest does not list"
        ),
        (owned, _) => format!("it owns {owned} object(s)"),
    })
}
