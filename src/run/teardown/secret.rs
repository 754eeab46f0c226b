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

/// Deletes the replica of a secret in a Region, and waits until Secrets Manager no longer lists it:
/// until then, it refuses to delete the secret.
pub(super) async fn remove_replica(
    context: &Context<'_>,
    secret: &str,
    arn: &str,
    region: &str,
) -> Result<Outcome> {
    let name = format!("{secret} in {region}");
    let removed = soft(context.cloud.remove_replica(arn, region).await)?;
    let began = context.clock.now();
    loop {
        let now = soft(context.cloud.secret(arn).await)?.ok().flatten();
        let stays = now.is_some_and(|now| now.replica_in(region).is_some());
        match (&removed, stays) {
            // Another command may have been faster.
            (_, false) => {
                let note = "a replica has no recovery window".to_owned();
                return Ok(Outcome::Deleted(Item::new("replica", name, Some(note))));
            }
            (Err(reason), true) => {
                let note = Some(format!("cannot delete it: {reason}"));
                return Ok(Outcome::Left(Item::new("replica", name, note)));
            }
            (Ok(()), true) if context.waited(began) >= context.pace.trial => {
                let note = Some("Secrets Manager has not deleted it yet".to_owned());
                return Ok(Outcome::Left(Item::new("replica", name, note)));
            }
            (Ok(()), true) => context.wait().await,
        }
    }
}

/// Returns whether a secret is scheduled for deletion.
pub(super) async fn awaits_deletion(context: &Context<'_>, arn: &str) -> Result<bool> {
    let secret = soft(context.cloud.secret(arn).await)?.ok().flatten();
    Ok(secret.is_some_and(|secret| secret.deleted.is_some()))
}
