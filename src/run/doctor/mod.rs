//! Diagnoses a stack.

mod fix;

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

use super::deploy::look;
use super::error::Result;
use super::notify::check_deployed_targets;
use super::observe::observe_listed;
use super::proof::key_pair;
use super::rehearse::{quarantine, rehearse};
use super::unfinished::observe_unfinished;
use super::{CONCURRENCY, Context, Deployed, observe_entry};
use crate::model::{AccessKey, Entry, EntryOf, Model, SecretName};
use crate::plan::drift::StackDrift;
use crate::plan::{
    self, CheckedTarget, DENY_SESSIONS_POLICY, DeniedSessions, Diagnosis, Examination, Examined,
    ObservedAccessKey, ObservedEntry, Proof, Rehearsal,
};
use crate::port::{ErrorKind, Secret, Stage};

pub use fix::fix;
pub(super) use fix::switch_on;

/// What was found of a stack.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Its faults.
    pub faults: Vec<Diagnosis>,
    /// The rehearsal of each secret's next rotation.
    pub rehearsals: Vec<Rehearsal>,
}

/// Observes a stack and everything that belongs to it, and returns the faults. Changes nothing.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is a finding, not an error.
pub async fn examine(context: &Context<'_>, model: &Model) -> Result<Health> {
    context.stage(Stage::Checking);
    let deployed = deployed(context, model).await?;
    let drift = match &deployed {
        Some(deployed) => deployed.observe_drift(context).await?,
        None => StackDrift::default(),
    };
    for one in drift.uncompared() {
        context.warn(format!(
            "cannot compare everything of {} ({}) with what was deployed",
            one.logical_id, one.kind
        ));
    }
    let targets = match &deployed {
        Some(deployed) => check_deployed_targets(context, model, deployed).await?,
        None => Vec::new(),
    };
    let entries: Vec<Examination<'_>> = stream::iter(&model.entries)
        .map(|entry| examine_entry(context, model, deployed.as_ref(), entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let rehearsals = entries.iter().filter_map(|it| it.rehearsal.clone());
    Ok(Health {
        rehearsals: rehearsals.collect(),
        faults: diagnose(context, model, deployed, entries, drift, targets),
    })
}

fn diagnose(
    context: &Context<'_>,
    model: &Model,
    deployed: Option<Deployed>,
    entries: Vec<Examination<'_>>,
    drift: StackDrift,
    targets: Vec<CheckedTarget<'_>>,
) -> Vec<Diagnosis> {
    let examined = Examined {
        region: context.region.to_owned(),
        stack: deployed.map(|deployed| deployed.stack),
        entries,
        drift,
        targets,
    };
    let sweep = SignedDuration::try_from(context.pace.sweep).unwrap_or(SignedDuration::MAX);
    plan::diagnose(model, &examined, context.clock.now(), sweep)
}

/// Returns the stack in any state.
async fn deployed(context: &Context<'_>, model: &Model) -> Result<Option<Deployed>> {
    let (stack, resources) = look(context, model.deployed_name()).await?;
    Ok(stack.map(|stack| Deployed {
        stack,
        resources,
        changes: 0,
    }))
}

async fn examine_entry<'model>(
    context: &Context<'_>,
    model: &Model,
    deployed: Option<&Deployed>,
    entry: &'model Entry,
) -> Result<Examination<'model>> {
    let look = async || observe_entry(context, entry).await;
    let mut seen = observe_listed(context, look).await?;
    if is_rotating(seen.secret()) {
        settle(context, &entry.secret).await?;
        seen = observe_listed(context, look).await?;
    }
    let held = seen.held().filter(|held| held.is_complete);
    let rehearsal = match (deployed, held) {
        (Some(deployed), Some(held)) if held.secret.deleted.is_none() => {
            Some(rehearse(context, model, deployed, entry, held.secret).await?)
        }
        _ => None,
    };
    let proof = match &seen {
        ObservedEntry::AccessKey(entry, seen) => prove_key(context, *entry, seen).await?,
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => {
            rehearsal.as_ref().map_or(Proof::Untried, Proof::of_login)
        }
    };
    let denied_sessions = match &seen {
        ObservedEntry::AccessKey(entry, _) => denied_sessions(context, *entry).await?,
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => None,
    };
    let unfinished = observe_unfinished(context, model, entry, seen.secret()).await?;
    let under_way = unfinished.as_ref();
    let under_way = under_way.and_then(|it| it.under_way(context.clock.now()));
    let quarantine = quarantine(context, &seen).await?;
    Ok(Examination {
        seen,
        proof,
        under_way,
        reported: unfinished.and_then(|unfinished| unfinished.reported),
        denied_sessions,
        rehearsal,
        quarantine,
    })
}

/// Returns the sessions of the user that keyrota's policy denies. A caller that may not read the
/// policy gets a warning.
async fn denied_sessions(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<Option<DeniedSessions>> {
    let user = entry.kind.user.as_str();
    let policy = context.cloud.user_policy(user, DENY_SESSIONS_POLICY).await;
    match policy {
        Ok(document) => Ok(document.and_then(|document| DeniedSessions::read(&document))),
        Err(error) if error.kind == ErrorKind::Denied => {
            let unread = "cannot look for denied sessions of its user";
            context.warn(format!("{}: {unread}: {error}", entry.secret));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
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
