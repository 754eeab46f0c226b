//! The faults that `keyrota doctor` detects. docs/reference/doctor.md is generated from this table.

use super::recovery::Advice;
use super::rehearsal::{KEY_QUARANTINED, PASSWORD_EXPIRES, REHEARSAL_FAILED};
use super::{Diagnosis, Fix};
use crate::model::{SecretName, Severity};

/// A kind of fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name in findings, in kebab case. Scripts rely on it.
    pub id: &'static str,
    /// Its severity: an error has stopped something, or soon will.
    pub severity: Severity,
    /// What is wrong, as a sentence.
    pub what: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// What `--fix` does about it, if that cannot lose a credential in use.
    pub fix: Option<&'static str>,
}

impl Fault {
    /// Returns a diagnosis of this fault that a person must handle.
    pub(super) fn seen(
        &'static self,
        subject: impl Into<String>,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis {
            fault: self,
            subject: subject.into(),
            evidence: evidence.into(),
            remedy: remedy.into(),
            secret: None,
            fix: None,
            action: None,
        }
    }

    /// Returns a diagnosis of this fault for a secret.
    pub(super) fn of(
        &'static self,
        secret: &SecretName,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis {
            secret: Some(secret.clone()),
            ..self.seen(format!("secret {secret}"), evidence, remedy)
        }
    }
}

impl Diagnosis {
    /// Adds a fix, if it is allowed.
    pub(super) fn fixed_by(self, fix: Fix, may: bool) -> Self {
        Self {
            fix: may.then_some(fix),
            ..self
        }
    }

    /// Adds what can be done about a credential that does not work.
    pub(super) fn advised(self, advice: Advice) -> Self {
        Self {
            remedy: advice.remedy,
            action: advice.action,
            fix: advice.fix,
            ..self
        }
    }
}

pub(super) const fn error(id: &'static str, what: &'static str, remedy: &'static str) -> Fault {
    Fault {
        id,
        severity: Severity::Error,
        what,
        remedy,
        fix: None,
    }
}

const fn warning(id: &'static str, what: &'static str, remedy: &'static str) -> Fault {
    Fault {
        severity: Severity::Warning,
        ..error(id, what, remedy)
    }
}

const fn fixable(fault: Fault, fix: &'static str) -> Fault {
    Fault {
        fix: Some(fix),
        ..fault
    }
}

const SWEEP: &str = "runs the function's sweep of the secret";
const RECOVER: &str = "makes an earlier version current again if its credential works; otherwise creates a new key with the caller's credentials, or has the function set a new password with the administrator's";
const REVERT: &str = "restores it as it was deployed, unless the change set that does so contains a secret. Needs the permissions of `bootstrap`";
const SCHEDULE: &str =
    "sets the schedule and the function as in the manifest, without starting a rotation";

