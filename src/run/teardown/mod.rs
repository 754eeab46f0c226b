//! Deletes the stack and its resources, in an order that loses nothing by accident. Each step is
//! idempotent, and a resource that no longer exists is not a failure.

mod artifact;
mod encryption;
mod key;
mod network;
mod secret;
mod subject;
mod user;

use std::collections::BTreeSet;

use serde::Serialize;

use self::encryption::EncryptionKeys;
use self::network::InterfaceListener;
use super::deploy::look;
use super::error::{Error, Result};
use super::operation::{Ended, Followed, follow, newest, settle, stack_name};
use super::{Context, guard_account};
use crate::model::Model;
use crate::plan::{
    self, DENY_SESSIONS_POLICY, Evidence, Item, Step, TeardownOptions, TeardownPlan, UseRecord,
};
use crate::port::{self, ErrorKind, StackStatus, Stage};
use crate::render::Strategy;

/// The result of a teardown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TeardownReport {
    /// What was deleted, or is scheduled for deletion.
    pub deleted: Vec<Item>,
    /// What stays intentionally.
    pub retained: Vec<Item>,
    /// What stays although it may be unwanted.
    pub left_over: Vec<Item>,
}

impl TeardownReport {
    /// Adds the result of another stack's teardown. A bucket that one stack left because it
    /// contained artifacts of others is deleted with the last of them.
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
        let mut buckets = BTreeSet::new();
        self.retained
            .retain(|item| item.kind != "bucket" || buckets.insert(item.name.clone()));
    }
}

/// Observes what there is to delete, and plans the teardown.
///
/// # Errors
///
/// Returns the call that was refused, and [`Error::Refused`] in the wrong account.
pub async fn observe_teardown(
    context: &Context<'_>,
    model: &Model,
    options: TeardownOptions,
) -> Result<TeardownPlan> {
    let listener = InterfaceListener::new(context.listener, model);
    let context = &Context {
        listener: &listener,
        ..*context
    };
    context.stage(Stage::Checking);
    guard_account(context, model).await?;
    let name = model.deployed_name();
    let settled = settle(context, name).await?;
    let (stack, resources) = match settled {
        Some(stack) => {
            let stack = Some(stack).filter(|stack| !stack.status.is_deleted());
            (stack, context.cloud.resources(name).await?)
        }
        None => look(context, name).await?,
    };
    if let Some(finding) = stack
        .as_ref()
        .and_then(|stack| plan::check_owner(model, stack, &resources))
    {
        return Err(Error::Refused(vec![finding]));
    }
    let caller = context.cloud.caller().await?;
    let evidence = Evidence::new(
        stack.as_ref(),
        &resources,
        name,
        &caller.account,
        context.region,
    );
    let uses = UseRecord {
        observed: context.clock.now(),
        delay: context.pace.usage,
    };
    let subjects = subject::observe(context, model, &resources, &evidence).await?;
    let EncryptionKeys { ours, unseen } =
        encryption::observe(context, model, &evidence, &subjects).await?;
    let id = stack.as_ref().map(|stack| stack.id.as_str());
    let mut plan = plan::plan_teardown(id, &resources, &evidence, &ours, &subjects, uses, options);
    plan.left_over.extend(unseen);
    Ok(plan)
}

/// Carries out a teardown. If rotations had to be cancelled, the account is observed again, because
/// a rotation in progress may have created another key.
///
/// # Errors
///
/// Returns the first step that failed. Another run continues from there.
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
    let listener = InterfaceListener::new(context.listener, model);
    let context = &Context {
        listener: &listener,
        ..*context
    };
    let mut report = TeardownReport {
        deleted: Vec::new(),
        retained: plan.retained,
        left_over: plan.left_over,
    };
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
    // The stack owns its log groups, but a line that is logged after a group's deletion creates the
    // group again.
    for strategy in strategies(model) {
        let group = strategy.log_group_name(&model.stack);
        if context.cloud.delete_log_group(&group).await? {
            report.deleted.push(Item::new("log group", group, None));
        }
    }
    artifact::remove(context, model, &mut report).await?;
    key::forget_gone(context, model, &mut report.left_over).await?;
    Ok(report)
}

/// Returns the kinds of credentials for which the stack has, or had, a function.
fn strategies(model: &Model) -> Vec<Strategy> {
    match model.entries.is_empty() {
        // A stack without entries is assumed to have had access keys.
        true => vec![Strategy::AccessKeys],
        false => Strategy::of(model).collect(),
    }
}

