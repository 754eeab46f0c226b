//! The keys in `encrypt`.

use futures_util::future;

use super::Context;
use super::error::Result;
use crate::model::{AccountId, Arn, Finding, Model, Region};
use crate::plan::{self, Lookup, Observed, ObservedServiceKey};
use crate::port::StackResource;
use crate::render::SERVICE_KEY;

/// Returns what is wrong with the keys in `encrypt`: those that the manifest names, and the one
/// that the stack has made.
///
/// # Errors
///
/// Returns a call that failed for another reason than a missing permission.
pub(super) async fn check_encrypt(
    context: &Context<'_>,
    model: &Model,
    observed: &Observed<'_>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let account = AccountId::parse(&observed.caller.account);
    let region = Region::parse(context.region);
    for (arn, fields) in named(model) {
        let field = fields.first().copied().unwrap_or_default();
        if let Some(elsewhere) = plan::check_service_key_region(arn, field, context.region) {
            findings.push(elsewhere);
            continue;
        }
        let seen = observe(context, arn, fields).await?;
        if let (Ok(account), Ok(region)) = (&account, &region) {
            findings.extend(plan::check_service_key(model, account, region, &seen));
        }
    }
    findings.extend(check_own(context, model, observed).await?);
    Ok(findings)
}

/// Returns each key that the manifest names, with the fields that name it.
fn named(model: &Model) -> Vec<(&Arn, Vec<&'static str>)> {
    let mut named: Vec<(&Arn, Vec<&'static str>)> = Vec::new();
    for (field, key) in model.encrypt.keys() {
        let Some(arn) = key.existing() else {
            continue;
        };
        match named.iter_mut().find(|(held, _)| *held == arn) {
            Some((_, fields)) => fields.push(field),
            None => named.push((arn, vec![field])),
        }
    }
    named
}

async fn observe<'model>(
    context: &Context<'_>,
    arn: &'model Arn,
    fields: Vec<&'static str>,
) -> Result<ObservedServiceKey<'model>> {
    // The environment needs no statement in the key policy.
    let reads = fields.iter().any(|field| *field != "environment");
    let policy = async {
        match reads {
            true => Lookup::of(context.cloud.key_policy(arn.as_str()).await).map(Some),
            false => Ok(None),
        }
    };
    let key = async { Lookup::of(context.cloud.encryption_key(arn.as_str()).await) };
    let (key, policy) = future::try_join(key, policy).await?;
    Ok(ObservedServiceKey {
        arn,
        fields,
        key,
        policy,
    })
}

/// Looks at the key that the stack has made for AWS services. It may await its deletion after
/// a teardown that was interrupted.
async fn check_own(
    context: &Context<'_>,
    model: &Model,
    observed: &Observed<'_>,
) -> Result<Option<Finding>> {
    let stays = |one: &&StackResource| {
        let gone = ["DELETE_", "CREATE_F"];
        !one.physical_id.is_empty() && !gone.iter().any(|status| one.status.starts_with(status))
    };
    let mut own = observed.resources.iter().filter(stays);
    let own = own.find(|one| one.logical_id == SERVICE_KEY && one.kind == "AWS::KMS::Key");
    let Some(own) = own.filter(|_| model.encrypt.creates()) else {
        return Ok(None);
    };
    let id = own.physical_id.as_str();
    let key = Lookup::of(context.cloud.encryption_key(id).await)?;
    Ok(plan::check_own_service_key(id, &key))
}
