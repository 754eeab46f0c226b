//! What is specific to databases.

use super::{Specific, fields};
use crate::model::{Database, EntryOf, Finding, Login};
use crate::plan::ObservedDatabase;

/// Checks the login of a secret, unless something is wrong with the secret itself.
pub(super) fn check(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    secret_is_fine: bool,
) -> Specific {
    let login = seen.login().filter(|_| secret_is_fine);
    Specific {
        user: Vec::new(),
        credentials: login
            .and_then(|login| check_login(entry, login))
            .into_iter()
            .chain(fields::check_login(entry, seen))
            .collect(),
        source: None,
        administrator: "store the login of an administrator of this server there, in the fields `username` and `password`; `engine`, `host`, and `port` can be absent, and otherwise must be those of the manifest",
    }
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
    } else if !entry.kind.has_user(&login.username) {
        format!(
            "names another user than {}, the user in the manifest",
            entry.kind.users_shown()
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
