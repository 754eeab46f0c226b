//! What is specific to access keys.

use super::reference::check_boundary;
use super::{Preflight, Specific, fields};
use crate::model::{AccessKey, EntryOf, Finding, InitialKey, Model};
use crate::plan::{
    Observed, ObservedAccessKey, Profile, SEEDING_TAG, Seeding, deletion_of, holds_user,
};
use crate::port::Key;

/// Checks the user, its keys, and the profile whose key is adopted.
pub(super) fn check(
    model: &Model,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    observed: &Observed<'_>,
    preflight: Preflight,
) -> Specific {
    Specific {
        user: check_user(entry, seen, observed)
            .into_iter()
            .chain(check_boundary(model, entry, seen, observed))
            .collect(),
        credentials: check_keys(entry, seen, preflight)
            .into_iter()
            .chain(fields::check_key(entry, seen))
            .collect(),
        source: check_profile(entry, seen),
        administrator: "store an administrator's access key there, in the fields `accesskey` and `secretkey`",
    }
}

fn check_user(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    observed: &Observed<'_>,
) -> Option<Finding> {
    let path = format!("user {}", entry.kind.user);
    let in_stack = holds_user(&observed.resources, entry.kind.user.as_str());
    match &seen.user {
        None if !entry.kind.create_user => Some(
            Finding::error(
                "no-user",
                path,
                format!(
                    "the IAM user `{}` does not exist in account {}",
                    entry.kind.user, observed.caller.account
                ),
            )
            .hint("create the user, or let the stack create it with `create_user: true`; if it was created a moment ago, run the command again, because IAM is eventually consistent"),
        ),
        Some(_) if entry.kind.create_user && !in_stack => Some(
            Finding::error(
                "user-exists",
                path,
                format!(
                    "the IAM user `{}` already exists, so the stack cannot create it",
                    entry.kind.user
                ),
            )
            .hint("remove `create_user` to rotate the keys of the existing user"),
        ),
        // `user/NAME` in a policy does not match a user below a path.
        Some(user) if user.path != "/" => Some(
            Finding::error(
                "user-path",
                path,
                format!(
                    "the user has the path {}, and keyrota's policies apply only to users without a path",
                    user.path
                ),
            )
            .hint("remove the path: aws iam update-user --new-path / --user-name …"),
        ),
        _ => None,
    }
}

fn check_keys(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    preflight: Preflight,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = format!("user {}", entry.kind.user);
    if seen.user.is_none() || entry.kind.create_user {
        return findings;
    }
    if let Some(lost) = seen.lost_key() {
        findings.push(
            Finding::error(
                "lost-key",
                path.clone(),
                format!(
                    "the secret `{}` contains the key {}, which the user does not have",
                    seen.secret_name, lost
                ),
            )
            .hint("store a working key in the secret, with the same four fields, then run the command again"),
        );
    }
    let adopted = match &seen.profile {
        Some(Profile::Usable { id, .. }) => Some(id.as_str()),
        _ => None,
    };
    let seeding = Seeding::of(seen);
    let foreign: Vec<_> = seen
        .foreign_keys()
        .into_iter()
        .filter(|key| seen.credential().is_some() || Some(key.id.as_str()) != adopted)
        // What an interrupted run of ours made and could not store.
        .filter(|key| !seeding.as_ref().is_some_and(|seeding| seeding.made(key)))
        .collect();
    let names: Vec<&str> = foreign.iter().map(|key| key.id.as_str()).collect();
    findings.extend(claimed(seen, &foreign));
    let active = foreign.iter().any(|key| key.active);
    let free = "delete the key that is not in use (aws iam delete-access-key)";
    if foreign.len() >= 2 {
        findings.push(
            Finding::error(
                "no-room",
                path,
                format!(
                    "keyrota did not create either of the user's two keys ({}), and rotation needs a free key slot",
                    names.join(", ")
                ),
            )
            .hint(format!(
                "{free}, and adopt the other with `initial_key: profile:NAME`"
            )),
        );
    } else if active {
        let what = format!(
            "keyrota did not create the user's active key {}, and rotation needs its key slot",
            names.join(", ")
        );
        findings.push(match preflight.rotates {
            true => Finding::error("foreign-key", path, what)
                .hint("adopt it with `initial_key: profile:NAME`; or run with --no-rotate to store a first key, move the clients to the secret, delete the old key, and run the command again"),
            false => Finding::warning("foreign-key", path, what),
        });
    } else if !foreign.is_empty() {
        findings.push(Finding::warning(
            "inactive-key",
            path,
            format!(
                "the inactive key {} will be deleted to free a key slot for rotation",
                names.join(", ")
            ),
        ));
    }
    findings
}

/// Says which key a run of an earlier version may have made and not stored. It noted
/// that on the secret, where others can write it, so that nothing is done because of it.
fn claimed(seen: &ObservedAccessKey, foreign: &[&Key]) -> Option<Finding> {
    let claimed = Seeding::claimed(seen)?;
    let key = foreign.iter().find(|key| key.active && claimed.made(key))?;
    let (user, id) = (&seen.user_name, &key.id);
    let message = format!(
        "the secret's tag {SEEDING_TAG} says that an interrupted run of an earlier version created the key {id}, so that its secret access key is lost; the key was not touched, because other principals can write this tag"
    );
    let command = deletion_of(user, id);
    Some(
        Finding::warning("interrupted-seeding", format!("user {user}"), message)
            .hint(format!("if the key is not in use, delete it: {command}")),
    )
}

/// Checks the profile whose key is adopted.
fn check_profile(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> Option<Finding> {
    let (InitialKey::Profile(name), Some(profile), None) =
        (&entry.kind.initial_key, &seen.profile, seen.credential())
    else {
        return None;
    };
    let why = match (profile, &seen.user) {
        (Profile::Unusable(why), _) => why.clone(),
        (Profile::Usable { id, holder }, Some(user)) if *holder != user.arn => {
            format!("its key {id} belongs to {holder}")
        }
        _ => return None,
    };
    let user = &entry.kind.user;
    let message =
        format!("the profile `{name}` does not contain a key of the user `{user}`: {why}");
    Some(Finding::error(
        "profile-key",
        format!("user {user}"),
        message,
    ))
}
