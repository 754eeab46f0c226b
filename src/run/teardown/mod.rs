//! Deleting the stack and its resources, in an order that loses nothing by accident. Each
//! step may be carried out again, and what is gone already is no failure.

mod artifact;
mod encryption;
mod key;
mod secret;
mod subject;

use std::collections::BTreeSet;

use serde::Serialize;

use self::encryption::EncryptionKeys;
use super::error::{Error, Result};
use super::operation::{Ended, Followed, follow, newest, settle};
use super::{Context, guard_account};
use crate::model::Model;
use crate::plan::{self, Evidence, Item, Step, TeardownOptions, TeardownPlan};
use crate::port::{self, ErrorKind, StackStatus, Stage};
use crate::render::Strategy;

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
        let mut buckets = BTreeSet::new();
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
    let name = model.stack.as_str();
    let settled = settle(context, name).await?;
    let stack = match settled {
        Some(stack) => Some(stack).filter(|stack| !stack.status.is_deleted()),
        None => context.cloud.stack(name).await?,
    };
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
    let subjects = subject::observe(context, model, &resources, &evidence).await?;
    let EncryptionKeys { ours, unseen } =
        encryption::observe(context, model, &evidence, &subjects).await?;
    let id = stack.as_ref().map(|stack| stack.id.as_str());
    let mut plan = plan::plan_teardown(id, &resources, &evidence, &ours, &subjects, options);
    plan.left_over.extend(unseen);
    Ok(plan)
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
        // A stack whose last entry is gone had access keys, for all that one knows.
        true => vec![Strategy::AccessKeys],
        false => Strategy::of(model).collect(),
    }
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
                // Another command has deleted it meanwhile.
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
        Step::DeleteStack { stack, retain } => delete_stack(context, &stack, &retain)
            .await
            .map(Outcome::Deleted),
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

/// Deletes a stack and reports its events. What cannot be deleted at the first
/// try is kept at the second, which is the only way CloudFormation lets a
/// resource stay that its template does not.
async fn delete_stack(context: &Context<'_>, id: &str, retain: &[String]) -> Result<Item> {
    context.stage(Stage::Deploying);
    let name = id.split('/').nth(1).unwrap_or(id);
    let mut ended = delete_once(context, id, &[]).await?;
    if !ended.status.is_deleted() && !retain.is_empty() {
        ended = delete_once(context, id, retain).await?;
    }
    match ended.status.is_deleted() {
        true => Ok(Item::new("stack", name, None)),
        false => Err(ended.into_error(name)),
    }
}

/// Deletes a stack, or waits for a deletion that another command has started:
/// CloudFormation ignores the request then, so that no event carries its token.
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
