//! Rotations of access keys. A rotation that cannot succeed is abandoned, and its key is deleted.

use super::super::error::Result;
use super::super::observe::observe_access_key;
use super::super::proof::prove_stored;
use super::attempt::{Attempt, Outcome};
use crate::model::{AccessKey, EntryOf};
use crate::plan::{ABANDONED_TAG, ObservedAccessKey, OwnershipProof, deletion_of};
use crate::port::PENDING;

/// The rotation of an access key.
pub(super) struct Keys<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) entry: EntryOf<'a, AccessKey>,
}

impl Keys<'_> {
    /// Abandons an unfinished rotation: removes its label, without which the function cannot finish it, and
    /// then deletes its key. A pending version can name any key, so the key is proven to be the rotation's
    /// first. Its ID is recorded on the user, because no version names it after the label is removed.
    pub(super) async fn abandon(&self, version: &str) -> Result<Outcome> {
        let context = self.attempt.context;
        let cloud = context.cloud;
        let seen = observe_access_key(context, self.entry).await?;
        let Some(held) = &seen.secret else {
            return Ok(Outcome::Vanished);
        };
        if let Some(outcome) = Outcome::of(&held.secret, version) {
            return Ok(outcome);
        }
        if let Some(id) = &held.pending_key
            && self.may_delete(&seen, id).await?
        {
            let user = self.entry.kind.user.as_str();
            cloud.tag_user(user, ABANDONED_TAG, id).await?;
        }
        let moved = self.attempt.remove_pending_label(version).await;
        let seen = observe_access_key(context, self.entry).await?;
        let secret = seen.secret.as_ref();
        let outcome = secret.and_then(|held| Outcome::of(&held.secret, version));
        if outcome.is_none() {
            // The call failed, and not because the rotation has ended in the meantime.
            moved?;
        }
        self.remove_abandoned(&seen).await?;
        Ok(outcome.unwrap_or(Outcome::Vanished))
    }

    /// Returns whether the key that the pending version names may be deleted. A key that is not in the
    /// user's list does not have to be, and an inactive key always may be.
    async fn may_delete(&self, seen: &ObservedAccessKey, id: &str) -> Result<bool> {
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
        match prove_stored(context, self.attempt.arn, &seen.names, &proof).await? {
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

    /// Deletes the key of an abandoned rotation, unless that rotation has ended successfully after all.
    pub(super) async fn remove_abandoned(&self, seen: &ObservedAccessKey) -> Result<()> {
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
