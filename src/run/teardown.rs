//! Deleting the stack and its resources, in an order that loses nothing by accident. Each
//! step may be carried out again, and what is gone already is no failure.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::database::observe_login;
use super::deploy::{OperationStart, failed, follow, seen, settle};
use super::error::{Error, Result};
use super::observe::{observe_secret, observe_user};
use super::proof::prove_stored;
use super::{CONCURRENCY, Context, guard_account};
use crate::model::{AccessKey, Content, Credential, Database, EntryOf, KmsKey, Model};
use crate::plan::{
    self, Check, DatabaseSubject, Evidence, ForeignSecret, Item, ObservedEntry, ObservedLogin,
    ObservedSecret, Step, Subject, Subjects, TeardownOptions, TeardownPlan, UserKeys,
};
use crate::port::{self, CURRENT, Deletion, ErrorKind, Optional, Secret, StackResource, Stage};
use crate::render::{self, STACK_TAG, Strategy};

/// What a teardown did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TeardownReport {
    /// What is gone, or going with a window.
    pub deleted: Vec<Item>,
    /// What stays on purpose.
    pub retained: Vec<Item>,
    /// What stays though one may not want it.
    pub left_over: Vec<Item>,
}

impl TeardownReport {
    /// Adds what the teardown of another stack did. A bucket that one stack left,
    /// since others had artifacts in it, is gone with the last of them.
    pub fn extend(&mut self, more: Self) {
        self.deleted.extend(more.deleted);
        self.retained.extend(more.retained);
        self.left_over.extend(more.left_over);
        let deleted = &self.deleted;
        let gone = |item: &Item| {
            let same = |other: &Item| other.kind == item.kind && other.name == item.name;
            item.kind == "bucket" && deleted.iter().any(same)
        };
        self.retained.retain(|item| !gone(item));
        let mut buckets = std::collections::BTreeSet::new();
        self.retained
            .retain(|item| item.kind != "bucket" || buckets.insert(item.name.clone()));
    }
}

/// Looks at what there is to take down and decides.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::Refused`] in the wrong account.
pub async fn observe_teardown(
    context: &Context<'_>,
    model: &Model,
    options: TeardownOptions,
) -> Result<TeardownPlan> {
    context.stage(Stage::Checking);
    guard_account(context, model).await?;
    settle(context, model).await?;
    let name = model.stack.as_str();
    let stack = context.cloud.stack(name).await?;
    if let Some(finding) = stack
        .as_ref()
        .and_then(|stack| plan::check_owner(model, stack))
    {
        return Err(Error::Refused(vec![finding]));
    }
    let resources = context.cloud.resources(name).await?;
    let caller = context.cloud.caller().await?;
    let evidence = Evidence::new(
        stack.as_ref(),
        &resources,
        name,
        &caller.account,
        context.region,
    );
    let subjects = subjects(context, model, &resources, &evidence).await?;
    let EncryptionKeys { ours, unseen } =
        encryption_keys(context, model, &evidence, &subjects).await?;
    let id = stack.as_ref().map(|stack| stack.id.as_str());
    let mut plan = plan::plan_teardown(id, &resources, &evidence, &ours, &subjects, options);
    plan.left_over.extend(unseen);
    Ok(plan)
}

/// The KMS keys that secrets of the stack's lead to.
#[derive(Default)]
struct EncryptionKeys {
    /// The stack made them, and they are not going yet.
    ours: Vec<String>,
    /// Nobody could say whose they are.
    unseen: Vec<Item>,
}

/// Returns the KMS keys that the stack made and that are not going yet. A secret may
/// lead to one; only the key itself, or the stack, can say that it is the stack's.
async fn encryption_keys(
    context: &Context<'_>,
    model: &Model,
    evidence: &Evidence<'_>,
    subjects: &Subjects,
) -> Result<EncryptionKeys> {
    let existing: BTreeSet<&str> = model
        .entries
        .iter()
        .filter_map(|entry| match &entry.kms_key {
            KmsKey::Existing(arn) => Some(arn.as_str()),
            KmsKey::AwsManaged | KmsKey::Create => None,
        })
        .collect();
    let listed = evidence.listed_keys();
    let used = subjects
        .ours()
        .filter_map(|secret| secret.kms_key.as_deref());
    let used = used.filter(|key| !key.contains("alias/") && !existing.contains(key));
    let mut found = EncryptionKeys::default();
    let mut known: Vec<&str> = Vec::new();
    for id in listed.chain(used) {
        if known.iter().any(|known| plan::same_key(known, id)) {
            continue;
        }
        known.push(id);
        // A principal that may write the secret can make it name any key.
        let made = match evidence.lists_key(id) {
            true => Ok(true),
            false => soft(context.cloud.encryption_key_tags(id).await)?
                .map(|tags| tags.is_some_and(|tags| evidence.made_key(id, &tags))),
        };
        match made {
            Ok(true) if stays(context, id).await? => found.ours.push(id.to_owned()),
            Ok(_) => {}
            Err(reason) => {
                let note = format!(
                    "it encrypts a secret of the stack, but nothing proves that the stack created it, so it was not touched: {reason}"
                );
                found.unseen.push(Item::new("KMS key", id, Some(note)));
            }
        }
    }
    Ok(found)
}

