//! The access keys of the entries' users.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use keyrota_contract::tag;

use super::{
    Check, Item, OwnershipProof, Step, Subject, Subjects, TeardownOptions, TeardownPlan, UseRecord,
};
use crate::model::UserName;
use crate::plan::{Evidence, KeyClaim, KeyRole, ObservedAccessKey, ObservedEntry, ObservedSecret};
use crate::port::{Deletion, Key, Secret, StackResource};

/// The placeholder for the ID of the key in a secret whose user is unknown.
pub const UNKNOWN_KEY: &str = "unknown";

/// Plans the keys of an entry's user, whom the manifest names.
pub(super) fn plan_keys(
    subject: &Subject<'_>,
    seen: &ObservedAccessKey,
    owns_user: bool,
    evidence: &Evidence<'_>,
    uses: UseRecord,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) {
    let user = &seen.user_name;
    if owns_user {
        return match options.keep_keys {
            true => plan_own_keys(user, key_ids(&seen.keys), options, plan),
            false => plan_own_keys(user, seen.all_key_ids(), options, plan),
        };
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
        let usage = usage_of(key, seen, uses);
        let goes = subject.ours
            && match role {
                KeyRole::Unknown => false,
                KeyRole::Current => options.delete_keys,
                KeyRole::Pending => true,
                KeyRole::Previous => options.delete_keys || usage == Usage::Ended,
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
            KeyRole::Previous => {
                if let Usage::Unknown { known, .. } = usage
                    && evidence.is_deployed()
                {
                    plan.uses_known = plan.uses_known.max(Some(known));
                }
                plan.left_over.push(item(&usage.reason(user, &key.id)));
            }
            _ if seen.secret.as_ref().is_some_and(ObservedSecret::is_deleted) => {
                let text = "kept, because its secret is scheduled for deletion and cannot be read";
                plan.retained.push(item(text));
            }
            _ => plan.retained.push(item("not created by keyrota")),
        }
    }
}

/// Returns the steps that remove the records on a user of which keys are keyrota's. A record must
/// not outlive its keys, because someone may create another key soon after.
pub(super) fn marks(seen: &ObservedAccessKey) -> Vec<Step> {
    let Some(user) = &seen.user else {
        return Vec::new();
    };
    let held = tag::OF_USERS.into_iter();
    let held = held.filter(|tag| user.tags.contains_key(*tag));
    held.map(|tag| Step::ForgetMark {
        user: seen.user_name.clone(),
        tag,
    })
    .collect()
}

/// Returns the step that removes the policy that a response to a leaked key has left, if there was one.
pub(super) fn allow_sessions(seen: &ObservedAccessKey) -> Option<Step> {
    let user = seen.user.as_ref()?;
    user.tags
        .contains_key(tag::LEAKED)
        .then(|| Step::AllowSessions {
            user: seen.user_name.clone(),
        })
}

/// Returns what must be checked before a key that a secret names is deleted.
fn check_of(seen: &ObservedAccessKey, key: &Key, claim: KeyClaim) -> Option<Check> {
    let user_arn = &seen.user.as_ref()?.arn;
    let secret = &seen.secret.as_ref()?.secret.arn;
    let label = claim.label.filter(|_| key.active);
    Some(Check {
        secret: secret.clone(),
        names: seen.names.clone(),
        unless_current: claim.role != KeyRole::Current,
        proof: label.map(|label| OwnershipProof {
            label,
            user_arn: user_arn.clone(),
            key: key.clone(),
        }),
    })
}

/// Plans the keys of a user that the stack created, which are all keyrota's.
pub(super) fn plan_own_keys<'a>(
    user: &str,
    keys: impl IntoIterator<Item = &'a str>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) {
    for id in keys {
        if options.keep_keys || options.keep_users {
            let note = format!("of user {user}: kept as requested");
            let item = Item::new("access key", id, Some(note));
            plan.retained.push(item);
        } else {
            plan.steps.push(Step::DeleteKey {
                user: user.to_owned(),
                id: id.to_owned(),
                check: None,
            });
        }
    }
}

