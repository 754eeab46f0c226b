//! Deletes an access key.

use std::collections::BTreeSet;

use super::super::Context;
use super::super::error::Result;
use super::super::proof::prove_stored;
use super::Outcome;
use crate::model::{Content, Credential, Model};
use crate::plan::{self, Check, Item};
use crate::port::{CURRENT, ErrorKind, Optional};

/// The type of an access key in a report.
const ACCESS_KEY: &str = "access key";

/// Deletes a key, if its conditions hold.
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
        Ok(Outcome::Left(Item::new(ACCESS_KEY, id, Some(note))))
    };
    if let Some(check) = check {
        let refusal = match check.unless_current {
            true => match context.cloud.value(&check.secret, CURRENT).await.optional() {
                Ok(value) => {
                    let value = value.flatten();
                    let value = value.map(|value| Credential::read(&value.text, &check.names));
                    if matches!(value, Some(Content::Complete(held)) if held.accesskey == id) {
                        context.warn(format!(
                            "kept the key {id} of {user}, which is now the current key"
                        ));
                        return Ok(Outcome::Done);
                    }
                    None
                }
                // The value of a secret that is scheduled for deletion cannot be read.
                Err(error) if error.kind == ErrorKind::Conflict => Some(error.to_string()),
                Err(error) => return Err(error.into()),
            },
            false => None,
        };
        let refusal = match (refusal, &check.proof) {
            (None, Some(proof)) => prove_stored(context, &check.secret, &check.names, proof)
                .await?
                .err(),
            (refusal, _) => refusal,
        };
        if let Some(reason) = refusal {
            // Another command may have deleted it, or its secret, in the meantime.
            let keys = context.cloud.keys(user).await.optional()?;
            if !keys.unwrap_or_default().iter().any(|key| key.id == id) {
                return Ok(Outcome::Done);
            }
            return left(id, reason);
        }
    }
    // A version can name a key that no longer exists, and another command may have deleted it.
    if !context.cloud.delete_key(user, &id).await? {
        return Ok(Outcome::Done);
    }
    Ok(Outcome::Deleted(Item::new(
        ACCESS_KEY,
        id,
        Some(format!("of user {user}, deleted")),
    )))
}

/// Removes the keys from what is left over that another command has deleted in the meantime. Its
/// proof that such a key is the stack's counts as a use of the key.
pub(super) async fn forget_gone(
    context: &Context<'_>,
    model: &Model,
    left_over: &mut Vec<Item>,
) -> Result<()> {
    if !left_over.iter().any(|item| item.kind == ACCESS_KEY) {
        return Ok(());
    }
    let mut there = BTreeSet::new();
    for entry in model.access_keys() {
        let keys = context.cloud.keys(entry.kind.user.as_str()).await;
        let keys = keys.optional()?.unwrap_or_default();
        there.extend(keys.into_iter().map(|key| key.id));
    }
    let stays = |item: &Item| {
        item.kind != ACCESS_KEY || item.name == plan::UNKNOWN_KEY || there.contains(&item.name)
    };
    left_over.retain(stays);
    Ok(())
}
