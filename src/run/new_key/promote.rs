//! Makes a stored key current, once it authenticates.

use super::{KeyReplacement, NewKey, forget_seeding};
use crate::model::{AccessKey, AccessKeyId, Content, Credential, EntryOf};
use crate::plan::{FIRST, ObservedAccessKey, Seeding, reported_leaks};
use crate::port::CURRENT;
use crate::run::Context;
use crate::run::current::{Swap, make_current};
use crate::run::error::Result;
use crate::run::observe::observe_keys;
use crate::run::proof::key_pair;
use crate::run::verify::authenticate;

/// Returns the version with a key that is stored and not current yet. A command stored it under one of
/// these tokens, of which the first is the same for all commands, or the user is tagged because a
/// command stores it. Any principal that may write the secret can move the label to another version,
/// so a key that was reported as leaked is not taken.
pub(super) fn staged_version<'a>(
    seen: &'a ObservedAccessKey,
    tokens: [&str; 2],
    replaced: Option<&AccessKeyId>,
) -> Option<&'a str> {
    let held = seen.secret.as_ref()?;
    let key = held.staged_key.as_ref()?;
    let version = held.secret.version_with(FIRST)?;
    let is_expected = tokens.contains(&version) || Seeding::of(seen).is_some();
    let leaks = seen.user.as_ref().map(reported_leaks).unwrap_or_default();
    let is_leaked = leaks.iter().any(|leak| leak.key == *key);
    (is_expected && !is_leaked && replaced.is_none_or(|replaced| *replaced != *key))
        .then_some(version)
}

/// Makes the version current whose key is stored, if the key authenticates as the user. Returns
/// `None` if the key does not exist any longer, or if AWSCURRENT has moved meanwhile.
///
/// # Errors
///
/// Returns an error if AWS refuses the key although it exists. It stays stored for the next run.
pub(super) async fn promote(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    replacement: KeyReplacement<'_>,
    seen: &ObservedAccessKey,
    version: &str,
) -> Result<Option<NewKey>> {
    let arn = replacement.arn;
    let Some(user) = &seen.user else {
        let reason = format!("the user {} does not exist", seen.user_name);
        return Err(replacement.refused(entry, reason));
    };
    let value = context.cloud.value(arn, FIRST).await?;
    let value = value.filter(|value| value.version == version);
    let content = value.map(|value| Credential::read(&value.text, &entry.fields));
    let Some(Content::Complete(staged)) = content else {
        return Ok(None);
    };
    let key = key_pair(&staged);
    // A new key takes time to propagate.
    if let Err(reason) = authenticate(context, &key, &user.arn).await {
        let listed = observe_keys(context, &seen.user_name).await?;
        if listed.iter().any(|held| held.id == key.id && held.active) {
            return Err(replacement.refused(entry, reason));
        }
        unstage(context, arn, version).await?;
        return Ok(None);
    }
    forget_seeding(context, entry, seen).await?;
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let Some(swap) = secret.and_then(|secret| Swap::to(secret, version)) else {
        return Ok(None);
    };
    if let Err(error) = make_current(context, arn, &swap).await {
        // Another command, or a rotation, was faster.
        let secret = context.cloud.secret(arn).await?;
        let current = secret.as_ref().and_then(|it| it.version_with(CURRENT));
        return match current == Some(swap.current.as_str()) {
            true => Err(error),
            false => Ok(None),
        };
    }
    unstage(context, arn, version).await?;
    context.done(format!(
        "{}: AWSCURRENT contains the key {}",
        entry.secret, key.id
    ));
    Ok(Some(NewKey {
        id: key.id,
        version: version.to_owned(),
    }))
}

/// Removes the label from a version. A version without labels is deleted by Secrets Manager.
pub(super) async fn unstage(context: &Context<'_>, arn: &str, version: &str) -> Result<()> {
    let taken = context.cloud.move_label(arn, FIRST, Some(version), None);
    let Err(error) = taken.await else {
        return Ok(());
    };
    // Another command may have removed it.
    let secret = context.cloud.secret(arn).await?;
    match secret.is_some_and(|secret| secret.version_with(FIRST) == Some(version)) {
        true => Err(error.into()),
        false => Ok(()),
    }
}
