//! Finds out which key leaked, and what the response would do. Changes nothing.

use std::collections::BTreeSet;

use super::super::error::{Error, Result};
use super::super::observe::{observe_access_key, observe_listed};
use super::super::proof::prove_stored;
use super::super::{Context, Deployed};
use crate::model::{AccessKey, EntryOf};
use crate::plan::{
    LeakBasis, LeakRefusal, LeakScene, LeakStep, ObservedAccessKey, ObservedEntry, OwnershipProof,
    Quarantine, QuarantineReport, denied_actions, is_recorded_key, leaked_key, plan_leak,
};
use crate::port::{CURRENT, ErrorKind, Key};

/// What a command says about a leaked key.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeakRequest<'a> {
    /// The leaked key. By default, it is the one in AWSCURRENT.
    pub key: Option<&'a str>,
    /// Whether to deny the sessions of the user that were issued before.
    pub deny_sessions: bool,
    /// Whether to delete the leaked key.
    pub delete_old_key: bool,
}

/// What is known before the response, and what the response does.
#[derive(Clone, Debug)]
pub struct LeakAssessment<'model> {
    /// The entry.
    pub entry: EntryOf<'model, AccessKey>,
    /// The user, its keys, and the secret, as they were observed.
    pub seen: ObservedAccessKey,
    /// The secret's ARN.
    pub arn: String,
    /// The ID of the leaked key.
    pub leaked: String,
    /// Why it is taken for the leaked one.
    pub basis: LeakBasis,
    /// The steps.
    pub steps: Vec<LeakStep>,
    /// The quarantine of the user.
    pub quarantine: QuarantineReport,
    /// Whether to deny sessions.
    pub deny_sessions: bool,
    /// Whether to delete the leaked key.
    pub delete_old_key: bool,
    /// The keys that were proven to be keyrota's.
    pub(super) proven: BTreeSet<String>,
    /// Why none of the steps is carried out, if so.
    pub(super) refusal: Option<LeakRefusal>,
}

impl LeakAssessment<'_> {
    /// Returns the leaked key as IAM described it, if IAM has it.
    pub fn leaked_key(&self) -> Option<&Key> {
        self.seen.keys.iter().find(|key| key.id == self.leaked)
    }

    /// Returns why nothing can be done safely, if so.
    pub fn refusal(&self) -> Option<Error> {
        let refusal = self.refusal.clone()?;
        Some(refused(self.entry, refusal))
    }

    /// Returns what the steps are planned from.
    pub(super) fn scene<'a>(&'a self, seen: &'a ObservedAccessKey) -> LeakScene<'a> {
        LeakScene {
            seen,
            proven: &self.proven,
            leaked: &self.leaked,
            delete_old_key: self.delete_old_key,
            deny_sessions: self.deny_sessions,
        }
    }
}

/// Finds out which key leaked, and what the response does, or why nothing can be done safely.
///
/// # Errors
///
/// Returns [`Error::Leak`] if it is not known which key leaked, or a call that was refused.
pub async fn assess_leak<'model>(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'model, AccessKey>,
    request: LeakRequest<'_>,
) -> Result<LeakAssessment<'model>> {
    let refused = |refusal: LeakRefusal| refused(entry, refusal);
    let arn = deployed.secret_arn(&entry)?.to_owned();
    let (seen, leaked, basis) = loop {
        let seen = observe(context, entry).await?;
        let chosen = leaked_key(&seen, request.key, context.clock.now());
        let (leaked, basis) = chosen.map_err(refused)?;
        // The record of an interrupted command may not be visible yet, and AWSCURRENT may contain
        // the key that the command created.
        if basis != LeakBasis::Current || !is_new(context, &seen) {
            break (seen, leaked, basis);
        }
        context.wait().await;
    };
    let mut assessment = LeakAssessment {
        entry,
        arn,
        leaked,
        basis,
        steps: Vec::new(),
        quarantine: QuarantineReport::default(),
        deny_sessions: request.deny_sessions,
        delete_old_key: request.delete_old_key,
        proven: BTreeSet::new(),
        refusal: None,
        seen,
    };
    assessment.quarantine = quarantine(context, &assessment.seen.user_name).await?;
    if let Err(reason) = prove_leaked(context, &assessment).await? {
        let key = assessment.leaked.clone();
        assessment.refusal = Some(LeakRefusal::Unproven { key, reason });
        return Ok(assessment);
    }
    prove_others(context, &mut assessment).await?;
    match plan_leak(assessment.scene(&assessment.seen)) {
        Ok(steps) => assessment.steps = steps,
        Err(refusal) => assessment.refusal = Some(refusal),
    }
    Ok(assessment)
}

