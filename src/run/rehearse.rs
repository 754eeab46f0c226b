//! Rehearses the next rotation of a secret: the function tries what changes nothing, and IAM
//! simulates the rest.

use futures_util::{StreamExt, TryStreamExt, stream};
use keyrota_contract::check::CheckAnswer;
use keyrota_contract::event;

use super::error::Result;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{Entry, Model};
use crate::plan::{ObservedEntry, Principals, Quarantine, Rehearsal, simulations};
use crate::port::{ErrorKind, Invoked, Secret, Stage};
use crate::render::Strategy;

/// Rehearses the next rotation of a secret. Changes nothing.
///
/// # Errors
///
/// Returns the first call of the caller's own that was refused. What would be refused to the
/// rotation is a part of the result.
pub(super) async fn rehearse(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &Entry,
    secret: &Secret,
) -> Result<Rehearsal> {
    let strategy = Strategy::for_entry(entry);
    let role = deployed.role(strategy).unwrap_or_default();
    let principals = Principals::of(model, entry, secret, role);
    let name = entry.secret.as_str();
    let failed = |reason: &str| Ok(Rehearsal::failed(name, reason.to_owned(), &principals));
    let Some(function) = deployed.function_arn(strategy) else {
        return failed("the stack does not have the function");
    };
    context.stage(Stage::Rehearsing(name.to_owned()));
    let event = event::rehearsal(&secret.arn);
    let began = context.clock.now();
    let invoked = loop {
        match context.cloud.invoke(function, &event).await {
            // A function that was just changed may not be ready yet.
            Err(error) if error.kind == ErrorKind::Conflict => {
                if context.waited(began) >= context.pace.trial {
                    return failed(&error.to_string());
                }
                context.wait().await;
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                return failed(&format!("the function {function} does not exist"));
            }
            Err(error) if is_of_caller(error.kind) => return Err(error.into()),
            // Lambda cannot run the function, such as without the KMS key of its environment or with
            // a reserved concurrency of 0. The next rotation fails for the same reason.
            Err(error) => return failed(&error.to_string()),
            Ok(invoked) => break invoked,
        }
    };
    let answer = match invoked {
        Invoked::Failed(reason) => return failed(&reason),
        Invoked::Answered(text) => text,
    };
    let Ok(answer) = serde_json::from_str::<CheckAnswer>(&answer) else {
        return failed("the function returned an unexpected response");
    };
    let simulations = simulations(&answer, &principals);
    let simulated: Vec<Vec<_>> = stream::iter(&simulations)
        .map(|simulation| context.cloud.simulate(simulation))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(Rehearsal::of(
        name,
        answer,
        &principals,
        &simulated.concat(),
    ))
}

/// Returns whether a call failed because of the caller or the connection, which says nothing about
/// the function.
const fn is_of_caller(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Denied | ErrorKind::Credentials | ErrorKind::Unavailable
    )
}

/// Returns the quarantine of an entry's user, if AWS has put it under one.
pub(super) async fn quarantine(
    context: &Context<'_>,
    seen: &ObservedEntry<'_>,
) -> Result<Option<Quarantine>> {
    // The caller may not ask for the policies of a user that does not exist below a path.
    let ObservedEntry::AccessKey(_, seen) = seen else {
        return Ok(None);
    };
    if seen.user.is_none() {
        return Ok(None);
    }
    let attached = context.cloud.attached_policies(&seen.user_name).await?;
    Ok(attached.and_then(|attached| Quarantine::of(&attached)))
}