/// Returns whether a KMS key is there and not going yet.
async fn stays(context: &Context<'_>, id: &str) -> Result<bool> {
    let key = context.cloud.encryption_key(id).await.optional()?.flatten();
    Ok(key.is_some_and(|key| key.state != "PendingDeletion"))
}

/// The manifest's entries, and what the stack has or had beside them.
async fn subjects(
    context: &Context<'_>,
    model: &Model,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
) -> Result<Subjects> {
    let access_keys: Vec<Subject> = stream::iter(model.access_keys())
        .map(|entry| key_subject(context, entry, resources, evidence))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let databases: Vec<DatabaseSubject> = stream::iter(model.databases())
        .map(|entry| database_subject(context, entry, evidence))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let mut subjects = Subjects {
        access_keys,
        databases,
        ..Subjects::default()
    };
    let named = model.entries.iter().map(|entry| entry.secret.as_str());
    let named: BTreeSet<&str> = named.collect();
    // The tag finds what an earlier manifest named. It proves nothing: others can write it.
    let tagged = context
        .cloud
        .secrets_tagged(STACK_TAG, model.stack.as_str())
        .await?;
    for found in tagged {
        if named.contains(found.name.as_str()) {
            continue;
        }
        let made = evidence.is_deployed() && evidence.made_secret(&found.arn, &found.tags);
        let secret = match made {
            true => soft(context.cloud.secret(&found.arn).await)?.ok().flatten(),
            false => None,
        };
        match secret {
            Some(secret) => subjects.forgotten.push(secret),
            None => subjects.foreign.push(ForeignSecret {
                name: found.name,
                arn: found.arn,
                deleted: found.deleted,
            }),
        }
    }
    let is_named = |user: &str| {
        let mut entries = model.access_keys();
        entries.any(|entry| entry.kind.user.as_str() == user)
    };
    for resource in resources {
        let user = resource.physical_id.as_str();
        if plan::holds_user(std::slice::from_ref(resource), user) && !is_named(user) {
            let keys = context.cloud.keys(user).await.optional()?;
            subjects.users.push(UserKeys {
                user: user.to_owned(),
                keys: keys.unwrap_or_default(),
            });
        }
    }
    Ok(subjects)
}

