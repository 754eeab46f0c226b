//! The targets in `notify`.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{AccountId, EventTarget, Finding, Model, Region, TargetKind};
use crate::plan::{self, CheckedTarget, Lookup, Observed, ObservedTarget, RuleOrigin};
use crate::port;

/// Returns what is wrong with the targets in `notify`, each of which is looked up once.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub(super) async fn check_targets(
    context: &Context<'_>,
    model: &Model,
    observed: &Observed<'_>,
) -> Result<Vec<Finding>> {
    let (Ok(account), Ok(region)) = (
        AccountId::parse(&observed.caller.account),
        Region::parse(context.region),
    ) else {
        return Ok(Vec::new());
    };
    let (targets, mut findings) = plan::targets(model, &account, &region);
    let origin = RuleOrigin {
        account: &account,
        region: &region,
        resources: &observed.resources,
    };
    let seen = observe_all(context, targets).await?;
    findings.extend({ seen.iter() }.flat_map(|seen| plan::check_target(model, origin, seen)));
    Ok(findings)
}

/// Returns the targets in `notify` of a deployed stack with what is wrong with them now. Warns of what
/// cannot be known about one.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub(super) async fn check_deployed_targets<'model>(
    context: &Context<'_>,
    model: &'model Model,
    deployed: &Deployed,
) -> Result<Vec<CheckedTarget<'model>>> {
    // The ID of a stack is its ARN.
    let account = deployed.stack.id.split(':').nth(4);
    let account = account.and_then(|account| AccountId::parse(account).ok());
    let (Some(account), Ok(region)) = (account, Region::parse(context.region)) else {
        return Ok(Vec::new());
    };
    // A deployment refuses the others.
    let (targets, _) = plan::targets(model, &account, &region);
    let origin = RuleOrigin {
        account: &account,
        region: &region,
        resources: &deployed.resources,
    };
    let seen = observe_all(context, targets).await?.into_iter();
    let checked: Vec<CheckedTarget<'model>> = seen
        .map(|seen| CheckedTarget {
            findings: plan::check_target(model, origin, &seen),
            seen,
        })
        .collect();
    for unknown in checked.iter().flat_map(CheckedTarget::unknown) {
        context.warn(format!("{}: {}", unknown.path, unknown.message));
    }
    Ok(checked)
}

async fn observe_all<'model>(
    context: &Context<'_>,
    targets: Vec<&'model EventTarget>,
) -> Result<Vec<ObservedTarget<'model>>> {
    let seen = stream::iter(targets).map(|target| observe(context, target));
    Ok(seen.buffered(CONCURRENCY).try_collect().await?)
}

async fn observe<'model>(
    context: &Context<'_>,
    target: &'model EventTarget,
) -> port::Result<ObservedTarget<'model>> {
    let cloud = context.cloud;
    let arn = target.arn.as_str();
    let exists = |found: bool| found.then_some(None);
    let found = match target.kind {
        TargetKind::Topic => cloud.topic(arn).await.map(|found| found.map(Some)),
        TargetKind::Queue | TargetKind::FifoQueue => {
            let queue = cloud.queue(target.name()).await;
            queue.map(|found| found.map(Some))
        }
        TargetKind::Function => {
            let function = cloud.function_code(arn).await;
            function.map(|found| exists(found.is_some()))
        }
        TargetKind::Bus => cloud.has_event_bus(target.name()).await.map(exists),
    };
    let found = Lookup::of(found)?;
    let key = match &found {
        Lookup::Found(Some(receiver)) => plan::readable_key(receiver),
        _ => None,
    };
    let key_policy = match key {
        Some(key) => Some(Lookup::of(cloud.key_policy(key).await)?),
        None => None,
    };
    Ok(ObservedTarget {
        target,
        found,
        key_policy,
    })
}
