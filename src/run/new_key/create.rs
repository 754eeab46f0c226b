//! Creates a key, or gets the one that the manifest adopts.

use super::{KeyReplacement, is_left_over};
use crate::model::{AccessKey, EntryOf, InitialKey, SecretReference};
use crate::plan::{
    ObservedAccessKey, SEEDING_TAG, Seeding, Slot, UnusableKey, holds_user, slot, taken,
};
use crate::port::{ErrorKind, Key, KeyPair};
use crate::run::error::{Error, Result};
use crate::run::observe::read_stored_key;
use crate::run::{Context, Deployed};

/// Returns a new key, or the key that the manifest adopts.
pub(super) async fn create_key(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    replacement: KeyReplacement<'_>,
) -> Result<KeyPair> {
    if !replacement.is_created(entry) {
        return match &entry.kind.initial_key {
            InitialKey::Profile(name) => Ok(context.cloud.profile_key(name).await?),
            InitialKey::Secret(secret) => {
                adopted_key(context, entry, seen, replacement, secret).await
            }
            InitialKey::Create => create(context, deployed, entry, seen, replacement).await,
        };
    }
    create(context, deployed, entry, seen, replacement).await
}

/// Makes IAM create a key, once.
async fn create(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    replacement: KeyReplacement<'_>,
) -> Result<KeyPair> {
    let cloud = context.cloud;
    let user = entry.kind.user.as_str();
    let (left_over, staying): (Vec<Key>, Vec<Key>) = seen
        .keys
        .iter()
        .cloned()
        .partition(|key| is_left_over(seen, deployed, replacement, key));
    for key in &left_over {
        cloud.delete_key(user, &key.id).await?;
        context.done(format!(
            "deleted the key {}, which an interrupted run created",
            key.id
        ));
    }
    let remaining = ObservedAccessKey {
        keys: staying,
        ..seen.clone()
    };
    let owns_user = holds_user(&deployed.resources, &seen.user_name);
    let spent = match slot(&remaining, owns_user, replacement.accepted) {
        Slot::Free => None,
        Slot::Spent(key, why) => Some((key, why)),
        Slot::Taken(keys) => {
            let why = format!(
                "{user} already has two access keys: {}; then run the command again",
                taken(user, &keys)
            );
            return Err(replacement.refused(entry, why));
        }
    };
    let stays = |key: &&Key| spent.as_ref().is_none_or(|(spent, _)| spent.id != key.id);
    let staying = remaining.keys.iter().filter(stays);
    let seeding = Seeding {
        began: context.clock.now(),
        before: staying.map(|key| key.id.clone()).collect(),
    };
    // A caller that may not write the record deletes nothing.
    cloud.tag_user(user, SEEDING_TAG, &seeding.to_tag()).await?;
    if let Some((key, why)) = &spent {
        cloud.delete_key(user, &key.id).await?;
        context.done(format!(
            "deleted the key {}, which {}",
            key.id,
            why.reason()
        ));
    }
    match cloud.create_key(user).await {
        Ok(key) => Ok(key),
        Err(error) => {
            if error.kind.is_refusal() {
                forget_intent(context, user, &seeding).await?;
            }
            Err(error.into())
        }
    }
}

/// Removes the record of a key that was certainly not created. Otherwise, a key that someone else
/// creates soon after would be taken for it, and deleted. Another command's record stays.
async fn forget_intent(context: &Context<'_>, user: &str, seeding: &Seeding) -> Result<()> {
    let found = context.cloud.user(user).await?;
    let tag = found.and_then(|user| user.tags.get(SEEDING_TAG).cloned());
    if tag.is_some_and(|tag| tag == seeding.to_tag()) {
        context.cloud.untag_user(user, SEEDING_TAG).await?;
    }
    Ok(())
}

/// Returns the key in another secret. Its value may have changed since the preflight, and a
/// client must never read the key of another user.
async fn adopted_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    replacement: KeyReplacement<'_>,
    secret: &SecretReference,
) -> Result<KeyPair> {
    let unusable = |why: String| -> Error {
        let reason = format!(
            "the key in the secret `{}` cannot be adopted: {why}",
            secret.as_str()
        );
        replacement.refused(entry, reason)
    };
    let key = read_stored_key(context, secret).await?;
    let key = key.map_err(|why| unusable(why.to_string()))?;
    let holder = match context.cloud.holder(&key).await {
        Ok(caller) => caller.arn,
        Err(error) if error.kind == ErrorKind::Credentials => {
            return Err(unusable(UnusableKey::Refused(key.id).to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    match &seen.user {
        Some(user) if user.arn != holder => {
            Err(unusable(format!("its key {} belongs to {holder}", key.id)))
        }
        _ => Ok(key),
    }
}