/// Takes what one secret may be the reason for out of the failures: who may write a
/// secret can have it refuse us, and that must not keep the others. What is worth
/// another try stays a failure.
fn soft<T>(looked: port::Result<T>) -> Result<std::result::Result<T, String>> {
    match looked {
        Ok(found) => Ok(Ok(found)),
        Err(error) if is_its_own(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn is_its_own(error: &port::Error) -> bool {
    !error.kind.is_transient() && error.kind != ErrorKind::Credentials
}

/// As `soft`, of a look that takes several calls.
fn soft_look<T>(looked: Result<T>) -> Result<std::result::Result<T, String>> {
    match looked {
        Ok(found) => Ok(Ok(found)),
        Err(Error::Aws(error)) if is_its_own(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

async fn key_subject(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
) -> Result<Subject> {
    let (user, name) = (entry.kind.user.as_str(), entry.secret.as_str());
    let seen = observe_user(context, user, name).await?;
    let owns_user = plan::holds_user(resources, user);
    let (secret, unread) = look(context, name, evidence, observe_secret).await?;
    let (secret, ours) = match secret {
        Some(SecretLookup::Ours(secret)) => (Some(secret), true),
        Some(SecretLookup::Other(secret)) => (Some(ObservedSecret::unread(*secret)), false),
        None => (None, false),
    };
    Ok(Subject {
        seen: ObservedEntry { secret, ..seen },
        ours,
        unread,
        owns_user,
    })
}

async fn database_subject(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
    evidence: &Evidence<'_>,
) -> Result<DatabaseSubject> {
    let name = entry.secret.as_str();
    let (secret, unread) = look(context, name, evidence, observe_login).await?;
    let (secret, ours) = match secret {
        Some(SecretLookup::Ours(secret)) => (Some(secret), true),
        Some(SecretLookup::Other(secret)) => (Some(ObservedLogin::unread(*secret)), false),
        None => (None, false),
    };
    Ok(DatabaseSubject {
        secret_name: name.to_owned(),
        username: entry.kind.username.clone(),
        secret,
        ours,
        unread,
    })
}

/// A secret of the manifest's.
enum SecretLookup<T> {
    /// The stack made it, and it was read.
    Ours(T),
    /// Nothing proves that. What it says is not asked for.
    Other(Box<Secret>),
}

/// Looks at a secret of the manifest's, and into it where it is the stack's; also
/// returns why it could not be looked at, where it could not.
async fn look<'a, T>(
    context: &'a Context<'a>,
    name: &'a str,
    evidence: &Evidence<'_>,
    observe: impl AsyncFnOnce(&'a Context<'a>, &'a str) -> Result<Option<T>>,
) -> Result<(Option<SecretLookup<T>>, Option<String>)> {
    let secret = match soft(context.cloud.secret(name).await)? {
        Ok(None) => return Ok((None, None)),
        Ok(Some(secret)) => secret,
        Err(reason) => return Ok((None, Some(reason))),
    };
    if !evidence.made_secret(&secret.arn, &secret.tags) {
        return Ok((Some(SecretLookup::Other(Box::new(secret))), None));
    }
    match soft_look(observe(context, name).await)? {
        Ok(seen) => Ok((seen.map(SecretLookup::Ours), None)),
        Err(reason) => Ok((None, Some(reason))),
    }
}

/// Carries a teardown out. Where rotations had to be cancelled the account is
/// looked at again: one that was under way may have made another key.
///
/// # Errors
///
/// Returns the first step that failed; run again, it goes on from there.
pub async fn teardown(
    context: &Context<'_>,
    model: &Model,
    mut plan: TeardownPlan,
    options: TeardownOptions,
) -> Result<TeardownReport> {
    let (cancels, rest) = plan.steps.into_iter().partition(Step::is_cancellation);
    plan.steps = rest;
    if !cancels.is_empty() {
        context.stage(Stage::Removing);
        for step in cancels {
            carry_out(context, step).await?;
        }
        plan = observe_teardown(context, model, options).await?;
    }
    context.stage(Stage::Removing);
    let mut report = TeardownReport {
        deleted: Vec::new(),
        retained: plan.retained,
        left_over: plan.left_over,
    };
    // A stack whose last entry is gone had access keys, for all that one knows.
    let alone = model
        .databases()
        .next()
        .is_none()
        .then_some(Strategy::AccessKeys);
    let strategies: BTreeSet<Strategy> = Strategy::of(model).chain(alone).collect();
    let groups = strategies.into_iter();
    let groups = groups.map(|strategy| strategy.log_group_name(&model.stack));
    for step in plan.steps {
        match carry_out(context, step).await? {
            Outcome::Done => {}
            Outcome::Deleted(item) => {
                context.done(match &item.note {
                    Some(note) => format!("{} {}: {note}", item.kind, item.name),
                    None => format!("{} {} deleted", item.kind, item.name),
                });
                report.deleted.push(item);
            }
            Outcome::Left(item) => {
                let note = item.note.as_deref().unwrap_or_default();
                context.warn(format!("{} {} is left over: {note}", item.kind, item.name));
                report.left_over.push(item);
            }
        }
    }
    // The stack owns its log groups; a last line written after the stack had
    // deleted one makes it anew.
    for group in groups {
        if context.cloud.delete_log_group(&group).await? {
            report.deleted.push(Item::new("log group", group, None));
        }
    }
    remove_artifacts(context, model, &mut report).await?;
    Ok(report)
}

/// What came of a step.
enum Outcome {
    /// There is nothing to report.
    Done,
    /// This is gone, or going.
    Deleted(Item),
    /// This must not be touched after all.
    Left(Item),
}

async fn carry_out(context: &Context<'_>, step: Step) -> Result<Outcome> {
    match step {
        Step::CancelRotation { secret, arn } => {
            match soft(context.cloud.cancel_rotation(&arn).await)? {
                Ok(()) => Ok(Outcome::Done),
                Err(reason) => {
                    context.warn(format!("cannot cancel the rotation of {secret}: {reason}"));
                    Ok(Outcome::Done)
                }
            }
        }
        Step::DeleteKey { user, id, check } => delete_key(context, &user, id, check).await,
        Step::ForgetMark { user, tag } => {
            context.cloud.untag_user(&user, tag).await?;
            Ok(Outcome::Done)
        }
        Step::DeleteStack { stack, retain } => delete_stack(context, &stack, &retain)
            .await
            .map(Outcome::Deleted),
        Step::DeleteSecret {
            secret,
            arn,
            deletion,
        } => {
            let until = match soft(context.cloud.delete_secret(&arn, deletion).await)? {
                Ok(until) => until,
                Err(reason) => {
                    let note = Some(format!("cannot delete it: {reason}"));
                    return Ok(Outcome::Left(Item::new("secret", secret, note)));
                }
            };
            let note = match (deletion, until) {
                (Deletion::Window(_), Some(until)) => Some(format!(
                    "can be restored until {}: aws secretsmanager restore-secret --secret-id {secret}",
                    until.strftime("%Y-%m-%d %H:%M UTC")
                )),
                _ => None,
            };
            Ok(Outcome::Deleted(Item::new("secret", secret, note)))
        }
        Step::DeleteEncryptionKey { id, days } => {
            if !stays(context, &id).await? {
                return Ok(Outcome::Done);
            }
            context.cloud.schedule_key_deletion(&id, days).await?;
            let note = format!(
                "scheduled for deletion in {days} days, after the recovery window of the secrets; to read a restored secret before: aws kms cancel-key-deletion --key-id {id}, then aws kms enable-key --key-id {id}"
            );
            Ok(Outcome::Deleted(Item::new("KMS key", id, Some(note))))
        }
    }
}

/// Deletes a key, where what has to hold of it does.
async fn delete_key(
    context: &Context<'_>,
    user: &str,
    id: String,
    check: Option<Check>,
) -> Result<Outcome> {
    let left = |id: String, reason: String| {
        let command = plan::deletion_of(user, &id);
        let note =
            format!("of user {user}: not deleted, because {reason}; to delete it: {command}");
        Ok(Outcome::Left(Item::new("access key", id, Some(note))))
    };
    if let Some(check) = check {
        if check.unless_current
            && let Some(value) = context
                .cloud
                .value(&check.secret, CURRENT)
                .await
                .optional()?
                .flatten()
            && matches!(Credential::read(&value.text), Content::Complete(held) if held.accesskey == id)
        {
            context.warn(format!(
                "kept the key {id} of {user}, which is now the current key"
            ));
            return Ok(Outcome::Done);
        }
        if let Some(proof) = &check.proof
            && let Err(reason) = prove_stored(context, &check.secret, proof).await?
        {
            return left(id, reason);
        }
    }
    context.cloud.delete_key(user, &id).await?;
    Ok(Outcome::Deleted(Item::new(
        "access key",
        id,
        Some(format!("of user {user}, deleted")),
    )))
}

/// Deletes a stack and reports its events. What cannot be deleted at the first
/// try is kept at the second, which is the only way CloudFormation lets a
/// resource stay that its template does not.
async fn delete_stack(context: &Context<'_>, id: &str, retain: &[String]) -> Result<Item> {
    context.stage(Stage::Deploying);
    let mut before = seen(context, id).await?;
    context.cloud.delete_stack(id, &[]).await?;
    let mut left = follow(context, id, before, OperationStart::Soon).await?;
    if left.is_some() && !retain.is_empty() {
        before = seen(context, id).await?;
        context.cloud.delete_stack(id, retain).await?;
        left = follow(context, id, before, OperationStart::Soon).await?;
    }
    if let Some(stack) = left {
        return Err(failed(context, stack, before).await?);
    }
    let name = id.split('/').nth(1).unwrap_or(id);
    Ok(Item::new("stack", name, None))
}

/// Removes this stack's artifacts, and the bucket where it is keyrota's own and nobody
/// else's are in it. Whose it is follows from the manifest and from the account that
/// owns it; its tags are not asked, since others can write them.
async fn remove_artifacts(
    context: &Context<'_>,
    model: &Model,
    report: &mut TeardownReport,
) -> Result<()> {
    let account = context.cloud.caller().await?.account;
    let bucket = render::artifact_bucket(model, &account, context.region);
    match context.cloud.bucket_region(&bucket, &account).await {
        Ok(Some(region)) if region == context.region => {}
        // In another Region the name is somebody's who took it.
        Ok(_) => return Ok(()),
        // So it is in another account, which is no reason to leave the rest.
        Err(error) if error.kind == ErrorKind::Denied => {
            let item = Item::new("bucket", bucket, Some(error.to_string()));
            report.left_over.push(item);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    let prefix = plan::artifact_prefix(model);
    let mut versions = context.cloud.versions(&bucket, &prefix, &account).await?;
    versions.retain(|version| plan::is_artifact(model, &version.key));
    for version in &versions {
        context
            .cloud
            .delete_version(&bucket, version, &account)
            .await?;
    }
    if !versions.is_empty() {
        let note = Some(format!("{} object versions deleted", versions.len()));
        let name = format!("s3://{bucket}/{prefix}");
        report.deleted.push(Item::new("artifacts", name, note));
    }
    if model.function.artifact_bucket.is_some() {
        return Ok(());
    }
    match context.cloud.delete_bucket(&bucket, &account).await {
        Ok(()) => report.deleted.push(Item::new("bucket", bucket, None)),
        Err(error) if error.kind == ErrorKind::Conflict => {
            let note = Some("it contains artifacts of other stacks".to_owned());
            report.retained.push(Item::new("bucket", bucket, note));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
