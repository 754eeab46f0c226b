//! What is specific to databases.

use keyrota_contract::tag;

use super::{Specific, fields};
use crate::model::{Database, EntryOf, Finding, InitialPassword, Login};
use crate::plan::{ObservedDatabase, ObservedEntry};

/// Checks the login of a secret, unless something is wrong with the secret itself.
pub(super) fn check(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    secret_is_fine: bool,
) -> Specific {
    let login = seen.login().filter(|_| secret_is_fine);
    Specific {
        user: login
            .and_then(|_| check_user(entry, seen))
            .into_iter()
            .collect(),
        credentials: login
            .and_then(|login| check_login(entry, login))
            .into_iter()
            .chain(fields::check_login(entry, seen))
            .collect(),
        source: None,
        administrator: "store the login of an administrator of this server there, in the fields `username` and `password`; `engine`, `host`, and `port` can be absent, and otherwise must be those of the manifest",
    }
}

/// Returns a finding for each secret that would have no password after a deployment without
/// rotations, because only a rotation sets the first one.
pub fn check_unset(entries: &[ObservedEntry<'_>]) -> Vec<Finding> {
    let unset = entries.iter().filter_map(|seen| match seen {
        ObservedEntry::Database(entry, seen) => {
            let is_set = entry.kind.initial_password == InitialPassword::Set;
            (is_set && seen.wants_password()).then(|| not_set(*entry))
        }
        ObservedEntry::AccessKey(..) => None,
    });
    unset.collect()
}

fn not_set(entry: EntryOf<'_, Database>) -> Finding {
    let secret = &entry.secret;
    let message = format!("`{secret}` has no password, and only a rotation sets the first one");
    Finding::error("no-password", format!("secret {secret}"), message)
        .hint("run `keyrota bootstrap` without --no-rotate, or provide the first password with `initial_password`")
}

/// Returns the finding where a secret had a password before its user was one that the function
/// creates. A teardown would drop a user that existed before. The tag is what the stack wrote; it
/// only guards against a mistake.
fn check_user(entry: EntryOf<'_, Database>, seen: &ObservedDatabase) -> Option<Finding> {
    entry.kind.create_user.as_ref()?;
    let tags = &seen.secret.as_ref()?.secret.tags;
    if tags.get(tag::OWNS_USER).is_some_and(|owns| owns == "true") {
        return None;
    }
    let message = format!(
        "`{}` has the password of the user `{}` already, so the function cannot create the user",
        entry.secret, entry.kind.username
    );
    let finding = Finding::error("user-exists", format!("secret {}", entry.secret), message);
    Some(finding.hint("remove `create_user` to rotate the password of the existing user"))
}

/// Returns the finding where a secret holds the login of somebody else: rotated,
/// it would be another's password that changes.
fn check_login(entry: EntryOf<'_, Database>, login: &Login) -> Option<Finding> {
    let what = if login.engine != entry.kind.engine {
        format!(
            "is for {}, but the manifest specifies {}",
            login.engine.name(),
            entry.kind.engine.name()
        )
    } else if login.username != entry.kind.username {
        format!(
            "names another user than `{}`, the user in the manifest",
            entry.kind.username
        )
    } else {
        return None;
    };
    let path = format!("secret {}", entry.secret);
    let message = format!("the value of `{}` {what}", entry.secret);
    Some(Finding::error("other-login", path, message).hint(
        "the user of a secret cannot change: choose another name for this entry with `secret:`",
    ))
}
