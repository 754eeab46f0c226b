//! Stores a key under the label of a key that is not proven yet, and records it on the user.

use super::KeyReplacement;
use crate::model::{AccessKey, AccessKeyId, Content, Credential, EntryOf};
use crate::plan::{FIRST, KEYS_TAG, MADE, ObservedAccessKey, with_key};
use crate::port::{ErrorKind, KeyPair, PENDING, PREVIOUS};
use crate::run::Context;
use crate::run::error::Result;
use crate::run::kept_fields::newest_object;
use crate::run::proof::prove;

/// Stores a key. Returns whether Secrets Manager accepted it. If another command was faster, the
/// key that was created for it is deleted again.
pub(super) async fn store(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    replacement: KeyReplacement<'_>,
    seen: &ObservedAccessKey,
    token: &str,
    key: KeyPair,
) -> Result<bool> {
    let KeyReplacement { arn, origin, .. } = replacement;
    let id = key.id.clone();
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let base = newest_object(context, arn, secret, &[PREVIOUS, PENDING, MADE]).await?;
    let text = Credential::new(
        AccessKeyId::of_iam(key.id),
        key.secret,
        entry.kind.user.to_string(),
        origin.to_owned(),
    )
    .first_in(base.as_ref(), &entry.fields)
    .with_smtp(&entry.kind.smtp)
    .to_text();
    let Err(error) = context.cloud.put_value(arn, token, FIRST, &text).await else {
        context.done(format!("stored the key {id} in {}", entry.secret));
        return Ok(true);
    };
    // A missing response is not a refusal: check the state before anything is undone.
    if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
        && let Some(value) = context.cloud.value(arn, FIRST).await?
        && value.version == token
        && matches!(Credential::read(&value.text, &entry.fields), Content::Complete(held) if held.accesskey == id)
    {
        return Ok(true);
    }
    if replacement.is_created(entry) && error.kind != ErrorKind::Unavailable {
        context
            .cloud
            .delete_key(entry.kind.user.as_str(), &id)
            .await?;
    }
    match error.kind {
        ErrorKind::AlreadyExists => Ok(false),
        _ => Err(error.into()),
    }
}

/// Records on the user, before the key is stored, that it was created or adopted for the secret.
/// The function follows this record when the key was replaced. Nothing is recorded on users that
/// the stack creates, whose keys are all the stack's.
pub(super) async fn record(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    key: &str,
) -> Result<()> {
    if let Some(user) = seen.user.as_ref().filter(|_| !entry.kind.create_user) {
        let keys = with_key(user, key);
        let name = entry.kind.user.as_str();
        context.cloud.tag_user(name, KEYS_TAG, &keys).await?;
    }
    Ok(())
}

/// Ensures that the key in AWSCURRENT is recorded, since another command may have overwritten the
/// record. `stored` is the ID of the key that this command stored.
///
/// The record lets the function delete the key. A principal that may write the secret can store a
/// value that names any key, so a key that this command did not store must authenticate first.
pub(in crate::run) async fn keep_record(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    stored: Option<&str>,
) -> Result<()> {
    let current = seen.credential();
    let held = current.map(|credential| credential.accesskey.as_str());
    let (Some(user), Some(key)) = (&seen.user, stored.or(held)) else {
        return Ok(());
    };
    let recorded = user.tags.get(KEYS_TAG);
    if recorded.is_some_and(|tag| tag.split_whitespace().any(|id| id == key)) {
        return Ok(());
    }
    if let (None, Some(credential)) = (stored, current) {
        let listed = seen.keys.iter().find(|listed| listed.id == key);
        let Some(listed) = listed else { return Ok(()) };
        if prove(context, credential, listed, &user.arn)
            .await?
            .is_err()
        {
            return Ok(());
        }
    }
    record(context, entry, seen, key).await
}
