//! Faults of an access key.

use jiff::Timestamp;

use super::entry::{Findings, current};
use super::fault::{
    CREDENTIAL_REFUSED, FOREIGN_KEY, KEY_INACTIVE, KEY_MISSING, NO_CREDENTIAL, OLD_KEY_IN_USE,
    OLD_KEY_LEFT, OLD_KEY_OVERDUE, USER_MISSING, USER_PATH, VALUE_OF_ANOTHER, VALUE_OUTDATED,
};
use super::recovery::{self, Advice, had_key, is_left_over};
use super::secret::AllowedFixes;
use super::{Diagnosis, Fault, Fix, Proof, Scope};
use crate::model::{AccessKey, Credential, EntryOf, OldKey, RotateAs};
use crate::plan::{
    HoldReason, KeyRole, ObservedAccessKey, ObservedSecret, RemovalTimes, Seeding, last_use,
    removal_times,
};
use crate::port::Key;
use crate::render::OLD_KEY_TAG;

/// Returns the faults of the current key and of the previous one. `is_fine` says whether the entry
/// has no other fault so far.
pub(super) fn diagnose(
    scope: &Scope<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    proof: &Proof,
    is_fine: bool,
) -> Findings {
    let mut found = Vec::new();
    let held = seen.secret.as_ref();
    match held.map(|held| credential(entry, seen, held)) {
        Some(Err(fault)) => found.push(fault),
        Some(Ok(credential)) if seen.user.is_some() => {
            found.extend(current_key(entry, seen, credential, proof));
            found.extend(foreign_keys(entry, seen));
        }
        Some(Ok(_)) | None => {}
    }
    let works = is_fine && found.is_empty();
    found.extend(origin(entry, seen));
    // A rotation replaces the previous key. If a client still uses that key, a person must decide
    // whether to rotate.
    let at_risk = held.and_then(|held| in_use(seen, held));
    let note = at_risk.map(|key| {
        format!(
            "a rotation would delete the old key {}, which was used since it was replaced{}",
            key.id,
            key.last_used
                .map_or(String::new(), |at| format!(", last {at:.0}"))
        )
    });
    let old = seen.keys.iter();
    let old = old.filter_map(|key| old_key(scope, entry, seen, held?, key, works));
    Findings {
        credential: found,
        may: AllowedFixes {
            resume: works && at_risk.is_none(),
            schedule: works,
            rotate: works && at_risk.is_none(),
        },
        note,
        replaced: old.collect(),
    }
}

