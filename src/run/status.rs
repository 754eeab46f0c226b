//! The state of the stack and its secrets.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::deploy::look;
use super::drift::observe_drift;
use super::error::Result;
use super::notify::check_deployed_targets;
use super::observe::{observe_credential, observe_keys, observe_listed};
use super::rehearse::{quarantine, rehearse};
use super::unfinished::observe_unfinished;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{ByKind, Entry, Model};
use crate::plan::{
    self, Diagnosis, DoctorReport, Rehearsal, SecretReport, StackReport, State, StatusReport,
};
use crate::render;

/// Whether a report may read the values of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// It reads them.
    Read,
    /// It reads none, and reports what depends on them as unknown.
    Unread,
}

/// Observes the stack and every secret of the manifest.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is part of the report.
pub async fn status(context: &Context<'_>, model: &Model, values: Values) -> Result<StatusReport> {
    observe_status(context, model, values, false).await
}

/// Does the same, and rehearses the next rotation of each secret. Changes nothing.
///
/// # Errors
///
/// Returns the first call that was refused. What a rotation would be refused is a finding.
pub async fn checked_status(context: &Context<'_>, model: &Model) -> Result<StatusReport> {
    observe_status(context, model, Values::Read, true).await
}

async fn observe_status(
    context: &Context<'_>,
    model: &Model,
    values: Values,
    rehearses: bool,
) -> Result<StatusReport> {
    let (stack, resources) = match rehearses {
        true => look(context, model.deployed_name()).await?,
        false => (
            context.cloud.stack(model.deployed_name()).await?,
            Vec::new(),
        ),
    };
    let deployed = stack.clone().filter(|_| rehearses).map(|stack| Deployed {
        stack,
        resources,
        changes: 0,
    });
    let reports: Vec<(SecretReport, Vec<Diagnosis>)> = stream::iter(&model.entries)
        .map(|entry| report(context, model, deployed.as_ref(), entry, values))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let (secrets, found): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
    Ok(StatusReport {
        stack: stack.as_ref().map(StackReport::from),
        stacks: Vec::new(),
        functions: stack
            .as_ref()
            .map_or_else(Vec::new, |stack| plan::deployed_functions(stack, model)),
        secrets,
        findings: DoctorReport::of(&[found.concat()]).findings,
        drift: None,
        drift_unchecked: Vec::new(),
    })
}

/// Adds to a report how the resources of the stack differ from what was deployed, and which targets in
/// `notify` cannot receive events.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub async fn with_drift(
    context: &Context<'_>,
    model: &Model,
    report: StatusReport,
) -> Result<StatusReport> {
    let (stack, resources) = look(context, model.deployed_name()).await?;
    let Some(stack) = stack else {
        return Ok(report);
    };
    let drift = observe_drift(context, &stack, &resources).await?;
    let deployed = Deployed {
        stack,
        resources,
        changes: 0,
    };
    let targets = check_deployed_targets(context, model, &deployed).await?;
    let targets = DoctorReport::of(&[plan::diagnose_targets(model, &targets)]);
    let findings = report.findings.iter().cloned().chain(targets.findings);
    Ok(StatusReport {
        findings: findings.collect(),
        drift: Some(drift.shown()),
        drift_unchecked: drift.obstacles(),
        ..report
    })
}

async fn report(
    context: &Context<'_>,
    model: &Model,
    deployed: Option<&Deployed>,
    entry: &Entry,
    values: Values,
) -> Result<(SecretReport, Vec<Diagnosis>)> {
    let expected = render::secret_tags(model, entry, context.region);
    if values == Values::Unread {
        let secret = context.cloud.secret(entry.secret.as_str()).await?;
        let keys = match entry.by_kind() {
            ByKind::AccessKey(entry) => observe_keys(context, entry.kind.user.as_str()).await?,
            ByKind::Database(_) | ByKind::Service(_) => Vec::new(),
        };
        let unfinished = observe_unfinished(context, model, entry, secret.as_ref()).await?;
        let unfinished = unfinished.as_ref();
        let now = context.clock.now();
        let report = plan::report_without_values(entry, secret.as_ref(), &keys, unfinished, now);
        return Ok((report.with_tags(&expected, secret.as_ref()), Vec::new()));
    }
    let seen = observe_listed(context, async || observe_credential(context, entry).await).await?;
    let unfinished = observe_unfinished(context, model, entry, seen.secret()).await?;
    let now = context.clock.now();
    let report = plan::report_unfinished(&seen, unfinished.as_ref(), now);
    let mut report = report.with_tags(&expected, seen.secret());
    let mut found = Vec::new();
    if let Some(deployed) = deployed {
        let quarantine = quarantine(context, &seen).await?;
        let held = seen
            .held()
            .filter(|held| held.is_complete && can_rehearse(report.state))
            .filter(|held| held.secret.unfinished().is_none());
        let rehearsal = match held {
            Some(held) => Some(rehearse(context, model, deployed, entry, held.secret).await?),
            None => None,
        };
        if rehearsal.as_ref().is_some_and(Rehearsal::proves) {
            report.last_proven = Some(context.clock.now());
        }
        let next = plan::NextRotation {
            rehearsal: rehearsal.as_ref(),
            quarantine: quarantine.as_ref(),
        };
        found = plan::diagnose_next_rotation(&seen, next, now);
    }
    Ok((report, found))
}

/// Returns whether the next rotation of a secret in this state is rehearsed. In the others, the
/// state itself says why it fails, or a rotation is in progress.
fn can_rehearse(state: State) -> bool {
    matches!(state, State::Ok | State::NeverRotated | State::Overdue)
}
