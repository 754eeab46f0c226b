//! `keyrota teardown`.

use std::fmt::Write as _;

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::plan::{Step, TeardownOptions, TeardownPlan};
use crate::port::Deletion;
use crate::run::{self, TeardownReport};

/// Take everything down, and lose nothing by accident
///
/// Secrets go with a window in which they can be restored. A user that was
/// there before keeps its current key; a user that the stack made goes with all
/// its keys. Repeatable.
#[derive(Args, Debug)]
pub(super) struct Teardown {
    /// Days in which a deleted secret can be restored
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(7..=30))]
    recovery_window: u32,
    /// Delete secrets at once and for good
    #[arg(long, conflicts_with = "recovery_window")]
    force_delete_secrets: bool,
    /// Delete no key; a user of the stack's own then stays too
    #[arg(long)]
    keep_keys: bool,
    /// Delete the current keys of users that were there before, too
    #[arg(long, conflicts_with = "keep_keys")]
    delete_keys: bool,
    /// Go on without a question
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, verb: &Teardown) -> Result<Exit, Failed> {
    let stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    let options = TeardownOptions {
        deletion: match verb.force_delete_secrets {
            true => Deletion::Forced,
            false => Deletion::Window(verb.recovery_window),
        },
        keep_keys: verb.keep_keys,
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
            // What nobody but keyrota reads.
            Step::ForgetMark { .. } => Ok(()),
            Step::DeleteStack { stack, .. } => writeln!(text, "  delete the stack {stack}"),
            Step::DeleteSecret {
                secret,
                deletion: Deletion::Window(days),
                ..
            } => {
                writeln!(
                    text,
                    "  delete the secret {secret}, restorable for {days} days"
                )
            }
            Step::DeleteSecret {
                secret,
                deletion: Deletion::Forced,
                ..
            } => {
                writeln!(text, "  delete the secret {secret} for good")
            }
            Step::DeleteEncryptionKey { id, days } => {
                writeln!(text, "  delete the KMS key {id} in {days} days")
            }
        };
    }
    text.push_str("Go on?");
    text
}
