//! What is specific to databases.

use super::{Circumstances, Specific, dropped_secrets, fields};
use crate::model::{Database, EntryOf, Finding, Login};
use crate::plan::ObservedDatabase;

/// Checks the login of a secret, unless something is wrong with the secret itself.
pub(super) fn check(
    circumstances: Circumstances<'_>,
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
            .chain(check_renamed(circumstances, entry, seen))
            .collect(),
        source: None,
        administrator: "store the login of an administrator of this server there, in the fields `username` and `password`; `engine`, `host`, and `port` can be absent, and otherwise must be those of the manifest",
    }
}

/// Returns the finding where the stack has a secret that the manifest no longer names, and the entry's
/// secret has no password yet: the name of the entry's secret may have been changed.
fn check_renamed(
    circumstances: Circumstances<'_>,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Option<Finding> {
    let dropped = dropped_secrets(circumstances);
    let old = dropped.first().filter(|_| seen.wants_password())?;
    let (new, user) = (&entry.secret, &entry.kind.username);
    let named: Vec<String> = dropped.iter().map(|name| format!("`{name}`")).collect();
    let path = format!("secret {new}");
    let message = format!(
        "`{new}` has no password yet, and the stack has {}, which the manifest no longer names; if that secret is for `{user}` too, its clients are refused from the first rotation of `{new}` on",
        named.join(", ")
    );
    Some(Finding::warning("renamed-secret", path, message).hint(format!(
        "a secret cannot be renamed: write `secret: {old}` again; or to move the password to `{new}`, set `initial_password: {old}` and `first_rotation: on_request`, move the clients to `{new}`, then run `keyrota rotate {new}`"
    )))
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
