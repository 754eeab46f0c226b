//! The first key of each secret, and its four fields with the actual `secretarn`.
//!
//! Creating a key and storing it are two calls, and the secret access key is returned only once.
//! Before the first call, the IAM user is tagged with the time and the existing keys. If a run is
//! interrupted between the two calls, the next run can therefore recognize the key that it left,
//! and delete it.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::database::{Passwords, seed_database};
use super::error::{Error, Result};
use super::observe::{observe_access_key, read_stored_key};
use super::proof::{key_pair, prove};
use super::verify::authenticate;
use super::{CONCURRENCY, Context, Deployed};
use crate::model::{
    AccessKey, AccessKeyId, ByKind, Content, Credential, EntryOf, InitialKey, Model,
    SecretReference,
};
use crate::plan::{
    Administrator, BEFORE, KEYS_TAG, ObservedAccessKey, ObservedEntry, ObservedSecret, SEEDING_TAG,
    SecretContent, Seeding, UnusableKey, holds_user, with_key,
};
use crate::port::{CURRENT, ErrorKind, Key, KeyPair, PREVIOUS, Stage};

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
    // The stack contains the secret, even if it is not visible yet.
    let origin = match entry.administrator() {
        None => arn.to_owned(),
        Some(name) => seen.origin(entry).map(str::to_owned).ok_or_else(|| {
            let (name, why) = (
                name.as_str(),
                Administrator::obstacle(seen.administrator.as_ref()),
            );
            refused(entry, format!("the administrator's secret `{name}` {why}"))
        })?,
    };
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
            true
        }
        Some(_) if dead.is_none() => false,
        _ => {
            let first = FirstKeyPlace {
                deployed,
                arn,
                origin: &origin,
                dead: dead.as_ref(),
            };
            let stored = store_first(context, entry, &mut seen, first).await?;
            // The first rotation may use this key immediately, and a new key takes time to
            // propagate.
            if let (Some(key), Some(user)) = (&stored, &seen.user) {
                let proven = authenticate(context, key, &user.arn).await;
                proven.map_err(|reason| refused(entry, reason))?;
            }
            stored.is_some()
        }
    };
    if changed {
        seen = observe_access_key(context, entry).await?;
    }
    if entry.adopt {
        keep_record(context, entry, None).await?;
    }
    let user = seen.user.as_ref();
    if user.is_some_and(|user| user.tags.contains_key(SEEDING_TAG)) {
        let name = entry.kind.user.as_str();
        context.cloud.untag_user(name, SEEDING_TAG).await?;
    }
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
    loop {
        match context.cloud.holder(&key_pair(credential)).await {
            Ok(_) => return Ok(None),
            Err(error) if error.kind != ErrorKind::Credentials => return Err(error.into()),
            // A new key is refused until it has propagated.
            Err(_) if stored.is_some_and(|at| context.waited(at) < context.pace.propagation) => {
                context.wait().await;
            }
            Err(_) => return Ok(Some(credential.accesskey.clone())),
        }
    }
}

/// Where and how a first key is stored.
#[derive(Clone, Copy)]
struct FirstKeyPlace<'a> {
    deployed: &'a Deployed,
    /// The secret's ARN.
    arn: &'a str,
    /// The ARN for `secretarn`.
    origin: &'a str,
    /// The key in the secret, if it no longer exists.
    dead: Option<&'a AccessKeyId>,
}

impl FirstKeyPlace<'_> {
    /// Returns whether the key is a new one. A secret that had a key has adopted the one that the
    /// manifest names already, and a rotation has replaced it.
    fn is_created(&self, entry: EntryOf<'_, AccessKey>) -> bool {
        self.dead.is_some() || entry.kind.initial_key == InitialKey::Create
    }
}

/// Returns whether `secretarn` must be corrected. An ARN that the value lacks is filled in by the
/// next rotation, unless the function knows the administrator's secret by its name only.
fn is_outdated(entry: EntryOf<'_, AccessKey>, credential: &Credential, origin: &str) -> bool {
    match &credential.secretarn {
        Some(held) => held != origin,
        None => matches!(entry.administrator(), Some(SecretReference::Name(_))),
    }
}

/// Stores a first key, and returns it, or `None` if another command has stored one. `seen` is
/// replaced by the state that was observed last, before the key was stored.
///
/// Several commands may do this at the same time. The token of the version with the first key
/// follows from the version before it, so Secrets Manager accepts one key and refuses the others.
/// The commands that created those delete them.
async fn store_first(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &mut ObservedAccessKey,
    first: FirstKeyPlace<'_>,
) -> Result<Option<KeyPair>> {
    let FirstKeyPlace { deployed, arn, .. } = first;
    let began = context.clock.now();
    let mut stored = None;
    // If the token is refused although no other command is at work, the version that was stored
    // under it is no longer AWSCURRENT.
    let mut token = token_after(seen, arn);
    loop {
        let patient = context.waited(began) < context.pace.seeding;
        let held = seen.credential().map(|credential| &credential.accesskey);
        if held.is_some() && held != first.dead {
            break;
        }
        if patient && another_is_at_work(context, seen, deployed) {
            context.wait().await;
        } else {
            match first_key(context, entry, seen, first).await {
                Ok(key) => {
                    record(context, entry, seen, &key.id).await?;
                    match store(context, entry, first, &token, key.clone()).await? {
                        true => {
                            stored = Some(key);
                            break;
                        }
                        false if patient => context.wait().await,
                        false => token = context.clock.token(),
                    }
                }
                // Other commands have created keys in the meantime, and will store one of them.
                Err(Error::Aws(error)) if error.kind == ErrorKind::Limit && patient => {
                    context.wait().await;
                }
                Err(error) => return Err(error),
            }
        }
        *seen = observe_access_key(context, entry).await?;
    }
    keep_record(context, entry, stored.as_ref()).await?;
    if stored.is_none() {
        context.done(format!(
            "{}: another command stored the first key meanwhile",
            entry.secret
        ));
    }
    Ok(stored)
}

