//! Deletes a secret.

use super::super::Context;
use super::super::error::Result;
use super::{Outcome, soft};
use crate::plan::{self, Item};
use crate::port::Deletion;

/// Deletes a secret by its ARN, which distinguishes it from another secret with the same name.
pub(super) async fn delete(
    context: &Context<'_>,
    secret: String,
    arn: &str,
    deletion: Deletion,
) -> Result<Outcome> {
    let until = match soft(context.cloud.delete_secret(arn, deletion).await)? {
        Ok(until) => until,
        // Another command may have been faster.
        Err(_) if awaits_deletion(context, arn).await? => {
            return Ok(Outcome::Deleted(plan::scheduled(&secret)));
        }
        Err(reason) => {
            let note = Some(format!("cannot delete it: {reason}"));
            return Ok(Outcome::Left(Item::new("secret", secret, note)));
        }
    };
    let note = match (deletion, until) {
        (Deletion::Window(_), Some(until)) => Some(format!(
            "can be restored until {}: aws secretsmanager restore-secret --secret-id {secret}",
            until.strftime("%Y-%m-%d %H:%M UTC")
        )),
        _ => None,
    };
    Ok(Outcome::Deleted(Item::new("secret", secret, note)))
}

/// Returns whether a secret is scheduled for deletion.
pub(super) async fn awaits_deletion(context: &Context<'_>, arn: &str) -> Result<bool> {
    let secret = soft(context.cloud.secret(arn).await)?.ok().flatten();
    Ok(secret.is_some_and(|secret| secret.deleted.is_some()))
}
