//! Moves AWSCURRENT from one version to another.

use super::Context;
use super::error::Result;
use crate::port::{CURRENT, PENDING, Secret};

/// The versions between which AWSCURRENT moves.
pub(super) struct Swap {
    /// The version that has AWSCURRENT.
    pub(super) current: String,
    /// The version that receives it.
    pub(super) next: String,
    /// Whether AWSPENDING is still on the current version, which Secrets Manager permits at the end
    /// of a rotation. If it stayed there, Secrets Manager would resume the rotation as unfinished,
    /// and the function would move AWSCURRENT back.
    trailing: bool,
}

impl Swap {
    /// Returns the move of AWSCURRENT to a version, or `None` if no version has it.
    pub(super) fn to(secret: &Secret, next: &str) -> Option<Self> {
        let current = secret.version_with(CURRENT)?.to_owned();
        Some(Self {
            trailing: secret.version_with(PENDING) == Some(&current),
            current,
            next: next.to_owned(),
        })
    }
}

/// Moves AWSCURRENT. Secrets Manager moves AWSPREVIOUS (`API_UpdateSecretVersionStage`).
pub(super) async fn make_current(context: &Context<'_>, arn: &str, swap: &Swap) -> Result<()> {
    let Swap {
        current,
        next,
        trailing,
    } = swap;
    let cloud = context.cloud;
    if *trailing {
        let taken = cloud.move_label(arn, PENDING, Some(current), None);
        taken.await?;
    }
    let moved = cloud.move_label(arn, CURRENT, Some(current), Some(next));
    let Err(error) = moved.await else {
        return Ok(());
    };
    // The label may have moved although the response was lost.
    let secret = cloud.secret(arn).await?;
    match secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(next)) {
        true => Ok(()),
        false => Err(error.into()),
    }
}
