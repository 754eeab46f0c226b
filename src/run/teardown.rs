//! Taking everything down, in an order that loses nothing by accident. Each
//! step may be carried out again, and what is gone already is no failure.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::database::observe_login;
use super::deploy::{Begins, failed, follow, seen, settle};
use super::error::{Error, Result};
use super::observe::observe_pair;
use super::{CONCURRENCY, Context, guard_account};
use crate::model::{Content, Credential, Model};
use crate::plan::{
    self, DatabaseSubject, Item, Step, Subject, Subjects, TeardownOptions, TeardownPlan,
};
use crate::port::{CURRENT, Deletion, ErrorKind, Optional, StackResource, Stage};
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
    let subjects = subjects(context, model, &resources).await?;
    let mut staying = Vec::new();
    for id in plan::encryption_keys(&resources, &subjects) {
        if stays(context, &id).await? {
            staying.push(id);
        }
    }
    let id = stack.as_ref().map(|stack| stack.id.as_str());
    Ok(plan::plan_teardown(
        id, &resources, &staying, &subjects, options,
    ))
}

/// Returns whether a KMS key is there and not going yet.
async fn stays(context: &Context<'_>, id: &str) -> Result<bool> {
    let key = context.cloud.encryption_key(id).await.optional()?.flatten();
    Ok(key.is_some_and(|key| key.state != "PendingDeletion"))
}

/// The manifest's entries, and what the stack left behind of earlier ones. A
/// secret's own tags say whose it is and what it holds, whatever the manifest says
/// by now: a database's user may be called as an IAM user is.
async fn subjects(
    context: &Context<'_>,
    model: &Model,
    resources: &[StackResource],
) -> Result<Subjects> {
    let keys = model.access_keys.iter();
    let mut users: BTreeMap<String, String> = keys
        .map(|entry| (entry.secret.to_string(), entry.user.to_string()))
        .collect();
    let databases = model.databases.iter();
    let mut logins: BTreeMap<String, String> = databases
        .map(|entry| (entry.secret.to_string(), entry.username.clone()))
        .collect();
    let tagged = context
        .cloud
        .secrets_tagged(STACK_TAG, model.stack.as_str())
        .await?;
    for name in tagged {
        let Some(secret) = context.cloud.secret(&name).await? else {
            continue;
        };
        let tag = |key: &str| secret.tags.get(key).cloned();
        let Some(user) = tag("keyrota:user") else {
            continue;
        };
        match tag(KIND_TAG).as_deref() {
            Some("database") => {
                users.remove(&name);
                logins.entry(name).or_insert(user);
            }
            _ => {
                logins.remove(&name);
                users.insert(name, user);
            }
        }
    }
    let stack = model.stack.as_str();
    Ok(Subjects {
        access_keys: stream::iter(users)
            .map(|(secret, user)| key_subject(context, stack, resources, secret, user))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?,
        databases: stream::iter(logins)
            .map(|(secret, user)| database_subject(context, stack, secret, user))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?,
    })
}

/// The tag that says what a secret holds; those of access keys have none.
const KIND_TAG: &str = "keyrota:kind";

async fn key_subject(
    context: &Context<'_>,
    stack: &str,
    resources: &[StackResource],
    secret: String,
    user: String,
) -> Result<Subject> {
    let seen = observe_pair(context, &user, &secret).await?;
    let tagged = |key: &str, value: &str| {
        let tags = seen.secret.as_ref().map(|held| &held.secret.tags);
        tags.is_some_and(|tags| tags.get(key).is_some_and(|tag| tag == value))
    };
    let ours = tagged(STACK_TAG, stack);
    Ok(Subject {
        ours,
        owns_user: plan::holds_user(resources, &user),
        made_user: ours && tagged("keyrota:owns-user", "true"),
        seen,
    })
}

