//! Rotations of access keys. One that cannot end well is given up with its key.

use super::super::error::{Error, Result};
use super::super::proof::prove_stored;
use super::super::{Context, Deployed, observe_entry};
use super::Rotated;
use super::attempt::{Attempt, Outcome};
use crate::model::{AccessKey, EntryOf, Model};
use crate::plan::{ABANDONED_TAG, ObservedEntry, ObservedSecret, OwnershipProof, deletion_of};
use crate::port::{PENDING, Stage};

/// Rotates one secret and waits until AWSCURRENT has moved.
///
/// Where an earlier rotation was left unfinished, that one is taken up first;
/// if it cannot end well any more it is given up, with its key.
///
/// # Errors
///
/// Returns [`Error::Rotation`] with what the function's log says. The credential
/// in use is then as it was.
pub async fn rotate_secret(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedEntry,
) -> Result<Rotated> {
    context.stage(Stage::Rotating(entry.secret.to_string()));
    let secret = || entry.secret.to_string();
    let held = seen.secret.as_ref();
    let held = held.ok_or_else(|| Error::NoSecret { secret: secret() })?;
    let credential = held.credential();
    let credential = credential.ok_or_else(|| Error::Incomplete { secret: secret() })?;
    let attempt = Keys {
        entry,
        attempt: Attempt::new(context, model, deployed, entry.entry())?,
    };
    attempt.remove_abandoned(seen).await?;
    let taken_up = match held.secret.unfinished() {
        Some(version) => attempt.take_up(version, held).await?,
        None => None,
    };
    Ok(Rotated {
        old_key: Some(credential.accesskey.to_string()),
        version: match taken_up {
            Some(version) => version,
            None => attempt.attempt.run().await?,
        },
        rotated: true,
    })
}

struct Keys<'a> {
    attempt: Attempt<'a>,
    entry: EntryOf<'a, AccessKey>,
}

impl Keys<'_> {
    /// Takes up a rotation that was left unfinished; returns its version where that
    /// has become AWSCURRENT, and nothing where another is to begin.
    async fn take_up(&self, version: &str, held: &ObservedSecret) -> Result<Option<String>> {
        let outcome = match self.attempt.resume(version).await {
            Err(Error::Rotation { reason, .. }) => {
                self.attempt.tell_given_up(&reason);
                self.give_up(version).await?
            }
            // The function does so where it can never end well. What held no key may
            // have been the trial of a new schedule, which has ended.
            Ok(Outcome::Vanished) if held.pending_key.is_some() => {
                self.attempt.tell_vanished();
                Outcome::Vanished
            }
            outcome => outcome?,
        };
        Ok(match outcome {
            Outcome::Current => Some(version.to_owned()),
            Outcome::Vanished => None,
        })
    }

    /// Takes an unfinished rotation back: its label first, without which it cannot
    /// be finished, then its key. That a pending version names a key does not make it
    /// ours, so the key is proven first. Its ID is then recorded on the user, since no
    /// version names it any more once the label is gone.
    async fn give_up(&self, version: &str) -> Result<Outcome> {
        let context = self.attempt.context;
        let cloud = context.cloud;
        let seen = observe_entry(context, self.entry).await?;
        let Some(held) = &seen.secret else {
            return Ok(Outcome::Vanished);
        };
        if let Some(outcome) = Outcome::of(&held.secret, version) {
            return Ok(outcome);
        }
        if let Some(id) = &held.pending_key
            && self.is_ours(&seen, id).await?
        {
            let user = self.entry.kind.user.as_str();
            cloud.tag_user(user, ABANDONED_TAG, id).await?;
        }
        let moved = self.attempt.take_label(version).await;
        let seen = observe_entry(context, self.entry).await?;
        let secret = seen.secret.as_ref();
        let outcome = secret.and_then(|held| Outcome::of(&held.secret, version));
        if outcome.is_none() {
            // Refused, and not because the rotation was finished meanwhile.
            moved?;
        }
        self.remove_abandoned(&seen).await?;
        Ok(outcome.unwrap_or(Outcome::Vanished))
    }

    /// Returns whether the key that the pending version names may be deleted. One that
    /// is not in the user's list needs nothing, and an inactive one counts as spent.
    async fn is_ours(&self, seen: &ObservedEntry, id: &str) -> Result<bool> {
        let user = self.entry.kind.user.as_str();
        let listed = seen.keys.iter().find(|key| key.id == id);
        let (Some(listed), Some(observed)) = (listed, &seen.user) else {
            return Ok(false);
        };
        if !listed.active {
            return Ok(true);
        }
        let proof = OwnershipProof {
            label: PENDING,
            user_arn: observed.arn.clone(),
            key: listed.clone(),
        };
        let context = self.attempt.context;
        match prove_stored(context, self.attempt.arn, &proof).await? {
            Ok(()) => Ok(true),
            Err(reason) => {
                context.warn(format!(
                    "{}: kept the key {id} of {user}, because {reason}; if the key is not in use, delete it: {}",
                    self.attempt.name,
                    deletion_of(user, id)
                ));
                Ok(false)
            }
        }
    }

    /// Deletes the key of a rotation that was given up, unless that rotation was
    /// finished after all.
    async fn remove_abandoned(&self, seen: &ObservedEntry) -> Result<()> {
        let (Some(held), Some(id)) = (&seen.secret, seen.abandoned()) else {
            return Ok(());
        };
        let cloud = self.attempt.context.cloud;
        let is_held = |key: Option<&str>| key == Some(id);
        let current = held.credential().map(|current| current.accesskey.as_str());
        if held.credential().is_some()
            && !is_held(current)
            && !is_held(held.previous_key.as_deref())
            && !is_held(held.pending_key.as_deref())
        {
            cloud.delete_key(self.entry.kind.user.as_str(), id).await?;
        }
        if !is_held(held.pending_key.as_deref()) {
            let user = self.entry.kind.user.as_str();
            cloud.untag_user(user, ABANDONED_TAG).await?;
        }
        Ok(())
    }
}
