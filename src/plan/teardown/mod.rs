//! What a teardown removes, in which order, and what it leaves where.
//!
//! Keys and secrets come apart: a key that a client may be using is not deleted
//! with the stack, and a secret goes with a window in which it can be restored.
//!
//! A tag of keyrota's own finds a secret, and authorises nothing: everybody who may tag
//! a secret can write it. What may be deleted is decided by [`Evidence`], and whose keys
//! an entry is about by the manifest.

mod encryption;
mod key;
mod secret;

use serde::Serialize;

use self::secret::SubjectSecret;
use super::{Evidence, ObservedEntry};
use crate::port::{Deletion, Key, Secret, StackResource};

pub use key::{UNKNOWN_KEY, deletion_of};
pub use secret::scheduled;

/// How a teardown is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeardownOptions {
    /// How secrets are deleted.
    pub deletion: Deletion,
    /// No key is deleted.
    pub keep_keys: bool,
    /// The current keys of users that are not the stack's are deleted too.
    pub delete_keys: bool,
}

/// An entry of the manifest, with what a teardown has to know of it.
#[derive(Clone, Debug)]
pub struct Subject<'model> {
    /// What was seen.
    pub seen: ObservedEntry<'model>,
    /// It is proven that the stack made the secret, so that it is ours to delete.
    pub ours: bool,
    /// Why the secret could not be looked at, where it could not.
    pub unread: Option<String>,
}

/// A secret that carries the stack's tag, and that nothing proves to be the stack's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// It is scheduled for deletion already.
    pub deleted: bool,
}

/// A user that the stack made and that the manifest does not name, with all its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKeys {
    /// The user's name.
    pub user: String,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// Everything that a teardown is about.
#[derive(Clone, Debug, Default)]
pub struct Subjects<'model> {
    /// The manifest's entries.
    pub entries: Vec<Subject<'model>>,
    /// Secrets that the stack made, and that the manifest does not name any more.
    pub forgotten: Vec<Secret>,
    /// Users that the stack made, and that the manifest does not name any more.
    pub users: Vec<UserKeys>,
    /// Secrets that say that they are the stack's.
    pub foreign: Vec<ForeignSecret>,
}

/// One step of a teardown. Each may be carried out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Turn the schedule off.
    CancelRotation {
        /// The secret's name.
        secret: String,
        /// Its ARN.
        arn: String,
    },
    /// Delete a key.
    DeleteKey {
        /// The IAM user.
        user: String,
        /// The access key ID.
        id: String,
        /// What must hold right before, if IAM's own record does not say that the key is ours.
        check: Option<Check>,
    },
    /// Remove what was recorded on a user while a key was made or given up.
    ForgetMark {
        /// The IAM user.
        user: String,
        /// The tag's key.
        tag: &'static str,
    },
    /// Delete the stack, but for what is named.
    DeleteStack {
        /// The stack's name or ID.
        stack: String,
        /// Logical IDs that stay.
        retain: Vec<String>,
    },
    /// Delete a secret.
    DeleteSecret {
        /// Its name.
        secret: String,
        /// Its ARN, which another secret of the name has not.
        arn: String,
        /// How.
        deletion: Deletion,
    },
    /// Have the stack's KMS key deleted.
    DeleteEncryptionKey {
        /// The key's ID.
        id: String,
        /// After so many days.
        days: u32,
        /// Whether it encrypts secrets, or only what AWS services store.
        of_secrets: bool,
    },
}

/// What has to hold of a key that a version of a secret names, right before it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The secret.
    pub secret: String,
    /// It must not have become AWSCURRENT meanwhile.
    pub unless_current: bool,
    /// What the version with a label holds has to authenticate as the key's user:
    /// a principal that may write the secret can make a version name any key. Nothing if the
    /// key is inactive, or IAM's own record says that it is ours.
    pub proof: Option<OwnershipProof>,
}

/// How a key is proven to be ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipProof {
    /// The staging label of the version that names the key.
    pub label: &'static str,
    /// The ARN of the user that the key has to be.
    pub user_arn: String,
    /// When the key was made: a new one is not known everywhere at once.
    pub key: Key,
}

impl Step {
    /// Returns whether it turns a schedule off.
    pub const fn is_cancellation(&self) -> bool {
        matches!(self, Self::CancelRotation { .. })
    }

    /// Returns whether it deletes a secret for good.
    const fn is_forced(&self) -> bool {
        matches!(
            self,
            Self::DeleteSecret {
                deletion: Deletion::Forced,
                ..
            }
        )
    }
}

/// Something that was deleted, retained or left over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Such as `secret` or `access key`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What the reader should know about it.
    pub note: Option<String>,
}

