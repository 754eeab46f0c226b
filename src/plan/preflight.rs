//! Whether a bootstrap may begin. All findings at once, before anything changes.

use crate::model::{
    AccessKey, AccountId, Arn, EntryOf, Finding, InitialKey, KmsKey, Model, RotateAs,
};
use crate::port::{Caller, EncryptionKey, Key, Secret, Stack};
use crate::render::{self, STACK_TAG};

use super::database::check_database;
use super::{
    Administrator, Observed, ObservedEntry, Profile, SEEDING_TAG, SecretContent, Seeding,
    deletion_of, holds_user,
};

/// What a bootstrap intends, as far as the checks need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// A rotation follows; it needs the user's second key slot.
    pub rotates: bool,
}

/// Returns everything that stands in the way.
pub fn check(model: &Model, observed: &Observed, preflight: Preflight) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_account(model, &observed.caller));
    // Offline it is known only where the manifest names the account.
    if let (None, Ok(account)) = (&model.account, AccountId::parse(&observed.caller.account)) {
        findings.extend(render::check_readers(model, &account));
    }
    if let Some(stack) = &observed.stack {
        check_stack(model, stack, &mut findings);
    }
    for (entry, seen) in model.access_keys().zip(&observed.entries) {
        check_user(entry, seen, observed, &mut findings);
        if let Some(held) = &seen.secret {
            let sealed = matches!(held.current, SecretContent::Sealed);
            let in_stack = seen.is_in(&observed.resources);
            let stack = model.stack.as_str();
            findings.extend(check_secret(stack, &held.secret, sealed, in_stack));
        }
        check_keys(entry, seen, preflight, &mut findings);
        check_helpers(entry, seen, &mut findings);
    }
    for (entry, seen) in model.databases().zip(&observed.databases) {
        let stack = model.stack.as_str();
        findings.extend(check_database(stack, entry, seen, &observed.resources));
    }
    findings
}

/// Returns the finding where the caller is in another account than the manifest's.
pub fn check_account(model: &Model, caller: &Caller) -> Option<Finding> {
    let account = model.account.as_ref()?;
    (account.as_str() != caller.account).then(|| {
        let message = format!(
            "the manifest is for account {account}, but the credentials are those of {} in account {}",
            caller.arn, caller.account
        );
        Finding::error("wrong-account", "account", message)
            .hint("select a profile of that account with --profile")
    })
}

/// Returns the finding where a stack of this name is somebody else's.
pub fn check_owner(model: &Model, stack: &Stack) -> Option<Finding> {
    let ours = stack
        .tags
        .get(STACK_TAG)
        .is_some_and(|tag| tag == model.stack.as_str());
    (!ours && !stack.status.is_review()).then(|| {
        let message = "a stack of this name exists, and keyrota did not create it";
        Finding::error("foreign-stack", format!("stack {}", stack.name), message)
            .hint("choose another name for `stack:` in the manifest")
    })
}

fn check_stack(model: &Model, stack: &Stack, findings: &mut Vec<Finding>) {
    let path = format!("stack {}", stack.name);
    let status = stack.status.as_str();
    if let Some(finding) = check_owner(model, stack) {
        findings.push(finding);
    } else if status == "UPDATE_ROLLBACK_FAILED" {
        findings.push(
            Finding::error(
                "stack-state",
                path,
                "the rollback of the last update failed (UPDATE_ROLLBACK_FAILED)",
            )
            .hint(format!(
                "fix the cause, then run: aws cloudformation continue-update-rollback --stack-name {}",
                stack.name
            )),
        );
    } else if !stack.status.is_healthy() && !stack.status.is_busy() && !stack.status.is_review() {
        let reason = stack
            .reason
            .as_deref()
            .map_or(String::new(), |reason| format!(": {reason}"));
        findings.push(
            Finding::error(
                "stack-state",
                path,
                format!("the stack status is {status}, so the stack can only be deleted{reason}"),
            )
            .hint("delete the stack with `keyrota teardown`, then run `keyrota bootstrap` again"),
        );
    }
}