pub(super) static STACK_MISSING: Fault = error(
    "stack-missing",
    "The stack is not deployed.",
    "Run `keyrota bootstrap`. If an earlier deployment left secrets, run `keyrota teardown` first",
);
pub(super) static STACK_NOT_OURS: Fault = error(
    "stack-not-ours",
    "A stack of this name exists, and keyrota did not create it.",
    "Choose another name for `stack:` in the manifest",
);
pub(super) static STACK_FAILED: Fault = error(
    "stack-failed",
    "The stack is in a status that allows no deployment.",
    "After a failed rollback, run `aws cloudformation continue-update-rollback`. Otherwise, run `keyrota teardown`, then `keyrota bootstrap`",
);
pub(super) static STACK_ROLLED_BACK: Fault = warning(
    "stack-rolled-back",
    "The last update failed and was rolled back. The stack works as before.",
    "Fix the cause, then run `keyrota bootstrap`",
);
pub(super) static STACK_BUSY: Fault = warning(
    "stack-busy",
    "CloudFormation is creating the stack, or has been updating it for more than an hour.",
    "Run `aws cloudformation describe-stack-events` to see what it is waiting for",
);
pub(super) static SECRET_MISSING: Fault = error(
    "secret-missing",
    "The secret does not exist.",
    "Run `keyrota bootstrap`, which creates a new secret. If the secret was deleted permanently, it asks first",
);
pub(super) static SECRET_DELETED: Fault = fixable(
    error(
        "secret-deleted",
        "The secret is scheduled for deletion, so clients cannot read it.",
        "Run `aws secretsmanager restore-secret`",
    ),
    "restores the secret, if it belongs to the stack",
);
pub(super) static SECRET_NOT_IN_STACK: Fault = error(
    "secret-not-in-stack",
    "A secret of this name exists, but the stack did not create it.",
    "Choose another name with `secret:`, then run `keyrota bootstrap`",
);
pub(super) static NO_CREDENTIAL: Fault = fixable(
    error(
        "no-credential",
        "The secret does not contain a credential.",
        "Run `keyrota bootstrap`, which stores the first credential. If the secret contained one before, run `keyrota doctor --fix`",
    ),
    RECOVER,
);
pub(super) static VALUE_UNUSABLE: Fault = fixable(
    error(
        "value-unusable",
        "The value of the secret is not in the format that clients expect.",
        "Run `keyrota doctor --fix`. If a field has another name, list the name in `fields` instead",
    ),
    RECOVER,
);
pub(super) static VALUE_UNDECRYPTABLE: Fault = error(
    "value-undecryptable",
    "The value cannot be decrypted: its KMS key is disabled or scheduled for deletion.",
    "Cancel the deletion with `aws kms cancel-key-deletion`, and enable the key with `aws kms enable-key`",
);
pub(super) static VALUE_OF_ANOTHER: Fault = fixable(
    error(
        "value-of-another-user",
        "The value is the credential of another user or engine than the manifest specifies.",
        "Run `keyrota doctor --fix`, unless the secret should have that credential: then choose another secret with `secret:`",
    ),
    RECOVER,
);
pub(super) static VALUE_OUTDATED: Fault = warning(
    "value-outdated",
    "The value names another administrator, host, port, or database than the manifest.",
    "Run `keyrota bootstrap`, which corrects the value",
);
pub(super) static USER_MISSING: Fault = fixable(
    error(
        "user-missing",
        "The IAM user does not exist.",
        "Create the user again, then run `keyrota doctor --fix`, which creates a new key",
    ),
    "creates a user again that the stack created. Needs the permissions of `bootstrap`",
);
pub(super) static USER_PATH: Fault = error(
    "user-path-differs",
    "The IAM user has another path than the manifest says, so the policies and the function do not apply to it.",
    "Write the user's path as `path:` in the manifest, then run `keyrota bootstrap`",
);
pub(super) static KEY_MISSING: Fault = fixable(
    error(
        "current-key-missing",
        "The key that clients read does not exist.",
        "Run `keyrota doctor --fix`. If both key slots of the user are taken, delete the key that no client uses first",
    ),
    RECOVER,
);
pub(super) static KEY_INACTIVE: Fault = fixable(
    error(
        "current-key-inactive",
        "The key that clients read is inactive. Someone may have deactivated it on purpose.",
        "If it was a mistake, run `aws iam update-access-key --status Active`. To replace the key, run `keyrota doctor --fix`",
    ),
    "asks separately, then does the same as for a missing key; with `--yes`, only with `--allow current-key-inactive`",
);
pub(super) static CREDENTIAL_REFUSED: Fault = fixable(
    error(
        "credential-refused",
        "The credential that clients read does not authenticate.",
        "Run `keyrota doctor --fix`. If the server cannot be reached, fix that first",
    ),
    RECOVER,
);
pub(super) static FOREIGN_KEY: Fault = error(
    "foreign-key",
    "The user has an active key that keyrota did not create. Rotation needs its key slot, and does not delete it.",
    "Move the clients of the key to the secret, then delete it with `aws iam delete-access-key`",
);
pub(super) static KMS_KEY: Fault = error(
    "kms-key-unusable",
    "The KMS key in the manifest cannot be used.",
    "Run `aws kms cancel-key-deletion` and `aws kms enable-key`, or choose another `kms_key:`",
);
pub(super) static ADMINISTRATOR: Fault = error(
    "administrator-unusable",
    "The administrator's secret cannot be used, so rotation fails.",
    "Create or correct that secret",
);
pub(super) static PASSWORD_BROKEN_OFF: Fault = fixable(
    error(
        "password-broken-off",
        "A rotation was interrupted after its password was sent, so the server may have the new password.",
        "Run `keyrota rotate NAME`, which completes the rotation",
    ),
    SWEEP,
);
pub(super) static ROTATION_UNFINISHED: Fault = fixable(
    error(
        "rotation-unfinished",
        "A rotation started and did not end, and it is older than a rotation may be, or its function reported an error.",
        "Fix the cause that the function reports, then run `keyrota rotate NAME`, or `keyrota bootstrap` if the manifest was changed",
    ),
    "completes the rotation, or abandons it and rotates again, as `keyrota rotate` does",
);
pub(super) static ROTATION_OFF: Fault = fixable(
    error(
        "rotation-off",
        "Rotation is disabled.",
        "Run `keyrota doctor --fix`, which enables rotation as in the manifest",
    ),
    SCHEDULE,
);
pub(super) static ROTATION_DIFFERS: Fault = fixable(
    warning(
        "rotation-differs",
        "The secret has another rotation schedule or another function than the manifest specifies.",
        "Run `keyrota bootstrap` if the manifest was changed. Otherwise, run `keyrota doctor --fix`",
    ),
    SCHEDULE,
);
pub(super) static ROTATION_OVERDUE: Fault = fixable(
    error(
        "rotation-overdue",
        "A rotation was due more than seven days ago.",
        "Run `keyrota rotate NAME`",
    ),
    "rotates the secret, as `keyrota rotate` does",
);
pub(super) static NEVER_ROTATED: Fault = warning(
    "never-rotated",
    "No rotation has succeeded yet.",
    "Move the clients to the secret, then run `keyrota rotate NAME`",
);
pub(super) static OLD_KEY_IN_USE: Fault = warning(
    "old-key-in-use",
    "The old key is held back past its date, because a client still uses it.",
    "Find the client with `aws cloudtrail lookup-events`, and change it to read the secret",
);
pub(super) static OLD_KEY_OVERDUE: Fault = fixable(
    warning(
        "old-key-overdue",
        "The old key is still active past its date, although it is not in use.",
        "Run `keyrota doctor --fix`. The hourly sweep is not working",
    ),
    SWEEP,
);
pub(super) static OLD_KEY_LEFT: Fault = fixable(
    warning(
        "old-key-left",
        "The old key still exists past its date.",
        "Run `keyrota doctor --fix`. The hourly sweep is not working",
    ),
    SWEEP,
);

