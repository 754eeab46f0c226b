//! What a teardown removes, in which order, and what it leaves where.
//!
//! Keys and secrets come apart: a key that a client may be using is not deleted
//! with the stack, and a secret goes with a window in which it can be restored.
//!
//! A tag of keyrota's own finds a secret, and authorises nothing: everybody who may tag
//! a secret can write it. What may be deleted is decided by [`Evidence`], and whose keys
//! an entry is about by the manifest.

use std::collections::BTreeMap;

use keyrota_contract::tag;
use serde::Serialize;

use crate::model::UserName;
use crate::port::{Deletion, Key, Secret, StackResource};
use crate::render::STACK_TAG;

use super::{Evidence, KeyClaim, KeyRole, ObservedEntry, ObservedLogin, ObservedSecret, same_key};

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

/// An entry of the manifest: a secret and its user, with what was seen of them.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What was seen.
    pub seen: ObservedEntry,
    /// It is proven that the stack made the secret, so that it is ours to delete.
    pub ours: bool,
    /// Why the secret could not be looked at, where it could not.
    pub unread: Option<String>,
    /// The stack holds the user, and all its keys are ours.
    pub owns_user: bool,
}

/// A database's entry of the manifest, with what was seen of its secret.
#[derive(Clone, Debug)]
pub struct DatabaseSubject {
    /// The secret's name.
    pub secret_name: String,
    /// Whose password it holds, as the manifest has it.
    pub username: String,
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin>,
    /// As with an access key.
    pub ours: bool,
    /// As with an access key.
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
pub struct Subjects {
    /// The manifest's access keys.
    pub access_keys: Vec<Subject>,
    /// The manifest's databases.
    pub databases: Vec<DatabaseSubject>,
    /// Secrets that the stack made, and that the manifest does not name any more.
    pub forgotten: Vec<Secret>,
    /// Users that the stack made, and that the manifest does not name any more.
    pub users: Vec<UserKeys>,
    /// Secrets that say that they are the stack's.
    pub foreign: Vec<ForeignSecret>,
}

/// A secret of any kind, as far as all go the same way.
struct SubjectSecret<'a> {
    name: &'a str,
    secret: Option<&'a Secret>,
    /// It never held a credential.
    unused: bool,
    ours: bool,
    unread: Option<&'a str>,
}

impl Subjects {
    fn secrets(&self) -> impl Iterator<Item = SubjectSecret<'_>> {
        let keys = self.access_keys.iter().map(|subject| {
            let held = subject.seen.secret.as_ref();
            SubjectSecret {
                name: &subject.seen.secret_name,
                secret: held.map(|held| &held.secret),
                unused: held.is_some_and(ObservedSecret::holds_no_key),
                ours: subject.ours,
                unread: subject.unread.as_deref(),
            }
        });
        let databases = self.databases.iter().map(|subject| {
            let held = subject.secret.as_ref();
            SubjectSecret {
                name: &subject.secret_name,
                secret: held.map(|held| &held.secret),
                unused: held.is_some_and(ObservedLogin::holds_no_password),
                ours: subject.ours,
                unread: subject.unread.as_deref(),
            }
        });
        let forgotten = self.forgotten.iter().map(|secret| SubjectSecret {
            name: &secret.name,
            secret: Some(secret),
            unused: false,
            ours: true,
            unread: None,
        });
        keys.chain(databases).chain(forgotten)
    }

    /// Returns the secrets that are ours, those awaiting deletion included.
    pub fn ours(&self) -> impl Iterator<Item = &Secret> {
        let ours = self.secrets().filter(|kept| kept.ours);
        ours.filter_map(|kept| kept.secret)
    }
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

