//! Applies the fixes that need no person.

use super::super::drift::{changed_late, revert};
use super::super::error::{Error, Result};
use super::super::recover::{InactiveKey, recover};
use super::super::replica::replicate;
use super::super::{Context, Deployed, rotate_entry, verify};
use super::{deployed, diagnose, examine_entry};
use crate::model::{Model, SecretName};
use crate::plan::drift::{Consent, StackDrift, is_restored};
use crate::plan::{self, Diagnosis, Examination, Fix, ObservedEntry, wanted_rotation};
use crate::port::{ErrorKind, Invoked, Rotation};
use crate::render::Strategy;

/// Applies the fix of each of these faults, after checking that the fault is still present. A fix
/// that fails does not stop the others. Its failure is reported and returned. `shown` has everything
/// that a person has been shown, with and without a fix.
///
/// # Errors
///
/// Returns the first call that was refused during the checks.
pub async fn fix(
    context: &Context<'_>,
    model: &Model,
    diagnoses: &[Diagnosis],
    shown: &[Diagnosis],
) -> Result<Vec<(Fix, Error)>> {
    let mut fixes: Vec<(&Diagnosis, Fix)> = diagnoses
        .iter()
        .filter_map(|diagnosis| Some((diagnosis, diagnosis.fix?)))
        .collect();
    fixes.sort_by_key(|(_, fix)| *fix);
    let mut failures = Vec::new();
    let mut reverted = false;
    for (diagnosis, fix) in fixes {
        if fix == Fix::Revert {
            if !std::mem::replace(&mut reverted, true)
                && let Err(error) = revert_drift(context, model, shown).await
            {
                context.warn(refusal(&error));
                failures.push((fix, error));
            }
            continue;
        }
        let Some(secret) = &diagnosis.secret else {
            continue;
        };
        if let Err(error) = fix_one(context, model, secret, diagnosis, fix).await {
            context.warn(format!("{}: {error}", diagnosis.subject));
            failures.push((fix, error));
        }
    }
    Ok(failures)
}

/// Reverts what differs from what was deployed, as far as it was shown: somebody may have changed
/// more since.
async fn revert_drift(context: &Context<'_>, model: &Model, shown: &[Diagnosis]) -> Result<()> {
    let Some(deployed) = deployed(context, model).await? else {
        return Ok(());
    };
    let drift = deployed.observe_drift(context).await?;
    let late = plan::unseen(model, &drift, shown);
    let mut seen = drift.ignored.clone();
    for resource in drift.by_resource() {
        let id = resource[0].logical_id.as_str();
        if !late.contains(id) {
            seen.insert(id.to_owned());
        } else if resource.iter().any(is_restored) {
            context.warn(changed_late(id, "doctor --fix"));
        }
    }
    let consent = Consent {
        shown: Some(seen),
        ..Consent::default()
    };
    revert(context, model, &deployed, &drift, consent).await
}

/// Returns why drift was not reverted, with each resource that keeps it.
fn refusal(error: &Error) -> String {
    let Error::Refused(findings) = error else {
        return format!("the stack was not restored: {error}");
    };
    let findings = findings.iter();
    let texts: Vec<String> = findings
        .map(|finding| format!("{}: {}", finding.path, finding.message))
        .collect();
    texts.join("; ")
}

async fn fix_one(
    context: &Context<'_>,
    model: &Model,
    name: &SecretName,
    diagnosis: &Diagnosis,
    fix: Fix,
) -> Result<()> {
    let Some(deployed) = deployed(context, model).await? else {
        return Ok(());
    };
    let Some(entry) = model.entries.iter().find(|it| it.secret == *name) else {
        return Ok(());
    };
    let now = examine_entry(context, model, Some(&deployed), entry).await?;
    // An earlier fix or another principal may have changed it.
    if !stands(context, model, &deployed, &now, diagnosis) {
        return Ok(());
    }
    let Some(secret) = now.seen.secret() else {
        return Ok(());
    };
    let function = deployed.function_arn(Strategy::for_entry(entry));
    match fix {
        Fix::Restore => {
            context.cloud.restore_secret(&secret.arn).await?;
            context.done(format!("{name}: canceled its deletion"));
            Ok(())
        }
        Fix::Recover => recovered(context, model, &deployed, &now.seen, InactiveKey::Stays).await,
        Fix::ReplaceInactive => {
            recovered(context, model, &deployed, &now.seen, InactiveKey::Replaced).await
        }
        Fix::Schedule => switch_on(context, &secret.arn, &wanted_rotation(entry, function)).await,
        Fix::Resume | Fix::Rotate => {
            // This is what `keyrota rotate` does.
            let rotated = rotate_entry(context, model, &deployed, &now.seen).await?;
            verify(context, &deployed, entry, Some(&rotated))
                .await
                .map(drop)
        }
        Fix::Replicate => replicate(context, entry, secret).await,
        Fix::Sweep => sweep(context, function, name, &secret.arn).await,
        // The whole stack is restored at once.
        Fix::Revert => Ok(()),
    }
}

/// Makes a secret work again. If the caller may not do that, says which statements of the deployer's
/// policy allow it: no command's part includes them.
async fn recovered(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    seen: &ObservedEntry<'_>,
    inactive: InactiveKey,
) -> Result<()> {
    match recover(context, model, deployed, seen, inactive).await {
        Err(Error::Aws(error)) if error.kind == ErrorKind::Denied => {
            Err(Error::RecoveryDenied { error })
        }
        ended => ended,
    }
}

/// Returns whether a fault is still present with the same fix.
fn stands(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    now: &Examination<'_>,
    diagnosis: &Diagnosis,
) -> bool {
    // Drift is detected once for all resources, when it is reverted.
    let drift = StackDrift::default();
    let entries = vec![now.clone()];
    let found = diagnose(
        context,
        model,
        Some(deployed.clone()),
        entries,
        drift,
        Vec::new(),
    );
    let same = |held: &Diagnosis| held.is_same(diagnosis) && held.fix == diagnosis.fix;
    found.iter().any(same)
}

/// Sets the schedule and the function, and waits until the function has tested its configuration.
/// Until then a rotation is refused.
pub(in super::super) async fn switch_on(
    context: &Context<'_>,
    arn: &str,
    rotation: &Rotation,
) -> Result<()> {
    let token = context.clock.token();
    context.cloud.schedule(arn, &token, rotation).await?;
    let began = context.clock.now();
    while let Some(secret) = context.cloud.secret(arn).await?
        && secret.unfinished().is_some()
        && context.waited(began) < context.pace.trial
    {
        context.wait().await;
    }
    Ok(())
}

/// Makes the function sweep one secret, as the hourly rule does.
async fn sweep(
    context: &Context<'_>,
    function: Option<&str>,
    name: &SecretName,
    arn: &str,
) -> Result<()> {
    let failed = |reason: String| Error::NotSwept {
        secret: name.to_string(),
        reason,
    };
    let function =
        function.ok_or_else(|| failed("the stack does not have this function".into()))?;
    let event = keyrota_contract::event::sweep(&[arn]);
    match context.cloud.invoke(function, &event).await? {
        Invoked::Answered(_) => Ok(()),
        Invoked::Failed(reason) => Err(failed(reason)),
    }
}
