//! Puts a new key into AWSCURRENT.

use super::super::error::Result;
use super::super::rotate::give_up_key;
use super::super::{Context, Deployed, rotate_since};
use super::assess::LeakAssessment;
use crate::model::Model;
use crate::plan::{ObservedAccessKey, ObservedEntry};
use crate::port::CURRENT;

/// Puts a new key into AWSCURRENT, unless another command has done so since `seen`.
pub(super) async fn replace(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    assessment: &LeakAssessment<'_>,
    seen: &ObservedAccessKey,
) -> Result<()> {
    let since = seen.secret.as_ref();
    let since = since.and_then(|held| held.secret.version_with(CURRENT));
    let entry = ObservedEntry::AccessKey(assessment.entry, Box::new(seen.clone()));
    rotate_since(context, model, deployed, &entry, since).await?;
    Ok(())
}

/// Abandons the unfinished rotation, with the key that it created.
pub(super) async fn abandon(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    assessment: &LeakAssessment<'_>,
    seen: &ObservedAccessKey,
) -> Result<()> {
    let secret = seen.secret.as_ref();
    match secret.and_then(|held| held.secret.unfinished()) {
        Some(version) => give_up_key(context, model, deployed, assessment.entry, version).await,
        None => Ok(()),
    }
}