/// Returns whether a stack holds a user, which is what makes all its keys ours.
///
/// The manifest's word is not enough: where the user was there before, the stack
/// was refused. Nor is a resource that could not be made or is gone.
pub fn holds_user(resources: &[StackResource], user: &str) -> bool {
    resources.iter().any(|resource| {
        resource.kind == "AWS::IAM::User"
            && resource.physical_id == user
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
    subjects: &Subjects,
    options: TeardownOptions,
) -> TeardownPlan {
    let mut plan = TeardownPlan::default();
    let rotating = subjects
        .secrets()
        .filter(|kept| kept.ours)
        .filter_map(|kept| kept.secret)
        .filter(|secret| secret.deleted.is_none() && secret.rotation_enabled);
    plan.steps.extend(rotating.map(|secret| {
        let (secret, arn) = (secret.name.clone(), secret.arn.clone());
        Step::CancelRotation { secret, arn }
    }));
    for subject in &subjects.access_keys {
        plan_keys(subject, evidence, options, &mut plan);
    }
    if !options.keep_keys {
        // Another stack's rotation may record its keys on the same user.
        let recorded = subjects.access_keys.iter();
        let recorded = recorded.filter(|subject| evidence.is_deployed() || subject.ours);
        plan.steps.extend(recorded.flat_map(marks));
    }
    for UserKeys { user, keys } in &subjects.users {
        plan_own_keys(user, keys, options, &mut plan);
    }
    plan.retained.extend(
        subjects
            .databases
            .iter()
            .filter_map(|subject| password_that_stays(subject, options.deletion)),
    );
    let goes_early = |kept: &SubjectSecret<'_>| {
        let forgotten = subjects.forgotten.iter();
        let mut forgotten = forgotten.filter(|secret| !evidence.lists_secret(&secret.arn));
        forgotten.any(|secret| kept.secret.is_some_and(|held| held.arn == secret.arn))
    };
    let (early, late): (Vec<SubjectSecret<'_>>, Vec<SubjectSecret<'_>>) =
        subjects.secrets().partition(goes_early);
    for kept in &early {
        let step = plan_secret(kept, options, &mut plan);
        plan.steps.extend(step);
    }
    let unread: Vec<&str> = subjects
        .secrets()
        .filter(|kept| kept.unread.is_some())
        .map(|kept| kept.name)
        .collect();
    let end_of = |id: &String| Step::DeleteEncryptionKey {
        id: id.clone(),
        // Never before the last secret can no longer be restored.
        days: match options.deletion {
            Deletion::Window(days) => days.max(30),
            Deletion::Forced => 30,
        },
    };
    let mut last = Vec::new();
    for id in encryption_keys {
        let encrypts = |kept: &SubjectSecret<'_>| {
            let key = kept.secret.and_then(|secret| secret.kms_key.as_deref());
            kept.ours && key.is_some_and(|key| same_key(key, id))
        };
        if !unread.is_empty() {
            let note = format!(
                "it may encrypt {}, which could not be read; to delete it: aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30",
                unread.join(", ")
            );
            plan.left_over.push(Item::new("KMS key", id, Some(note)));
        } else if late.iter().any(encrypts) {
            // Those secrets lead to it even when the stack is gone.
            last.push(end_of(id));
        } else {
            plan.steps.push(end_of(id));
        }
    }
    if let Some(stack) = stack {
        let retain = users_that_stay(resources, subjects, options, &mut plan);
        plan.steps.push(Step::DeleteStack {
            stack: stack.to_owned(),
            retain,
        });
    }
    // A secret with a window still leads to its KMS key, one without does not: the KMS
    // key goes between them.
    let mut at_once = Vec::new();
    for kept in &late {
        match plan_secret(kept, options, &mut plan) {
            Some(step) if step.is_forced() => at_once.push(step),
            step => plan.steps.extend(step),
        }
    }
    plan.steps.extend(last);
    plan.steps.extend(at_once);
    for secret in &subjects.forgotten {
        plan.left_over.extend(keys_of_forgotten(secret));
    }
    for foreign in &subjects.foreign {
        plan_foreign(foreign, &mut plan);
    }
    plan
}

