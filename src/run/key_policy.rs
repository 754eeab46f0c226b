//! The key policies of the keys in `kms_key`.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::error::Result;
use super::{CONCURRENCY, Context};
use crate::model::{AccountId, Arn, Finding, KmsKey, Model, Region, SecretName};
use crate::plan::{self, Lookup, Observed, ObservedKeyPolicy};
use crate::port;

/// Returns what is wrong with the key policies. Those of other accounts cannot be read from here.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub(super) async fn check_key_policies(
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
    let roles: Vec<&str> = observed
        .resources
        .iter()
        .filter(|one| one.kind == "AWS::IAM::Role")
        .map(|one| one.physical_id.as_str())
        .collect();
    let seen: Vec<ObservedKeyPolicy<'_>> = stream::iter(keys(model, account.as_str()))
        .map(async |(arn, secrets)| {
            let policy = Lookup::of(context.cloud.key_policy(arn.as_str()).await)?;
            Ok::<_, port::Error>(ObservedKeyPolicy {
                arn,
                secrets,
                policy,
            })
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let check = |seen| plan::check_key_policy(&account, &region, &roles, seen);
    Ok(seen.iter().filter_map(check).collect())
}

/// Returns the keys of an account that entries name, each with their secrets.
fn keys<'model>(
    model: &'model Model,
    account: &str,
) -> BTreeMap<&'model Arn, Vec<&'model SecretName>> {
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in &model.entries {
        match &entry.kms_key {
            KmsKey::Existing(arn) if arn.parts()[3] == account => {
                keys.entry(arn).or_default().push(&entry.secret);
            }
            _ => {}
        }
    }
    keys
}