/// Returns the IDs of keys.
pub(super) fn key_ids(keys: &[Key]) -> impl Iterator<Item = &str> {
    keys.iter().map(|key| key.id.as_str())
}

/// Returns the AWS CLI command that deletes a key.
pub fn deletion_of(user: &str, id: &str) -> String {
    format!("aws iam delete-access-key --user-name {user} --access-key-id {id}")
}

/// Returns an item for a secret that the manifest does not name. Only its tags and its value, which
/// others can write, say whose key it contains.
pub(super) fn of_forgotten(secret: &Secret) -> Option<Item> {
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
    Some(Item::new("access key", UNKNOWN_KEY, Some(note)))
}

/// Whether a client uses the key that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Usage {
    /// No client can use it, or none has used it since.
    Ended,
    /// It was used after it was replaced.
    Continues,
    /// IAM may not show the uses after `replaced` before `known`.
    Unknown {
        replaced: Timestamp,
        known: Timestamp,
    },
}

impl Usage {
    /// Returns why the key stays, and how to delete it. Another teardown does not do so: the stack
    /// is gone then, and with it the proof that the key is keyrota's.
    fn reason(self, user: &str, id: &str) -> String {
        let deletion = deletion_of(user, id);
        match self {
            Self::Unknown { replaced, known } => format!(
                "replaced at {}, and IAM may not show yet that a client still uses it; after {}, look at its last use: aws iam get-access-key-last-used --access-key-id {id}; to delete it: {deletion}",
                replaced.strftime("%Y-%m-%d %H:%M UTC"),
                minute_after(known)
            ),
            Self::Ended | Self::Continues => format!(
                "used since it was replaced; delete it when its client reads the secret: {deletion}"
            ),
        }
    }
}

/// Returns the first full minute after a moment, so that it has passed when that minute is reached.
pub fn minute_after(moment: Timestamp) -> String {
    let later = moment.checked_add(Duration::from_secs(60));
    let later = later.unwrap_or(Timestamp::MAX);
    later.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns whether a client uses a key that was replaced. It was replaced when the rotation ended,
/// some time after the new key was created.
fn usage_of(key: &Key, seen: &ObservedAccessKey, uses: UseRecord) -> Usage {
    let replaced = seen.secret.as_ref().and_then(ObservedSecret::replaced);
    match (key.last_used, replaced) {
        _ if !key.active => Usage::Ended,
        (Some(used), Some(replaced)) if used > replaced => Usage::Continues,
        (_, Some(replaced)) => match uses.known_at(replaced) {
            Some(known) => Usage::Unknown { replaced, known },
            None => Usage::Ended,
        },
        // It was used, but when it stopped being the current key is unknown.
        (Some(_), None) => Usage::Continues,
        (None, None) => Usage::Ended,
    }
}

fn location(seen: &ObservedAccessKey, deletion: Deletion) -> String {
    let secret = &seen.secret_name;
    match deletion {
        Deletion::Window(days) => format!(
            "stays active; its secret access key is in the secret {secret}, which can be restored for {days} days"
        ),
        Deletion::Forced => {
            format!("stays active; its secret access key was deleted with the secret {secret}")
        }
    }
}

/// Returns the stack's users that still have keys. They cannot be deleted, so they stay.
pub(super) fn users_that_stay(
    resources: &[StackResource],
    subjects: &Subjects<'_>,
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Vec<String> {
    if !options.keep_keys && !options.keep_users {
        return Vec::new();
    }
    let named = subjects
        .entries
        .iter()
        .filter_map(|subject| match &subject.seen {
            ObservedEntry::AccessKey(_, seen) => Some((seen.user_name.as_str(), &seen.keys)),
            ObservedEntry::Database(..) | ObservedEntry::Service(..) => None,
        });
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