impl Item {
    /// Returns an item.
    pub fn new(kind: &'static str, name: impl Into<String>, note: Option<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            note,
        }
    }
}

/// What will be done, and what will not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeardownPlan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What stays on purpose.
    pub retained: Vec<Item>,
    /// What stays though one may not want it.
    pub left_over: Vec<Item>,
}

/// Returns whether a stack holds a user, which is what makes all its keys ours. The manifest's
/// word is not enough: where the user was there before, the stack was refused.
pub fn holds_user(resources: &[StackResource], user: &str) -> bool {
    holds(resources, "AWS::IAM::User", |it| it.physical_id == user)
}

/// Returns whether a stack holds a resource of a type. A resource that could not be made, or is
/// gone, is not the stack's.
pub fn holds(
    resources: &[StackResource],
    kind: &str,
    is_it: impl Fn(&StackResource) -> bool,
) -> bool {
    resources.iter().any(|resource| {
        resource.kind == kind
            && is_it(resource)
            && !resource.status.starts_with("CREATE_F")
            && resource.status != "CREATE_IN_PROGRESS"
            && resource.status != "DELETE_COMPLETE"
    })
}

/// Decides what a teardown does, with the KMS keys that the stack made and that
/// are not going yet.
///
/// The stack goes before the secrets: deleting a schedule or a resource policy
/// calls Secrets Manager, which refuses that for a secret awaiting deletion. What can
/// be known only while the stack is there is removed first: access keys, and secrets that
/// neither the manifest nor the stack names any more.
pub fn plan_teardown(
    stack: Option<&str>,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
    encryption_keys: &[String],
    subjects: &Subjects<'_>,
    options: TeardownOptions,
) -> TeardownPlan {
    let mut plan = TeardownPlan::default();
    let secrets = subjects.secrets();
    let rotating = secrets
        .iter()
        .filter(|kept| kept.ours)
        .filter_map(|kept| kept.secret)
        .filter(|secret| secret.deleted.is_none() && secret.rotation_enabled);
    plan.steps.extend(rotating.map(|secret| {
        let (secret, arn) = (secret.name.clone(), secret.arn.clone());
        Step::CancelRotation { secret, arn }
    }));
    let mut passwords = Vec::new();
    let mut marks = Vec::new();
    for subject in &subjects.entries {
        match &subject.seen {
            ObservedEntry::AccessKey(_, seen) => {
                let owns_user = holds_user(resources, &seen.user_name);
                key::plan_keys(subject, seen, owns_user, evidence, options, &mut plan);
                // Another stack's rotation may record its keys on the same user.
                if !options.keep_keys && !owns_user && (evidence.is_deployed() || subject.ours) {
                    marks.extend(key::marks(seen));
                }
            }
            ObservedEntry::Database(entry, _) => {
                passwords.extend(secret::password_that_stays(
                    *entry,
                    subject,
                    options.deletion,
                ));
            }
        }
    }
    plan.steps.extend(marks);
    for UserKeys { user, keys } in &subjects.users {
        key::plan_own_keys(user, key::key_ids(keys), options, &mut plan);
    }
    plan.retained.extend(passwords);
    let goes_early = |kept: &SubjectSecret<'_>| {
        let forgotten = subjects.forgotten.iter();
        let mut forgotten = forgotten.filter(|secret| !evidence.lists_secret(&secret.arn));
        forgotten.any(|secret| kept.secret.is_some_and(|held| held.arn == secret.arn))
    };
    let (early, late): (Vec<SubjectSecret<'_>>, Vec<SubjectSecret<'_>>) =
        secrets.into_iter().partition(goes_early);
    for kept in &early {
        let step = secret::plan_secret(kept, options, &mut plan);
        plan.steps.extend(step);
    }
    let last = encryption::plan_keys(encryption_keys, &early, &late, options, &mut plan);
    if let Some(stack) = stack {
        let retain = key::users_that_stay(resources, subjects, options, &mut plan);
        plan.steps.push(Step::DeleteStack {
            stack: stack.to_owned(),
            retain,
        });
    }
    // A secret with a window still leads to its KMS key, one without does not: the KMS
    // key goes between them.
    let mut at_once = Vec::new();
    for kept in &late {
        match secret::plan_secret(kept, options, &mut plan) {
            Some(step) if step.is_forced() => at_once.push(step),
            step => plan.steps.extend(step),
        }
    }
    plan.steps.extend(last);
    plan.steps.extend(at_once);
    for secret in &subjects.forgotten {
        plan.left_over.extend(key::of_forgotten(secret));
    }
    for foreign in &subjects.foreign {
        secret::plan_foreign(foreign, &mut plan);
    }
    plan
}
