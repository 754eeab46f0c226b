//! Checks whether a deployment can start. Returns all findings at once, before anything changes.

mod access_key;
mod database;
mod encrypt;
mod fields;
mod import;
mod key_policy;
mod notify;
mod reference;
mod replica;
mod service;

use jiff::Timestamp;

use super::{HeldSecret, Lookup, Observed, ObservedEntry, import_of};
use crate::model::{AccountId, Arn, Finding, KmsKey, Model};
use crate::port::{Caller, EncryptionKey, Secret, Stack, StackResource};
use crate::render::{self, STACK_TAG};

pub use database::check_unset;
pub use encrypt::{
    ObservedServiceKey, check_own_service_key, check_service_key, check_service_key_region,
};
pub use import::{
    ImportEvidence, KeyImport, KeyOwner, check_import, check_key_import, import_changes,
};
pub use key_policy::{ObservedKeyPolicy, check_key_policy};
pub use notify::{ObservedTarget, RuleOrigin, check_target, readable_key, targets};
pub use reference::{ObservedNetwork, Reference, check_network, check_references, references};
pub use replica::{ObservedReplica, check_replica, check_replica_region};

/// The parts of a deployment's intent that the checks depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// Whether a rotation follows, which needs the user's second key slot.
    pub rotates: bool,
}

/// Returns everything that prevents the deployment at this time.
pub fn check(
    model: &Model,
    observed: &Observed<'_>,
    preflight: Preflight,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_account(model, &observed.caller));
    // Without AWS, the account is known only if the manifest specifies it.
    if let (None, Ok(account)) = (&model.account, AccountId::parse(&observed.caller.account)) {
        findings.extend(render::check_readers(model, &account));
    }
    if let Some(stack) = &observed.stack {
        findings.extend(check_stack(model, stack, &observed.resources));
    }
    for seen in &observed.entries {
        let circumstances = Circumstances {
            model,
            observed,
            preflight,
            now,
        };
        check_entry(circumstances, seen, &mut findings);
    }
    findings.extend(reference::check_helpers(&observed.entries));
    findings
}

/// Returns a finding if the caller is in an account other than the manifest's.
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

/// Returns a finding if a stack with this name belongs to someone else.
pub fn check_owner(model: &Model, stack: &Stack, resources: &[StackResource]) -> Option<Finding> {
    let ours = stack
        .tags
        .get(STACK_TAG)
        .is_some_and(|tag| tag == model.stack.as_str())
        || is_imported_only(model, stack, resources);
    (!ours && !stack.status.is_review()).then(|| {
        let message = "a stack of this name exists, and keyrota did not create it";
        Finding::error("foreign-stack", format!("stack {}", stack.name), message)
            .hint("choose another name for `stack:` in the manifest")
    })
}

/// Returns whether a stack consists only of what an interrupted deployment of this manifest has
/// imported. An import sets no tags of the stack.
fn is_imported_only(model: &Model, stack: &Stack, resources: &[StackResource]) -> bool {
    let mut entries = model.entries.iter();
    let ours = |resource: &StackResource| {
        resource.logical_id == render::KMS_KEY
            || entries.any(|entry| render::secret_logical_id(entry) == resource.logical_id)
    };
    let status = stack.status.as_str();
    (status.starts_with("IMPORT_") || status == "ROLLBACK_COMPLETE")
        && stack.tags.is_empty()
        && stack.outputs.is_empty()
        && resources.iter().all(ours)
}

/// Returns what prevents an update of a stack: it belongs to someone else, or CloudFormation does not
/// update a stack in its status.
pub fn check_stack(model: &Model, stack: &Stack, resources: &[StackResource]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = format!("stack {}", stack.name);
    let status = stack.status.as_str();
    if let Some(finding) = check_owner(model, stack, resources) {
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
    findings
}

/// The findings about an entry that are specific to its kind.
struct Specific {
    /// Findings about the user, which come before those about the secret.
    user: Vec<Finding>,
    /// Findings about the credentials, which come after those about the secret.
    credentials: Vec<Finding>,
    /// The finding about the source of the first credential, which comes last.
    source: Option<Finding>,
    /// What an administrator's secret must contain.
    administrator: &'static str,
}

/// The inputs that all entries share.
#[derive(Clone, Copy)]
struct Circumstances<'a> {
    model: &'a Model,
    observed: &'a Observed<'a>,
    preflight: Preflight,
    now: Timestamp,
}

/// Checks an entry, its secret, and what it refers to.
fn check_entry(
    circumstances: Circumstances<'_>,
    seen: &ObservedEntry<'_>,
    findings: &mut Vec<Finding>,
) {
    let Circumstances {
        model, observed, ..
    } = circumstances;
    let in_stack = seen.is_in(&observed.resources);
    let held = seen.held();
    let import = import_of(model, observed, seen);
    let secret = match &import {
        Some(import) => import::check(import, seen),
        None => held.and_then(|held| check_secret(model.stack.as_str(), held, in_stack)),
    };
    let secret = secret.or_else(|| import::check_presence(seen));
    let mut specific = match seen {
        ObservedEntry::AccessKey(entry, user) => access_key::check(circumstances, *entry, user),
        ObservedEntry::Database(entry, database) => {
            database::check(circumstances, *entry, database, secret.is_none())
        }
        ObservedEntry::Service(entry, seen) => service::check(*entry, seen, secret.is_none()),
    };
    if import.is_some() {
        // The import authenticates with the key, which shows whether it works and to whom it belongs.
        specific
            .credentials
            .retain(|it| !["lost-key", "other-user"].contains(&it.kind) || !it.is_error());
    }
    findings.extend(specific.user);
    findings.extend(secret);
    findings.extend(specific.credentials);
    let path = format!("secret {}", seen.entry().secret);
    if let (KmsKey::Existing(arn), Some(key)) = (&seen.entry().kms_key, seen.encryption_key()) {
        let fault = check_kms_key(arn, key);
        findings.extend(fault.map(|why| Finding::error("kms-key", path.clone(), why)));
    }
    if let Some((name, why)) = seen.unusable_administrator() {
        let message = format!("the administrator's secret `{}` {why}", name.as_str());
        let finding = Finding::error("no-administrator", path, message);
        findings.push(finding.hint(specific.administrator));
    }
    findings.extend(specific.source);
}