fn check_user(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
    observed: &Observed,
    findings: &mut Vec<Finding>,
) {
    let path = format!("user {}", entry.kind.user);
    let in_stack = holds_user(&observed.resources, entry.kind.user.as_str());
    match &seen.user {
        None if !entry.kind.create_user => findings.push(
            Finding::error(
                "no-user",
                path,
                format!(
                    "the IAM user `{}` does not exist in account {}",
                    entry.kind.user, observed.caller.account
                ),
            )
            .hint("create the user, or let the stack create it with `create_user: true`"),
        ),
        Some(_) if entry.kind.create_user && !in_stack => findings.push(
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
        Some(user) if user.path != "/" => findings.push(
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
        _ => {}
    }
}

/// Returns what is wrong with a secret that is there: it awaits deletion, is not
/// the stack's, or cannot be decrypted.
pub(super) fn check_secret(
    stack: &str,
    secret: &Secret,
    sealed: bool,
    in_stack: bool,
) -> Option<Finding> {
    let name = &secret.name;
    let path = format!("secret {name}");
    if secret.deleted.is_some() {
        let message = format!(
            "the secret `{name}` is scheduled for deletion, and its name cannot be used until then"
        );
        return Some(
            Finding::error("scheduled-for-deletion", path, message)
                .hint(format!("choose another name with `secret:`, or delete the secret permanently with `keyrota teardown --force-delete-secrets` (to restore its value instead: aws secretsmanager restore-secret --secret-id {name})")),
        );
    }
    if !in_stack {
        let tag = secret.tags.get(STACK_TAG);
        let (message, hint) = if tag.is_some_and(|tag| tag == stack) {
            (
                format!(
                    "the secret `{name}` is left over from an earlier deployment of this stack"
                ),
                "delete it with `keyrota teardown`, or choose another name with `secret:`",
            )
        } else {
            (
                format!("the secret `{name}` exists and does not belong to this stack"),
                "choose another name with `secret:`, or delete that secret",
            )
        };
        return Some(Finding::error("secret-exists", path, message).hint(hint));
    }
    sealed.then(|| {
        let message =
            format!("cannot decrypt the value of `{name}`: its KMS key is disabled or scheduled for deletion");
        Finding::error("undecryptable", path, message)
            .hint("cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`")
    })
}

/// Returns why a customer managed key cannot be used, if so.
pub(super) fn check_kms_key(arn: &Arn, key: Option<&EncryptionKey>) -> Option<String> {
    let why = match key {
        None => "does not exist, or this account cannot access it".to_owned(),
        Some(key) if !key.enabled => format!("cannot be used: its state is {}", key.state),
        Some(_) => return None,
    };
    Some(format!("the KMS key {arn} {why}"))
}

fn check_keys(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
    preflight: Preflight,
    findings: &mut Vec<Finding>,
) {
    let path = format!("user {}", entry.kind.user);
    if seen.user.is_none() || entry.kind.create_user {
        return;
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
}

/// Says which key a run of an earlier version may have made and not stored. It noted
/// that on the secret, where others can write it, so that nothing is done because of it.
fn claimed(seen: &ObservedEntry, foreign: &[&Key]) -> Option<Finding> {
    let claimed = Seeding::claimed(seen)?;
    let key = foreign.iter().find(|key| key.active && claimed.made(key))?;
    let (user, id) = (&seen.user_name, &key.id);
    let message = format!(
        "the secret's tag {SEEDING_TAG} says that an interrupted run of an earlier version created the key {id}, so that its secret part is lost; the key was not touched, because other principals can write this tag"
    );
    let command = deletion_of(user, id);
    Some(
        Finding::warning("interrupted-seeding", format!("user {user}"), message)
            .hint(format!("if the key is not in use, delete it: {command}")),
    )
}

fn check_helpers(entry: EntryOf<'_, AccessKey>, seen: &ObservedEntry, findings: &mut Vec<Finding>) {
    let secret = format!("secret {}", entry.secret);
    if let (KmsKey::Existing(arn), Some(key)) = (&entry.kms_key, &seen.encryption_key) {
        let fault = check_kms_key(arn, key.as_ref());
        findings.extend(fault.map(|why| Finding::error("kms-key", secret.clone(), why)));
    }
    if let (RotateAs::Administrator(name), Some(administrator)) =
        (&entry.rotate_as, &seen.administrator)
    {
        let why = match administrator {
            Administrator::Missing => Some("does not exist".to_owned()),
            Administrator::Unusable(why) => Some(why.clone()),
            Administrator::Usable { .. } => None,
        };
        findings.extend(why.map(|why| {
            let message = format!("the administrator's secret `{}` {why}", name.as_str());
            Finding::error("no-administrator", secret.clone(), message)
                .hint("store an administrator's access key there, in the fields `accesskey` and `secretkey`")
        }));
    }
    if let (InitialKey::Profile(name), Some(profile), None) =
        (&entry.kind.initial_key, &seen.profile, seen.credential())
    {
        let why = match (profile, &seen.user) {
            (Profile::Unusable(why), _) => Some(why.clone()),
            (Profile::Usable { id, holder }, Some(user)) if *holder != user.arn => {
                Some(format!("its key {id} belongs to {holder}"))
            }
            _ => None,
        };
        findings.extend(why.map(|why| {
            let message = format!(
                "the profile `{name}` does not contain a key of the user `{}`: {why}",
                entry.kind.user
            );
            Finding::error("profile-key", format!("user {}", entry.kind.user), message)
        }));
    }
}
