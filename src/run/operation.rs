//! Operations of CloudFormation, each of which ends with an event of its own.
//!
//! `DescribeStacks` may return an outdated status, so the status shows neither that an operation
//! has started nor that it has ended. The stack's events are complete and in order, and each has
//! the client request token of its operation (`API_StackEvent`).

use super::Context;
use super::error::{Error, Result};
use crate::port::{ErrorKind, Event, Stack, StackEvent, StackStatus};

/// The operation to follow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Followed<'a> {
    /// The operation with this client request token.
    Own(&'a str),
    /// Any operation: the one that another command has started, or a deletion that it may have
    /// started before this one.
    Any,
}

impl Followed<'_> {
    /// Returns whether an event belongs to the operation. The events of an operation that was
    /// started without a token have none.
    fn includes(self, event: &StackEvent) -> bool {
        match self {
            Self::Own(token) => event.token.as_deref().is_none_or(|held| held == token),
            Self::Any => true,
        }
    }
}

/// An operation that has ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// The stack's status at its end.
    pub(super) status: StackStatus,
    /// The failures, the first one first, or the reason of the status if there are none.
    pub(super) reasons: Vec<String>,
}

impl Ended {
    /// Returns the failure of an operation on a stack.
    pub(super) fn into_error(self, stack: &str) -> Error {
        Error::Stack {
            stack: stack.to_owned(),
            status: self.status.0,
            reasons: self.reasons,
        }
    }
}

/// Returns the newest event of a stack. The events of a later operation follow it.
pub(super) async fn newest(context: &Context<'_>, stack: &str) -> Result<Option<StackEvent>> {
    let mut events = context.cloud.newest_events(stack).await?;
    Ok(events.pop())
}

/// Returns the name of a stack from its ID, which is an ARN, or from its name.
pub(super) fn stack_name(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}

/// Reports each event after the one with the ID `after`, until the operation ends.
///
/// # Errors
///
/// Returns [`Error::SignedOut`] if the credentials expire, because an operation can take longer
/// than a session.
pub(super) async fn follow(
    context: &Context<'_>,
    id: &str,
    after: Option<String>,
    followed: Followed<'_>,
) -> Result<Ended> {
    let ended = follow_events(context, id, after, followed).await;
    ended.map_err(|error| match error {
        Error::Aws(error) if error.kind == ErrorKind::Credentials => Error::SignedOut {
            stack: stack_name(id).to_owned(),
            error,
        },
        other => other,
    })
}

async fn follow_events(
    context: &Context<'_>,
    id: &str,
    after: Option<String>,
    followed: Followed<'_>,
) -> Result<Ended> {
    let mut after = after;
    let mut failures = Vec::new();
    loop {
        let events = context.cloud.events_after(id, after.as_deref()).await?;
        let mut ended = None;
        let is_quiet = events.is_empty();
        for event in events {
            after = Some(event.id.clone());
            if followed.includes(&event) {
                failures.extend(failure(&event));
                if event.ends_operation() {
                    let (status, reason) = (event.status.clone(), event.reason.clone());
                    ended = Some((StackStatus(status), reason));
                }
            }
            report(context, event);
        }
        // Another command may have deleted it before its events were first read.
        if is_quiet && matches!(followed, Followed::Any) {
            let stack = context.cloud.stack(id).await?;
            let gone = stack.filter(|stack| stack.status.is_deleted());
            ended = gone.map(|stack| (stack.status, stack.reason));
        }
        if let Some((status, reason)) = ended {
            if failures.is_empty() {
                failures.extend(reason);
            }
            return Ok(Ended {
                status,
                reasons: failures,
            });
        }
        context.wait().await;
    }
}

fn report(context: &Context<'_>, event: StackEvent) {
    context.listener.on(Event::Resource {
        logical_id: event.logical_id,
        kind: event.kind,
        status: event.status,
        reason: event.reason,
    });
}

fn failure(event: &StackEvent) -> Option<String> {
    if !event.status.ends_with("_FAILED") {
        return None;
    }
    let reason = event.reason.as_ref()?;
    Some(format!("{} ({}): {reason}", event.logical_id, event.kind))
}

/// Waits for an operation that another command or an interrupted run has started, because the
/// observed state is not final until it ends. Returns the stack at its end, or `None` if no
/// operation is in progress.
pub(super) async fn settle(context: &Context<'_>, stack: &str) -> Result<Option<Stack>> {
    let events = context.cloud.newest_events(stack).await?;
    let mut of_stack = events.iter().rev().filter(|event| event.is_of_stack());
    let last = of_stack.next();
    if !is_in_progress(&events) {
        return Ok(None);
    }
    let since = last.and_then(|event| event.at);
    let since = since.map_or(String::new(), |at| format!(" since {at:.0}"));
    context.warn(format!(
        "another operation on the stack {stack} has been in progress{since}; waiting for its end"
    ));
    let newest = events.last();
    let id = newest.map_or_else(|| stack.to_owned(), |event| event.stack_id.clone());
    let newest = newest.map(|event| event.id.clone());
    for event in unfinished(&events) {
        report(context, event.clone());
    }
    let ended = follow(context, &id, newest, Followed::Any).await?;
    caught_up(context, &id, &ended.status).await
}

/// Returns the newest event of each resource that CloudFormation is changing.
fn unfinished(events: &[StackEvent]) -> impl Iterator<Item = &StackEvent> {
    let is_newest = |(index, event): &(usize, &StackEvent)| {
        let mut later = events[index + 1..].iter();
        !later.any(|later| later.logical_id == event.logical_id)
    };
    let newest = events.iter().enumerate().filter(is_newest);
    newest
        .map(|(_, event)| event)
        .filter(|event| !event.is_of_stack() && event.status.ends_with("_IN_PROGRESS"))
}

/// Returns whether the newest events of a stack belong to an operation that has not ended. If none
/// of them is an event of the stack itself, they belong to resources in a long operation.
fn is_in_progress(events: &[StackEvent]) -> bool {
    let mut of_stack = events.iter().rev().filter(|event| event.is_of_stack());
    match of_stack.next() {
        Some(last) => last.is_of_operation() && !last.ends_operation(),
        None => !events.is_empty(),
    }
}

/// Returns whether an operation on the stack started after an event, or at all if there was none.
pub(super) async fn began_since(
    context: &Context<'_>,
    stack: &str,
    event: Option<&StackEvent>,
) -> Result<bool> {
    let id = event.map(|event| event.id.as_str());
    let events = context.cloud.events_after(stack, id).await?;
    Ok(events.iter().any(StackEvent::is_of_operation))
}

/// Returns whether a stack only awaits its first change set, so that it can be deleted.
pub(super) async fn is_in_review(context: &Context<'_>, id: &str) -> Result<bool> {
    let events = context.cloud.newest_events(id).await?;
    let mut of_stack = events.iter().rev().filter(|event| event.is_of_stack());
    Ok(of_stack.next().is_some_and(|last| !last.is_of_operation()))
}

/// Returns the stack when `DescribeStacks` reports the status that its events have reported, or,
/// after some time, as it is reported then.
pub(super) async fn caught_up(
    context: &Context<'_>,
    id: &str,
    status: &StackStatus,
) -> Result<Option<Stack>> {
    let began = context.clock.now();
    loop {
        let stack = context.cloud.stack(id).await?;
        let shown = stack.as_ref().map(|stack| &stack.status);
        let is_there = shown == Some(status) || (shown.is_none() && status.is_deleted());
        if is_there || context.waited(began) >= context.pace.propagation {
            return Ok(stack);
        }
        context.wait().await;
    }
}
