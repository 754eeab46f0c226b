//! `keyrota teardown`.

use std::fmt::Write as _;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::plan::{self, Step, TeardownOptions, TeardownPlan};
use crate::port::Deletion;
use crate::run::{self, TeardownReport};

/// Delete the stack, its secrets, and the keys that it created
///
/// Deleted secrets can be restored during the recovery window. A user that existed
/// before keeps its current key. A user that the stack created is deleted with all its
/// keys, and a database user that it created is dropped unless it owns objects. The result lists what was retained and what is left over. The command is
/// idempotent.
#[derive(Args, Debug)]
pub(super) struct Teardown {
    /// Number of days in which deleted secrets can be restored, 7 to 30
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(7..=30))]
    recovery_window: u32,
    /// Delete secrets immediately, without a recovery window
    #[arg(long, conflicts_with = "recovery_window")]
    force_delete_secrets: bool,
    /// Keep all access keys, and the users that the stack created
    #[arg(long)]
    keep_keys: bool,
    /// Keep the IAM users and the database users that the stack created, with their current credentials
    #[arg(long)]
    keep_users: bool,
    /// Also delete the current keys of users that existed before
    #[arg(long, conflicts_with = "keep_keys")]
    delete_keys: bool,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Teardown) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let options = TeardownOptions {
        deletion: match verb.force_delete_secrets {
            true => Deletion::Forced,
            false => Deletion::Window(verb.recovery_window),
        },
        keep_keys: verb.keep_keys,
        keep_users: verb.keep_users,
        delete_keys: verb.delete_keys,
    };
    let mut plans = Vec::new();
    for model in stacks.fleet.models() {
        plans.push(run::observe_teardown(&context, model, options).await?);
    }
    if plans.iter().any(|plan| !plan.steps.is_empty()) {
        settings.confirm(verb.yes, &question(&plans))?;
    }
    let mut report = TeardownReport::default();
    for (model, plan) in stacks.fleet.models().zip(plans) {
        report.extend(run::teardown(&context, model, plan, options).await?);
    }
    settings.progress.finish();
    settings.view.show(&report);
    Ok(Exit::Done)
}

fn question(plans: &[TeardownPlan]) -> String {
    let mut text = "This will:\n".to_owned();
    for step in plans.iter().flat_map(|plan| &plan.steps) {
        let _ = match step {
            Step::CancelRotation { secret, .. } => {
                writeln!(text, "  cancel the rotation of {secret}")
            }
            Step::DeleteKey { user, id, .. } => writeln!(text, "  delete the key {id} of {user}"),
            // Only keyrota reads these records.
            Step::ForgetMark { .. } => Ok(()),
            Step::AllowSessions { user } => writeln!(
                text,
                "  delete the policy of {user} that denies sessions, if it has one"
            ),
            Step::DropUser { user, .. } => writeln!(
                text,
                "  drop the database user {user}, unless it owns objects"
            ),
            Step::DeleteStack { stack, .. } => writeln!(text, "  delete the stack {stack}"),
            Step::RemoveReplica { secret, region, .. } => writeln!(
                text,
                "  delete the replica of {secret} in {region} permanently"
            ),
            Step::DeleteSecret {
                secret,
                deletion: Deletion::Window(days),
                ..
            } => {
                writeln!(
                    text,
                    "  delete the secret {secret}, which can be restored for {days} days"
                )
            }
            Step::DeleteSecret {
                secret,
                deletion: Deletion::Forced,
                ..
            } => {
                writeln!(text, "  delete the secret {secret} permanently")
            }
            Step::DeleteEncryptionKey { id, days, .. } => {
                writeln!(text, "  delete the KMS key {id} in {days} days")
            }
        };
    }
    for item in plans.iter().flat_map(|plan| &plan.left_over) {
        let note = item.note.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  leave the {} {}: {note}", item.kind, item.name);
    }
    // The stack is gone after this teardown, so a later one cannot prove whose key it is.
    if let Some(known) = plans.iter().filter_map(|plan| plan.uses_known).max() {
        let _ = writeln!(
            text,
            "To have keyrota delete the replaced keys that no client uses, answer no, and run `keyrota teardown` after {}. With --delete-keys it deletes them now, and the current keys too.",
            plan::minute_after(known)
        );
    }
    text.push_str("Continue?");
    text
}
