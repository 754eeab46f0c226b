//! The replicas of secrets in other Regions.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context};
use crate::model::{Entry, Finding, Region, Replica};
use crate::plan::{self, Lookup, Observed, ObservedReplica};
use crate::port::{Error, ErrorKind, ReplicaState, Secret};

/// Returns what is wrong with the replicas of the manifest.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission, or a Region that does
/// not answer.
pub(super) async fn check_replicas(
    context: &Context<'_>,
    observed: &Observed<'_>,
) -> Result<Vec<Finding>> {
    let own_region = Region::parse(context.region);
    let mut all: Vec<(&Entry, Option<&Secret>, &Replica)> = Vec::new();
    let mut findings = Vec::new();
    for seen in &observed.entries {
        let entry = seen.entry();
        for replica in &entry.replicas {
            let region = own_region.as_ref().ok();
            let refused =
                region.and_then(|region| plan::check_replica_region(entry, replica, region));
            match refused {
                Some(finding) => findings.push(finding),
                None => all.push((entry, seen.secret(), replica)),
            }
        }
    }
    let found: Vec<Vec<Finding>> = stream::iter(all)
        .map(async |(entry, own, replica)| {
            let seen = observe(context, entry, own, replica).await?;
            Ok::<_, Error>(plan::check_replica(entry, own, &seen))
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    findings.extend(found.into_iter().flatten());
    Ok(findings)
}

async fn observe<'model>(
    context: &Context<'_>,
    entry: &Entry,
    own: Option<&Secret>,
    replica: &'model Replica,
) -> std::result::Result<ObservedReplica<'model>, Error> {
    let region = replica.region.as_str();
    let held = own.and_then(|own| own.replica_in(region));
    // A replica that failed may have failed because of its name.
    let exists = held.is_some_and(|held| held.state != ReplicaState::Failed);
    let namesake = match exists {
        true => None,
        false => {
            let name = entry.secret.as_str();
            Some(Lookup::of(context.cloud.secret_in(region, name).await))
        }
    };
    let key = match &replica.kms_key {
        Some(arn) => Some(Lookup::of(
            context.cloud.encryption_key(arn.as_str()).await,
        )?),
        None => None,
    };
    Ok(ObservedReplica {
        replica,
        namesake: match namesake {
            Some(Err(error)) if !is_of_region(&error) => return Err(error),
            other => other.filter(|found| !is_own(own, held.is_some(), found)),
        },
        key,
    })
}

/// Returns whether an error says that the Region cannot be used, or is none.
fn is_of_region(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Credentials | ErrorKind::Unavailable)
}

/// Returns whether what was found is the replica itself, which failed.
fn is_own(
    own: Option<&Secret>,
    is_listed: bool,
    found: &std::result::Result<Lookup<Secret>, Error>,
) -> bool {
    let (Some(own), Ok(Lookup::Found(there))) = (own, found) else {
        return false;
    };
    let region = there.arn.split(':').nth(3).unwrap_or_default();
    is_listed && there.primary_elsewhere().is_some() && own.arn_in(region) == there.arn
}

/// Replicates a secret to the Regions in which its replica failed or is missing.
///
/// # Errors
///
/// Returns the first call that was refused.
pub(super) async fn replicate(context: &Context<'_>, entry: &Entry, secret: &Secret) -> Result<()> {
    for replica in &entry.replicas {
        let held = secret.replica_in(replica.region.as_str());
        if held.is_some_and(|held| held.state != ReplicaState::Failed) {
            continue;
        }
        let key = replica.kms_key.as_ref().map(|arn| arn.as_str());
        let region = replica.region.as_str();
        context.cloud.replicate(&secret.arn, region, key).await?;
        context.done(format!("{}: replicated to {region}", secret.name));
    }
    Ok(())
}
