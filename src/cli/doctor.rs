//! `keyrota doctor`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::model::Model;
use crate::plan::{self, Diagnosis, DoctorReport, Fix, Rehearsal};
use crate::port::{Event, Listener as _};
use crate::run::{self, Context};
use crate::view::visible;

/// Find faults, with the evidence and one remedy for each
///
/// Examines the stack and each of its resources, each secret, each user's keys, each target in
/// `notify`, and whether each credential authenticates. Rehearses the next rotation of each secret: the function makes the calls that
/// change nothing, and IAM simulates the policies for the others. Changes nothing, and exits with
/// 5 if it finds a fault. With -v, lists the calls of each rehearsal.
///
/// With --fix, applies the remedies that cannot invalidate a credential in use: restores
/// deleted secrets, makes secrets work again whose key is deleted or whose value is damaged,
/// completes or starts rotations that are due, enables rotation as the manifest specifies, and
/// runs the function's sweep to retire old keys. Restores resources that someone has changed or
/// deleted, with a change set that is shown, and that is executed only if it contains no secret.
/// Then examines everything again.
///
/// A current key that is inactive may have been deactivated on purpose. Its replacement has
/// its own confirmation prompt, and --yes does not include it.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// Apply the safe remedies, after a confirmation prompt
    #[arg(long)]
    fix: bool,
    /// Skip the confirmation prompt
    #[arg(short, long, requires = "fix")]
    yes: bool,
    /// Also apply the remedy of this fault, without its own confirmation prompt
    #[arg(long, value_name = "FAULT", requires = "fix", value_parser = ["current-key-inactive"])]
    allow: Vec<String>,
}

/// A remedy may reveal another fault: the rotation of a restored secret may be disabled
/// and overdue.
const MAX_ROUNDS: usize = 5;

pub(super) async fn run(settings: &Settings, verb: &Doctor) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let models: Vec<&Model> = stacks.fleet.models().collect();
    for model in &models {
        run::guard_account(&context, model).await?;
    }
    let (found, mut rehearsals) = examine(&context, &models).await?;
    let mut looks = vec![found];
    let mut tried: Vec<Diagnosis> = Vec::new();
    let mut refused = false;
    // The fixes that failed, by stack. A fault may disappear although its fix has failed.
    let mut failed: Vec<(&str, Fix)> = Vec::new();
    let mut left_out: Vec<(&str, String)> = Vec::new();
    while verb.fix && looks.len() <= MAX_ROUNDS {
        let last = looks.last().map(Vec::as_slice).unwrap_or_default();
        let chosen: Vec<Vec<Diagnosis>> = last.iter().map(|it| untried(it, &tried)).collect();
        if chosen.iter().all(Vec::is_empty) {
            break;
        }
        let agreed = agree(settings, verb, &chosen)?;
        for (index, (model, chosen)) in models.iter().zip(chosen).enumerate() {
            let applied: Vec<Diagnosis> = chosen.iter().filter(|it| agreed(it)).cloned().collect();
            let stack = model.stack.as_str();
            let is_applied =
                |fix: &Fix| applied.iter().any(|diagnosis| diagnosis.fix == Some(*fix));
            failed.retain(|(of, fix)| *of != stack || !is_applied(fix));
            left_out.retain(|(of, _)| *of != stack || !is_applied(&Fix::Revert));
            let shown: Vec<Diagnosis> = looks.iter().flat_map(|look| look[index].clone()).collect();
            for (fix, error) in run::fix(&context, model, &applied, &shown).await? {
                failed.push((stack, fix));
                refused |= matches!(
                    error.cause(),
                    run::Error::Aws(_) | run::Error::RecoveryDenied { .. }
                );
                if let run::Error::LeftOut { resources, .. } = error {
                    let resources = resources.into_iter();
                    left_out
                        .extend(resources.map(|id| (stack, plan::resource_subject(&id, model))));
                }
            }
            tried.extend(chosen);
        }
        let now;
        (now, rehearsals) = examine(&context, &models).await?;
        // What one fix has restored may let another one succeed.
        let stays = |held: &Diagnosis| now.iter().flatten().any(|it| it.is_same(held));
        if !tried.iter().all(stays) {
            tried.retain(|held| !stays(held));
        }
        looks.push(now);
    }
    settings.progress.finish();
    let looks: Vec<Vec<Diagnosis>> = looks.into_iter().map(|look| look.concat()).collect();
    let left_out = left_out.into_iter().map(|(_, subject)| subject);
    let report = DoctorReport::of(&looks)
        .without(&left_out.collect::<Vec<_>>())
        .with_rehearsals(rehearsals, settings.verbose);
    settings.view.show(&report);
    Ok(match report.is_well() {
        true if failed.is_empty() => Exit::Done,
        true => Exit::Failed,
        false if refused => Exit::Failed,
        false => Exit::Attention,
    })
}