/// The keys of an entry's user, whom the manifest names.
fn plan_keys(
    subject: &Subject,
    evidence: &Evidence<'_>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) {
    let seen = &subject.seen;
    let user = &seen.user_name;
    if subject.owns_user {
        return plan_own_keys(user, &seen.keys, options, plan);
    }
    for key in &seen.keys {
        let claim = seen.claim_of(key);
        let role = claim.role;
        let item = |text: &str| {
            let note = format!("of user {user}, {role}: {text}");
            Item::new("access key", &key.id, Some(note))
        };
        if options.keep_keys {
            plan.retained.push(item("kept as requested"));
            continue;
        }
        let goes = subject.ours
            && match role {
                KeyRole::Unknown => false,
                KeyRole::Current => options.delete_keys,
                KeyRole::Pending => true,
                KeyRole::Previous => options.delete_keys || !used_since_replaced(key, seen),
            };
        if goes && !evidence.is_deployed() {
            let text = format!(
                "the stack is not deployed, so no key is deleted; to delete it: {}",
                deletion_of(user, &key.id)
            );
            plan.left_over.push(item(&text));
            continue;
        }
        if goes {
            match check_of(seen, key, claim) {
                Some(check) => plan.steps.push(Step::DeleteKey {
                    user: user.clone(),
                    id: key.id.clone(),
                    check: Some(check),
                }),
                None => plan.retained.push(item("the user does not exist")),
            }
            continue;
        }
        match role {
            _ if subject.unread.is_some() => plan
                .retained
                .push(item("kept, because its secret could not be read")),
            _ if !subject.ours => plan
                .retained
                .push(item("its secret does not belong to this stack")),
            KeyRole::Current => plan.retained.push(item(&location(seen, options.deletion))),
            KeyRole::Previous => plan.left_over.push(item(
                "used since it was replaced; delete it when its client reads the secret",
            )),
            _ if seen.secret.as_ref().is_some_and(ObservedSecret::is_deleted) => {
                let text = "kept, because its secret is scheduled for deletion and cannot be read";
                plan.retained.push(item(text));
            }
            _ => plan.retained.push(item("not created by keyrota")),
        }
    }
}

/// What was recorded on a user says which keys are ours, so that it must not outlive
/// them: somebody may make a key soon after.
fn marks(subject: &Subject) -> Vec<Step> {
    let Some(user) = subject.seen.user.as_ref().filter(|_| !subject.owns_user) else {
        return Vec::new();
    };
    let marks = tag::OF_USERS;
    let held = marks.into_iter().filter(|tag| user.tags.contains_key(*tag));
    held.map(|tag| Step::ForgetMark {
        user: subject.seen.user_name.clone(),
        tag,
    })
    .collect()
}

/// Returns what has to be seen before a key goes that a secret names.
fn check_of(seen: &ObservedEntry, key: &Key, claim: KeyClaim) -> Option<Check> {
    let user_arn = &seen.user.as_ref()?.arn;
    let secret = &seen.secret.as_ref()?.secret.arn;
    let label = claim.label.filter(|_| key.active);
    Some(Check {
        secret: secret.clone(),
        unless_current: claim.role != KeyRole::Current,
        proof: label.map(|label| OwnershipProof {
            label,
            user_arn: user_arn.clone(),
            key: key.clone(),
        }),
    })
}

/// The keys of a user that the stack made: each is ours.
fn plan_own_keys(user: &str, keys: &[Key], options: TeardownOptions, plan: &mut TeardownPlan) {
    for key in keys {
        if options.keep_keys {
            let note = format!("of user {user}: kept as requested");
            let item = Item::new("access key", &key.id, Some(note));
            plan.retained.push(item);
        } else {
            plan.steps.push(Step::DeleteKey {
                user: user.to_owned(),
                id: key.id.clone(),
                check: None,
            });
        }
    }
}

/// Returns the command that deletes a key.
pub fn deletion_of(user: &str, id: &str) -> String {
    format!("aws iam delete-access-key --user-name {user} --access-key-id {id}")
}

/// If the manifest does not name a secret, only its tags and its value, which others can
/// write, say whose key it holds.
fn keys_of_forgotten(secret: &Secret) -> Option<Item> {
    let is_database = secret
        .tags
        .get(tag::KIND)
        .is_some_and(|it| it == tag::DATABASE);
    if secret.deleted.is_some() || is_database {
        return None;
    }
    let user = secret.tags.get(tag::USER).map(|tag| UserName::parse(tag));
    let look = match user {
        Some(Ok(user)) => format!(
            "its tag names the user {user}; to list the keys: aws iam list-access-keys --user-name {user}"
        ),
        _ => "its tags name no user".to_owned(),
    };
    let note = format!(
        "the secret {} is not in the manifest, so the owner of its key is unknown, and no key was touched; {look}",
        secret.name
    );
    Some(Item::new("access key", "unknown", Some(note)))
}

/// A secret that says that it is the stack's, as everybody can have one say.
fn plan_foreign(foreign: &ForeignSecret, plan: &mut TeardownPlan) {
    let ForeignSecret { name, arn, deleted } = foreign;
    if *deleted {
        plan.retained.push(scheduled(name));
    } else {
        plan.left_over.push(unproven(name, arn));
    }
}