pub(super) static TAGS_CHANGED: Fault = fixable(
    warning(
        "tags-changed",
        "The tags of the secret differ from the manifest.",
        "Run `keyrota bootstrap`, which restores the tags, and find out who can change them",
    ),
    "restores the tags as they were deployed. Needs the permissions of `bootstrap`",
);

pub(super) static REPLICA_FAILED: Fault = fixable(
    error(
        "replica-failed",
        "Secrets Manager cannot copy the secret to a Region, so clients there read an old value or none.",
        "Fix the cause that Secrets Manager reports, then run `aws secretsmanager replicate-secret-to-regions`",
    ),
    "replicates the secret to the Region again, without overwriting a secret there",
);
pub(super) static REPLICA_MISSING: Fault = fixable(
    error(
        "replica-missing",
        "The secret has no replica in a Region of the manifest.",
        "Run `keyrota bootstrap` if the manifest was changed. Otherwise, run `aws secretsmanager replicate-secret-to-regions`",
    ),
    "replicates the secret to the Region, without overwriting a secret there",
);
pub(super) static REPLICA_UNKNOWN: Fault = warning(
    "replica-unknown",
    "The secret has a replica in a Region that the manifest does not have.",
    "Delete it with `aws secretsmanager remove-regions-from-replication`, or add the Region to `replicas`",
);

