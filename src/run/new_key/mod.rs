//! A new key for a secret: the first one, or one that replaces a key that clients cannot or must not
//! use any longer. The caller's credentials create it, not the function.
//!
//! Creating a key and storing it are two calls, and the secret access key is returned only once. So
//! the order is always the same, and each step can be the last one of a process:
//!
//! 1. The IAM user is tagged with the time and the existing keys. If the process ends after the next
//!    step, the next one recognizes the key that it left, and deletes it.
//! 2. The key is created.
//! 3. The key is recorded on the user as keyrota's, and stored under the label `KEYROTA_FIRST`. From
//!    now on, the next process continues with this key.
//! 4. The key is proven to authenticate as the user, and the tag is removed.
//! 5. AWSCURRENT moves to its version, and the label is removed.
//!
//! Several commands may do this at the same time. The token of the new version follows from the
//! current one, so Secrets Manager accepts one key and refuses the others. The commands that created
//! those delete them, and help the first one to finish.

mod create;
mod promote;
mod store;

use jiff::Timestamp;

use super::error::{Error, Result};
use super::observe::observe_access_key;
use super::{Context, Deployed};
use crate::model::{AccessKey, AccessKeyId, EntryOf, InitialKey};
use crate::plan::{
    Administrator, FIRST, ObservedAccessKey, SEEDING_TAG, Seeding, Spent, holds_user,
};
use crate::port::{CURRENT, ErrorKind, Key, Secret};

use create::create_key;
use promote::{promote, staged_version, unstage};
pub(super) use store::keep_record;
use store::{record, store};

/// What a new key is for.
#[derive(Clone, Copy, Debug)]
pub struct KeyReplacement<'a> {
    /// The secret's ARN.
    pub arn: &'a str,
    /// The ARN for `secretarn`.
    pub origin: &'a str,
    /// The key in AWSCURRENT, if its value is a credential. Once AWSCURRENT contains another one,
    /// nothing is left to do.
    pub replaced: Option<&'a AccessKeyId>,
    /// Where the key comes from.
    pub source: KeySource,
    /// Which keys may be deleted to make room for it.
    pub accepted: &'a [Spent],
}

/// Where a new key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// IAM creates it, and the secret has never contained a key.
    First,
    /// `initial_key` of the manifest. The secret has never contained a key.
    Manifest,
    /// IAM creates it, in place of a key that clients have used.
    Replacement,
}

impl KeyReplacement<'_> {
    /// Returns whether IAM creates the key.
    fn is_created(&self, entry: EntryOf<'_, AccessKey>) -> bool {
        self.source != KeySource::Manifest || entry.kind.initial_key == InitialKey::Create
    }

    /// Returns the error that the key is not stored.
    fn refused(&self, entry: EntryOf<'_, AccessKey>, reason: String) -> Error {
        let secret = entry.secret.to_string();
        match self.source {
            KeySource::First | KeySource::Manifest => Error::Seed { secret, reason },
            KeySource::Replacement => Error::NotReplaced { secret, reason },
        }
    }
}

/// A new key that is in AWSCURRENT.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its ID.
    pub id: String,
    /// The version of the secret.
    pub version: String,
}

