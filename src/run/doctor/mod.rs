//! Diagnoses a stack.

mod fix;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

use super::database::check;
use super::deploy::look;
use super::error::{Error, Result};
use super::observe::observe_listed;
use super::proof::key_pair;
use super::rotate::LoggedError;
use super::{CONCURRENCY, Context, Deployed, observe_entry};
use crate::model::{AccessKey, Database, Entry, EntryOf, Model, SecretName};
use crate::plan::{
    self, Diagnosis, Examination, Examined, ObservedAccessKey, ObservedDatabase, ObservedEntry,
    Proof,
};
use crate::port::{CURRENT, ErrorKind, Secret, Stage};
use crate::render::Strategy;

pub use fix::fix;

/// How far back the function's log is read for the error that keeps a rotation from ending.
const LOG: SignedDuration = SignedDuration::from_hours(24);

/// Observes a stack and everything that belongs to it, and returns the faults. Changes nothing.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is a finding, not an error.
pub async fn examine(context: &Context<'_>, model: &Model) -> Result<Vec<Diagnosis>> {
    context.stage(Stage::Checking);
    let deployed = deployed(context, model).await?;
    let entries = stream::iter(&model.entries)
        .map(|entry| examine_entry(context, deployed.as_ref(), entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(diagnose(context, model, deployed, entries))
}

fn diagnose(
    context: &Context<'_>,
    model: &Model,
    deployed: Option<Deployed>,
    entries: Vec<Examination<'_>>,
) -> Vec<Diagnosis> {
    let examined = Examined {
        region: context.region.to_owned(),
        stack: deployed.map(|deployed| deployed.stack),
        entries,
    };
    let sweep = SignedDuration::try_from(context.pace.sweep).unwrap_or(SignedDuration::MAX);
    plan::diagnose(model, &examined, context.clock.now(), sweep)
}

/// Returns the stack in any state.
async fn deployed(context: &Context<'_>, model: &Model) -> Result<Option<Deployed>> {
    let (stack, resources) = look(context, model.stack.as_str()).await?;
    Ok(stack.map(|stack| Deployed {
        stack,
        resources,
        changes: 0,
    }))
}

async fn examine_entry<'model>(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    entry: &'model Entry,
) -> Result<Examination<'model>> {
    let look = async || observe_entry(context, entry).await;
    let mut seen = observe_listed(context, look).await?;
    if is_rotating(seen.secret()) {
        settle(context, &entry.secret).await?;
        seen = observe_listed(context, look).await?;
    }
    let proof = match &seen {
        ObservedEntry::AccessKey(entry, seen) => prove_key(context, *entry, seen).await?,
        ObservedEntry::Database(entry, seen) => {
            prove_login(context, deployed, *entry, seen).await?
        }
    };
    let strategy = Strategy::for_entry(entry);
    let reported = reported(context, deployed, strategy, seen.secret()).await?;
    Ok(Examination {
        seen,
        proof,
        reported,
    })
}

/// Waits for a rotation in progress, unless it has taken so long that it may not end. A rotation
/// that proceeds normally is not a fault.
async fn settle(context: &Context<'_>, secret: &SecretName) -> Result<()> {
    let began = context.clock.now();
    while let Some(secret) = context.cloud.secret(secret.as_str()).await?
        && is_rotating(Some(&secret))
        && context.waited(began) < context.pace.after_error
    {
        context.wait().await;
    }
    Ok(())
}

fn is_rotating(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| secret.unfinished().is_some())
}

/// Asks AWS for the user of the current key, if that can succeed. A key that a rotation has just
/// created may not have propagated yet.
async fn prove_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Result<Proof> {
    let (Some(credential), Some(user)) = (seen.credential(), &seen.user) else {
        return Ok(Proof::Untried);
    };
    let listed = seen.keys.iter().find(|key| key.id == credential.accesskey);
    if !listed.is_some_and(|key| key.active) || !credential.may_be_of(entry.kind.user.as_str()) {
        return Ok(Proof::Untried);
    }
    let key = key_pair(credential);
    let began = context.clock.now();
    loop {
        let error = match context.cloud.holder(&key).await {
            Ok(caller) if caller.arn == user.arn => return Ok(Proof::Accepted),
            Ok(caller) => return Ok(Proof::Refused(format!("it belongs to {}", caller.arn))),
            Err(error) => error,
        };
        let again = error.kind.is_transient() || error.kind == ErrorKind::Credentials;
        if again && context.waited(began) < context.pace.after_error {
            context.wait().await;
        } else if error.kind == ErrorKind::Credentials {
            return Ok(Proof::Refused(error.to_string()));
        } else {
            return Err(error.into());
        }
    }
}

/// Makes the function log in, which changes nothing.
async fn prove_login(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Result<Proof> {
    let (Some(deployed), Some(held), Some(login)) = (deployed, &seen.secret, seen.login()) else {
        return Ok(Proof::Untried);
    };
    let Some(version) = held.secret.version_with(CURRENT) else {
        return Ok(Proof::Untried);
    };
    if login.username != entry.kind.username || login.engine != entry.kind.engine {
        return Ok(Proof::Untried);
    }
    let (name, arn) = (entry.secret.as_str(), held.secret.arn.as_str());
    match check(context, deployed, name, arn, version).await {
        Ok(answer) => Ok(answer.refusal().map_or(Proof::Accepted, Proof::Refused)),
        Err(Error::NotAsked { reason, .. }) => Ok(Proof::Unknown(reason)),
        Err(error) => Err(error),
    }
}

/// Returns the last error that the function logged for an unfinished rotation. The diagnosis does
/// not depend on it.
async fn reported(
    context: &Context<'_>,
    deployed: Option<&Deployed>,
    strategy: Strategy,
    secret: Option<&Secret>,
) -> Result<Option<String>> {
    let group = deployed.and_then(|deployed| deployed.log_group(strategy));
    let secret = secret.filter(|secret| secret.unfinished().is_some());
    let (Some(group), Some(secret)) = (group, secret) else {
        return Ok(None);
    };
    let now = context.clock.now();
    let since = now.checked_sub(LOG).unwrap_or(now);
    match context.logs.messages(context, group, since).await {
        Ok(messages) => {
            let mut errors = messages.iter().rev();
            let found = errors.find_map(|line| LoggedError::about(&secret.name, line));
            Ok(found.map(|error| error.message))
        }
        Err(error) if error.kind == ErrorKind::Denied => {
            let unread = "cannot read the function's log";
            context.warn(format!("{}: {unread}: {error}", secret.name));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
