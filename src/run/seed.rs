//! The first key of each secret, and its four fields with the actual `secretarn`.

use futures_util::{StreamExt, stream};

use super::database::{Passwords, seed_database};
use super::error::{Error, Result};
use super::new_key::{KeyReplacement, KeySource, keep_record, origin, replace_key, tidy};
use super::observe::observe_access_key;
use super::proof::holder;
use super::service::seed_service;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{
    AccessKey, AccessKeyId, ByKind, Content, Credential, EntryOf, Model, SecretReference,
};
use crate::plan::{BEFORE, ObservedAccessKey, ObservedEntry, ObservedSecret, SecretContent};
use crate::port::{CURRENT, PREVIOUS, Stage};

/// Every secret contains a complete credential.
#[derive(Clone, Debug)]
pub struct Seeded<'model> {
    /// In the order of the model.
    pub entries: Vec<SeededEntry<'model>>,
}

/// An entry whose secret contains a complete credential.
#[derive(Clone, Debug)]
pub struct SeededEntry<'model> {
    /// Its observed state, with the complete credential.
    pub seen: ObservedEntry<'model>,
    /// Whether this run stored something, so that a rotation must prove it.
    pub changed: bool,
}

/// Stores a first key, or the first password that was provided, in every secret without one.
///
/// # Errors
///
/// Returns the first failure after all secrets were tried: cancelling one between its two calls
/// would leave a key whose secret access key is lost. A key that was created and could not be
/// stored is deleted again.
pub async fn seed<'model>(
    context: &Context<'_>,
    model: &'model Model,
    deployed: &Deployed,
    passwords: &Passwords,
) -> Result<Seeded<'model>> {
    context.stage(Stage::Seeding);
    let tried: Vec<Result<SeededEntry<'model>>> = stream::iter(&model.entries)
        .map(|entry| async move {
            match entry.by_kind() {
                ByKind::AccessKey(entry) => seed_key(context, entry, deployed).await,
                ByKind::Database(entry) => seed_database(context, entry, deployed, passwords).await,
                ByKind::Service(entry) => seed_service(context, entry, deployed, passwords).await,
            }
        })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    Ok(Seeded {
        entries: tried.into_iter().collect::<Result<_>>()?,
    })
}

async fn seed_key<'model>(
    context: &Context<'_>,
    entry: EntryOf<'model, AccessKey>,
    deployed: &Deployed,
) -> Result<SeededEntry<'model>> {
    let arn = deployed.secret_arn(&entry)?;
    let mut seen = observe_access_key(context, entry).await?;
    let origin = origin(entry, &seen, arn).map_err(|reason| refused(entry, reason))?;
    let sealed = |held: &ObservedSecret| matches!(held.current, SecretContent::Sealed);
    if seen.secret.as_ref().is_some_and(sealed) {
        return Err(refused(entry, "its value cannot be decrypted".into()));
    }
    // A value that someone stored manually is never overwritten.
    if let Some(SecretContent::Held(
        content @ (Content::Malformed(_) | Content::Ambiguous(_) | Content::Misnamed),
    )) = seen.secret.as_ref().map(|held| &held.current)
        && let Err(why) = content.complete()
    {
        return Err(refused(entry, format!("its value {why}")));
    }
    let dead = dead_key(context, &seen).await?;
    let changed = match seen.credential() {
        Some(credential) if !credential.may_be_of(entry.kind.user.as_str()) => {
            let reason = format!("its value is for {}", credential.names_user());
            return Err(refused(entry, reason));
        }
        Some(credential) if dead.is_none() && is_outdated(entry, credential, &origin) => {
            let corrected = credential.clone().with_origin(origin.clone());
            correct(context, &seen, arn, &corrected, &origin).await?;
            seen = observe_access_key(context, entry).await?;
            true
        }
        Some(_) if dead.is_none() => false,
        _ => {
            // A secret that had a key has adopted the one that the manifest names already, and a
            // rotation has replaced it.
            let source = match dead {
                Some(_) => KeySource::First,
                None => KeySource::Manifest,
            };
            let first = KeyReplacement {
                arn,
                origin: &origin,
                replaced: dead.as_ref(),
                source,
                accepted: &[],
            };
            let made = replace_key(context, deployed, entry, first).await?;
            // Another command may have stored it.
            seen = observe_access_key(context, entry).await?;
            made.is_some()
        }
    };
    if entry.adopt {
        keep_record(context, entry, &seen, None).await?;
    }
    tidy(context, entry, &seen, arn).await?;
    if restore_previous(context, &seen, arn).await? {
        seen = observe_access_key(context, entry).await?;
    }
    Ok(SeededEntry {
        seen: ObservedEntry::AccessKey(entry, Box::new(seen)),
        changed,
    })
}