/// Returns the diagnosis for a user that does not exist.
pub(super) fn no_user(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Option<Diagnosis> {
    if seen.user.is_some() {
        return None;
    }
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let evidence = format!("the IAM user `{user}`, whose key is in {secret}, does not exist");
    let create = format!("`aws iam create-user --user-name {user}`");
    let then = "then run `keyrota doctor --fix`, which creates a new key";
    let remedy = match entry.kind.create_user {
        false => format!("create the user with {create}, attach its policies, {then}"),
        true => "run `keyrota doctor --fix`, which creates the user again, and then a new key"
            .to_owned(),
    };
    let found = about_user(entry, &USER_MISSING, evidence, remedy);
    Some(found.fixed_by(Fix::Revert, entry.kind.create_user))
}

/// Returns the diagnosis for a user whose path is not the manifest's.
pub(super) fn other_path(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Option<Diagnosis> {
    let (has, wanted) = (&seen.user.as_ref()?.path, entry.kind.path.as_str());
    if has == wanted {
        return None;
    }
    let user = &entry.kind.user;
    let evidence = format!("the user has the path {has}, and the manifest says {wanted}");
    let remedy = match entry.kind.create_user {
        false => format!("write `path: {has}` in the manifest, then run `keyrota bootstrap`"),
        // CloudFormation does not see that someone has moved the user.
        true => format!(
            "if the manifest was changed, run `keyrota bootstrap`; otherwise, move the user back: `aws iam update-user --user-name {user} --new-path {wanted}`"
        ),
    };
    Some(about_user(entry, &USER_PATH, evidence, remedy))
}

/// Returns the diagnosis for a secret without a key.
pub(super) fn no_credential(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> Diagnosis {
    let begun = match Seeding::of(seen) {
        Some(seeding) => format!(
            "; a bootstrap that started at {:.0} was interrupted before it stored one",
            seeding.began
        ),
        None => String::new(),
    };
    let evidence = format!("its value contains the user name but no key{begun}");
    let found = NO_CREDENTIAL.of(
        &entry.secret,
        evidence,
        "run `keyrota bootstrap` to store the first credential",
    );
    match had_key(seen) && seen.user.is_some() {
        true => found.advised(recovery::key(entry, seen, Fix::Recover)),
        false => found,
    }
}

/// Returns the current credential, if it belongs to the entry's user.
fn credential<'a>(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    held: &'a ObservedSecret,
) -> Result<&'a Credential, Diagnosis> {
    let secret = &entry.secret;
    let credential = current(secret, &held.current, || advice(entry, seen, Fix::Recover))?;
    if !credential.may_be_of(entry.kind.user.as_str()) {
        let evidence = format!(
            "its value is for {}, but the manifest specifies `{}`",
            credential.names_user(),
            entry.kind.user
        );
        let found = VALUE_OF_ANOTHER.of(secret, evidence, "");
        return Err(found.advised(advice(entry, seen, Fix::Recover)));
    }
    Ok(credential)
}

/// Returns what can be done about a key that does not work. Without the user, there can be no key.
fn advice(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey, fix: Fix) -> Advice {
    match &seen.user {
        Some(_) => recovery::key(entry, seen, fix),
        None => Advice::person(format!("create the user `{}` first", entry.kind.user)),
    }
}

fn current_key(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    credential: &Credential,
    proof: &Proof,
) -> Option<Diagnosis> {
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let id = &credential.accesskey;
    let listed = seen.keys.iter().find(|key| key.id == *id);
    match listed {
        None => {
            let evidence = format!("AWSCURRENT contains {id}, but the user has {}", keys(seen));
            let found = KEY_MISSING.of(secret, evidence, "");
            Some(found.advised(advice(entry, seen, Fix::Recover)))
        }
        Some(key) if !key.active => {
            let evidence = format!(
                "AWSCURRENT contains {id}, which is inactive and was {}",
                last_use(key)
            );
            let advice = advice(entry, seen, Fix::ReplaceInactive);
            let remedy = format!(
                "someone may have deactivated it on purpose, for example because it leaked, and keyrota does not activate it; if it was a mistake, activate it: `aws iam update-access-key --status Active --user-name {user} --access-key-id {id}`; to replace it, {}",
                advice.remedy
            );
            let found = KEY_INACTIVE.of(secret, evidence, "");
            Some(found.advised(Advice { remedy, ..advice }))
        }
        Some(_) => match proof {
            Proof::Refused(why) => {
                let evidence = format!("AWS does not accept the key {id}: {why}");
                let found = CREDENTIAL_REFUSED.of(secret, evidence, "");
                Some(found.advised(advice(entry, seen, Fix::Recover)))
            }
            Proof::Failed(why) => {
                let evidence = format!("AWS does not accept the key {id}: {why}");
                let remedy = "fix the reported cause, then run `keyrota doctor` again";
                Some(CREDENTIAL_REFUSED.of(secret, evidence, remedy))
            }
            Proof::Untried | Proof::Accepted => None,
        },
    }
}

fn keys(seen: &ObservedAccessKey) -> String {
    match seen.keys.as_slice() {
        [] => "no keys".to_owned(),
        keys => {
            let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
            ids.join(" and ")
        }
    }
}

/// Returns the diagnosis for a second key, of an existing user, that is not keyrota's. A user that
/// the stack created has only keyrota's keys.
fn foreign_keys(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> Option<Diagnosis> {
    let foreign = seen.foreign_keys().into_iter();
    let foreign = foreign.filter(|key| key.active && !is_left_over(seen, key));
    let foreign: Vec<&Key> = foreign.collect();
    if entry.kind.create_user || foreign.is_empty() {
        return None;
    }
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let told = |key: &&Key| {
        let made = key
            .created
            .map_or(String::new(), |at| format!(", created {at:.0}"));
        format!("{}{made}, {}", key.id, last_use(key))
    };
    let told: Vec<String> = foreign.iter().map(told).collect();
    let ids: Vec<&str> = foreign.iter().map(|key| key.id.as_str()).collect();
    let evidence = format!("no version of {secret} contains {}", told.join("; or "));
    let remedy = format!(
        "move the clients of the key to the secret, then delete it: `aws iam delete-access-key --user-name {user} --access-key-id {}`",
        ids.join("` or `")
    );
    Some(about_user(entry, &FOREIGN_KEY, evidence, remedy))
}

/// Returns a diagnosis for the entry's user.
fn about_user(
    entry: EntryOf<'_, AccessKey>,
    fault: &'static Fault,
    evidence: impl Into<String>,
    remedy: impl Into<String>,
) -> Diagnosis {
    Diagnosis {
        secret: Some(entry.secret.clone()),
        ..fault.seen(format!("user {}", entry.kind.user), evidence, remedy)
    }
}

/// Returns the diagnosis if the value names a different signer of IAM calls than the manifest.
fn origin(entry: EntryOf<'_, AccessKey>, seen: &ObservedAccessKey) -> Option<Diagnosis> {
    // An ARN that the value lacks is filled in.
    let held = seen.credential()?.secretarn.as_deref()?;
    let wanted = seen.origin(entry)?;
    (held != wanted).then(|| {
        let evidence = format!("its `secretarn` is {held}, expected {wanted}");
        let remedy = "run `keyrota bootstrap` to correct it";
        VALUE_OUTDATED.of(&entry.secret, evidence, remedy)
    })
}

/// Returns the previous key, if it was used after it was replaced.
fn in_use<'a>(seen: &'a ObservedAccessKey, held: &ObservedSecret) -> Option<&'a Key> {
    let replaced = held.replaced()?;
    seen.keys.iter().find(|key| {
        key.active
            && seen.role_of(key) == KeyRole::Previous
            && key.last_used.is_some_and(|used| used > replaced)
    })
}