fn unproven(name: &str, arn: &str) -> Item {
    let note = format!(
        "it has this stack's tag, but nothing proves that the stack created it, so it and its keys were not touched; if it is yours, delete it: aws secretsmanager delete-secret --secret-id {arn}"
    );
    Item::new("secret", name, Some(note))
}

fn scheduled(name: &str) -> Item {
    let note = format!(
        "already scheduled for deletion; to restore it: aws secretsmanager restore-secret --secret-id {name}"
    );
    Item::new("secret", name, Some(note))
}

/// A key used after it was replaced has a client yet. It was replaced when the
/// rotation ended, which is a while after the new key was made.
fn used_since_replaced(key: &Key, seen: &ObservedEntry) -> bool {
    let replaced = seen.secret.as_ref().and_then(ObservedSecret::replaced);
    match (key.last_used, replaced) {
        (Some(used), Some(replaced)) => used > replaced && key.active,
        // It was used, and nobody knows until when it was the one to use.
        (Some(_), None) => key.active,
        (None, _) => false,
    }
}

fn location(seen: &ObservedEntry, deletion: Deletion) -> String {
    let secret = &seen.secret_name;
    match deletion {
        Deletion::Window(days) => format!(
            "stays active; its secret part is in the secret {secret}, which can be restored for {days} days"
        ),
        Deletion::Forced => {
            format!("stays active; its secret part was deleted with the secret {secret}")
        }
    }
}

/// On the server nothing is changed: who may log in there is not ours to say.
fn password_that_stays(subject: &DatabaseSubject, deletion: Deletion) -> Option<Item> {
    let held = subject.secret.as_ref()?;
    if !subject.ours || held.holds_no_password() {
        return None;
    }
    let secret = &subject.secret_name;
    let place = match deletion {
        Deletion::Window(days) => format!("which can be restored for {days} days"),
        Deletion::Forced => "which was deleted".to_owned(),
    };
    let note = format!("stays valid on the server; it is in the secret {secret}, {place}");
    Some(Item::new("password", &subject.username, Some(note)))
}

/// Users of the stack's own that still have keys cannot be deleted, so they stay.
fn users_that_stay(
    resources: &[StackResource],
    subjects: &Subjects,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Vec<String> {
    if !options.keep_keys {
        return Vec::new();
    }
    let named = subjects.access_keys.iter();
    let named = named.map(|subject| (subject.seen.user_name.as_str(), &subject.seen.keys));
    let others = subjects.users.iter().map(|it| (it.user.as_str(), &it.keys));
    let keys: BTreeMap<&str, &Vec<Key>> = named.chain(others).collect();
    let has_keys = |resource: &&StackResource| {
        let keys = keys.get(resource.physical_id.as_str());
        resource.kind == "AWS::IAM::User" && keys.is_some_and(|keys| !keys.is_empty())
    };
    let staying: Vec<&StackResource> = resources.iter().filter(has_keys).collect();
    for user in &staying {
        let note = Some("it has keys, which were kept as requested".to_owned());
        plan.retained
            .push(Item::new("user", &user.physical_id, note));
    }
    staying.iter().map(|user| user.logical_id.clone()).collect()
}

/// Returns how a secret is deleted, where it is.
fn plan_secret(
    kept: &SubjectSecret<'_>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Option<Step> {
    let name = kept.name;
    if let Some(reason) = kept.unread {
        let note = format!(
            "it could not be read, and was not touched: {reason}; fix the cause, then run `keyrota teardown` again"
        );
        plan.left_over.push(Item::new("secret", name, Some(note)));
        return None;
    }
    let secret = kept.secret?;
    if !kept.ours {
        let tagged = secret.tags.contains_key(STACK_TAG) && secret.deleted.is_none();
        if tagged {
            plan.left_over.push(unproven(name, &secret.arn));
        } else {
            let note = Some("it does not belong to this stack".to_owned());
            plan.retained.push(Item::new("secret", name, note));
        }
        return None;
    }
    // A secret that never held a credential holds nothing to restore; a window would
    // only keep its name from the next attempt.
    let nothing_to_lose = secret.deleted.is_none() && kept.unused;
    let deletion = if nothing_to_lose {
        Deletion::Forced
    } else {
        options.deletion
    };
    match (secret.deleted, deletion) {
        (Some(_), Deletion::Window(_)) => {
            plan.retained.push(scheduled(name));
            None
        }
        _ => Some(Step::DeleteSecret {
            secret: name.to_owned(),
            arn: secret.arn.clone(),
            deletion,
        }),
    }
}
