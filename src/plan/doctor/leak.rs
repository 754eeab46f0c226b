//! What a response to a leaked key has left.

use super::Diagnosis;
use super::fault::{LEAKED_KEY_ACTIVE, SESSIONS_DENIED};
use crate::model::{AccessKey, EntryOf};
use crate::plan::{
    DENY_SESSIONS_POLICY, DeniedSessions, ObservedAccessKey, key_details, reported_leaks,
};

/// Returns the diagnoses of keys that were reported as leaked and are active, and of denied sessions.
pub(super) fn diagnose(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    denied: Option<DeniedSessions>,
) -> Vec<Diagnosis> {
    let (user, secret) = (&entry.kind.user, &entry.secret);
    let about = |diagnosis: Diagnosis| Diagnosis {
        secret: Some(secret.clone()),
        ..diagnosis
    };
    let leaks = seen.user.as_ref().map(reported_leaks).unwrap_or_default();
    let active = leaks.into_iter().filter_map(|leak| {
        let key = seen.keys.iter().find(|key| key.id == leak.key && key.active)?;
        let evidence = format!(
            "{} was reported as leaked at {:.0}, and is {}",
            key.id,
            leak.at,
            key_details(key)
        );
        let remedy = format!(
            "run `keyrota rotate --compromised {secret} --key {}`, which completes the response; if the report was a mistake, remove it: `aws iam untag-user --user-name {user} --tag-keys keyrota:leaked`",
            key.id
        );
        Some(about(LEAKED_KEY_ACTIVE.seen(format!("user {user}"), evidence, remedy)))
    });
    let mut found: Vec<Diagnosis> = active.collect();
    found.extend(denied.map(|denied| {
        let evidence = format!(
            "the inline policy {DENY_SESSIONS_POLICY} denies sessions that were issued before {:.0}, the last of which expires at {:.0}",
            denied.before,
            denied.removable_after()
        );
        let remedy = format!(
            "after {:.0}, run `aws iam delete-user-policy --user-name {user} --policy-name {DENY_SESSIONS_POLICY}`",
            denied.removable_after()
        );
        about(SESSIONS_DENIED.seen(format!("user {user}"), evidence, remedy))
    }));
    found
}