/// Returns the key in the secret if it no longer exists and the user has no other active key, so
/// that nothing is lost if a new key replaces it: a teardown has deleted it, or someone else.
///
/// A list of keys may be older than the key, so AWS must also refuse the key.
async fn dead_key(context: &Context<'_>, seen: &ObservedAccessKey) -> Result<Option<AccessKeyId>> {
    let Some(credential) = seen.credential().filter(|_| seen.is_retired()) else {
        return Ok(None);
    };
    let stored = seen.secret.as_ref().and_then(|held| held.current_since);
    let holder = holder(context, credential, stored).await?;
    Ok(holder.is_none().then(|| credential.accesskey.clone()))
}

/// Returns whether `secretarn` must be corrected. An ARN that the value lacks is filled in by the
/// next rotation, unless the function knows the administrator's secret by its name only.
fn is_outdated(entry: EntryOf<'_, AccessKey>, credential: &Credential, origin: &str) -> bool {
    match &credential.secretarn {
        Some(held) => held != origin,
        None => matches!(entry.administrator(), Some(SecretReference::Name(_))),
    }
}

/// Stores the same key with another `secretarn`.
///
/// AWSPREVIOUS follows AWSCURRENT, and both versions would contain the same key. The version with
/// the previous key is labelled first, so that AWSPREVIOUS can be moved back to it, by the next run
/// if necessary. From AWSPREVIOUS, the next rotation knows which key it may delete.
async fn correct(
    context: &Context<'_>,
    seen: &ObservedAccessKey,
    arn: &str,
    credential: &Credential,
    origin: &str,
) -> Result<()> {
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    if let Some(previous) = secret.and_then(|secret| secret.version_with(PREVIOUS)) {
        let marked = secret.and_then(|secret| secret.version_with(BEFORE));
        if marked != Some(previous) {
            let moved = context
                .cloud
                .move_label(arn, BEFORE, marked, Some(previous));
            moved.await?;
        }
    }
    let token = context.clock.token();
    context
        .cloud
        .put_value(arn, &token, CURRENT, &credential.to_text())
        .await?;
    context.done(format!(
        "set `secretarn` of {} to {origin}",
        seen.secret_name
    ));
    Ok(())
}

/// Moves AWSPREVIOUS back to the version that had it before a correction. Returns whether that was
/// necessary.
async fn restore_previous(
    context: &Context<'_>,
    seen: &ObservedAccessKey,
    arn: &str,
) -> Result<bool> {
    let Some(held) = &seen.secret else {
        return Ok(false);
    };
    let Some(before) = held.secret.version_with(BEFORE) else {
        return Ok(false);
    };
    let previous = held.secret.version_with(PREVIOUS);
    let current = held.credential().map(|current| &current.accesskey);
    // If a rotation has ended since, AWSPREVIOUS is correct.
    if previous != Some(before) && held.previous_key.as_deref() == current.map(AccessKeyId::as_str)
    {
        let moved = context
            .cloud
            .move_label(arn, PREVIOUS, previous, Some(before));
        moved.await?;
    }
    let taken = context.cloud.move_label(arn, BEFORE, Some(before), None);
    taken.await?;
    Ok(true)
}

fn refused(entry: EntryOf<'_, AccessKey>, reason: String) -> Error {
    Error::Seed {
        secret: entry.secret.to_string(),
        reason,
    }
}
