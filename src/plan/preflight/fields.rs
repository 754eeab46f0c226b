//! The names of the fields of the values: what cannot be read, and what the next rotations change.

use crate::model::{AccessKey, Content, Database, Entry, EntryOf, Finding, Renamings, Service};
use crate::plan::{ObservedAccessKey, ObservedDatabase, ObservedService, SecretContent};

/// Checks the fields of an access key's value.
pub(super) fn check_key(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Option<Finding> {
    let held = seen.secret.as_ref()?;
    let renamings = held.credential().map(|credential| credential.renamings());
    check(&entry, &held.current, renamings)
}

/// Checks the fields of a database's value.
pub(super) fn check_login(
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Option<Finding> {
    let held = seen.secret.as_ref()?;
    let renamings = held.login().map(|login| login.renamings());
    check(&entry, &held.current, renamings)
}

/// Checks the fields of a service's value.
pub(super) fn check_service(
    entry: EntryOf<'_, Service>,
    seen: &ObservedService,
) -> Option<Finding> {
    let held = seen.secret.as_ref()?;
    let renamings = held.login().map(|login| login.renamings());
    check(&entry, &held.current, renamings)
}

fn check<T>(
    entry: &Entry,
    content: &SecretContent<T>,
    renamings: Option<Renamings>,
) -> Option<Finding> {
    let path = format!("secret {}", entry.secret);
    if let Some(renamings) = renamings {
        let message = renaming(&renamings)?;
        return Some(Finding::warning("renamed-fields", path, message));
    }
    let SecretContent::Held(content @ (Content::Ambiguous(_) | Content::Misnamed)) = content else {
        return None;
    };
    let why = content.complete().err()?;
    let hint = match content {
        Content::Misnamed => {
            "list the name with `fields`, for example `fields: { accesskey: NAME, secretkey: NAME }`"
        }
        _ => {
            "remove the field that is not right from the value, or list only the other names with `fields`"
        }
    };
    Some(Finding::error("fields", path, format!("the value {why}")).hint(hint))
}

/// Says what the next rotations do to the names of fields.
fn renaming(renamings: &Renamings) -> Option<String> {
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let Renamings { adds, removes } = renamings;
    let mut said = Vec::new();
    if !adds.is_empty() {
        said.push(format!(
            "the next rotation adds {} to the value, and the rotation after it removes the former names",
            list(adds)
        ));
    }
    if !removes.is_empty() {
        said.push(format!(
            "the next rotation removes {} from the value",
            list(removes)
        ));
    }
    (!said.is_empty()).then(|| said.join("; "))
}
