//! Looking at the account.

use futures_util::{StreamExt, TryStreamExt, future, stream};
use jiff::Timestamp;

use super::error::Result;
use super::{CONCURRENCY, Context, observe_database};
use crate::model::{AccessKey, Content, Credential, EntryOf, InitialKey, KmsKey, Model, RotateAs};
use crate::plan::{
    Administrator, BEFORE, MADE, Observed, ObservedEntry, ObservedSecret, Profile, SecretContent,
};
use crate::port::{CURRENT, ErrorKind, Key, Optional, PENDING, PREVIOUS, Secret};

/// Looks at all that a manifest touches.
///
/// # Errors
///
/// Returns the first call that was refused; what does not exist is no error.
pub async fn observe(context: &Context<'_>, model: &Model) -> Result<Observed> {
    let caller = context.cloud.caller().await?;
    let (stack, resources) = future::try_join(
        context.cloud.stack(model.stack.as_str()),
        context.cloud.resources(model.stack.as_str()),
    )
    .await?;
    let entries = stream::iter(model.access_keys())
        .map(|entry| observe_entry(context, entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let databases = stream::iter(model.databases())
        .map(|entry| observe_database(context, entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(Observed {
        caller,
        region: context.region.to_owned(),
        stack,
        resources,
        entries,
        databases,
    })
}

/// Looks at one entry: the user, its keys, the secret, and what helps it.
///
/// # Errors
///
/// Returns the first call that was refused.
pub async fn observe_entry(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<ObservedEntry> {
    let seen = observe_pair(context, entry.kind.user.as_str(), entry.secret.as_str());
    let (mut seen, encryption_key, administrator) = future::try_join3(
        seen,
        observe_kms_key(context, &entry.kms_key),
        observe_administrator(context, entry),
    )
    .await?;
    seen.encryption_key = encryption_key;
    seen.administrator = administrator;
    if let (InitialKey::Profile(name), None) = (&entry.kind.initial_key, seen.credential()) {
        seen.profile = Some(observe_profile(context, name).await?);
    }
    Ok(seen)
}

/// Looks at a user and a secret by their names.
pub(super) async fn observe_pair(
    context: &Context<'_>,
    user_name: &str,
    secret_name: &str,
) -> Result<ObservedEntry> {
    let (seen, secret) = future::try_join(
        observe_user(context, user_name, secret_name),
        observe_secret(context, secret_name),
    )
    .await?;
    Ok(ObservedEntry { secret, ..seen })
}

/// Looks at a user and its keys, and not at the secret.
pub(super) async fn observe_user(
    context: &Context<'_>,
    user_name: &str,
    secret_name: &str,
) -> Result<ObservedEntry> {
    let (user, keys) = future::try_join(
        async { Ok(context.cloud.user(user_name).await?) },
        observe_keys(context, user_name),
    )
    .await?;
    Ok(ObservedEntry {
        user_name: user_name.to_owned(),
        secret_name: secret_name.to_owned(),
        user,
        keys,
        secret: None,
        encryption_key: None,
        administrator: None,
        profile: None,
    })
}

async fn observe_keys(context: &Context<'_>, user: &str) -> Result<Vec<Key>> {
    let keys = context.cloud.keys(user).await.optional()?;
    let used = keys.unwrap_or_default().into_iter().map(|key| async move {
        let last_used = context.cloud.last_used(&key.id).await.optional()?.flatten();
        Ok(Key { last_used, ..key })
    });
    future::try_join_all(used).await
}

/// How often a secret is looked at again whose labels move meanwhile. A rotation
/// moves them twice.
pub(super) const LOOKS: usize = 5;

/// Looks at a secret and at what its labelled versions hold.
pub(super) async fn observe_secret(
    context: &Context<'_>,
    name: &str,
) -> Result<Option<ObservedSecret>> {
    for look in 1.. {
        let Some(secret) = context.cloud.secret(name).await? else {
            return Ok(None);
        };
        if secret.deleted.is_some() {
            return Ok(Some(ObservedSecret::unread(secret)));
        }
        // Labels and values come by calls of their own. Where a rotation moved a
        // label between them, a key would be taken for another than it is.
        match read_labelled(context, secret).await? {
            LabelledValues::Agreeing(seen) => return Ok(Some(seen)),
            LabelledValues::Moved(seen) if look >= LOOKS => return Ok(Some(seen)),
            LabelledValues::Moved(_) => {}
        }
    }
    Ok(None)
}

/// The values of a secret's labels, read after the labels themselves.
enum LabelledValues {
    /// Each was on the version that DescribeSecret reported.
    Agreeing(ObservedSecret),
    /// One was on another by then.
    Moved(ObservedSecret),
}

async fn read_labelled(context: &Context<'_>, secret: Secret) -> Result<LabelledValues> {
    let read = |label: &'static str, version: Option<&str>| {
        let arn = &secret.arn;
        let version = version.map(str::to_owned);
        async move {
            let Some(version) = version else {
                return Ok::<_, crate::run::Error>(LabelledVersion::nothing());
            };
            match context.cloud.value(arn, label).await.optional() {
                Ok(Some(Some(value))) => Ok(LabelledVersion {
                    missing: false,
                    agrees: value.version == version,
                    since: value.created,
                    content: SecretContent::Held(Credential::read(&value.text)),
                }),
                Ok(None | Some(None)) => Ok(LabelledVersion {
                    missing: true,
                    ..LabelledVersion::nothing()
                }),
                // Binary data is no value that anything here could have stored.
                Err(error) if error.kind == ErrorKind::Invalid => Ok(LabelledVersion {
                    content: SecretContent::Held(Content::Foreign),
                    ..LabelledVersion::nothing()
                }),
                Err(error) if error.kind == ErrorKind::Undecryptable => Ok(LabelledVersion {
                    content: SecretContent::Sealed,
                    ..LabelledVersion::nothing()
                }),
                Err(error) => Err(error.into()),
            }
        }
    };
    let (current, previous, before, pending, made) = future::try_join5(
        read(CURRENT, secret.version_with(CURRENT)),
        read(PREVIOUS, secret.version_with(PREVIOUS)),
        read(BEFORE, secret.version_with(BEFORE)),
        read(PENDING, secret.unfinished()),
        read(MADE, left_over(&secret)),
    )
    .await?;
    let all = [&current, &previous, &before, &pending, &made];
    let mut agree = all.iter().all(|held| held.agrees);
    if agree && all.iter().any(|held| held.missing) {
        // The version has no value, or the label left it: the labels tell which.
        let now = context.cloud.secret(&secret.arn).await?;
        agree = now.is_some_and(|now| now.versions == secret.versions);
    }
    let seen = ObservedSecret {
        read: agree && all.iter().all(|held| held.tells_its_key()),
        current_since: current.since,
        current: current.content,
        previous_key: key_id(previous.content),
        before_key: key_id(before.content),
        pending_key: key_id(pending.content),
        made_key: key_id(made.content),
        secret,
    };
    Ok(match agree {
        true => LabelledValues::Agreeing(seen),
        false => LabelledValues::Moved(seen),
    })
}

/// What a label's version holds.
struct LabelledVersion {
    /// It is on the version that DescribeSecret reported.
    agrees: bool,
    /// There was no value under the label.
    missing: bool,
    since: Option<Timestamp>,
    content: SecretContent,
}

impl LabelledVersion {
    const fn nothing() -> Self {
        Self {
            agrees: true,
            missing: false,
            since: None,
            content: SecretContent::Absent,
        }
    }

    /// Returns whether it is known which key it holds, if any.
    fn tells_its_key(&self) -> bool {
        match &self.content {
            SecretContent::Absent | SecretContent::Held(Content::Complete(_)) => true,
            SecretContent::Held(Content::Incomplete(missing)) => {
                missing.contains(&keyrota_contract::value::ACCESS_KEY)
            }
            SecretContent::Held(Content::Malformed(_) | Content::Foreign)
            | SecretContent::Sealed => false,
        }
    }
}

/// Returns the version that a rotation stored its key in and that no other label
/// is on: elsewhere it is read already.
fn left_over(secret: &Secret) -> Option<&str> {
    let made = secret.version_with(MADE)?;
    let labels = [CURRENT, PREVIOUS, BEFORE, PENDING];
    let others = labels.map(|label| secret.version_with(label));
    (!others.contains(&Some(made))).then_some(made)
}

fn key_id(content: SecretContent) -> Option<String> {
    match content {
        SecretContent::Held(Content::Complete(credential)) => Some(credential.accesskey.into()),
        _ => None,
    }
}

pub(super) async fn observe_kms_key(
    context: &Context<'_>,
    key: &KmsKey,
) -> Result<Option<Option<crate::port::EncryptionKey>>> {
    match key {
        KmsKey::Existing(arn) => Ok(Some(context.cloud.encryption_key(arn.as_str()).await?)),
        KmsKey::AwsManaged | KmsKey::Create => Ok(None),
    }
}

async fn observe_administrator(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<Option<Administrator>> {
    let RotateAs::Administrator(reference) = &entry.rotate_as else {
        return Ok(None);
    };
    let Some(secret) = context.cloud.secret(reference.as_str()).await? else {
        return Ok(Some(Administrator::Missing));
    };
    // Only the function needs its value. The deployer does not have to read it.
    Ok(Some(if secret.deleted.is_some() {
        Administrator::Unusable("is scheduled for deletion".into())
    } else if secret.version_with(CURRENT).is_none() {
        Administrator::Unusable("has no value".into())
    } else {
        Administrator::Usable { arn: secret.arn }
    }))
}

async fn observe_profile(context: &Context<'_>, name: &str) -> Result<Profile> {
    let key = match context.cloud.profile_key(name).await {
        Ok(key) => key,
        Err(error) => return Ok(Profile::Unusable(error.message)),
    };
    match context.cloud.holder(&key).await {
        Ok(caller) => Ok(Profile::Usable {
            id: key.id,
            holder: caller.arn,
        }),
        Err(error) if error.kind == ErrorKind::Credentials => {
            Ok(Profile::Unusable(format!("AWS refuses its key {}", key.id)))
        }
        Err(error) => Err(error.into()),
    }
}