async fn database_subject(
    context: &Context<'_>,
    stack: &str,
    secret_name: String,
    username: String,
) -> Result<DatabaseSubject> {
    let secret = observe_login(context, &secret_name).await?;
    let tag = secret
        .as_ref()
        .and_then(|held| held.secret.tags.get(STACK_TAG));
    Ok(DatabaseSubject {
        ours: tag.is_some_and(|tag| tag == stack),
        secret_name,
        username,
        secret,
    })
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
    let alone = model.databases.is_empty().then_some(Strategy::AccessKeys);
    let strategies: BTreeSet<Strategy> = Strategy::of(model).chain(alone).collect();
    let groups = strategies.into_iter();
    let groups = groups.map(|strategy| strategy.log_group_name(&model.stack));
    for step in plan.steps {
        let item = carry_out(context, step).await?;
        if let Some(item) = item {
            context.done(match &item.note {
                Some(note) => format!("{} {}: {note}", item.kind, item.name),
                None => format!("{} {} deleted", item.kind, item.name),
            });
            report.deleted.push(item);
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

async fn carry_out(context: &Context<'_>, step: Step) -> Result<Option<Item>> {
    match step {
        Step::CancelRotation { secret } => {
            context.cloud.cancel_rotation(&secret).await?;
            Ok(None)
        }
        Step::NoteEncryptionKey { secret, id } => {
            context
                .cloud
                .tag(&secret, plan::ENCRYPTION_KEY_TAG, &id)
                .await?;
            Ok(None)
        }
        Step::DeleteKey {
            user,
            id,
            unless_current_in,
        } => {
            if let Some(secret) = unless_current_in
                && let Some(value) = context
                    .cloud
                    .value(&secret, CURRENT)
                    .await
                    .optional()?
                    .flatten()
                && matches!(Credential::read(&value.text), Content::Complete(held) if held.accesskey == id)
            {
                context.warn(format!("the key {id} of {user} is in use by now and stays"));
                return Ok(None);
            }
            context.cloud.delete_key(&user, &id).await?;
            Ok(Some(Item::new(
                "access key",
                id,
                Some(format!("of user {user}, deleted")),
            )))
        }
        Step::DeleteStack { stack, retain } => {
            delete_stack(context, &stack, &retain).await.map(Some)
        }
        Step::DeleteSecret { secret, deletion } => {
            let until = context.cloud.delete_secret(&secret, deletion).await?;
            let note = match (deletion, until) {
                (Deletion::Window(_), Some(until)) => Some(format!(
                    "can be restored until {}: aws secretsmanager restore-secret --secret-id {secret}",
                    until.strftime("%Y-%m-%d %H:%M UTC")
                )),
                _ => None,
            };
            Ok(Some(Item::new("secret", secret, note)))
        }
        Step::DeleteEncryptionKey { id, days } => {
            if !stays(context, &id).await? {
                return Ok(None);
            }
            context.cloud.schedule_key_deletion(&id, days).await?;
            let note = format!(
                "goes in {days} days, when no secret can be restored any more; to read a restored one: aws kms cancel-key-deletion --key-id {id}, then aws kms enable-key --key-id {id}"
            );
            Ok(Some(Item::new("KMS key", id, Some(note))))
        }
    }
}

/// Deletes a stack and tells of its events. What cannot be deleted at the first
/// try is kept at the second, which is the only way CloudFormation lets a
/// resource stay that its template does not.
async fn delete_stack(context: &Context<'_>, id: &str, retain: &[String]) -> Result<Item> {
    context.stage(Stage::Deploying);
    let mut before = seen(context, id).await?;
    context.cloud.delete_stack(id, &[]).await?;
    let mut left = follow(context, id, before, Begins::Soon).await?;
    if left.is_some() && !retain.is_empty() {
        before = seen(context, id).await?;
        context.cloud.delete_stack(id, retain).await?;
        left = follow(context, id, before, Begins::Soon).await?;
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
            let note = Some("other stacks have their artifacts in it".to_owned());
            report.retained.push(Item::new("bucket", bucket, note));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
