//! What is wrong with an access key's entry.

use jiff::Timestamp;

use super::fault::{
    ADMINISTRATOR, CREDENTIAL_REFUSED, FOREIGN_KEY, KEY_INACTIVE, KEY_MISSING, NO_CREDENTIAL,
    OLD_KEY_IN_USE, OLD_KEY_LEFT, OLD_KEY_OVERDUE, USER_MISSING, VALUE_OF_ANOTHER, VALUE_OUTDATED,
    VALUE_UNDECRYPTABLE, VALUE_UNUSABLE,
};
use super::secret::{
    AllowedFixes, ExpectedRotation, UnfinishedRotation, encryption_key, present, rotation, tags,
};
use super::{Diagnosis, ExaminedKey, Fault, Fix, Proof, Scope};
use crate::model::{AccessKey, Credential, EntryOf, OldKey, RotateAs};
use crate::plan::status::complete;
use crate::plan::{
    Administrator, KeyRole, ObservedEntry, ObservedSecret, RemovalTimes, SecretContent, Seeding,
    removal_times,
};
use crate::port::Key;
use crate::render::{self, OLD_KEY_TAG, Strategy};

/// Returns what is wrong with an entry.
pub(super) fn diagnose(scope: &Scope<'_>, examination: &ExaminedKey<'_>) -> Vec<Diagnosis> {
    let (entry, seen) = (examination.entry, &examination.seen);
    let mut found = Vec::new();
    if seen.user.is_none() {
        found.push(no_user(entry));
    }
    let held = seen.secret.as_ref();
    let secret = match present(scope, entry.entry(), held.map(|held| &held.secret)) {
        Ok(secret) => secret,
        Err(fault) => {
            found.push(fault);
            return found;
        }
    };
    let kms_key = encryption_key(&entry.secret, &entry.kms_key, seen.encryption_key.as_ref());
    found.extend(kms_key);
    found.extend(administrator(entry, seen));
    let Some(held) = held else { return found };
    if held.holds_no_key() {
        found.push(no_credential(entry, seen));
        return found;
    }
    match credential(entry, seen, held) {
        Err(fault) => found.push(fault),
        Ok(credential) if seen.user.is_some() => {
            found.extend(current_key(entry, seen, credential, &examination.proof));
            found.extend(foreign_keys(entry, seen));
        }
        Ok(_) => {}
    }
    let works = found.is_empty();
    found.extend(origin(entry, seen, &secret.arn));
    // A rotation takes the place of the key before. Where somebody still uses that
    // one, it is not for a program to begin it.
    let at_risk = in_use(seen, held);
    let note = at_risk.map(|key| {
        format!(
            "a rotation would delete the old key {}, which was used since it was replaced{}",
            key.id,
            key.last_used
                .map_or(String::new(), |at| format!(", last {at:.0}"))
        )
    });
    let may = AllowedFixes {
        resume: works && at_risk.is_none(),
        schedule: works,
        rotate: works && at_risk.is_none(),
    };
    let wanted = ExpectedRotation {
        name: &entry.secret,
        schedule: &entry.schedule,
        window: entry.window,
        function: scope.function(Strategy::AccessKeys),
    };
    let left = UnfinishedRotation {
        reported: examination.reported.as_deref(),
        abandoned: seen.abandoned(),
    };
    found.extend(rotation(scope, &wanted, secret, left, may, note.as_deref()));
    for key in &seen.keys {
        found.extend(old_key(scope, entry, seen, held, key, works));
    }
    let expected = render::secret_tags(scope.model, entry.entry(), scope.region);
    found.extend(tags(&entry.secret, &expected, secret));
    found
}

fn no_user(entry: EntryOf<'_, AccessKey>) -> Diagnosis {
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let evidence = format!("the IAM user `{user}`, whose key is in {secret}, does not exist");
    let remedy = match entry.kind.create_user {
        false => format!(
            "create the user with `aws iam create-user --user-name {user}`, attach its policies, and store a new key of the user in {secret}"
        ),
        true => format!(
            "CloudFormation does not create the user again: run `aws iam create-user --user-name {user}`, and store a new key of the user in {secret}"
        ),
    };
    about_user(entry, &USER_MISSING, evidence, remedy)
}

fn no_credential(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry) -> Diagnosis {
    let begun = match Seeding::of(seen) {
        Some(seeding) => format!(
            "; a bootstrap that started at {:.0} was interrupted before it stored one",
            seeding.began
        ),
        None => String::new(),
    };
    let evidence = format!("its value contains the user name but no key{begun}");
    let remedy = "run `keyrota bootstrap` to store the first credential";
    NO_CREDENTIAL.of(&entry.secret, evidence, remedy)
}

/// Returns the credential that clients read, where it is one of the entry's user.
fn credential<'a>(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
    held: &'a ObservedSecret,
) -> Result<&'a Credential, Diagnosis> {
    let secret = &entry.secret;
    let credential = complete(&held.current).map_err(|evidence| match &held.current {
        SecretContent::Sealed => {
            let remedy = "cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`";
            VALUE_UNDECRYPTABLE.of(secret, evidence, remedy)
        }
        _ => VALUE_UNUSABLE.of(secret, evidence, restore_advice(entry, seen)),
    })?;
    if credential.username != entry.kind.user.as_str() {
        let evidence = format!(
            "its value is for {}, but the manifest specifies `{}`",
            credential.names_user(),
            entry.kind.user
        );
        return Err(VALUE_OF_ANOTHER.of(secret, evidence, restore_advice(entry, seen)));
    }
    Ok(credential)
}