/// Returns the faults of a replaced key. The function follows the secret's tags, even if the
/// manifest has changed since.
fn old_key(
    scope: &Scope<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    held: &ObservedSecret,
    key: &Key,
    works: bool,
) -> Option<Diagnosis> {
    if seen.role_of(key) != KeyRole::Previous {
        return None;
    }
    let policy = OldKey::from_tag(held.secret.tags.get(OLD_KEY_TAG)?)?;
    let OldKey::After(_) = policy else {
        return None;
    };
    let replaced = held.replaced()?;
    let is_self = entry.rotate_as == RotateAs::Itself;
    // This uses the key's own times, without the next rotation.
    let RemovalTimes {
        deactivates,
        deletes,
        held: hold,
    } = removal_times(policy, key, Some(replaced), None, scope.now, is_self);
    let since = format!("{} was replaced {replaced:.0}, {}", key.id, last_use(key));
    let late = |at: Option<Timestamp>| at.filter(|at| scope.now.duration_since(*at) > scope.sweep);
    if hold == Some(HoldReason::Used) {
        let remedy = format!(
            "`aws cloudtrail lookup-events --lookup-attributes AttributeKey=AccessKeyId,AttributeValue={}` shows the client; change it to read {}",
            key.id, entry.secret
        );
        return Some(about_user(entry, &OLD_KEY_IN_USE, since, remedy));
    }
    let (fault, evidence) = match key.active {
        true => {
            let due = late(deactivates)?;
            let evidence =
                format!("{since}, was due to be deactivated at {due:.0}, and is still active");
            (&OLD_KEY_OVERDUE, evidence)
        }
        false => {
            let due = late(deletes)?;
            let evidence = format!("{since}, and was due to be deleted at {due:.0}");
            (&OLD_KEY_LEFT, evidence)
        }
    };
    let remedy = "the hourly sweep is not working: run `keyrota doctor --fix` for one sweep, and see the function's log for the cause";
    Some(about_user(entry, fault, evidence, remedy).fixed_by(Fix::Sweep, works))
}
