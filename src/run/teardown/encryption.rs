//! Deletes the KMS keys that the stack created.

use std::collections::BTreeSet;

use super::super::Context;
use super::super::error::Result;
use super::{Outcome, soft};
use crate::model::{KmsKey, Model};
use crate::plan::{self, Evidence, Item, STACK_ID_TAG, Subjects};
use crate::port::Optional;

/// The KMS keys that the stack's secrets refer to.
#[derive(Default)]
pub(super) struct EncryptionKeys {
    /// Those that the stack created and that are not scheduled for deletion.
    pub(super) ours: Vec<String>,
    /// Those whose owner is unknown.
    pub(super) unseen: Vec<Item>,
}

/// Returns the KMS keys that the stack created and that are not scheduled for deletion. A secret
/// may refer to a key, but only the stack's own list of resources proves that the key is the
/// stack's.
pub(super) async fn observe(
    context: &Context<'_>,
    model: &Model,
    evidence: &Evidence<'_>,
    subjects: &Subjects<'_>,
) -> Result<EncryptionKeys> {
    let existing: BTreeSet<&str> = model
        .entries
        .iter()
        .filter_map(|entry| match &entry.kms_key {
            KmsKey::Existing(arn) => Some(arn.as_str()),
            KmsKey::AwsManaged | KmsKey::Create => None,
        })
        .collect();
    let listed = evidence.listed_keys();
    let used = subjects.ours().filter_map(|secret| {
        let key = secret.kms_key.as_deref()?;
        let own = !key.contains("alias/") && !existing.contains(key);
        own.then_some((key, secret.tags.get(STACK_ID_TAG)))
    });
    let mut found = EncryptionKeys::default();
    let mut known: Vec<&str> = Vec::new();
    for (id, stack) in listed.map(|id| (id, None)).chain(used) {
        if known.iter().any(|known| plan::same_key(known, id)) {
            continue;
        }
        known.push(id);
        // A principal that may write the secret can make it refer to any key.
        let made = match (evidence.lists_key(id), stack) {
            (true, _) => Ok(true),
            (false, Some(stack)) if !evidence.is_deployed() => {
                deleted_stack_made(context, stack, id).await?
            }
            (false, _) => Ok(false),
        };
        match made {
            Ok(true) if stays(context, id).await? => found.ours.push(id.to_owned()),
            Ok(_) => {}
            Err(reason) => {
                let note = format!(
                    "it encrypts a secret of the stack, but nothing proves that the stack created it, so it was not touched: {reason}"
                );
                found.unseen.push(Item::new("KMS key", id, Some(note)));
            }
        }
    }
    Ok(found)
}

/// Returns whether a deleted stack created a KMS key, or why that is unknown.
///
/// The ID comes from the tag that only AWS writes, which secrets have and KMS keys do not
/// (cloudformation-coverage-roadmap#2077). CloudFormation lists the resources of a deleted stack
/// for 90 days (`API_ListStackResources`).
async fn deleted_stack_made(
    context: &Context<'_>,
    stack: &str,
    id: &str,
) -> Result<std::result::Result<bool, String>> {
    let listed = soft(context.cloud.resources(stack).await)?;
    Ok(listed.and_then(|listed| match listed.is_empty() {
        true => Err("CloudFormation no longer lists the resources of the deleted stack".to_owned()),
        false => Ok(listed.iter().any(|resource| {
            resource.kind == "AWS::KMS::Key" && plan::same_key(&resource.physical_id, id)
        })),
    }))
}

/// Returns whether a KMS key exists and is not scheduled for deletion.
async fn stays(context: &Context<'_>, id: &str) -> Result<bool> {
    let key = context.cloud.encryption_key(id).await.optional()?.flatten();
    Ok(key.is_some_and(|key| key.state != "PendingDeletion"))
}

/// Schedules the deletion of a KMS key, unless it is scheduled already.
pub(super) async fn delete(
    context: &Context<'_>,
    id: String,
    days: u32,
    of_secrets: bool,
) -> Result<Outcome> {
    if !stays(context, &id).await? {
        return Ok(Outcome::Done);
    }
    if let Err(error) = context.cloud.schedule_key_deletion(&id, days).await {
        // Another command may have been faster.
        return match stays(context, &id).await? {
            true => Err(error.into()),
            false => Ok(Outcome::Done),
        };
    }
    let restore =
        format!("aws kms cancel-key-deletion --key-id {id}, then aws kms enable-key --key-id {id}");
    let note = match of_secrets {
        true => format!(
            "scheduled for deletion in {days} days, after the recovery window of the secrets; to read a restored secret before: {restore}"
        ),
        false => format!(
            "scheduled for deletion in {days} days; it encrypts none of the secrets; to keep it: {restore}"
        ),
    };
    Ok(Outcome::Deleted(Item::new("KMS key", id, Some(note))))
}
