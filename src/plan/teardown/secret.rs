//! The deletion of secrets, for any kind of credential.

use super::{ForeignSecret, Item, Step, Subject, Subjects, TeardownOptions, TeardownPlan};
use crate::model::Entry;
use crate::port::{Deletion, Secret};
use crate::render::STACK_TAG;

/// A secret that the manifest names, or that the stack created.
pub(super) struct SubjectSecret<'a> {
    pub(super) name: &'a str,
    pub(super) secret: Option<&'a Secret>,
    /// Whether it has never contained a credential.
    unused: bool,
    pub(super) ours: bool,
    pub(super) unread: Option<&'a str>,
}

impl Subjects<'_> {
    /// Returns the secrets that the manifest names, then those that it no longer names.
    pub(super) fn secrets(&self) -> Vec<SubjectSecret<'_>> {
        let named = self.entries.iter().map(|subject| {
            let held = subject.seen.held();
            SubjectSecret {
                name: subject.seen.entry().secret.as_str(),
                secret: held.map(|held| held.secret),
                unused: held.is_some_and(|held| held.is_unused),
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
        named.chain(forgotten).collect()
    }

    /// Returns the stack's secrets, including those scheduled for deletion.
    pub fn ours(&self) -> impl Iterator<Item = &Secret> {
        let ours = self.secrets().into_iter().filter(|kept| kept.ours);
        ours.filter_map(|kept| kept.secret)
    }
}

/// Plans how a secret is deleted, if it is: its replicas first, since Secrets Manager refuses to
/// delete a secret that has replicas (`API_DeleteSecret`).
pub(super) fn plan_secret(
    kept: &SubjectSecret<'_>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Vec<Step> {
    let name = kept.name;
    if let Some(reason) = kept.unread {
        let note = format!(
            "it could not be read, and was not touched: {reason}; fix the cause, then run `keyrota teardown` again"
        );
        plan.left_over.push(Item::new("secret", name, Some(note)));
        return Vec::new();
    }
    let Some(secret) = kept.secret else {
        return Vec::new();
    };
    if !kept.ours {
        let tagged = secret.tags.contains_key(STACK_TAG) && secret.deleted.is_none();
        if tagged {
            plan.left_over.push(unproven(name, &secret.arn));
        } else {
            let note = Some("it does not belong to this stack".to_owned());
            plan.retained.push(Item::new("secret", name, note));
        }
        return Vec::new();
    }
    // A secret that never contained a credential has nothing to restore, and a recovery window
    // would only block its name.
    let nothing_to_lose = secret.deleted.is_none() && kept.unused;
    let deletion = if nothing_to_lose {
        Deletion::Forced
    } else {
        options.deletion
    };
    match (secret.deleted, deletion) {
        (Some(_), Deletion::Window(_)) => {
            plan.retained.push(scheduled(name));
            Vec::new()
        }
        _ => {
            let replicas = secret.replicas.iter().map(|replica| Step::RemoveReplica {
                secret: name.to_owned(),
                arn: secret.arn.clone(),
                region: replica.region.clone(),
            });
            let last = Step::DeleteSecret {
                secret: name.to_owned(),
                arn: secret.arn.clone(),
                deletion,
            };
            replicas.chain([last]).collect()
        }
    }
}

/// Returns the item for a secret that was a replica until someone promoted it.
pub(super) fn promoted(name: &str, arn: &str) -> Item {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let note = format!(
        "a replica of it in {region} was promoted to a secret of its own, so it was not touched; if it is not needed, delete it: aws secretsmanager delete-secret --secret-id {arn} --region {region}"
    );
    Item::new("replica", format!("{name} in {region}"), Some(note))
}

/// Nothing is changed on the server: keyrota does not decide who may log in there.
pub(super) fn password_that_stays(
    entry: &Entry,
    subject: &Subject<'_>,
    deletion: Deletion,
) -> Option<Item> {
    let held = subject.seen.held()?;
    if !subject.ours || held.is_unused {
        return None;
    }
    let secret = &entry.secret;
    let place = match deletion {
        Deletion::Window(days) => format!("which can be restored for {days} days"),
        Deletion::Forced => "which was deleted".to_owned(),
    };
    let login = subject.seen.user_name();
    let database = entry.as_database();
    let other = database.and_then(|it| it.kind.users().find(|user| *user != login));
    let other = other.map_or(String::new(), |user| {
        format!(
            "; the user {user}, which alternates with it, stays on the server too, so drop the one that nobody uses"
        )
    });
    let valid = match database {
        Some(_) => "stays valid on the server",
        None => "stays valid at the service",
    };
    let note = format!("{valid}; it is in the secret {secret}, {place}{other}");
    Some(Item::new("password", login, Some(note)))
}

/// Plans a secret that claims to be the stack's, which anyone could make it claim.
pub(super) fn plan_foreign(foreign: &ForeignSecret, plan: &mut TeardownPlan) {
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

/// Returns the item for a secret that is already scheduled for deletion.
pub fn scheduled(name: &str) -> Item {
    let note = format!(
        "already scheduled for deletion; to restore it: aws secretsmanager restore-secret --secret-id {name}"
    );
    Item::new("secret", name, Some(note))
}
