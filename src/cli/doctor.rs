//! `keyrota doctor`.

use std::fmt::Write as _;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::model::Model;
use crate::plan::{Diagnosis, DoctorReport, Fix};
use crate::run::{self, Context};

/// Find faults, with the evidence and one remedy for each
///
/// Examines the stack, each secret, each user's keys, and whether each credential
/// authenticates. Changes nothing, and exits with 5 if it finds a fault.
///
/// With --fix, applies the remedies that cannot invalidate a credential in use: restores
/// deleted secrets, completes or starts rotations that are due, enables rotation as the
/// manifest specifies, and runs the function's sweep to retire old keys. Then examines
/// everything again.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// Apply the safe remedies, after a confirmation prompt
    #[arg(long)]
    fix: bool,
    /// Skip the confirmation prompt
    #[arg(short, long, requires = "fix")]
    yes: bool,
}

/// A remedy may reveal another fault: the rotation of a restored secret may be disabled
/// and overdue.
const MAX_ROUNDS: usize = 5;

pub(super) async fn run(settings: &Settings, verb: &Doctor) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    let models: Vec<&Model> = stacks.fleet.models().collect();
    for model in &models {
        run::guard_account(&context, model).await?;
    }
    let mut looks = vec![examine(&context, &models).await?];
    let mut tried: Vec<Diagnosis> = Vec::new();
    let mut refused = false;
    while verb.fix && looks.len() <= MAX_ROUNDS {
        let last = looks.last().map(Vec::as_slice).unwrap_or_default();
        let chosen: Vec<Vec<Diagnosis>> = last.iter().map(|it| untried(it, &tried)).collect();
        if chosen.iter().all(Vec::is_empty) {
            break;
        }
        settings.confirm(verb.yes, &question(chosen.iter().flatten()))?;
        for (model, chosen) in models.iter().zip(chosen) {
            let failures = run::fix(&context, model, &chosen).await?;
            let is_aws = |error: &run::Error| matches!(error, run::Error::Aws(_));
            refused |= failures.iter().any(is_aws);
            tried.extend(chosen);
        }
        looks.push(examine(&context, &models).await?);
    }
    settings.progress.finish();
    let looks: Vec<Vec<Diagnosis>> = looks.into_iter().map(|look| look.concat()).collect();
    let report = DoctorReport::of(&looks);
    settings.view.show(&report);
    Ok(match report.is_well() {
        true => Exit::Done,
        false if refused => Exit::Failed,
        false => Exit::Attention,
    })
}

/// Examines each stack.
async fn examine(context: &Context<'_>, models: &[&Model]) -> Result<Vec<Vec<Diagnosis>>, Failed> {
    let mut found = Vec::new();
    for model in models {
        found.push(run::examine(context, model).await?);
    }
    Ok(found)
}

/// Returns the faults with a fix that was not applied yet. A fix that did not help is not
/// repeated.
fn untried(found: &[Diagnosis], tried: &[Diagnosis]) -> Vec<Diagnosis> {
    let fresh = |it: &&Diagnosis| it.fix.is_some() && !tried.iter().any(|held| held.is_same(it));
    found.iter().filter(fresh).cloned().collect()
}

fn question<'a>(chosen: impl Iterator<Item = &'a Diagnosis>) -> String {
    let mut text = "This will:\n".to_owned();
    let mut told = Vec::new();
    for diagnosis in chosen {
        let (Some(secret), Some(fix)) = (&diagnosis.secret, diagnosis.fix) else {
            continue;
        };
        if told.contains(&(secret, fix)) {
            continue;
        }
        told.push((secret, fix));
        let what = match fix {
            Fix::Restore => "restore the deleted secret",
            Fix::Resume => "complete the unfinished rotation of",
            Fix::Schedule => "set the rotation schedule of",
            Fix::Rotate => "rotate",
            Fix::Sweep => "run the function's sweep of",
            Fix::Replicate => "replicate",
        };
        let _ = writeln!(text, "  {what} {secret}: {}", diagnosis.evidence);
    }
    text.push_str("Continue?");
    text
}