/// Returns what is wrong with a secret that exists: it is scheduled for deletion, does not belong to the
/// stack, or cannot be decrypted.
fn check_secret(stack: &str, held: HeldSecret<'_>, in_stack: bool) -> Option<Finding> {
    let secret = held.secret;
    let name = &secret.name;
    let path = format!("secret {name}");
    if let Some(date) = secret.deleted {
        let message = format!(
            "the secret `{name}` is scheduled for deletion (`DeletedDate`: {date}), and its name cannot be used until Secrets Manager has deleted it"
        );
        return Some(
            Finding::error("scheduled-for-deletion", path, message).hint({
                let restore = format!("aws secretsmanager restore-secret --secret-id {name}");
                match in_stack {
                    true => format!(
                        "if `keyrota teardown` is running, wait until it has ended, then run `keyrota bootstrap` again, which restores the secret; otherwise, restore it: {restore}"
                    ),
                    // The hint names no command that deletes: the secret may belong to someone else, and
                    // `teardown` would also delete the rest of the stack.
                    false => format!(
                        "to keep and rotate its value, restore it ({restore}) and set `adopt: true` for this entry; or choose another name with `secret:`; or wait until it is deleted, at most 30 days after the deletion was requested"
                    ),
                }
            }),
        );
    }
    if let Some(finding) = check_primary(secret) {
        return Some(finding);
    }
    if !in_stack {
        let tag = secret.tags.get(STACK_TAG);
        let (message, hint) = if tag.is_some_and(|tag| tag == stack) {
            (
                format!(
                    "the secret `{name}` is left over from an earlier deployment of this stack"
                ),
                "set `adopt: true` to keep and rotate its value, or choose another name with `secret:`; nothing but its tag, which others can write, says that it is this stack's",
            )
        } else {
            (
                format!("the secret `{name}` exists and does not belong to this stack"),
                "set `adopt: true` to keep and rotate its value, or choose another name with `secret:`",
            )
        };
        return Some(Finding::error("secret-exists", path, message).hint(hint));
    }
    check_secret_state(held)
}

/// Returns a finding if a secret is a replica, which cannot be changed.
fn check_primary(secret: &Secret) -> Option<Finding> {
    let (name, primary) = (&secret.name, secret.primary_elsewhere()?);
    let message = format!(
        "the secret `{name}` is a replica of the secret in {primary}, and only that one can be changed"
    );
    Some(Finding::error("secret-is-replica", format!("secret {name}"), message).hint(format!(
        "use the Region {primary}, choose another name with `secret:`, or promote the replica to a secret of its own: aws secretsmanager stop-replication-to-replica --secret-id {name}"
    )))
}

/// Returns a finding if the value of a secret cannot be decrypted.
fn check_secret_state(held: HeldSecret<'_>) -> Option<Finding> {
    let name = &held.secret.name;
    let path = format!("secret {name}");
    held.is_sealed.then(|| {
        let message =
            format!("cannot decrypt the value of `{name}`: its KMS key is disabled or scheduled for deletion");
        Finding::error("undecryptable", path, message)
            .hint("cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`")
    })
}

/// Returns why a customer managed key cannot be used, or `None` if it can.
pub(super) fn check_kms_key(arn: &Arn, key: &Lookup<EncryptionKey>) -> Option<String> {
    let why = match key {
        Lookup::Missing => "does not exist, or this account cannot access it".to_owned(),
        Lookup::Found(key) if !key.enabled => {
            format!("cannot be used: its state is {}", key.state)
        }
        Lookup::Found(key) if !key.symmetric => {
            "cannot be used: it is not a symmetric encryption key".to_owned()
        }
        Lookup::Found(_) | Lookup::Denied(_) => return None,
    };
    Some(format!("the KMS key {arn} {why}"))
}

/// Returns the names of the stack's secrets that the manifest no longer contains.
fn dropped_secrets<'a>(circumstances: Circumstances<'a>) -> Vec<&'a str> {
    let Circumstances {
        model, observed, ..
    } = circumstances;
    let named = |resource: &StackResource| {
        let mut entries = model.entries.iter();
        entries.any(|entry| render::secret_logical_id(entry) == resource.logical_id)
    };
    let resources = observed.resources.iter();
    let secrets = resources.filter(|it| it.kind == "AWS::SecretsManager::Secret" && !named(it));
    // The ARN ends with the name, a hyphen, and six characters.
    let name = |secret: &'a StackResource| {
        let (_, rest) = secret.physical_id.split_once(":secret:")?;
        Some(rest.rsplit_once('-').map_or(rest, |(name, _)| name))
    };
    secrets.filter_map(name).collect()
}
