//! What a teardown takes away, in which order, and what it leaves where.
//!
//! Keys and secrets come apart: a key that a client may be using is not deleted
//! with the stack, and a secret goes with a window in which it can be restored.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::port::{Deletion, Key, Secret, StackResource};

use super::{KeyRole, ObservedEntry, ObservedLogin, ObservedSecret};

/// The tag that a teardown writes on secrets: the KMS key that the stack made.
pub const ENCRYPTION_KEY_TAG: &str = "keyrota:encryption-key";

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

/// A secret and its user, with what was seen of them.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What was seen.
    pub seen: ObservedEntry,
    /// The secret carries this stack's tag, so that it is ours to delete.
    pub ours: bool,
    /// The stack holds the user, and all its keys are ours.
    pub owns_user: bool,
    /// The secret's tag says that the stack made the user, which it may hold no more.
    pub made_user: bool,
}

/// A database's secret, with what was seen of it.
#[derive(Clone, Debug)]
pub struct DatabaseSubject {
    /// The secret's name.
    pub secret_name: String,
    /// Whose password it holds, as its tag has it.
    pub username: String,
    /// The secret, if it exists.
    pub secret: Option<ObservedLogin>,
    /// The secret carries this stack's tag, so that it is ours to delete.
    pub ours: bool,
}

/// Everything that a teardown is about.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// Secrets of access keys, with their users.
    pub access_keys: Vec<Subject>,
    /// Secrets of databases.
    pub databases: Vec<DatabaseSubject>,
}

/// A secret of either kind, as far as both go the same way.
struct Kept<'a> {
    name: &'a str,
    secret: Option<&'a Secret>,
    /// It never held a credential.
    unused: bool,
    ours: bool,
}

impl Subjects {
    fn secrets(&self) -> impl Iterator<Item = Kept<'_>> {
        let keys = self.access_keys.iter().map(|subject| {
            let held = subject.seen.secret.as_ref();
            Kept {
                name: &subject.seen.secret_name,
                secret: held.map(|held| &held.secret),
                unused: held.is_some_and(ObservedSecret::holds_no_key),
                ours: subject.ours,
            }
        });
        let databases = self.databases.iter().map(|subject| {
            let held = subject.secret.as_ref();
            Kept {
                name: &subject.secret_name,
                secret: held.map(|held| &held.secret),
                unused: held.is_some_and(ObservedLogin::holds_no_password),
                ours: subject.ours,
            }
        });
        keys.chain(databases)
    }

    /// Returns the secrets that are ours and do not await deletion.
    fn live(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.secrets().filter_map(|kept| {
            let secret = kept.secret.filter(|secret| secret.deleted.is_none())?;
            kept.ours.then_some((kept.name, secret))
        })
    }
}

