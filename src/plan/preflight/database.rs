//! Checks that are specific to databases.

use keyrota_contract::tag;

use super::{Circumstances, Specific, dropped_secrets, fields};
use crate::model::{Database, EntryOf, Finding, InitialPassword, Login};
use crate::plan::{ObservedDatabase, ObservedEntry};

/// Checks the login of a secret, unless something is wrong with the secret itself.
pub(super) fn check(
    circumstances: Circumstances<'_>,
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
            .chain(check_renamed(circumstances, entry, seen))
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
        ObservedEntry::AccessKey(..) | ObservedEntry::Service(..) => None,
    });
    unset.collect()
}

fn not_set(entry: EntryOf<'_, Database>) -> Finding {
    let secret = &entry.secret;
    let message = format!("`{secret}` has no password, and only a rotation sets the first one");
    Finding::error("no-password", format!("secret {secret}"), message)
        .hint("run `keyrota bootstrap` without --no-rotate, or provide the first password with `initial_password`")
}

/// Returns a finding if a secret had a password before its user was one that the function
/// creates. A teardown would drop a user that existed before. The stack wrote the tag, which only
/// guards against a mistake.
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

/// Returns a finding if the stack has a secret that the manifest no longer names, and the entry's
/// secret has no password yet: the name of the entry's secret may have been changed. If the function
/// creates the user, it refuses one that exists.
fn check_renamed(
    circumstances: Circumstances<'_>,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Option<Finding> {
    if entry.kind.create_user.is_some() {
        return None;
    }
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

/// Returns a finding if a secret contains the login of another user, whose password a rotation would
/// change.
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
