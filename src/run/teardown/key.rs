//! The deletion of an access key.

use super::super::Context;
use super::super::error::Result;
use super::super::proof::prove_stored;
use super::Outcome;
use crate::model::{Content, Credential};
use crate::plan::{self, Check, Item};
use crate::port::{CURRENT, Optional};

/// Deletes a key, where what has to hold of it does.
pub(super) async fn delete(
    context: &Context<'_>,
    user: &str,
    id: String,
    check: Option<Check>,
) -> Result<Outcome> {
    let left = |id: String, reason: String| {
        let command = plan::deletion_of(user, &id);
        let note =
            format!("of user {user}: not deleted, because {reason}; to delete it: {command}");
        Ok(Outcome::Left(Item::new("access key", id, Some(note))))
    };
    if let Some(check) = check {
        if check.unless_current
            && let Some(value) = context
                .cloud
                .value(&check.secret, CURRENT)
                .await
                .optional()?
                .flatten()
            && matches!(Credential::read(&value.text), Content::Complete(held) if held.accesskey == id)
        {
            context.warn(format!(
                "kept the key {id} of {user}, which is now the current key"
            ));
            return Ok(Outcome::Done);
        }
        if let Some(proof) = &check.proof
            && let Err(reason) = prove_stored(context, &check.secret, proof).await?
        {
            return left(id, reason);
        }
    }
    context.cloud.delete_key(user, &id).await?;
    Ok(Outcome::Deleted(Item::new(
        "access key",
        id,
        Some(format!("of user {user}, deleted")),
    )))
}
