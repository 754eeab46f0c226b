//! The KMS keys that the stack created.

use super::secret::SubjectSecret;
use super::{Item, Step, TeardownOptions, TeardownPlan};
use crate::plan::same_key;
use crate::port::Deletion;

/// Plans the deletion of KMS keys. Returns the steps for those that secrets deleted `late` still
/// refer to after the stack is deleted.
pub(super) fn plan_keys(
    ids: &[String],
    early: &[SubjectSecret<'_>],
    late: &[SubjectSecret<'_>],
    options: TeardownOptions,
    plan: &mut TeardownPlan,
) -> Vec<Step> {
    let unread: Vec<&str> = early
        .iter()
        .chain(late)
        .filter(|kept| kept.unread.is_some())
        .map(|kept| kept.name)
        .collect();
    let mut last = Vec::new();
    for id in ids {
        let encrypts = |kept: &SubjectSecret<'_>| {
            let key = kept.secret.and_then(|secret| secret.kms_key.as_deref());
            kept.ours && key.is_some_and(|key| same_key(key, id))
        };
        if !unread.is_empty() {
            let note = format!(
                "it may encrypt {}, which could not be read; to delete it: aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30",
                unread.join(", ")
            );
            plan.left_over.push(Item::new("KMS key", id, Some(note)));
            continue;
        }
        let deletion = Step::DeleteEncryptionKey {
            id: id.clone(),
            of_secrets: early.iter().chain(late).any(encrypts),
            // The key must not be deleted while a secret can still be restored.
            days: match options.deletion {
                Deletion::Window(days) => days.max(30),
                Deletion::Forced => 30,
            },
        };
        match late.iter().any(encrypts) {
            true => last.push(deletion),
            false => plan.steps.push(deletion),
        }
    }
    last
}
