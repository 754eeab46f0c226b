//! The checks before anything changes.

use jiff::Timestamp;

use super::bucket::check_named;
use super::encrypt::check_encrypt;
use super::error::{Error, Result};
use super::import::{Imports, observe_imports};
use super::key_policy::check_key_policies;
use super::lookup::look_up_references;
use super::notify::check_targets;
use super::operation::{began_since, newest, settle};
use super::replica::check_replicas;
use super::{Context, guard_account, observe};
use crate::model::{Finding, Model};
use crate::plan::{self, Observed, ObservedEntry, OutstandingRotation, Preflight, Seeding};
use crate::port::{StackEvent, StackResource, Stage};

/// The account was observed, and nothing prevents the deployment.
#[derive(Clone, Debug)]
pub struct Cleared<'model> {
    /// The observed state.
    pub observed: Observed<'model>,
    /// What exists already and is imported into the stack.
    pub imports: Imports,
    /// The newest event of the stack before the observation, if there is one.
    pub(super) newest: Option<StackEvent>,
}

impl Cleared<'_> {
    /// Returns the first rotation of each entry that has never rotated, as a deployment with this
    /// intent leaves it.
    pub fn first_rotations(&self, intent: Preflight, now: Timestamp) -> Vec<OutstandingRotation> {
        let adopted = self.imports.adopted();
        let entries = self.observed.entries.iter();
        let first = entries.filter_map(|seen| {
            let adopts = adopted.contains(seen.entry().secret.as_str());
            plan::next_first_rotation(seen, intent, adopts, now)
        });
        first.collect()
    }
}

/// Observes the account, and refuses with all findings.
///
/// # Errors
///
/// Returns [`Error::Refused`] with the findings, including warnings, if one of them is an error.
pub async fn preflight<'model>(
    context: &Context<'_>,
    model: &'model Model,
    intent: Preflight,
) -> Result<Cleared<'model>> {
    context.stage(Stage::Checking);
    guard_account(context, model).await?;
    let name = model.deployed_name();
    loop {
        let settled = settle(context, name).await?;
        let before = newest(context, name).await?;
        let mut observed = observe_listed(context, model).await?;
        if settled.is_some() {
            observed.stack = settled.filter(|stack| !stack.status.is_deleted());
        }
        if is_deleted(before.as_ref(), &observed.resources) {
            observed.stack = None;
        }
        let mut findings = plan::check(model, &observed, intent, context.clock.now());
        findings.extend(check_named(context, model, &observed.caller.account).await?);
        findings.extend(check_encrypt(context, model, &observed).await?);
        findings.extend(check_key_policies(context, model, &observed).await?);
        findings.extend(check_replicas(context, &observed).await?);
        findings.extend(check_targets(context, model, &observed).await?);
        findings.extend(look_up_references(context, model, &observed).await?);
        let (imports, more) = observe_imports(context, model, &observed).await?;
        findings.extend(more);
        let is_refused = findings.iter().any(Finding::is_error);
        // What another command creates during the observation does not prevent the deployment, is
        // not left over from an earlier one, and is not lost.
        let is_lost = findings.iter().any(|finding| finding.kind == "lost-key");
        if (is_refused || is_lost || !imports.secrets.is_empty())
            && began_since(context, name, before.as_ref()).await?
        {
            continue;
        }
        if is_refused {
            return Err(Error::Refused(findings));
        }
        for warning in findings {
            let next = warning.hint.map(|hint| format!("; {hint}"));
            context.warn(format!(
                "{}: {}{}",
                warning.path,
                warning.message,
                next.unwrap_or_default()
            ));
        }
        return Ok(Cleared {
            observed,
            imports,
            newest: before,
        });
    }
}

/// Returns whether the stack was just deleted. `DescribeStacks` may still show it then, but its name
/// has no resources, and no events after that of its deletion. (The events of a stack that has not
/// changed for 90 days are gone too, but not its resources.)
pub(super) fn is_deleted(newest: Option<&StackEvent>, resources: &[StackResource]) -> bool {
    let ends = |event: &StackEvent| event.is_of_stack() && event.status == "DELETE_COMPLETE";
    let lists = |resource: &StackResource| !resource.status.starts_with("DELETE_");
    newest.is_none_or(ends) && !resources.iter().any(lists)
}

/// Observes the account until the lists of keys are reliable: they may not yet contain a key that
/// an interrupted run or a rotation has just created.
async fn observe_listed<'model>(
    context: &Context<'_>,
    model: &'model Model,
) -> Result<Observed<'model>> {
    let began = context.clock.now();
    let young = |since: Timestamp, now: Timestamp| {
        now >= since && now.duration_since(since).unsigned_abs() < context.pace.listing
    };
    loop {
        let observed = observe(context, model).await?;
        let now = context.clock.now();
        let unsure = observed.entries.iter().any(|seen| {
            let ObservedEntry::AccessKey(_, seen) = seen else {
                return false;
            };
            let lacks = seen.user.is_some() && seen.lost_key().is_some();
            let seeding = Seeding::of(seen);
            (lacks && young(began, now)) || seeding.is_some_and(|held| young(held.began, now))
        });
        if !unsure {
            return Ok(observed);
        }
        context.wait().await;
    }
}
