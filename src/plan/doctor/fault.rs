//! The faults that `keyrota doctor` knows; docs/reference/doctor.md is made from this table.

use super::{Diagnosis, Fix};
use crate::model::{SecretName, Severity};

/// A kind of fault.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name in findings, in kebab case; scripts rely on it.
    pub id: &'static str,
    /// How much it weighs: an error has stopped something, or soon will.
    pub severity: Severity,
    /// What is wrong, as a sentence.
    pub what: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
    /// What `--fix` does about it, where that can lose no credential in use.
    pub fix: Option<&'static str>,
}

impl Fault {
    /// Returns a finding of this fault that a person must handle.
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
        }
    }

    /// Returns a finding of this fault about a secret.
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
    /// Adds what `--fix` does, where that may be done.
    pub(super) fn fixed_by(self, fix: Fix, may: bool) -> Self {
        Self {
            fix: may.then_some(fix),
            ..self
        }
    }
}

const fn error(id: &'static str, what: &'static str, remedy: &'static str) -> Fault {
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

const SWEEP: &str = "has the function look at the secret, as the hourly rule does";
const SCHEDULE: &str =
    "sets schedule and function as the manifest says, and begins no rotation by it";

pub(super) static STACK_MISSING: Fault = error(
    "stack-missing",
    "The stack is not deployed.",
    "`keyrota bootstrap` deploys it; what an earlier deployment left goes with `keyrota teardown` first",
);
pub(super) static STACK_NOT_OURS: Fault = error(
    "stack-not-ours",
    "A stack of this name exists, and keyrota did not make it.",
    "give the manifest another `stack:`",
);
pub(super) static STACK_FAILED: Fault = error(
    "stack-failed",
    "The stack ended in a state in which nothing can be deployed.",
    "`aws cloudformation continue-update-rollback` after a rollback that failed; else `keyrota teardown`, then `keyrota bootstrap`",
);
pub(super) static STACK_ROLLED_BACK: Fault = warning(
    "stack-rolled-back",
    "The last update failed and was rolled back; the stack works as it did before.",
    "fix the cause, then run `keyrota bootstrap`",
);
pub(super) static STACK_BUSY: Fault = warning(
    "stack-busy",
    "CloudFormation has been updating the stack for more than an hour, or is creating it now.",
    "`aws cloudformation describe-stack-events` shows what it waits for",
);
pub(super) static SECRET_MISSING: Fault = error(
    "secret-missing",
    "There is no such secret.",
    "`keyrota bootstrap` makes it where the stack never did; one that was deleted for good needs another name with `secret:` first",
);
pub(super) static SECRET_DELETED: Fault = fixable(
    error(
        "secret-deleted",
        "The secret is scheduled for deletion, and nobody can read it.",
        "`aws secretsmanager restore-secret`",
    ),
    "restores it, where it is the stack's",
);
pub(super) static SECRET_NOT_IN_STACK: Fault = error(
    "secret-not-in-stack",
    "There is a secret of this name, and it is not the one that the stack made.",
    "give the entry another name with `secret:`, then `keyrota bootstrap`",
);
pub(super) static NO_CREDENTIAL: Fault = error(
    "no-credential",
    "The secret holds no credential yet.",
    "`keyrota bootstrap` stores the first one",
);
pub(super) static VALUE_UNUSABLE: Fault = error(
    "value-unusable",
    "The secret's value is not what clients expect.",
    "`keyrota rotate --restore-previous NAME` where the version before works; else store a whole value",
);
pub(super) static VALUE_UNDECRYPTABLE: Fault = error(
    "value-undecryptable",
    "The value cannot be decrypted: its KMS key is disabled or going.",
    "`aws kms cancel-key-deletion` keeps a key that is going, `aws kms enable-key` makes it usable again",
);
pub(super) static VALUE_OF_ANOTHER: Fault = error(
    "value-of-another-user",
    "The value is the credential of another user or engine than the manifest's.",
    "`keyrota rotate --restore-previous NAME` where the version before is the right one; else store it, or give the entry another secret",
);
pub(super) static VALUE_OUTDATED: Fault = warning(
    "value-outdated",
    "The value names another administrator, host, port or database than the manifest.",
    "`keyrota bootstrap` corrects it",
);
pub(super) static USER_MISSING: Fault = error(
    "user-missing",
    "There is no such IAM user.",
    "make it again, with a key that is stored in the secret",
);
pub(super) static KEY_MISSING: Fault = error(
    "current-key-missing",
    "The key that clients read is not among the user's keys.",
    "`keyrota rotate --restore-previous NAME` where the key before is active; else store one that works",
);
pub(super) static KEY_INACTIVE: Fault = error(
    "current-key-inactive",
    "The key that clients read is inactive.",
    "`aws iam update-access-key --status Active`, unless it was deactivated on purpose",
);
pub(super) static CREDENTIAL_REFUSED: Fault = error(
    "credential-refused",
    "The credential that clients read does not authenticate.",
    "a key: `keyrota rotate --restore-previous NAME` where the version before works; a password: `keyrota rotate NAME`, which tries each version's; else store one that works",
);
pub(super) static LOGIN_UNTRIED: Fault = warning(
    "login-untried",
    "The function could not say whether the database's login works.",
    "fix what the function reports; its log has the details",
);
pub(super) static FOREIGN_KEY: Fault = error(
    "foreign-key",
    "The user has an active key that keyrota does not know; rotation needs its place and will not take it.",
    "find out who uses it, move them to the secret, and delete it with `aws iam delete-access-key`",
);
pub(super) static KMS_KEY: Fault = error(
    "kms-key-unusable",
    "The KMS key of the manifest cannot be used.",
    "`aws kms cancel-key-deletion`, `aws kms enable-key`, or another `kms_key:`",
);
pub(super) static ADMINISTRATOR: Fault = error(
    "administrator-unusable",
    "The administrator's secret cannot be used, so that nothing rotates.",
    "create or repair that secret",
);
pub(super) static PASSWORD_BROKEN_OFF: Fault = fixable(
    error(
        "password-broken-off",
        "A rotation was broken off after its password was sent: the server may have that one.",
        "`keyrota rotate NAME` goes on from there",
    ),
    SWEEP,
);
pub(super) static ROTATION_UNFINISHED: Fault = fixable(
    error(
        "rotation-unfinished",
        "A rotation began and has not ended.",
        "fix what the function reports; then `keyrota rotate NAME` resumes it",
    ),
    "takes it up again, or gives it up and rotates, as `keyrota rotate` does",
);
pub(super) static ROTATION_OFF: Fault = fixable(
    error(
        "rotation-off",
        "Rotation is switched off.",
        "`keyrota doctor --fix` switches it on as the manifest says",
    ),
    SCHEDULE,
);
pub(super) static ROTATION_DIFFERS: Fault = fixable(
    warning(
        "rotation-differs",
        "The secret rotates on another schedule, or by another function, than the manifest says.",
        "`keyrota bootstrap` where the manifest was changed; else `keyrota doctor --fix`",
    ),
    SCHEDULE,
);
pub(super) static ROTATION_OVERDUE: Fault = fixable(
    error(
        "rotation-overdue",
        "A rotation was due more than seven days ago.",
        "`keyrota rotate NAME`",
    ),
    "rotates, as `keyrota rotate` does",
);
pub(super) static NEVER_ROTATED: Fault = warning(
    "never-rotated",
    "No rotation has ended well yet.",
    "move the clients to the secret, then `keyrota rotate NAME`",
);
pub(super) static OLD_KEY_IN_USE: Fault = warning(
    "old-key-in-use",
    "The key that was replaced is past its date and held back, because a client uses it.",
    "find the client with `aws cloudtrail lookup-events`, and have it read the secret",
);
pub(super) static OLD_KEY_OVERDUE: Fault = fixable(
    warning(
        "old-key-overdue",
        "The key that was replaced should be inactive by now, and nobody uses it.",
        "`keyrota doctor --fix`; the hourly rule does not do its work",
    ),
    SWEEP,
);
pub(super) static OLD_KEY_LEFT: Fault = fixable(
    warning(
        "old-key-left",
        "The key that was replaced should be deleted by now.",
        "`keyrota doctor --fix`; the hourly rule does not do its work",
    ),
    SWEEP,
);

pub(super) static TAGS_CHANGED: Fault = warning(
    "tags-changed",
    "Tags of the secret are not as the manifest has them.",
    "`keyrota bootstrap` restores them; find out who may write them",
);

/// Every fault, in the order in which they are looked for.
pub static FAULTS: [&Fault; 31] = [
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
    &KEY_MISSING,
    &KEY_INACTIVE,
    &CREDENTIAL_REFUSED,
    &LOGIN_UNTRIED,
    &FOREIGN_KEY,
    &KMS_KEY,
    &ADMINISTRATOR,
    &PASSWORD_BROKEN_OFF,
    &ROTATION_UNFINISHED,
    &ROTATION_OFF,
    &ROTATION_DIFFERS,
    &ROTATION_OVERDUE,
    &NEVER_ROTATED,
    &OLD_KEY_IN_USE,
    &OLD_KEY_OVERDUE,
    &OLD_KEY_LEFT,
];