/// One step of a teardown. Each may be carried out again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Turn the schedule off.
    CancelRotation {
        /// The secret's name.
        secret: String,
    },
    /// Write on a secret which KMS key the stack made. The stack forgets it once it
    /// is gone, and a teardown that is interrupted then would leave the key behind.
    NoteEncryptionKey {
        /// The secret's name.
        secret: String,
        /// The KMS key.
        id: String,
    },
    /// Delete a key.
    DeleteKey {
        /// The IAM user.
        user: String,
        /// The access key ID.
        id: String,
        /// The secret that must not have come to hold it as AWSCURRENT meanwhile.
        unless_current_in: Option<String>,
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

impl Step {
    /// Returns whether it turns a schedule off.
    pub const fn is_cancellation(&self) -> bool {
        matches!(self, Self::CancelRotation { .. })
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
/// calls Secrets Manager, which refuses that for a secret awaiting deletion.
pub fn plan_teardown(
    stack: Option<&str>,
    resources: &[StackResource],
    encryption_keys: &[String],
    subjects: &Subjects,
    options: TeardownOptions,
) -> TeardownPlan {
    let mut plan = TeardownPlan::default();
    let live: Vec<&str> = subjects.live().map(|(name, _)| name).collect();
    let rotating = subjects
        .live()
        .filter(|(_, secret)| secret.rotation_enabled);
    plan.steps.extend(rotating.map(|(name, _)| {
        let secret = name.to_owned();
        Step::CancelRotation { secret }
    }));
    for subject in &subjects.access_keys {
        plan_keys(subject, options, &mut plan);
    }
    plan.retained.extend(
        subjects
            .databases
            .iter()
            .filter_map(|subject| password_that_stays(subject, options.deletion)),
    );
    let end_of = |id: &String| Step::DeleteEncryptionKey {
        id: id.clone(),
        // Never before the last secret can no longer be restored.
        days: match options.deletion {
            Deletion::Window(days) => days.max(30),
            Deletion::Forced => 30,
        },
    };
    if live.is_empty() {
        // There is no secret to note it on, nor one that needs it.
        plan.steps.extend(encryption_keys.iter().map(end_of));
    }
    for id in encryption_keys {
        plan.steps
            .extend(live.iter().map(|name| Step::NoteEncryptionKey {
                secret: (*name).to_owned(),
                id: id.clone(),
            }));
    }
    if let Some(stack) = stack {
        let retain = users_that_stay(resources, &subjects.access_keys, options, &mut plan);
        plan.steps.push(Step::DeleteStack {
            stack: stack.to_owned(),
            retain,
        });
    }
    // A secret with a window can be looked at for the note again, one without
    // cannot: the KMS key goes between them.
    let mut at_once = Vec::new();
    for kept in subjects.secrets() {
        match plan_secret(&kept, options, &mut plan) {
            Some((secret, Deletion::Forced)) => at_once.push(Step::DeleteSecret {
                secret,
                deletion: Deletion::Forced,
            }),
            Some((secret, deletion)) => plan.steps.push(Step::DeleteSecret { secret, deletion }),
            None => {}
        }
    }
    if !live.is_empty() {
        plan.steps.extend(encryption_keys.iter().map(end_of));
    }
    plan.steps.extend(at_once);
    plan
}

/// Returns the KMS keys that the stack made: those it lists, and those noted on
/// its secrets before it went. Some may be going already.
pub fn encryption_keys(resources: &[StackResource], subjects: &Subjects) -> BTreeSet<String> {
    let listed = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::KMS::Key" && !resource.physical_id.is_empty())
        .map(|resource| resource.physical_id.clone());
    let noted = subjects.secrets().filter(|kept| kept.ours);
    let noted = noted
        .filter_map(|kept| kept.secret)
        .filter_map(|secret| secret.tags.get(ENCRYPTION_KEY_TAG).cloned());
    listed.chain(noted).collect()
}

fn plan_keys(subject: &Subject, options: TeardownOptions, plan: &mut TeardownPlan) {
    let seen = &subject.seen;
    for key in &seen.keys {
        let role = seen.role_of(key);
        let note = |text: &str| Some(format!("of user {}, {role}: {text}", seen.user_name));
        if options.keep_keys {
            plan.retained
                .push(Item::new("access key", &key.id, note("kept as asked")));
            continue;
        }
        let deleted = subject.owns_user
            || match role {
                _ if !subject.ours => false,
                KeyRole::Unknown => false,
                _ if subject.made_user => true,
                KeyRole::Current => options.delete_keys,
                KeyRole::Pending => true,
                KeyRole::Previous => options.delete_keys || !used_since_replaced(key, seen),
            };
        if deleted {
            let spares = !subject.owns_user && !subject.made_user && role != KeyRole::Current;
            plan.steps.push(Step::DeleteKey {
                user: seen.user_name.clone(),
                id: key.id.clone(),
                unless_current_in: spares.then(|| seen.secret_name.clone()),
            });
            continue;
        }
        match role {
            _ if !subject.ours => plan.retained.push(Item::new(
                "access key",
                &key.id,
                note("its secret is not this stack's"),
            )),
            KeyRole::Current => {
                let place = whereabouts(seen, options.deletion);
                plan.retained
                    .push(Item::new("access key", &key.id, note(&place)));
            }
            KeyRole::Previous => plan.left_over.push(Item::new(
                "access key",
                &key.id,
                note("still in use after it was replaced; delete it when its client has moved"),
            )),
            _ if seen.secret.as_ref().is_some_and(ObservedSecret::is_deleted) => {
                let text = "stays; what its secret says cannot be read while that awaits deletion";
                plan.retained
                    .push(Item::new("access key", &key.id, note(text)));
            }
            _ => plan
                .retained
                .push(Item::new("access key", &key.id, note("not keyrota's"))),
        }
    }
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

fn whereabouts(seen: &ObservedEntry, deletion: Deletion) -> String {
    let secret = &seen.secret_name;
    match deletion {
        Deletion::Window(days) => format!(
            "stays active; its secret part is in the secret {secret}, which can be restored for {days} days"
        ),
        Deletion::Forced => {
            format!("stays active; its secret part was in the secret {secret} and is gone with it")
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
        Deletion::Forced => "and is gone with it".to_owned(),
    };
    let note = format!("stays valid on the server; it is in the secret {secret}, {place}");
    Some(Item::new("password", &subject.username, Some(note)))
}

/// Users of the stack's own that still have keys cannot be deleted, so they stay.
fn users_that_stay(
    resources: &[StackResource],
    subjects: &[Subject],
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Vec<String> {
    if !options.keep_keys {
        return Vec::new();
    }
    let has_keys = |resource: &&StackResource| {
        resource.kind == "AWS::IAM::User"
            && subjects.iter().any(|subject| {
                subject.seen.user_name == resource.physical_id && !subject.seen.keys.is_empty()
            })
    };
    let staying: Vec<&StackResource> = resources.iter().filter(has_keys).collect();
    for user in &staying {
        let note = Some("it has keys, which were kept as asked".to_owned());
        plan.retained
            .push(Item::new("user", &user.physical_id, note));
    }
    staying.iter().map(|user| user.logical_id.clone()).collect()
}

/// Returns the secret to delete and how, where it is to be deleted.
fn plan_secret(
    kept: &Kept<'_>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Option<(String, Deletion)> {
    let secret = kept.secret?;
    let name = kept.name.to_owned();
    if !kept.ours {
        let note = Some("it is not this stack's".to_owned());
        plan.retained.push(Item::new("secret", name, note));
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
            let note = Some(format!(
                "already scheduled for deletion; aws secretsmanager restore-secret --secret-id {name} brings it back"
            ));
            plan.retained.push(Item::new("secret", name, note));
            None
        }
        _ => Some((name, deletion)),
    }
}