pub(super) static LEAKED_KEY_ACTIVE: Fault = error(
    "leaked-key-active",
    "A key that was reported as leaked is still active.",
    "Run `keyrota rotate --compromised NAME --key ID`, which completes the response",
);
pub(super) static SESSIONS_DENIED: Fault = warning(
    "sessions-denied",
    "A policy of the user denies its sessions that were issued before a key leaked. It can be removed when the last of them has expired.",
    "Run `aws iam delete-user-policy --policy-name keyrota-deny-sessions` after the given time",
);

pub(super) static NOTIFY_TARGET: Fault = error(
    "notify-target-unusable",
    "EventBridge cannot deliver to a target in `notify`, so its clients are not notified of rotations.",
    "Create the target again, or correct its policy or its KMS key's, as the finding says",
);
pub(super) static NOTIFY_UNCHECKED: Fault = warning(
    "notify-target-unchecked",
    "The caller may not look at a target in `notify`.",
    "Attach the statements `DetectDrift…` of the deployer's policy to the caller, then run `keyrota doctor` again",
);

pub(super) static RESOURCE_GONE: Fault = fixable(
    error(
        "resource-gone",
        "A resource of the stack does not exist.",
        "Run `keyrota doctor --fix` or `keyrota bootstrap`, which creates it again, and find out who deleted it",
    ),
    REVERT,
);
pub(super) static RESOURCE_CHANGED: Fault = fixable(
    error(
        "resource-changed",
        "A resource of the stack differs from what was deployed.",
        "Run `keyrota doctor --fix` or `keyrota bootstrap`, which restores it, and find out who changed it",
    ),
    REVERT,
);
pub(super) static DRIFT_UNCHECKED: Fault = warning(
    "drift-unchecked",
    "CloudFormation could not check whether resources of the stack differ from what was deployed.",
    "Attach the statements `DetectDrift…` of the deployer's policy to the caller, then run `keyrota doctor` again",
);

/// All faults, in the order in which they are checked.
pub static FAULTS: [&Fault; 44] = [
    &STACK_MISSING,
    &STACK_NOT_OURS,
    &STACK_FAILED,
    &STACK_ROLLED_BACK,
    &STACK_BUSY,
    &SECRET_MISSING,
    &SECRET_DELETED,
    &SECRET_NOT_IN_STACK,
    &NO_CREDENTIAL,
    &VALUE_UNUSABLE,
    &VALUE_UNDECRYPTABLE,
    &VALUE_OF_ANOTHER,
    &VALUE_OUTDATED,
    &TAGS_CHANGED,
    &USER_MISSING,
    &USER_PATH,
    &KEY_MISSING,
    &KEY_INACTIVE,
    &CREDENTIAL_REFUSED,
    &FOREIGN_KEY,
    &KMS_KEY,
    &ADMINISTRATOR,
    &REHEARSAL_FAILED,
    &KEY_QUARANTINED,
    &PASSWORD_EXPIRES,
    &PASSWORD_BROKEN_OFF,
    &ROTATION_UNFINISHED,
    &ROTATION_OFF,
    &ROTATION_DIFFERS,
    &ROTATION_OVERDUE,
    &NEVER_ROTATED,
    &OLD_KEY_IN_USE,
    &OLD_KEY_OVERDUE,
    &OLD_KEY_LEFT,
    &REPLICA_FAILED,
    &REPLICA_MISSING,
    &REPLICA_UNKNOWN,
    &LEAKED_KEY_ACTIVE,
    &SESSIONS_DENIED,
    &NOTIFY_TARGET,
    &NOTIFY_UNCHECKED,
    &RESOURCE_GONE,
    &RESOURCE_CHANGED,
    &DRIFT_UNCHECKED,
];
