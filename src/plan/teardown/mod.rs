//! What a teardown deletes, in which order, and what it leaves.
//!
//! Keys and secrets are treated separately: a key that a client may be using is not deleted with
//! the stack, and a secret is deleted with a recovery window.
//!
//! keyrota's own tags find a secret but authorize nothing, because any principal that may tag a
//! secret can write them. [`Evidence`] decides what may be deleted, and the manifest decides whose
//! keys an entry concerns.

mod encryption;
mod key;
mod notify;
mod secret;
mod user;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use self::secret::SubjectSecret;
use self::user::PlannedUser;
use super::{Evidence, ObservedEntry};
use crate::model::Names;
use crate::port::{Deletion, Key, Secret, StackResource};

pub use key::{UNKNOWN_KEY, deletion_of, minute_after};
pub use secret::scheduled;
pub use user::DATABASE_USER;

/// The options of a teardown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeardownOptions {
    /// How secrets are deleted.
    pub deletion: Deletion,
    /// Whether to keep all keys.
    pub keep_keys: bool,
    /// Whether to keep the users that the stack created.
    pub keep_users: bool,
    /// Whether to delete also the current keys of users that the stack did not create.
    pub delete_keys: bool,
}

/// How recent IAM's record of the uses of keys is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseRecord {
    /// When the keys were observed.
    pub observed: Timestamp,
    /// How long after a use of a key IAM may still not show it.
    pub delay: Duration,
}

impl UseRecord {
    /// Returns when the record shows a client that uses a key after a moment, if it does not show
    /// it yet.
    fn known_at(self, moment: Timestamp) -> Option<Timestamp> {
        let known = moment.checked_add(self.delay).unwrap_or(Timestamp::MAX);
        Some(known).filter(|known| *known > self.observed)
    }
}

/// An entry of the manifest with what a teardown needs to know about it.
#[derive(Clone, Debug)]
pub struct Subject<'model> {
    /// Its observed state.
    pub seen: ObservedEntry<'model>,
    /// Whether it is proven that the stack created the secret, so that it may be deleted.
    pub ours: bool,
    /// Why the secret could not be read, if it could not.
    pub unread: Option<String>,
}

/// A secret with the stack's tag that is not proven to be the stack's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it is already scheduled for deletion.
    pub deleted: bool,
}

/// A user that the stack created and the manifest does not name, with all its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserKeys {
    /// The user's name.
    pub user: String,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// The inputs of a teardown's plan.
#[derive(Clone, Debug, Default)]
pub struct Subjects<'model> {
    /// The manifest's entries.
    pub entries: Vec<Subject<'model>>,
    /// Secrets that the stack created and the manifest no longer names.
    pub forgotten: Vec<Secret>,
    /// Users that the stack created and the manifest no longer names.
    pub users: Vec<UserKeys>,
    /// Secrets that claim to be the stack's.
    pub foreign: Vec<ForeignSecret>,
    /// The ARNs of secrets that were replicas of the stack's secrets, each with the secret's name.
    pub promoted: Vec<(String, String)>,
}

/// A step of a teardown. Each step is idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Disable rotation.
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
        /// What must hold right before, unless IAM's own record says that the key is keyrota's.
        check: Option<Check>,
    },
    /// Remove a record from a user that was written when a key was created or abandoned.
    ForgetMark {
        /// The IAM user.
        user: String,
        /// The tag's key.
        tag: &'static str,
    },
    /// Delete the policy of a user that denies sessions. IAM deletes no user with inline policies.
    AllowSessions {
        /// The IAM user.
        user: String,
    },
    /// Make the databases' function drop the user that it created.
    DropUser {
        /// The secret's name.
        secret: String,
        /// Its ARN.
        arn: String,
        /// The user and the server's address.
        user: String,
        /// The function's name.
        function: String,
    },
    /// Delete the stack except for the retained resources.
    DeleteStack {
        /// The stack's name or ID.
        stack: String,
        /// The logical IDs of the retained resources.
        retain: Vec<String>,
    },
    /// Delete a replica of a secret, which must be gone before the secret can be deleted.
    RemoveReplica {
        /// The secret's name.
        secret: String,
        /// The secret's ARN.
        arn: String,
        /// The Region of the replica.
        region: String,
    },
    /// Delete a secret.
    DeleteSecret {
        /// Its name.
        secret: String,
        /// Its ARN, which distinguishes it from another secret with the same name.
        arn: String,
        /// The kind of deletion.
        deletion: Deletion,
    },
    /// Schedule the deletion of the stack's KMS key.
    DeleteEncryptionKey {
        /// The key's ID.
        id: String,
        /// The waiting period in days.
        days: u32,
        /// Whether it encrypts secrets, or only what AWS services store.
        of_secrets: bool,
    },
}

