//! Reads what a manifest says about a user that the function creates, or whose password nobody knows.

use keyrota_contract::grant;

use super::read::{Word, check_name};
use super::{Database, Engine, InitialPassword, UserRights};
use crate::model::fields::Fields;
use crate::model::reader::Field;
use crate::model::{Entry, Finding, FirstRotation};

/// Reads `create_user` with `grants` and `roles`. The inner `None` is a user that exists.
pub(super) fn read_rights(item: &Fields<'_>, engine: Option<Engine>) -> Option<Option<UserRights>> {
    let creates = item.value("create_user", |field| field.boolean());
    let grants = read_list(item, "grants", |text| match engine {
        Some(engine) => grant::check(text, engine).map(|()| text.to_owned()),
        None => Ok(text.to_owned()),
    });
    let roles = read_list(item, "roles", |text| check_name(text, engine, Word::User));
    let (creates, grants, roles) = (creates?, grants?, roles?);
    if creates {
        check_rights(item, engine, &grants, &roles);
        return Some(Some(UserRights { grants, roles }));
    }
    for name in ["grants", "roles"] {
        if let Some(field) = item.own(name) {
            let message = format!("`{name}` are the rights of a user that the function creates");
            field.report(
                Finding::error("contradiction", field.path(), message)
                    .hint("add `create_user: true`, or grant them on the server"),
            );
        }
    }
    Some(None)
}

/// Reads a list of texts. An absent list is empty.
fn read_list(
    item: &Fields<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<String, String>,
) -> Option<Vec<String>> {
    let list = item.optional(name, |field| {
        let items = field.list()?;
        let read = |item: &Field<'_>| item.parse("invalid-value", &parse);
        // Each item is read, so that one run reports them all.
        let read: Vec<Option<String>> = items.iter().map(read).collect();
        read.into_iter().collect()
    });
    list.map(Option::unwrap_or_default)
}

fn check_rights(item: &Fields<'_>, engine: Option<Engine>, grants: &[String], roles: &[String]) {
    if grants.is_empty() && roles.is_empty() {
        let message = "a user without rights can do nothing";
        item.place("create_user").report(
            Finding::error("contradiction", item.path("create_user"), message)
                .hint("add `grants`, such as `[\"SELECT ON shop.*\"]`, or `roles`"),
        );
    }
    if engine == Some(Engine::MariaDb) && roles.len() > 1 {
        let message = "MariaDB activates one role when a user logs in";
        item.place("roles").report(
            Finding::error("contradiction", item.path("roles"), message)
                .hint("create a role on the server that has these roles, and name it alone"),
        );
    }
}

/// Checks the user that an entry creates, and a password that nobody knows, against its other
/// settings.
pub(super) fn check(entry: &Entry, database: &Database, item: &Fields<'_>) {
    let refuse = |name: &str, message: String, hint: &str| {
        let finding = Finding::error("contradiction", item.path(name), message);
        item.place(name).report(finding.hint(hint));
    };
    if let Some(rights) = &database.create_user {
        if entry.administrator().is_none() {
            let message = "only an administrator can create a user".to_owned();
            let hint = "set `rotate_as` to the secret of an administrator, or create the user on the server";
            refuse("create_user", message, hint);
            return;
        }
        if database.initial_password != InitialPassword::Set {
            let message = "a user that the function creates has no password yet".to_owned();
            refuse("initial_password", message, "remove `initial_password`");
        }
        if entry.adopt {
            let message =
                "the function creates the user, so no secret can contain its password".to_owned();
            refuse("create_user", message, "remove `create_user` or `adopt`");
        }
        if rights.roles.contains(&database.username) {
            let message = "a user cannot be a member of itself".to_owned();
            refuse("roles", message, "remove the name of the user");
        }
    }
    if database.initial_password != InitialPassword::Set {
        return;
    }
    if database.alternate.is_some() {
        let name = match database.create_user {
            Some(_) => "create_user",
            None => "initial_password",
        };
        let message =
            "two users alternate only if the first of them exists and its password is known"
                .to_owned();
        let hint = "remove `users` until the first rotation has set the password; then add it, and remove `initial_password: set` and `create_user`";
        refuse(name, message, hint);
    }
    if entry.administrator().is_none() {
        let message = "only an administrator can set a password that nobody knows".to_owned();
        let hint =
            "set `rotate_as` to the secret of an administrator, or provide the current password";
        refuse("initial_password", message, hint);
    }
    if entry.first_rotation != FirstRotation::Now {
        let message = format!(
            "the first password is set by a rotation during `keyrota bootstrap`, so it cannot be `{}`",
            entry.first_rotation
        );
        refuse("first_rotation", message, "use `first_rotation: now`");
    }
}