/// Returns whether AWSCURRENT is so new that tags of the user may be older.
fn is_new(context: &Context<'_>, seen: &ObservedAccessKey) -> bool {
    let stored = seen.secret.as_ref().and_then(|held| held.current_since);
    stored.is_some_and(|stored| context.waited(stored) < context.pace.listing)
}

/// Observes the entry, until IAM lists a key that AWSCURRENT has contained for a short time only.
pub(super) async fn observe(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<ObservedAccessKey> {
    let seen = observe_listed(context, async || {
        let seen = observe_access_key(context, entry).await?;
        Ok(ObservedEntry::AccessKey(entry, Box::new(seen)))
    })
    .await?;
    match seen {
        ObservedEntry::AccessKey(_, seen) => Ok(*seen),
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => Err(Error::NoSecret {
            secret: entry.secret.to_string(),
        }),
    }
}

/// Proves that AWSCURRENT really contains its key, if nothing else says that this key is keyrota's.
/// A principal that may only write the secret could otherwise have any key of the user deactivated.
/// A command that names the key needs no proof. Returns why the key is not proven.
async fn prove_leaked(
    context: &Context<'_>,
    assessment: &LeakAssessment<'_>,
) -> Result<std::result::Result<(), String>> {
    let LeakAssessment { seen, leaked, .. } = assessment;
    let (Some(user), Some(key)) = (&seen.user, assessment.leaked_key()) else {
        return Ok(Ok(()));
    };
    if assessment.basis != LeakBasis::Current || !key.active || is_recorded_key(user, leaked) {
        return Ok(Ok(()));
    }
    let proof = OwnershipProof {
        label: CURRENT,
        user_arn: user.arn.clone(),
        key: key.clone(),
    };
    prove_stored(context, &assessment.arn, &seen.names, &proof).await
}

/// Proves which of the other keys are keyrota's, if a new key needs the place of one.
async fn prove_others(context: &Context<'_>, assessment: &mut LeakAssessment<'_>) -> Result<()> {
    let LeakAssessment { seen, leaked, .. } = &*assessment;
    let Some(user) = &seen.user else {
        return Ok(());
    };
    let mut proven = BTreeSet::new();
    for key in seen
        .keys
        .iter()
        .filter(|key| key.id != *leaked && key.active)
    {
        let Some(label) = seen.claim_of(key).label else {
            continue;
        };
        if label == CURRENT || is_recorded_key(user, &key.id) {
            continue;
        }
        let proof = OwnershipProof {
            label,
            user_arn: user.arn.clone(),
            key: key.clone(),
        };
        let found = prove_stored(context, &assessment.arn, &seen.names, &proof).await?;
        if found.is_ok() {
            proven.insert(key.id.clone());
        }
    }
    assessment.proven = proven;
    Ok(())
}

/// Looks for AWS's quarantine of the user. What the caller may not look at is unknown.
async fn quarantine(context: &Context<'_>, user: &str) -> Result<QuarantineReport> {
    let mut report = QuarantineReport::default();
    let attached = match context.cloud.attached_policies(user).await {
        Ok(attached) => attached.unwrap_or_default(),
        Err(error) if error.kind == ErrorKind::Denied => {
            report.unknown = Some(error.to_string());
            return Ok(report);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(quarantine) = Quarantine::of(&attached) else {
        return Ok(report);
    };
    report.summary = Some(format!("{quarantine} {}", quarantine.denied()));
    for arn in quarantine.policies() {
        // The full list is additional information.
        if let Ok(Some(document)) = context.cloud.managed_policy(arn).await {
            report.denied_actions.extend(denied_actions(&document));
        }
        report.policies.push(arn.clone());
    }
    report.denied_actions.sort();
    report.denied_actions.dedup();
    Ok(report)
}

pub(super) fn refused(entry: EntryOf<'_, AccessKey>, refusal: LeakRefusal) -> Error {
    Error::Leak {
        secret: entry.secret.to_string(),
        refusal: Box::new(refusal),
    }
}