/// What must hold, right before the deletion, for a key that a version of a secret names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The secret.
    pub secret: String,
    /// The names of the fields of its value.
    pub names: Names,
    /// Whether the key must not have become AWSCURRENT's.
    pub unless_current: bool,
    /// The version whose content must authenticate as the key's user, because a principal that may
    /// write the secret can make a version name any key. `None` if the key is inactive, or if IAM's
    /// own record says that it is keyrota's.
    pub proof: Option<OwnershipProof>,
}

/// How a key is proven to be keyrota's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnershipProof {
    /// The staging label of the version that names the key.
    pub label: &'static str,
    /// The ARN of the user that the key must belong to.
    pub user_arn: String,
    /// The key, with its creation time: a new key takes time to propagate.
    pub key: Key,
}

impl Step {
    /// Returns whether it disables rotation.
    pub const fn is_cancellation(&self) -> bool {
        matches!(self, Self::CancelRotation { .. })
    }

    /// Returns whether it deletes a secret without a recovery window.
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

/// Something that was deleted, retained, or left over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its type, such as `secret` or `access key`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// A note about it for the reader.
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

/// What a teardown does, and what it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeardownPlan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What stays intentionally.
    pub retained: Vec<Item>,
    /// What stays although it may be unwanted.
    pub left_over: Vec<Item>,
    /// When IAM's record is complete for each key that is left over because it was replaced
    /// recently. A teardown that starts then deletes the keys that no client uses.
    pub uses_known: Option<Timestamp>,
}

/// Returns whether a stack contains a user, so that all keys of the user are keyrota's.
///
/// The manifest alone does not prove it: if the user existed before, its creation failed.
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

/// Decides what a teardown does. `encryption_keys` are the stack's KMS keys that are not yet
/// scheduled for deletion.
///
/// The stack is deleted before the secrets: deleting a schedule or a resource policy calls Secrets
/// Manager, which refuses that for a secret that is scheduled for deletion. What only the stack's
/// existence proves is deleted first: access keys, and secrets that neither the manifest nor the
/// stack names any more.
pub fn plan_teardown(
    stack: Option<&str>,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
    encryption_keys: &[String],
    subjects: &Subjects<'_>,
    uses: UseRecord,
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
                let is_made = holds_user(resources, &seen.user_name);
                let owns_user = is_made && !options.keep_users;
                key::plan_keys(subject, seen, owns_user, evidence, uses, options, &mut plan);
                if !options.keep_keys && owns_user {
                    plan.steps.extend(key::allow_sessions(seen));
                }
                // A rotation of another stack may record its keys on the same user.
                if !options.keep_keys && !owns_user && (evidence.is_deployed() || subject.ours) {
                    marks.extend(key::marks(seen));
                }
            }
            ObservedEntry::Service(entry, _) => {
                passwords.extend(secret::password_that_stays(
                    entry.entry(),
                    subject,
                    options.deletion,
                ));
            }
            ObservedEntry::Database(entry, _) => {
                match user::plan(*entry, subject, resources, evidence, options) {
                    Some(PlannedUser::Dropped(step)) => plan.steps.push(*step),
                    Some(PlannedUser::Unknown(item)) => plan.retained.push(item),
                    Some(PlannedUser::Left(item)) => plan.left_over.push(item),
                    None => {
                        let deletion = options.deletion;
                        passwords.extend(secret::password_that_stays(
                            entry.entry(),
                            subject,
                            deletion,
                        ));
                    }
                }
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
        let steps = secret::plan_secret(kept, options, &mut plan);
        plan.steps.extend(steps);
    }
    let last = encryption::plan_keys(encryption_keys, &early, &late, options, &mut plan);
    if let Some(stack) = stack {
        let retain = key::users_that_stay(resources, subjects, options, &mut plan);
        plan.steps.push(Step::DeleteStack {
            stack: stack.to_owned(),
            retain,
        });
    }
    // A secret with a recovery window still refers to its KMS key, and a secret without one does
    // not. The KMS key is therefore deleted between them.
    let mut at_once = Vec::new();
    for kept in &late {
        let steps = secret::plan_secret(kept, options, &mut plan);
        match steps.iter().any(Step::is_forced) {
            true => at_once.extend(steps),
            false => plan.steps.extend(steps),
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
    plan.left_over
        .extend(notify::statements_that_stay(subjects));
    let promoted = subjects.promoted.iter();
    plan.left_over
        .extend(promoted.map(|(name, arn)| secret::promoted(name, arn)));
    plan
}
