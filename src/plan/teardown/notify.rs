//! What `teardown` leaves of `notify`. The rules and the permissions on functions belong to the stack,
//! and are deleted with it. A statement in the policy of a topic or a queue was added by its owner.

use std::collections::BTreeSet;

use super::{Item, Subjects};
use crate::model::{EventTarget, TargetKind};

/// Returns the topics and queues that may still admit EventBridge.
pub(super) fn statements_that_stay(subjects: &Subjects<'_>) -> Vec<Item> {
    let targets = { subjects.entries.iter() }.flat_map(|subject| &subject.seen.entry().notify);
    let targets: BTreeSet<&EventTarget> = targets.collect();
    let item = |target: &EventTarget| {
        let kind = match target.kind {
            TargetKind::Topic => "topic",
            TargetKind::Queue | TargetKind::FifoQueue => "queue",
            TargetKind::Function | TargetKind::Bus => return None,
        };
        let note = "its policy, and that of its KMS key, may still admit EventBridge; if no other rule needs that, remove the statement";
        Some(Item::new(kind, target.arn.as_str(), Some(note.to_owned())))
    };
    targets.into_iter().filter_map(item).collect()
}
