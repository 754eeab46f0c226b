//! What is done about a leaked key, in which order.

use std::collections::BTreeSet;

use super::choice::{current_fault, key_list};
use super::record::reported_leaks;
use super::refusal::{LeakRefusal, deactivation_of};
use crate::plan::slot::KEYS_PER_USER;
use crate::plan::{ObservedAccessKey, Seeding, recorded_keys};
use crate::port::Key;

/// What is known when the steps are planned.
#[derive(Clone, Copy, Debug)]
pub struct LeakScene<'a> {
    /// The user, its keys, and the secret.
    pub seen: &'a ObservedAccessKey,
    /// The keys whose stored secret access key has authenticated as the user.
    pub proven: &'a BTreeSet<String>,
    /// The leaked key.
    pub leaked: &'a str,
    /// Whether to delete the leaked key.
    pub delete_old_key: bool,
    /// Whether to deny the sessions of the user that were issued before.
    pub deny_sessions: bool,
}

/// A step of the response. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeakStep {
    /// Abandon the unfinished rotation, and delete its key, if it has created one.
    Abandon(Option<Key>),
    /// Delete this key, because a new one needs its place.
    MakeRoom(Key),
    /// Create a new key and make it AWSCURRENT's.
    Replace,
    /// Deactivate the leaked key.
    Deactivate,
    /// Delete the leaked key.
    Delete,
    /// Deny the sessions of the user that were issued before now.
    DenySessions,
}

/// Returns the steps that remain.
///
/// # Errors
///
/// Returns why none of them is carried out.
pub fn plan_leak(scene: LeakScene<'_>) -> Result<Vec<LeakStep>, LeakRefusal> {
    let LeakScene { seen, leaked, .. } = scene;
    let current = seen.credential();
    let listed = seen.keys.iter().find(|key| key.id == *leaked);
    let is_current = current.is_some_and(|held| held.accesskey == *leaked);
    let mut steps = Vec::new();
    if is_current {
        steps.extend(room(scene)?);
        steps.push(LeakStep::Replace);
    }
    let retirement = match listed {
        Some(key) if key.active && scene.delete_old_key => {
            vec![LeakStep::Deactivate, LeakStep::Delete]
        }
        Some(key) if key.active => vec![LeakStep::Deactivate],
        Some(_) if scene.delete_old_key => vec![LeakStep::Delete],
        Some(_) | None => Vec::new(),
    };
    if !is_current && !retirement.is_empty() {
        check_current(scene)?;
    }
    steps.extend(retirement);
    if scene.deny_sessions {
        steps.push(LeakStep::DenySessions);
    }
    Ok(steps)
}

/// Returns what makes room for a new key, as far as that is necessary.
///
/// An unfinished rotation is abandoned in any case: it could finish after the response, and its next
/// attempt could delete the leaked key.
fn room(scene: LeakScene<'_>) -> Result<Vec<LeakStep>, LeakRefusal> {
    let LeakScene { seen, leaked, .. } = scene;
    let mut others: Vec<&Key> = seen.keys.iter().filter(|key| key.id != *leaked).collect();
    others.sort_by_key(|key| key.active);
    let mut steps = Vec::new();
    let held = seen.secret.as_ref();
    if let Some(held) = held.filter(|held| held.secret.unfinished().is_some()) {
        let pending = held.pending_key.as_deref();
        let key = others.iter().find(|key| Some(key.id.as_str()) == pending);
        match key {
            Some(key) if may_go(scene, key) => steps.push(LeakStep::Abandon(Some((*key).clone()))),
            Some(key) => return Err(no_room(scene, key)),
            None => steps.push(LeakStep::Abandon(None)),
        }
        others.retain(|key| Some(key.id.as_str()) != pending);
    }
    // A key that an interrupted command created is continued with, or deleted.
    let seeding = Seeding::of(seen);
    let staged = held.and_then(|held| held.staged_key.as_deref());
    others.retain(|key| {
        let is_made = seeding.as_ref().is_some_and(|seeding| seeding.made(key));
        let is_staged = staged == Some(key.id.as_str()) && may_go(scene, key);
        !is_made && !is_staged
    });
    let taken = others.len() + seen.keys.iter().filter(|key| key.id == *leaked).count();
    if taken < KEYS_PER_USER {
        return Ok(steps);
    }
    match others.iter().find(|key| may_go(scene, key)) {
        Some(key) => steps.push(LeakStep::MakeRoom((*key).clone())),
        None => {
            if let Some(key) = others.first() {
                return Err(no_room(scene, key));
            }
        }
    }
    Ok(steps)
}

/// Returns why a key keeps its place. If only its report as leaked keeps it, the option deletes it.
fn no_room(scene: LeakScene<'_>, key: &Key) -> LeakRefusal {
    let (user, key) = (scene.seen.user_name.clone(), key.clone());
    match is_reported(scene, &key) && is_spent(scene, &key) && !scene.delete_old_key {
        true => LeakRefusal::ReportedInTheWay {
            user,
            key,
            leaked: scene.leaked.to_owned(),
        },
        false => LeakRefusal::NoRoom { user, key },
    }
}

/// Returns whether a key may be deleted to make room. A key that was reported as leaked is evidence,
/// and is deleted on request only.
fn may_go(scene: LeakScene<'_>, key: &Key) -> bool {
    is_spent(scene, key) && (scene.delete_old_key || !is_reported(scene, key))
}

/// Returns whether the record on the user says that a key leaked.
fn is_reported(scene: LeakScene<'_>, key: &Key) -> bool {
    let leaks = scene.seen.user.as_ref().map(reported_leaks);
    leaks.is_some_and(|leaks| leaks.iter().any(|leak| leak.key == key.id))
}

/// Returns whether nothing needs a key any longer: it is inactive, or it is known to be keyrota's by
/// what a writer of the secret cannot forge, and was replaced by the leaked key. If the user does not
/// have the leaked key, nothing shows that clients do not use the other one.
fn is_spent(scene: LeakScene<'_>, key: &Key) -> bool {
    let LeakScene { seen, leaked, .. } = scene;
    let user = seen.user.as_ref();
    let is_orphan = user.is_some_and(|user| recorded_keys::is_orphan(user, key));
    let is_recorded = user.is_some_and(|user| recorded_keys::is_recorded(user, &key.id));
    let is_replaced = seen.keys.iter().any(|listed| listed.id == *leaked);
    !key.active || is_orphan || (is_replaced && (is_recorded || scene.proven.contains(&key.id)))
}

/// Expects that AWSCURRENT has a key of the user that is active.
fn check_current(scene: LeakScene<'_>) -> Result<(), LeakRefusal> {
    let LeakScene { seen, leaked, .. } = scene;
    let user = seen.user_name.as_str();
    let reason = match seen.credential() {
        None => current_fault(seen),
        Some(held) if !held.may_be_of(user) => format!("its value is for {}", held.names_user()),
        Some(held) => {
            let id = held.accesskey.as_str();
            match seen.keys.iter().find(|key| key.id == id) {
                Some(key) if key.active => return Ok(()),
                Some(_) => format!("the key {id} in AWSCURRENT is inactive"),
                None => format!("AWSCURRENT names {id}, and {}", key_list(seen)),
            }
        }
    };
    Err(LeakRefusal::NoReplacement {
        key: leaked.to_owned(),
        secret: seen.secret_name.clone(),
        reason,
        command: deactivation_of(user, leaked),
    })
}