/// Examines each stack.
async fn examine(
    context: &Context<'_>,
    models: &[&Model],
) -> Result<(Vec<Vec<Diagnosis>>, Vec<Rehearsal>), Failed> {
    let (mut found, mut rehearsals) = (Vec::new(), Vec::new());
    for model in models {
        let health = run::examine(context, model).await?;
        found.push(health.faults);
        rehearsals.extend(health.rehearsals);
    }
    Ok((found, rehearsals))
}

/// Returns the faults with a fix that was not applied yet. A fix that did not help is not
/// repeated.
fn untried(found: &[Diagnosis], tried: &[Diagnosis]) -> Vec<Diagnosis> {
    let fresh = |it: &&Diagnosis| it.fix.is_some() && !tried.iter().any(|held| held.is_same(it));
    found.iter().filter(fresh).cloned().collect()
}

/// Asks whether to apply these fixes, first all together, and then each that may undo what somebody
/// wanted. Returns which of them may be applied.
fn agree(
    settings: &Settings,
    verb: &Doctor,
    chosen: &[Vec<Diagnosis>],
) -> Result<impl Fn(&Diagnosis) -> bool + use<>, Failed> {
    let (separate, together): (Vec<&Diagnosis>, Vec<&Diagnosis>) = chosen
        .iter()
        .flatten()
        .partition(|it| it.is_asked_separately());
    if !together.is_empty() {
        settings.confirm(verb.yes, &question(&together))?;
    }
    let mut declined = Vec::new();
    for diagnosis in separate {
        let id = diagnosis.fault.id;
        let is_allowed = verb.allow.iter().any(|allowed| allowed == id);
        let must_be_allowed = diagnosis.fix.is_some_and(Fix::must_be_allowed);
        if is_allowed || verb.yes && !must_be_allowed {
            continue;
        }
        if verb.yes {
            settings.progress.on(Event::Warning(format!(
                "{}: not changed, because --yes does not include this; add `--allow {id}` if nobody deactivated the key on purpose",
                diagnosis.subject
            )));
        } else {
            match settings.confirm(false, &question(&[diagnosis])) {
                Ok(()) => continue,
                Err(failed) if !std::io::stdin().is_terminal() => return Err(failed),
                Err(_) => {}
            }
        }
        declined.push(diagnosis.clone());
    }
    Ok(move |diagnosis: &Diagnosis| !declined.iter().any(|held| held.is_same(diagnosis)))
}

fn question(chosen: &[&Diagnosis]) -> String {
    let mut text = "This will:\n".to_owned();
    let mut listed = Vec::new();
    for diagnosis in chosen {
        let Some(fix) = diagnosis.fix else {
            continue;
        };
        let subject = match &diagnosis.secret {
            Some(secret) if fix != Fix::Revert => secret.to_string(),
            _ => diagnosis.subject.clone(),
        };
        if listed.contains(&(subject.clone(), fix)) {
            continue;
        }
        listed.push((subject.clone(), fix));
        let what = match fix {
            Fix::Restore => "restore the deleted secret",
            Fix::Recover => "make work again",
            Fix::ReplaceInactive => "replace the inactive key of",
            Fix::Resume => "complete the unfinished rotation of",
            Fix::Schedule => "set the rotation schedule of",
            Fix::Rotate => "rotate",
            Fix::Sweep => "run the function's sweep of",
            Fix::Replicate => "replicate",
            Fix::Revert => "restore",
        };
        let _ = writeln!(text, "  {what} {subject}: {}", visible(&diagnosis.evidence));
        if let Some(action) = &diagnosis.action {
            let _ = writeln!(text, "    this {action}");
        }
        if fix == Fix::ReplaceInactive {
            text.push_str("    Someone may have deactivated the key on purpose, for example because it leaked.\n");
        } else if diagnosis.is_asked_separately() {
            text.push_str("    Someone may have disabled rotation on purpose. The secret may rotate at once if its rotation is due.\n");
        }
    }
    text.push_str("Continue?");
    text
}
