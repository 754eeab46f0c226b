//! Puts a new key into AWSCURRENT.
//!
//! The caller's credentials create it, for every `rotate_as`: under AWS's quarantine the
//! user itself may not create one, and the response must not depend on a function that may be broken.

use super::super::error::{Error, Result};
use super::super::new_key::{KeyReplacement, KeySource, origin, replace_key};
use super::super::rotate::abandon_key_rotation;
use super::super::{Context, Deployed};
use super::assess::LeakAssessment;
use crate::model::Model;
use crate::plan::ObservedAccessKey;

/// Puts a new key into AWSCURRENT, unless another command has done so since `seen`.
pub(super) async fn replace(
    context: &Context<'_>,
    deployed: &Deployed,
    assessment: &LeakAssessment<'_>,
    seen: &ObservedAccessKey,
) -> Result<()> {
    let LeakAssessment { entry, arn, .. } = assessment;
    let current = seen.credential();
    // The administrator's secret makes no difference for this key.
    let held = current.and_then(|current| current.secretarn.clone());
    let origin = origin(*entry, seen, arn).or_else(|reason| held.ok_or(reason));
    let origin = origin.map_err(|reason| Error::NotReplaced {
        secret: entry.secret.to_string(),
        reason,
    })?;
    let replacement = KeyReplacement {
        arn,
        origin: &origin,
        replaced: current.map(|current| &current.accesskey),
        source: KeySource::Replacement,
        // What had to make room is gone.
        accepted: &[],
    };
    let made = replace_key(context, deployed, *entry, replacement).await;
    made.map(drop)
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
        Some(version) => {
            abandon_key_rotation(context, model, deployed, assessment.entry, version).await
        }
        None => Ok(()),
    }
}
