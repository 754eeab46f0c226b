//! Which key leaked.

use jiff::Timestamp;

use super::record::{ReportedLeak, reported_leaks};
use super::refusal::{LeakRefusal, key_details};
use crate::plan::{KeyRole, ObservedAccessKey};
use crate::port::Key;

/// Why a key is taken for the leaked one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakBasis {
    /// The command names it.
    Named,
    /// An earlier command reported it a short time ago, and this one continues or repeats that
    /// command.
    Reported(Timestamp),
    /// It is the key in AWSCURRENT.
    Current,
}

/// Returns the leaked key: the one that the command names, or the one that was reported a short time
/// ago, or the one in AWSCURRENT.
///
/// A command that is repeated after an interruption finds the new key in AWSCURRENT. Only the record
/// on the user shows which key was meant, so the record decides while it is recent. If AWSCURRENT was
/// not replaced after the report, the earlier command named another key, and the record says nothing
/// about this command.
///
/// Later, it is ambiguous which key is meant while the user has the reported key: if the key is
/// active, the response did not end, and if AWSCURRENT was replaced, nothing shows whether it did.
///
/// # Errors
///
/// Returns why the key is not known.
pub fn leaked_key(
    seen: &ObservedAccessKey,
    named: Option<&str>,
    now: Timestamp,
) -> Result<(String, LeakBasis), LeakRefusal> {
    let user = seen.user.as_ref().ok_or_else(|| LeakRefusal::NoUser {
        user: seen.user_name.clone(),
    })?;
    let leaks = reported_leaks(user);
    let current = seen.credential().map(|held| held.accesskey.as_str());
    let listed = |id: &str| seen.keys.iter().find(|key| key.id == id);
    if let Some(named) = named {
        let is_reported = leaks.iter().any(|leak| leak.key == named);
        if listed(named).is_none() && !is_reported && current != Some(named) {
            return Err(LeakRefusal::NotOfUser {
                key: named.to_owned(),
                user: seen.user_name.clone(),
                keys: key_list(seen),
            });
        }
        return Ok((named.to_owned(), LeakBasis::Named));
    }
    let is_current = |leak: &ReportedLeak| current == Some(leak.key.as_str());
    let continues = |leak: &ReportedLeak| leak.is_recent(now) && is_replaced_since(seen, leak);
    // AWSCURRENT's own key needs no record.
    let is_open = |leak: &&ReportedLeak| {
        let is_unclear = !leak.is_recent(now) && is_replaced_since(seen, leak);
        !is_current(leak) && listed(&leak.key).is_some_and(|key| key.active || is_unclear)
    };
    let open: Vec<&ReportedLeak> = leaks.iter().filter(is_open).collect();
    let chosen = match open.as_slice() {
        [] => leaks
            .iter()
            .rev()
            .find(|leak| continues(leak) || (leak.is_recent(now) && is_current(leak))),
        [one] if continues(one) => Some(*one),
        _ => return Err(ambiguous(seen, &open)),
    };
    match (chosen, current) {
        // The response has not come so far that AWSCURRENT has changed, or the key was made current
        // again.
        (Some(leak), Some(current)) if leak.key == current => {
            Ok((leak.key.clone(), LeakBasis::Current))
        }
        (Some(leak), _) => Ok((leak.key.clone(), LeakBasis::Reported(leak.at))),
        (None, Some(current)) => Ok((current.to_owned(), LeakBasis::Current)),
        (None, None) => Err(LeakRefusal::NoCurrentKey {
            secret: seen.secret_name.clone(),
            reason: current_fault(seen),
            keys: key_list(seen),
        }),
    }
}

/// Returns whether AWSCURRENT was replaced after a report. The report is in whole seconds, and so is
/// the other time on some local versions of AWS.
fn is_replaced_since(seen: &ObservedAccessKey, leak: &ReportedLeak) -> bool {
    let stored = seen.secret.as_ref().and_then(|held| held.current_since);
    stored.is_some_and(|stored| stored.as_second() >= leak.at.as_second())
}

fn ambiguous(seen: &ObservedAccessKey, open: &[&ReportedLeak]) -> LeakRefusal {
    let told = |leak: &&ReportedLeak| format!("{} at {:.0}", leak.key, leak.at);
    let earlier = |leak: &&ReportedLeak| {
        let key = &leak.key;
        format!("`--key {key}` completes the response to that report")
    };
    let mut choices: Vec<String> = open.iter().map(earlier).collect();
    choices.extend(seen.credential().map(|current| {
        let key = &current.accesskey;
        format!("`--key {key}` replaces the key that is in AWSCURRENT now")
    }));
    LeakRefusal::Ambiguous {
        user: seen.user_name.clone(),
        reported: open.iter().map(told).collect::<Vec<_>>().join(" and "),
        choices: choices.join(", "),
        keys: key_list(seen),
    }
}

/// Returns why AWSCURRENT contains no key.
pub(super) fn current_fault(seen: &ObservedAccessKey) -> String {
    match &seen.secret {
        None => "the secret does not exist".to_owned(),
        Some(held) if held.is_deleted() => "the secret is scheduled for deletion".to_owned(),
        Some(held) => match held.current.complete() {
            Ok(_) => "its key cannot be used".to_owned(),
            Err(reason) => reason,
        },
    }
}

/// Returns the user's keys, each with its role in the secret and its dates.
pub(super) fn key_list(seen: &ObservedAccessKey) -> String {
    if seen.keys.is_empty() {
        return "the user has no access key".to_owned();
    }
    let told = |key: &Key| {
        let role = match seen.role_of(key) {
            KeyRole::Current => "AWSCURRENT",
            KeyRole::Pending => "of an unfinished rotation",
            KeyRole::Previous => "the previous key",
            KeyRole::Unknown => "not keyrota's",
        };
        format!("{} ({role}, {})", key.id, key_details(key))
    };
    let keys: Vec<String> = seen.keys.iter().map(told).collect();
    format!("the user has {}", keys.join(" and "))
}
