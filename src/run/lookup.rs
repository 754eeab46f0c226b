//! Looks up the resources that the manifest names, and existing resources that conflict with those that
//! the stack will create.

use futures_util::{StreamExt, TryStreamExt, future, stream};

use super::error::Result;
use super::{CONCURRENCY, Context};
use crate::model::{Finding, Model};
use crate::plan::{self, Lookup, Observed, ObservedNetwork, Reference};
use crate::port;

/// Returns what is wrong with what the manifest names beside the entries' own credentials. Each
/// thing is looked up once.
///
/// # Errors
///
/// Returns the first call that failed. A call that is denied is a finding.
pub(super) async fn look_up_references(
    context: &Context<'_>,
    model: &Model,
    observed: &Observed<'_>,
) -> Result<Vec<Finding>> {
    let references = stream::iter(plan::references(model, observed))
        .map(async |reference| {
            let found = look_up(context, &reference).await?;
            Ok::<_, port::Error>((reference, found))
        })
        .buffered(CONCURRENCY)
        .try_collect::<Vec<_>>();
    let (found, network) = future::try_join(references, observe_network(context, model)).await?;
    let mut findings = plan::check_references(model, observed, &found);
    if let Some(network) = network {
        findings.extend(plan::check_network(&model.network, &network));
    }
    Ok(findings)
}

/// Looks up one thing, and returns its ARN or name.
async fn look_up(context: &Context<'_>, reference: &Reference) -> port::Result<Lookup<String>> {
    let cloud = context.cloud;
    let named = |name: &str, exists: port::Result<bool>| {
        Lookup::of(exists.map(|exists| exists.then(|| name.to_owned())))
    };
    match reference {
        Reference::ReadingRole(arn) => Lookup::of(cloud.role(last(arn)).await),
        Reference::ReadingUser(arn) => {
            let user = cloud.user(last(arn)).await;
            Lookup::of(user.map(|user| user.map(|user| user.arn)))
        }
        Reference::Boundary(arn) => named(arn, cloud.has_policy(arn).await),
        Reference::LogGroup(name) => named(
            name,
            cloud.log_group(name).await.map(|group| group.is_some()),
        ),
        Reference::Adapter(arn) => {
            let function = cloud.function_code(arn).await;
            named(arn, function.map(|function| function.is_some()))
        }
        Reference::Alias(name) => named(name, cloud.alias(name).await.map(|key| key.is_some())),
        Reference::UserPolicy { user, policy } => {
            // IAM may still show the policy that a teardown has just deleted.
            let began = context.clock.now();
            loop {
                let found = named(user, cloud.has_user_policy(user, policy).await)?;
                let stays = context.waited(began) >= context.pace.listing;
                if stays || !matches!(found, Lookup::Found(_)) {
                    return Ok(found);
                }
                context.wait().await;
            }
        }
    }
}

/// Returns the name of a user or role, which is what follows the path in its ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// Looks up the subnets and security groups of a function in a VPC, if there is one.
async fn observe_network(
    context: &Context<'_>,
    model: &Model,
) -> port::Result<Option<ObservedNetwork>> {
    if !model.has_function_in_vpc() {
        return Ok(None);
    }
    let network = &model.network;
    let (subnets, security_groups) = future::join(
        context.cloud.subnets(&network.subnets),
        context.cloud.security_groups(&network.security_groups),
    )
    .await;
    Ok(Some(ObservedNetwork {
        subnets: Lookup::of(subnets.map(Some))?,
        security_groups: Lookup::of(security_groups.map(Some))?,
    }))
}
