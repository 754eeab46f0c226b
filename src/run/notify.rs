//! The targets in `notify`.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context};
use crate::model::{AccountId, EventTarget, Finding, Model, Region, TargetKind};
use crate::plan::{self, Lookup, Observed, ObservedTarget, RuleOrigin};
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
    let seen: Vec<ObservedTarget<'_>> = stream::iter(targets)
        .map(|target| observe(context, target))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    findings.extend({ seen.iter() }.flat_map(|seen| plan::check_target(model, origin, seen)));
    Ok(findings)
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
