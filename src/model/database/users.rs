//! The user of a database, or the two users that alternate.

use super::read::{Word, check_name};
use super::{Database, Engine, Hosts};
use crate::model::Finding;
use crate::model::entry::Entry;
use crate::model::fields::Fields;

/// The word that keeps a second user with a derived name.
pub(in crate::model) const ALTERNATE: &str = "alternate";

/// What the name of the second user ends with. The names are those of AWS's own rotation functions
/// ("Rotation strategy: alternating users" in the Secrets Manager User Guide), so that a pair that
/// they made can be taken over.
const CLONE: &str = "_clone";

/// Reads `username` and `users`: the user that is current first, and the one that alternates with it.
pub(super) fn read(item: &Fields<'_>, engine: Option<Engine>) -> Option<(String, Option<String>)> {
    let name = |text: &str| check_name(text, engine, Word::User);
    let username = item.optional("username", |field| field.parse("invalid-name", name));
    let Some(field) = item.get("users") else {
        return Some((required(item, username)?, None));
    };
    if field.is_list() {
        let names = field.list()?.into_iter();
        let names: Option<Vec<String>> = names.map(|it| it.parse("invalid-name", name)).collect();
        let [first, second]: [String; 2] = match names?.try_into() {
            Ok(pair) => pair,
            Err(names) => {
                let count = names.len();
                let message = format!("expected two users, found {count}");
                field.refuse("invalid-value", message);
                return None;
            }
        };
        if first == second {
            field.refuse(
                "contradiction",
                "two users that alternate cannot be the same",
            );
            return None;
        }
        let username = username?;
        return match username {
            Some(username) if username == second => Some((second, Some(first))),
            Some(username) if username != first => {
                let message = format!("`{username}` is not one of the two users in `users`");
                let path = item.path("username");
                item.place("username")
                    .report(Finding::error("contradiction", path, message).hint(
                    "name the user there whose login the secret holds first, or remove `username`",
                ));
                None
            }
            _ => Some((first, Some(second))),
        };
    }
    field.parse("invalid-value", |text| match text {
        ALTERNATE => Ok(()),
        _ => Err(format!(
            "expected `{ALTERNATE}` or a list of two users, found `{text}`"
        )),
    })?;
    let username = required(item, username)?;
    if username.ends_with(CLONE) {
        let message = format!("`{username}` is the name of a second user already");
        let base = username.trim_end_matches(CLONE);
        field.report(
            Finding::error("contradiction", field.path(), message)
                .hint(format!("name both users: `users: [{base}, {username}]`")),
        );
        return None;
    }
    let alternate = format!("{username}{CLONE}");
    match name(&alternate) {
        Ok(alternate) => Some((username, Some(alternate))),
        Err(why) => {
            let message = format!("the second user would be `{alternate}`, but {why}");
            field.report(
                Finding::error("invalid-name", field.path(), message)
                    .hint("name both users in a list: `users: [FIRST, SECOND]`"),
            );
            None
        }
    }
}

/// Returns the user's name, which may be absent only beside a list.
fn required(item: &Fields<'_>, username: Option<Option<String>>) -> Option<String> {
    if let Some(None) = username {
        let message = "`username` is required, unless `users` lists two users";
        let finding = Finding::error("missing", item.path("username"), message);
        item.at().report(finding);
    }
    username?
}

/// Refuses two users that alternate where the rotation of the one would change the other.
pub(super) fn check(entry: &Entry, database: &Database, item: &Fields<'_>) {
    let Some(field) = item.get("users") else {
        return;
    };
    if entry.administrator().is_none() {
        let message = "without an administrator, nobody can change the user that is not current";
        field.report(
            Finding::error("contradiction", field.path(), message)
                .hint("set `rotate_as` to the name or full ARN of an administrator's secret"),
        );
    }
    if database.engine == Engine::Postgres && database.dbname.is_none() {
        let path = item.path("dbname");
        let message = "clients of PostgreSQL that are given no database connect to the one with the user's name, and the user alternates";
        field.report(
            Finding::warning("alternating-database", path, message)
                .hint("name the database in `dbname`, which the secret's value then has too"),
        );
    }
    if database.hosts == Some(Hosts::Own) {
        let path = item.path("hosts");
        let message = "`own` is the account that the function logs in as, but an administrator logs in to change the users in `users`";
        item.place("hosts").report(
            Finding::error("contradiction", path, message)
                .hint("remove `hosts`, or use `hosts: all` to change every account of both names"),
        );
    }
}
