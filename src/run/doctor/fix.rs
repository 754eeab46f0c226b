//! Fixes what may be fixed without a person.

use super::super::error::{Error, Result};
use super::super::{Context, Deployed, rotate_database, rotate_secret, verify, verify_database};
use super::{deployed, diagnose, examine_database, examine_key, waited};
use crate::model::{ByKind, Entry, Model, SecretName};
use crate::plan::{Diagnosis, ExaminedDatabase, ExaminedKey, Fix};
use crate::port::{Invoked, Rotation, Secret};
use crate::render::Strategy;

/// Does what may be done without a person about each of these faults that has such a
/// remedy, having looked once more whether it is still as it was. One that does not go
/// well stops none of the others; its failure is reported and returned.
///
/// # Errors
///
/// Returns the first call that was refused while looking.
pub async fn fix(
    context: &Context<'_>,
    model: &Model,
    diagnoses: &[Diagnosis],
) -> Result<Vec<Error>> {
    let mut fixes: Vec<(&Diagnosis, Fix)> = diagnoses
        .iter()
        .filter_map(|diagnosis| Some((diagnosis, diagnosis.fix?)))
        .collect();
    fixes.sort_by_key(|(_, fix)| *fix);
    let mut failures = Vec::new();
    for (diagnosis, fix) in fixes {
        let Some(secret) = &diagnosis.secret else {
            continue;
        };
        if let Err(error) = fix_one(context, model, secret, diagnosis, fix).await {
            context.warn(format!("{}: {error}", diagnosis.subject));
            failures.push(error);
        }
    }
    Ok(failures)
}

/// An entry as it is now.
enum ExaminedEntry<'a> {
    Key(Box<ExaminedKey<'a>>),
    Database(Box<ExaminedDatabase<'a>>),
}

impl ExaminedEntry<'_> {
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Key(it) => it.seen.secret.as_ref().map(|held| &held.secret),
            Self::Database(it) => it.seen.secret.as_ref().map(|held| &held.secret),
        }
    }

    fn entry(&self) -> &Entry {
        match self {
            Self::Key(it) => it.entry.entry(),
            Self::Database(it) => it.entry.entry(),
        }
    }

    /// Returns what the manifest says of its rotation.
    fn rotation(&self, deployed: &Deployed) -> Rotation {
        let entry = self.entry();
        let function = deployed.function_arn(Strategy::for_entry(entry));
        Rotation {
            function: function.map(str::to_owned),
            schedule: Some(entry.schedule.to_string()),
            window: entry.window.map(|window| window.to_string()),
        }
    }
}

/// Looks at the entry of a secret alone.
async fn look<'a>(
    context: &Context<'_>,
    model: &'a Model,
    deployed: &Deployed,
    name: &SecretName,
) -> Result<Option<ExaminedEntry<'a>>> {
    let Some(entry) = model.entries.iter().find(|it| it.secret == *name) else {
        return Ok(None);
    };
    Ok(Some(match entry.by_kind() {
        ByKind::AccessKey(key) => {
            let seen = examine_key(context, Some(deployed), key).await?;
            ExaminedEntry::Key(Box::new(seen))
        }
        ByKind::Database(database) => {
            let seen = examine_database(context, Some(deployed), database).await?;
            ExaminedEntry::Database(Box::new(seen))
        }
    }))
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
    let Some(ward) = look(context, model, &deployed, name).await? else {
        return Ok(());
    };
    // What was done before, or somebody else did, may have mended it or made it worse.
    if !stands(context, model, &deployed, &ward, diagnosis) {
        return Ok(());
    }
    let Some(secret) = ward.secret() else {
        return Ok(());
    };
    match fix {
        Fix::Restore => {
            context.cloud.restore_secret(&secret.arn).await?;
            context.done(format!("{name}: canceled its deletion"));
            Ok(())
        }
        Fix::Schedule => switch_on(context, &secret.arn, &ward.rotation(&deployed)).await,
        Fix::Resume | Fix::Rotate => rotate(context, model, &deployed, &ward).await,
        Fix::Sweep => {
            sweep(
                context,
                &deployed,
                Strategy::for_entry(ward.entry()),
                name,
                &secret.arn,
            )
            .await
        }
    }
}

/// Returns whether a fault is still there, and still has its remedy.
fn stands(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    ward: &ExaminedEntry<'_>,
    diagnosis: &Diagnosis,
) -> bool {
    let (keys, databases) = match ward {
        ExaminedEntry::Key(it) => (vec![it.as_ref().clone()], Vec::new()),
        ExaminedEntry::Database(it) => (Vec::new(), vec![it.as_ref().clone()]),
    };
    let found = diagnose(context, model, Some(deployed.clone()), keys, databases);
    let same = |held: &Diagnosis| held.is_same(diagnosis) && held.fix == diagnosis.fix;
    found.iter().any(same)
}

/// Sets schedule and function, and waits for the function's trial of them: until that
/// has ended a rotation is refused.
async fn switch_on(context: &Context<'_>, arn: &str, rotation: &Rotation) -> Result<()> {
    let token = context.clock.token();
    context.cloud.schedule(arn, &token, rotation).await?;
    let began = context.clock.now();
    while let Some(secret) = context.cloud.secret(arn).await?
        && secret.unfinished().is_some()
        && waited(context, began) < context.pace.trial
    {
        context.wait().await;
    }
    Ok(())
}

/// Rotates as `keyrota rotate` does.
async fn rotate(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    ward: &ExaminedEntry<'_>,
) -> Result<()> {
    match ward {
        ExaminedEntry::Key(it) => {
            let (entry, seen) = (it.entry, &it.seen);
            let rotated = rotate_secret(context, model, deployed, entry, seen).await?;
            verify(context, entry, Some(&rotated)).await?;
        }
        ExaminedEntry::Database(it) => {
            let (entry, seen) = (it.entry, &it.seen);
            let rotated = rotate_database(context, model, deployed, entry, seen).await?;
            verify_database(context, deployed, entry, Some(&rotated)).await?;
        }
    }
    Ok(())
}

/// Has the function look at one secret, as the hourly rule does.
async fn sweep(
    context: &Context<'_>,
    deployed: &Deployed,
    strategy: Strategy,
    name: &SecretName,
    arn: &str,
) -> Result<()> {
    let failed = |reason: String| Error::NotSwept {
        secret: name.to_string(),
        reason,
    };
    let function = deployed.function_arn(strategy);
    let function =
        function.ok_or_else(|| failed("the stack does not have this function".into()))?;
    let event = keyrota_contract::event::sweep(&[arn]);
    match context.cloud.invoke(function, &event).await? {
        Invoked::Answered(_) => Ok(()),
        Invoked::Failed(reason) => Err(failed(reason)),
    }
}