/// The result of a step.
enum Outcome {
    /// There is nothing to report.
    Done,
    /// This was deleted, or is scheduled for deletion.
    Deleted(Item),
    /// This must not be deleted after all.
    Left(Item),
}

async fn carry_out(context: &Context<'_>, step: Step) -> Result<Outcome> {
    match step {
        Step::CancelRotation { secret, arn } => {
            match soft(context.cloud.cancel_rotation(&arn).await)? {
                Ok(()) => Ok(Outcome::Done),
                // Another command has deleted it in the meantime.
                Err(_) if secret::awaits_deletion(context, &arn).await? => Ok(Outcome::Done),
                Err(reason) => {
                    context.warn(format!("cannot cancel the rotation of {secret}: {reason}"));
                    Ok(Outcome::Done)
                }
            }
        }
        Step::DeleteKey { user, id, check } => key::delete(context, &user, id, check).await,
        Step::ForgetMark { user, tag } => {
            context.cloud.untag_user(&user, tag).await?;
            Ok(Outcome::Done)
        }
        Step::AllowSessions { user } => {
            let deleted = context
                .cloud
                .delete_user_policy(&user, DENY_SESSIONS_POLICY)
                .await;
            // If it is in the way, the deletion of the stack fails, and says so.
            if let Err(reason) = soft(deleted)? {
                context.warn(format!(
                    "cannot delete the policy {DENY_SESSIONS_POLICY} of {user}: {reason}"
                ));
            }
            Ok(Outcome::Done)
        }
        Step::DropUser {
            arn,
            user,
            function,
            ..
        } => user::drop_user(context, &function, &arn, user).await,
        Step::DeleteStack { stack, retain } => delete_stack(context, &stack, &retain)
            .await
            .map(Outcome::Deleted),
        Step::RemoveReplica {
            secret,
            arn,
            region,
        } => secret::remove_replica(context, &secret, &arn, &region).await,
        Step::DeleteSecret {
            secret,
            arn,
            deletion,
        } => secret::delete(context, secret, &arn, deletion).await,
        Step::DeleteEncryptionKey {
            id,
            days,
            of_secrets,
        } => encryption::delete(context, id, days, of_secrets).await,
    }
}

/// Deletes a stack and reports its events. Resources that the first attempt cannot delete are
/// retained by the second one. CloudFormation offers no other way to retain a resource without a
/// change of the template.
///
/// A failed deletion is attempted once more. Its cause often passes: a change of a policy that
/// propagates, too many requests, or a network interface that is still in use. CloudFormation
/// reports the cause as text only.
async fn delete_stack(context: &Context<'_>, id: &str, retain: &[String]) -> Result<Item> {
    context.stage(Stage::Deploying);
    let name = stack_name(id);
    let mut ended = delete_once(context, id, &[]).await?;
    if !ended.status.is_deleted() && !retain.is_empty() {
        ended = delete_once(context, id, retain).await?;
    }
    if !ended.status.is_deleted() {
        context.warn(format!(
            "deleting the stack a second time, because {}",
            ended.into_error(name)
        ));
        context.clock.sleep(context.pace.deletion).await;
        ended = delete_once(context, id, retain).await?;
    }
    match ended.status.is_deleted() {
        true => Ok(Item::new("stack", name, None)),
        false => Err(ended.into_error(name)),
    }
}

/// Deletes a stack, or waits for a deletion that another command has started: CloudFormation
/// ignores the request then, so no event has its token.
async fn delete_once(context: &Context<'_>, id: &str, retain: &[String]) -> Result<Ended> {
    let before = newest(context, id).await?;
    if let Some(event) = &before
        && event.is_of_stack()
        && event.status == "DELETE_COMPLETE"
    {
        return Ok(Ended {
            status: StackStatus(event.status.clone()),
            reasons: Vec::new(),
        });
    }
    context.cloud.delete_stack(id, retain).await?;
    follow(context, id, before.map(|event| event.id), Followed::Any).await
}

/// Separates the failures that a single secret may cause: a principal that may write a secret can
/// make it refuse access, which must not prevent the deletion of the others. Failures that are
/// worth a retry stay failures.
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

/// Does the same as `soft` for an observation that takes several calls.
fn soft_look<T>(looked: Result<T>) -> Result<std::result::Result<T, String>> {
    match looked {
        Ok(found) => Ok(Ok(found)),
        Err(Error::Aws(error)) if is_its_own(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