/// Returns a token for the version that follows the current one. Every command computes the same
/// token.
fn token_after(seen: &ObservedAccessKey, arn: &str) -> String {
    let current = seen.secret.as_ref();
    let current = current.and_then(|held| held.secret.version_with(CURRENT));
    let text = format!("{arn} {}", current.unwrap_or_default());
    let mut token = crate::bundle::sha256_hex(text.as_bytes());
    token.truncate(32);
    token
}

/// Returns whether another command may be between creating a first key and storing it: it has just
/// recorded its intent, or there is a new key that this command would have to delete.
fn another_is_at_work(
    context: &Context<'_>,
    seen: &ObservedAccessKey,
    deployed: &Deployed,
) -> bool {
    let now = context.clock.now();
    let is_new = |at: Timestamp| now.duration_since(at).abs().unsigned_abs() < context.pace.seeding;
    let recorded = Seeding::of(seen).is_some_and(|held| is_new(held.began));
    let stays = |key: &Key| !is_left_over(seen, deployed, key);
    let in_the_way = seen.keys.len() >= 2 || !seen.keys.iter().all(stays);
    let mut made = seen.keys.iter().filter_map(|key| key.created);
    recorded || (in_the_way && made.any(is_new))
}

/// Returns whether a key was created by a run that was interrupted before it could store it. Every
/// key of a user that the stack created is the stack's.
fn is_left_over(seen: &ObservedAccessKey, deployed: &Deployed, key: &Key) -> bool {
    let owns_user = holds_user(&deployed.resources, &seen.user_name);
    (owns_user && key.last_used.is_none())
        || Seeding::of(seen).is_some_and(|interrupted| interrupted.made(key))
}

async fn first_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    first: FirstKeyPlace<'_>,
) -> Result<KeyPair> {
    let deployed = first.deployed;
    match &entry.kind.initial_key {
        InitialKey::Profile(_) | InitialKey::Secret(_) if first.is_created(entry) => {}
        InitialKey::Create => {}
        InitialKey::Profile(name) => return Ok(context.cloud.profile_key(name).await?),
        InitialKey::Secret(secret) => return stored_key(context, entry, seen, secret).await,
    }
    let user = entry.kind.user.as_str();
    let mut staying = Vec::new();
    for key in &seen.keys {
        if is_left_over(seen, deployed, key) {
            context.cloud.delete_key(user, &key.id).await?;
            context.done(format!(
                "deleted the key {}, which an interrupted run created",
                key.id
            ));
        } else {
            staying.push(key.id.clone());
        }
    }
    if staying.len() >= 2 {
        return Err(refused(
            entry,
            format!(
                "{user} already has two access keys ({})",
                staying.join(", ")
            ),
        ));
    }
    let cloud = context.cloud;
    let seeding = Seeding {
        began: context.clock.now(),
        before: staying,
    };
    cloud.tag_user(user, SEEDING_TAG, &seeding.to_tag()).await?;
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
async fn stored_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    secret: &SecretReference,
) -> Result<KeyPair> {
    let unusable = |why: String| {
        let reason = format!(
            "the key in the secret `{}` cannot be adopted: {why}",
            secret.as_str()
        );
        refused(entry, reason)
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

/// Records on the user, before the key is stored, that it was created or adopted for the secret.
/// The function follows this record when the key was replaced. Nothing is recorded on users that
/// the stack creates, whose keys are all the stack's.
async fn record(
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

/// Ensures that the stored key is recorded, since another command may have overwritten the record.
///
/// The record lets the function delete the key. A principal that may write the secret can store a
/// value that names any key, so a key that this command did not store must authenticate first.
async fn keep_record(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    stored: Option<&KeyPair>,
) -> Result<()> {
    let seen = observe_access_key(context, entry).await?;
    let current = seen.credential();
    let held = current.map(|credential| credential.accesskey.as_str());
    let stored = stored.map(|key| key.id.as_str());
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
    record(context, entry, &seen, key).await
}

/// Stores a key. Returns whether Secrets Manager accepted it. If another command was faster, the
/// key that was created for it is deleted again.
async fn store(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    first: FirstKeyPlace<'_>,
    token: &str,
    key: KeyPair,
) -> Result<bool> {
    let FirstKeyPlace { arn, origin, .. } = first;
    let id = key.id.clone();
    let current = context.cloud.value(arn, CURRENT).await?;
    let current = current.map(|value| value.text);
    let text = Credential::new(
        AccessKeyId::of_iam(key.id),
        key.secret,
        entry.kind.user.to_string(),
        origin.to_owned(),
    )
    .first_in(current.as_ref(), &entry.fields)
    .to_text();
    let Err(error) = context.cloud.put_value(arn, token, CURRENT, &text).await else {
        context.done(format!("stored the key {id} in {}", entry.secret));
        return Ok(true);
    };
    // A missing response is not a refusal: check the state before anything is undone.
    if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
        && let Some(value) = context.cloud.value(arn, CURRENT).await?
        && value.version == token
        && matches!(Credential::read(&value.text, &entry.fields), Content::Complete(held) if held.accesskey == id)
    {
        return Ok(true);
    }
    if first.is_created(entry) && error.kind != ErrorKind::Unavailable {
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