/// Says how clients get a key that works.
fn restore_advice(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry) -> String {
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let held = seen.secret.as_ref();
    let previous = held.and_then(|held| held.previous_key.as_deref());
    let current = seen.credential().map(|held| held.accesskey.as_str());
    // A version with the same key is not brought back.
    let before = seen.keys.iter().find(|key| {
        let id = Some(key.id.as_str());
        key.active && previous == id && current != id
    });
    match before {
        Some(key) => format!(
            "run `keyrota rotate --restore-previous {secret}`: the key {} of the previous version is active",
            key.id
        ),
        None => format!(
            "store a working key of `{user}`, with the same four fields: `aws secretsmanager put-secret-value --secret-id {secret} --secret-string file://…`"
        ),
    }
}

fn current_key(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
    credential: &Credential,
    proof: &Proof,
) -> Option<Diagnosis> {
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let id = &credential.accesskey;
    let listed = seen.keys.iter().find(|key| key.id == *id);
    match listed {
        None => {
            let evidence = format!("AWSCURRENT contains {id}, but the user has {}", keys(seen));
            Some(KEY_MISSING.of(secret, evidence, restore_advice(entry, seen)))
        }
        Some(key) if !key.active => {
            let evidence = format!(
                "AWSCURRENT contains {id}, which is inactive and was {}",
                used(key)
            );
            let remedy = format!(
                "unless it was deactivated on purpose, activate it: `aws iam update-access-key --status Active --user-name {user} --access-key-id {id}`"
            );
            Some(KEY_INACTIVE.of(secret, evidence, remedy))
        }
        Some(_) => match proof {
            Proof::Refused(why) | Proof::Unknown(why) => {
                let evidence = format!("AWS does not accept the key {id}: {why}");
                Some(CREDENTIAL_REFUSED.of(secret, evidence, restore_advice(entry, seen)))
            }
            Proof::Untried | Proof::Accepted => None,
        },
    }
}

fn keys(seen: &ObservedEntry) -> String {
    match seen.keys.as_slice() {
        [] => "no keys".to_owned(),
        keys => {
            let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
            ids.join(" and ")
        }
    }
}

/// Returns what stands in the second place of a user that was there before. A user
/// that the stack made has no keys but ours.
fn foreign_keys(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry) -> Option<Diagnosis> {
    let foreign = seen.foreign_keys().into_iter().filter(|key| key.active);
    let foreign: Vec<&Key> = foreign.collect();
    if entry.kind.create_user || foreign.is_empty() {
        return None;
    }
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let told = |key: &&Key| {
        let made = key
            .created
            .map_or(String::new(), |at| format!(", created {at:.0}"));
        format!("{}{made}, {}", key.id, used(key))
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

/// Returns a finding about the entry's user.
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

fn used(key: &Key) -> String {
    key.last_used.map_or_else(
        || "never used".to_owned(),
        |at| format!("last used {at:.0}"),
    )
}

fn administrator(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry) -> Option<Diagnosis> {
    let RotateAs::Administrator(name) = &entry.rotate_as else {
        return None;
    };
    let why = match seen.administrator.as_ref()? {
        Administrator::Missing => "does not exist",
        Administrator::Unusable(why) => why,
        Administrator::Usable { .. } => return None,
    };
    let evidence = format!("the administrator's secret `{}` {why}", name.as_str());
    let remedy = format!(
        "store an administrator's access key in `{}`, in the fields `accesskey` and `secretkey`",
        name.as_str()
    );
    Some(ADMINISTRATOR.of(&entry.secret, evidence, remedy))
}

/// Returns where the value says otherwise than the manifest who rotates it.
fn origin(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry, own: &str) -> Option<Diagnosis> {
    let held = &seen.credential()?.secretarn;
    let wanted = match (&entry.rotate_as, &seen.administrator) {
        (RotateAs::Itself | RotateAs::Role, _) => own,
        (RotateAs::Administrator(_), Some(Administrator::Usable { arn })) => arn,
        (RotateAs::Administrator(_), _) => return None,
    };
    (held != wanted).then(|| {
        let evidence = format!("its `secretarn` is {held}, expected {wanted}");
        let remedy = "run `keyrota bootstrap` to correct it";
        VALUE_OUTDATED.of(&entry.secret, evidence, remedy)
    })
}

/// Returns the key before, where it was used since it was replaced.
fn in_use<'a>(seen: &'a ObservedEntry, held: &ObservedSecret) -> Option<&'a Key> {
    let replaced = held.replaced()?;
    seen.keys.iter().find(|key| {
        key.active
            && seen.role_of(key) == KeyRole::Previous
            && key.last_used.is_some_and(|used| used > replaced)
    })
}

/// Returns what is wrong with a key that was replaced. What the function goes by is
/// on the secret, whatever the manifest says by now.
fn old_key(
    scope: &Scope<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
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
    // By the key's own times: the next rotation has nothing to do with it.
    let RemovalTimes {
        deactivates,
        deletes,
        held: is_held,
    } = removal_times(policy, key, Some(replaced), None, scope.now);
    let since = format!("{} was replaced {replaced:.0}, {}", key.id, used(key));
    let late = |at: Option<Timestamp>| at.filter(|at| scope.now.duration_since(*at) > scope.sweep);
    if is_held {
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