/// Stores a new key in AWSCURRENT, and returns it, or `None` if another command has stored one
/// meanwhile. The key that is in AWSCURRENT until then is not changed.
///
/// The value keeps the fields that keyrota does not know, as the newest version has them whose value
/// is a JSON object.
///
/// # Errors
///
/// Returns [`Error::NotReplaced`], or [`Error::Seed`] for a first key, if the user has no room for
/// another key, or if the new key does not authenticate. AWSCURRENT is then as it was. Another run
/// continues.
pub async fn replace_key(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
    replacement: KeyReplacement<'_>,
) -> Result<Option<NewKey>> {
    let arn = replacement.arn;
    let mut seen = observe_access_key(context, entry).await?;
    let began = context.clock.now();
    // If the token is refused although no other command is at work, the version that was stored
    // under it has not become AWSCURRENT, and never will.
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let first = token_after(secret, arn);
    let mut token = first.clone();
    let mut made = None;
    while !is_done(&seen, replacement.replaced) {
        let patient = context.waited(began) < context.pace.seeding;
        if let Some(version) = staged_version(&seen, [&first, &token], replacement.replaced) {
            if seen.user.is_none() && context.waited(began) < context.pace.propagation {
                // IAM does not know a user that was just created at every endpoint yet.
                context.wait().await;
                seen = observe_access_key(context, entry).await?;
                continue;
            }
            made = promote(context, entry, replacement, &seen, version).await?;
            if made.is_none() {
                token = context.clock.token();
            }
        } else if patient && another_is_at_work(context, &seen, deployed, replacement) {
            context.wait().await;
        } else {
            match create_key(context, deployed, entry, &seen, replacement).await {
                Ok(key) => {
                    record(context, entry, &seen, &key.id).await?;
                    match store(context, entry, replacement, &seen, &token, key).await? {
                        true => {}
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
        seen = observe_access_key(context, entry).await?;
    }
    let id = made.as_ref().map(|it| it.id.as_str());
    keep_record(context, entry, &seen, id).await?;
    tidy(context, entry, &seen, arn).await?;
    if made.is_none() {
        context.done(format!(
            "{}: another command stored a new key meanwhile",
            entry.secret
        ));
    }
    Ok(made)
}

/// Returns whether AWSCURRENT contains another key than the one that is replaced.
fn is_done(seen: &ObservedAccessKey, replaced: Option<&AccessKeyId>) -> bool {
    let held = seen.credential().map(|held| &held.accesskey);
    held.is_some() && held != replaced
}

/// Removes what marks a key that is not in AWSCURRENT yet, since it is now.
pub(super) async fn tidy(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    arn: &str,
) -> Result<()> {
    forget_seeding(context, entry, seen).await?;
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let first = secret.and_then(|secret| secret.version_with(FIRST));
    let current = secret.and_then(|secret| secret.version_with(CURRENT));
    match first.filter(|first| Some(*first) == current) {
        Some(version) => unstage(context, arn, version).await,
        None => Ok(()),
    }
}

/// Removes the record of the creation, since the key is stored.
async fn forget_seeding(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
) -> Result<()> {
    let user = seen.user.as_ref();
    if user.is_some_and(|user| user.tags.contains_key(SEEDING_TAG)) {
        let name = entry.kind.user.as_str();
        context.cloud.untag_user(name, SEEDING_TAG).await?;
    }
    Ok(())
}

/// Returns a token for the version that follows the current one. Every command computes the same
/// token.
pub(super) fn token_after(secret: Option<&Secret>, arn: &str) -> String {
    let current = secret.and_then(|secret| secret.version_with(CURRENT));
    let text = format!("{arn} {}", current.unwrap_or_default());
    let mut token = crate::bundle::sha256_hex(text.as_bytes());
    token.truncate(32);
    token
}

/// Returns the ARN for `secretarn`: that of the secret whose key signs the IAM calls.
///
/// # Errors
///
/// Returns why the administrator's secret cannot be used.
pub(super) fn origin(
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    arn: &str,
) -> std::result::Result<String, String> {
    let Some(name) = entry.administrator() else {
        // The stack contains the secret, even if it is not visible yet.
        return Ok(arn.to_owned());
    };
    seen.origin(entry).map(str::to_owned).ok_or_else(|| {
        let why = Administrator::obstacle(seen.administrator.as_ref());
        format!("the administrator's secret `{}` {why}", name.as_str())
    })
}

/// Returns whether another command may be between creating a key and storing it: it has just
/// recorded its intent, or there is a new key that this command would have to delete.
fn another_is_at_work(
    context: &Context<'_>,
    seen: &ObservedAccessKey,
    deployed: &Deployed,
    replacement: KeyReplacement<'_>,
) -> bool {
    let now = context.clock.now();
    let is_new = |at: Timestamp| now.duration_since(at).abs().unsigned_abs() < context.pace.seeding;
    let recorded = Seeding::of(seen).is_some_and(|held| is_new(held.began));
    let stays = |key: &Key| !is_left_over(seen, deployed, replacement, key);
    let in_the_way = seen.keys.len() >= 2 || !seen.keys.iter().all(stays);
    let mut made = seen.keys.iter().filter_map(|key| key.created);
    recorded || (in_the_way && made.any(is_new))
}

/// Returns whether a key was created by a run that was interrupted before it could store it. Every
/// key of a user that the stack created is the stack's, and without a credential in the secret, no
/// client can have one.
fn is_left_over(
    seen: &ObservedAccessKey,
    deployed: &Deployed,
    replacement: KeyReplacement<'_>,
    key: &Key,
) -> bool {
    let owns_user = holds_user(&deployed.resources, &seen.user_name);
    let is_first = replacement.source != KeySource::Replacement;
    (is_first && owns_user && key.last_used.is_none())
        || Seeding::of(seen).is_some_and(|interrupted| interrupted.made(key))
}
