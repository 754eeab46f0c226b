//! Looks directly at what CloudFormation does not compare.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::error::Result;
use super::super::{CONCURRENCY, Context};
use crate::plan::Lookup;
use crate::plan::drift::{
    ALIAS, DeployedTemplate, DirectLooks, FUNCTION, KMS_KEY, LOG_GROUP, PERMISSION, SECRET,
    SECRET_POLICY, SUBSCRIPTION, TOPIC_POLICY, topics,
};
use crate::port;

/// Looks at what CloudFormation does not compare, or compares in part.
pub(super) async fn look(
    context: &Context<'_>,
    template: &DeployedTemplate<'_>,
) -> Result<DirectLooks> {
    let cloud = context.cloud;
    let physical = |kind: &str| -> BTreeSet<String> {
        let held = template.of_kind(kind);
        held.map(|resource| resource.physical_id.to_owned())
            .collect()
    };
    let permissions = template.of_kind(PERMISSION);
    let functions = permissions.filter_map(|permission| template.text(permission, "FunctionName"));
    let policies = template.of_kind(TOPIC_POLICY);
    let topics = policies.flat_map(|policy| topics(template, policy));
    let mut subscriptions = physical(SUBSCRIPTION);
    subscriptions.retain(|id| id.starts_with("arn:"));
    let readable = template.of_kind(SECRET_POLICY);
    let readable = readable.filter_map(|policy| template.text(policy, "SecretId"));
    Ok(DirectLooks {
        secrets: each(physical(SECRET), async |id| cloud.secret(id).await).await?,
        function_policies: each(functions.collect(), async |id| {
            cloud.function_policy(id).await
        })
        .await?,
        topic_policies: each(topics.collect(), async |id| cloud.topic_policy(id).await).await?,
        keys: each(physical(KMS_KEY), async |id| cloud.encryption_key(id).await).await?,
        aliases: each(physical(ALIAS), async |id| cloud.alias(id).await).await?,
        subscriptions: each(subscriptions, async |id| cloud.subscription(id).await).await?,
        secret_policies: each(readable.collect(), async |id| {
            cloud.resource_policy(id).await
        })
        .await?,
        codes: each(physical(FUNCTION), async |id| cloud.function_code(id).await).await?,
        log_groups: each(physical(LOG_GROUP), async |id| cloud.log_group(id).await).await?,
    })
}

async fn each<T>(
    ids: BTreeSet<String>,
    look: impl AsyncFn(&str) -> port::Result<Option<T>>,
) -> Result<BTreeMap<String, Lookup<T>>> {
    let look = &look;
    let found = stream::iter(ids)
        .map(|id| async move {
            let found = Lookup::of(look(&id).await)?;
            Ok::<_, port::Error>((id, found))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(found)
}
