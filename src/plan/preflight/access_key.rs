//! Checks that are specific to access keys.

use jiff::Timestamp;
use keyrota_contract::tag::USER;

use super::reference::check_boundary;
use super::{Circumstances, Specific, dropped_secrets, fields};
use crate::model::{
    AccessKey, Arn, EntryOf, Finding, FirstRotation, IamPath, InitialKey, SecretReference,
};
use crate::plan::recorded_keys::is_recorded;
use crate::plan::{
    FirstKey, Observed, ObservedAccessKey, ObservedSecret, SEEDING_TAG, Seeding, UnusableKey,
    age_in_days, deletion_of, holds_user, last_use,
};
use crate::port::{Key, User};

/// How the manifest adopts a key.
const ADOPTION: &str = "`initial_key: profile:NAME` or `initial_key: secret:NAME`";

/// Checks the user, its keys, and the key that is adopted.
pub(super) fn check(
    circumstances: Circumstances<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Specific {
    let Circumstances {
        model, observed, ..
    } = circumstances;
    Specific {
        user: check_user(entry, seen, observed)
            .into_iter()
            .chain(check_boundary(model, entry, seen, observed))
            .collect(),
        credentials: match check_other_user(entry, seen) {
            Some(finding) => vec![finding],
            None => check_keys(entry, seen, circumstances)
                .into_iter()
                .chain(fields::check_key(entry, seen))
                .collect(),
        },
        source: check_first_key(entry, seen, observed),
        administrator: "store an administrator's access key there, in the fields `accesskey` and `secretkey`",
    }
}

/// Returns a finding if the manifest names a user other than the one for whom the secret was
/// deployed. Other principals can write the tag and the value, so both must agree, and they only cause
/// a refusal.
fn check_other_user(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> Option<Finding> {
    let held = seen.secret.as_ref()?;
    let credential = held.credential()?;
    let user = entry.kind.user.as_str();
    let tag = held.secret.tags.get(USER)?;
    if credential.may_be_of(user) || tag == user {
        return None;
    }
    let name = &entry.secret;
    let whose = credential.names_user();
    let message =
        format!("the secret `{name}` has the key of {whose}, and the manifest names `{user}`");
    Some(Finding::error("other-user", format!("secret {name}"), message).hint(
        "the user of a secret cannot change: write its user in the manifest again, or choose another name for this entry with `secret:`",
    ))
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
        Some(user) => check_path(entry, user, path),
        None => None,
    }
}

/// Compares the user's path with the manifest's. The path is part of the user's ARN, which the
/// policies and the function's pins name.
fn check_path(entry: EntryOf<'_, AccessKey>, user: &User, place: String) -> Option<Finding> {
    let (has, wanted) = (&user.path, entry.kind.path.as_str());
    if has == wanted {
        return None;
    }
    if entry.kind.create_user {
        let arn = user.arn.strip_suffix(&format!("{has}{}", entry.kind.user));
        let arn = arn.map(|before| format!("{before}{wanted}{}", entry.kind.user));
        let message = format!(
            "the user has the path {has}, and the manifest says {wanted}: its ARN changes from {} to {}, and policies that name the user by its ARN stop applying to it",
            user.arn,
            arn.unwrap_or_default()
        );
        return Some(Finding::warning("user-path", place, message).hint(
            "write the new ARN in those policies; IAM requires iam:UpdateUser for both ARNs, so attach the deployer policies of both manifests",
        ));
    }
    let message = format!("the user has the path {has}, but the manifest says {wanted}");
    let hint = match IamPath::parse(has) {
        Ok(_) => format!("write `path: {has}` in the entry"),
        Err(why) => format!("keyrota cannot manage this user: {why}"),
    };
    Some(Finding::error("user-path", place, message).hint(hint))
}

fn check_keys(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    circumstances: Circumstances<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = format!("user {}", entry.kind.user);
    if seen.user.is_none() || entry.kind.create_user {
        return findings;
    }
    // The secret of an earlier deployment says which keys are its own after it is restored.
    let is_deleted = seen.secret.as_ref().is_some_and(ObservedSecret::is_deleted);
    if is_deleted {
        return findings;
    }
    if let (Some(lost), true) = (seen.lost_key(), seen.is_retired()) {
        let message = format!(
            "the key {lost} in the secret `{}` no longer exists, and the user has no active key; a new first key will be created",
            seen.secret_name
        );
        findings.push(Finding::warning("lost-key", path.clone(), message));
    } else if let Some(lost) = seen.lost_key() {
        findings.push(
            Finding::error(
                "lost-key",
                path.clone(),
                format!(
                    "the secret `{}` contains the key {}, which the user does not have",
                    seen.secret_name, lost
                ),
            )
            .hint("run `keyrota doctor --fix`, which makes an earlier version current again or creates a new key, then run the command again"),
        );
    }
    let adopted = seen.first_key.as_ref().and_then(FirstKey::id);
    let seeding = Seeding::of(seen);
    let foreign: Vec<_> = seen
        .foreign_keys()
        .into_iter()
        .filter(|key| seen.credential().is_some() || Some(key.id.as_str()) != adopted)
        // A key that an interrupted command created and did not store.
        .filter(|key| !seeding.as_ref().is_some_and(|seeding| seeding.made(key)))
        // When one key of another secret is adopted, the others are old keys.
        .filter(|key| adopted.is_none() || !is_of_another_secret(seen, key))
        .collect();
    if let Some(finding) = check_renamed(entry, seen, &foreign, circumstances) {
        findings.push(finding);
        return findings;
    }
    let names: Vec<&str> = foreign.iter().map(|key| key.id.as_str()).collect();
    let described = foreign.iter().map(|key| described(key, circumstances.now));
    let described: Vec<String> = described.collect();
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
                    described.join("; ")
                ),
            )
            .hint(format!("{free}, and adopt the other with {ADOPTION}")),
        );
    } else if active {
        let what = format!(
            "keyrota did not create the user's active key {}, and rotation needs its key slot",
            described.join("; ")
        );
        let is_now = entry.first_rotation == FirstRotation::Now;
        findings.push(match circumstances.preflight.rotates && is_now {
            true => Finding::error("foreign-key", path, what)
                .hint(format!("adopt it with {ADOPTION}; or run with --no-rotate to store a first key, move the clients to the secret, delete the old key, and run the command again; if another stack rotates this user, remove the entry from one of the two manifests instead")),
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

/// Returns whether keyrota created or adopted a key for another secret than the entry's, which has
/// no key yet.
fn is_of_another_secret(seen: &ObservedAccessKey, key: &Key) -> bool {
    let user = seen.user.as_ref();
    seen.credential().is_none() && user.is_some_and(|user| is_recorded(user, &key.id))
}

/// Returns a finding if keyrota created all keys that take the slots for another secret: the name of
/// the entry's secret was changed.
fn check_renamed(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    foreign: &[&Key],
    circumstances: Circumstances<'_>,
) -> Option<Finding> {
    let is_ours = |key: &&Key| is_of_another_secret(seen, key);
    let is_active = |key: &&Key| key.active;
    if !foreign.iter().any(is_active) || !foreign.iter().all(is_ours) {
        return None;
    }
    let keys: Vec<&str> = foreign.iter().map(|key| key.id.as_str()).collect();
    let (user, new) = (&entry.kind.user, &entry.secret);
    let dropped = dropped_secrets(circumstances);
    let (whose, old) = match dropped.as_slice() {
        [] => (String::new(), "NAME"),
        [old, ..] => (
            format!(
                "; the stack has {}, which the manifest no longer names",
                dropped
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            *old,
        ),
    };
    let message = format!(
        "keyrota created or adopted the keys of the user `{user}` ({}) for another secret than `{new}`{whose}",
        keys.join(", ")
    );
    let other = match dropped.is_empty() {
        true => {
            "if another stack rotates this user, remove the entry from one of the two manifests; if the secret had another name before, "
        }
        false => "",
    };
    Some(Finding::error("renamed-secret", format!("user {user}"), message).hint(format!(
        "{other}a secret cannot be renamed: write `secret: {old}` again; to move the key to `{new}` instead, run `aws secretsmanager cancel-rotate-secret --secret-id {old}`, set `initial_key: secret:{old}`, and move the clients to `{new}` before its next rotation"
    )))
}

/// Describes a key for a person who must decide about it: its age and its last use.
fn described(key: &Key, now: Timestamp) -> String {
    let age = age_in_days(key, now).map_or_else(
        || "of unknown age".to_owned(),
        |days| match days {
            1 => "1 day old".to_owned(),
            days => format!("{days} days old"),
        },
    );
    let state = if key.active { "" } else { ", inactive" };
    format!("{}, {age}{state}, {}", key.id, last_use(key))
}

/// Returns a warning about a key that an interrupted command of an earlier version may have created and
/// not stored. That version recorded this in a tag of the secret, which other principals can write, so no
/// action depends on it.
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

/// Checks the key that is adopted.
fn check_first_key(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    observed: &Observed<'_>,
) -> Option<Finding> {
    let (None, Some(key)) = (seen.credential(), &seen.first_key) else {
        return None;
    };
    let user = &entry.kind.user;
    let path = format!("user {user}");
    match &entry.kind.initial_key {
        InitialKey::Create => None,
        InitialKey::Profile(name) => {
            let why = why_not(key, seen)?;
            let message =
                format!("the profile `{name}` does not contain a key of the user `{user}`: {why}");
            Some(Finding::error("profile-key", path, message))
        }
        InitialKey::Secret(secret) => {
            let cannot = format!(
                "the key in the secret `{}` cannot be adopted for the user `{user}`",
                secret.as_str()
            );
            if let SecretReference::Arn(arn) = secret
                && let Some(place) = elsewhere(arn, observed)
            {
                let message = format!("{cannot}: the secret is in {place}");
                let hint = "copy the key into a secret of this account and Region, or into a profile for `initial_key: profile:NAME`";
                return Some(Finding::error("first-key-elsewhere", path, message).hint(hint));
            }
            let why = why_not(key, seen)?;
            let message = format!("{cannot}: {why}");
            let (kind, hint) = match key {
                FirstKey::Unusable(unusable) => (unusable.kind(), unusable.hint()),
                FirstKey::Usable { .. } => {
                    let hint = "use the secret with the key of the entry's user, or change `user`";
                    ("first-key-user", Some(hint.to_owned()))
                }
            };
            let finding = Finding::error(kind, path, message);
            Some(match hint {
                Some(hint) => finding.hint(hint),
                None => finding,
            })
        }
    }
}

/// Returns why a key cannot be adopted for the user.
fn why_not(key: &FirstKey, seen: &ObservedAccessKey) -> Option<String> {
    match (key, &seen.user) {
        (FirstKey::Unusable(UnusableKey::Refused(id)), _)
            if seen.keys.iter().any(|key| key.id == *id && !key.active) =>
        {
            Some(format!("its key {id} is inactive"))
        }
        (FirstKey::Unusable(why), _) => Some(why.to_string()),
        (FirstKey::Usable { id, holder }, Some(user)) if *holder != user.arn => {
            Some(format!("its key {id} belongs to {holder}"))
        }
        (FirstKey::Usable { .. }, _) => None,
    }
}

/// Returns the account or Region of a secret that is not the deployment's.
fn elsewhere(arn: &Arn, observed: &Observed<'_>) -> Option<String> {
    let [_, _, region, account, _] = arn.parts();
    if account != observed.caller.account {
        return Some(format!("account {account}"));
    }
    (region != observed.region).then(|| format!("the Region {region}"))
}
