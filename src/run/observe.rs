//! Observes the account.

use futures_util::{StreamExt, TryStreamExt, future, stream};
use jiff::Timestamp;
use secrecy::SecretString;

use super::database::{observe_database, observe_login};
use super::error::{Error, Result};
use super::service::{observe_service, observe_service_login};
use super::{CONCURRENCY, Context};
use crate::model::{
    AccessKey, ByKind, Content, Credential, Entry, EntryOf, InitialKey, KmsKey, Model, Names,
    SecretReference, StoredKey,
};
use crate::plan::{
    Administrator, BEFORE, FIRST, FirstKey, Lookup, MADE, Observed, ObservedAccessKey,
    ObservedDatabase, ObservedEntry, ObservedSecret, ObservedService, REPLACED, SecretContent,
    UnusableKey,
};
use crate::port::{
    self, CURRENT, EncryptionKey, ErrorKind, Key, KeyPair, LastUse, Optional, PENDING, PREVIOUS,
    Secret, Stage,
};

/// Observes everything that a manifest concerns.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is not an error.
pub async fn observe<'model>(
    context: &Context<'_>,
    model: &'model Model,
) -> Result<Observed<'model>> {
    let caller = context.cloud.caller().await?;
    let (stack, resources) = future::try_join(
        context.cloud.stack(model.deployed_name()),
        context.cloud.resources(model.deployed_name()),
    )
    .await?;
    let entries = stream::iter(&model.entries)
        .map(|entry| observe_allowed(context, entry))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(Observed {
        caller,
        region: context.region.to_owned(),
        stack,
        resources,
        entries,
    })
}

/// Observes one entry: the credential, the secret, and the resources that its rotation uses.
///
/// # Errors
///
/// Returns the first call that was refused. A missing resource is not an error.
pub async fn observe_entry<'model>(
    context: &Context<'_>,
    entry: &'model Entry,
) -> Result<ObservedEntry<'model>> {
    let seen = observe_allowed(context, entry).await?;
    match seen.denied().first() {
        Some((_, error)) => Err(Error::Aws((*error).clone())),
        None => Ok(seen),
    }
}

/// Looks at one entry as [`observe_entry`] does, as far as the caller is allowed to. A look-up of
/// what helps the entry that is denied is no error.
pub(super) async fn observe_allowed<'model>(
    context: &Context<'_>,
    entry: &'model Entry,
) -> Result<ObservedEntry<'model>> {
    Ok(match entry.by_kind() {
        ByKind::AccessKey(entry) => {
            let seen = observe_access_key(context, entry).await?;
            ObservedEntry::AccessKey(entry, Box::new(seen))
        }
        ByKind::Database(entry) => {
            let seen = observe_database(context, entry).await?;
            ObservedEntry::Database(entry, Box::new(seen))
        }
        ByKind::Service(entry) => {
            let seen = observe_service(context, entry).await?;
            ObservedEntry::Service(entry, Box::new(seen))
        }
    })
}

/// Observes only the credential and the secret of an entry.
pub(super) async fn observe_credential<'model>(
    context: &Context<'_>,
    entry: &'model Entry,
) -> Result<ObservedEntry<'model>> {
    Ok(match entry.by_kind() {
        ByKind::AccessKey(entry) => {
            let seen = observe_pair(context, entry).await?;
            ObservedEntry::AccessKey(entry, Box::new(seen))
        }
        ByKind::Database(entry) => {
            let secret = observe_login(context, entry.secret.as_str(), &entry.fields).await?;
            ObservedEntry::Database(entry, Box::new(ObservedDatabase::of(secret)))
        }
        ByKind::Service(entry) => {
            let name = entry.secret.as_str();
            let secret = observe_service_login(context, name, &entry.fields).await?;
            ObservedEntry::Service(entry, Box::new(ObservedService::of(secret)))
        }
    })
}

/// Observes an entry with `look`, repeatedly while IAM may not yet show the user, or the key of
/// AWSCURRENT in the user's list: IAM is eventually consistent. What was read soon after the version
/// was created does not prove that the user or the key is missing.
pub(super) async fn observe_listed<'model>(
    context: &Context<'_>,
    look: impl AsyncFn() -> Result<ObservedEntry<'model>>,
) -> Result<ObservedEntry<'model>> {
    let mut is_reported = false;
    loop {
        let seen = look().await?;
        if !awaits_listing(context, &seen) {
            return Ok(seen);
        }
        if !is_reported {
            is_reported = true;
            context.stage(Stage::AwaitingKey(seen.entry().secret.to_string()));
        }
        context.wait().await;
    }
}

/// Returns whether the list of keys lacks the key of a version that is so new that the list may be
/// older.
fn awaits_listing(context: &Context<'_>, seen: &ObservedEntry<'_>) -> bool {
    let ObservedEntry::AccessKey(_, seen) = seen else {
        return false;
    };
    let created = seen.secret.as_ref().and_then(|held| held.current_since);
    seen.lost_key().is_some()
        && created.is_some_and(|created| context.waited(created) < context.pace.propagation)
}

/// Observes one access key: the user, its keys, the secret, and the resources that its rotation
/// uses.
pub(super) async fn observe_access_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<ObservedAccessKey> {
    let (mut seen, encryption_key, administrator) = future::try_join3(
        observe_pair(context, entry),
        observe_kms_key(context, &entry.kms_key),
        observe_administrator(context, &entry, async |secret| {
            // Only the function needs its value. The deployer does not have to read it.
            Ok(Administrator::Usable { arn: secret.arn })
        }),
    )
    .await?;
    seen.encryption_key = encryption_key;
    seen.administrator = administrator;
    // A secret that awaits its deletion has had its first key.
    let is_deleted = seen.secret.as_ref().is_some_and(ObservedSecret::is_deleted);
    if seen.credential().is_none() && !is_deleted {
        seen.first_key = match &entry.kind.initial_key {
            InitialKey::Create => None,
            InitialKey::Profile(name) => Some(observe_profile(context, name).await?),
            InitialKey::Secret(secret) => Some(observe_stored_key(context, secret).await?),
        };
    }
    Ok(seen)
}

async fn observe_pair(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<ObservedAccessKey> {
    let (seen, secret) = future::try_join(
        observe_user(context, entry),
        observe_secret(context, entry.secret.as_str(), &entry.fields),
    )
    .await?;
    Ok(ObservedAccessKey { secret, ..seen })
}

/// Observes a user and its keys, without the secret.
pub(super) async fn observe_user(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
) -> Result<ObservedAccessKey> {
    let user_name = entry.kind.user.as_str();
    let (user, keys) = future::try_join(
        async { Ok(context.cloud.user(user_name).await?) },
        observe_keys(context, user_name),
    )
    .await?;
    Ok(ObservedAccessKey {
        user_name: user_name.to_owned(),
        secret_name: entry.secret.to_string(),
        names: entry.fields.clone(),
        user,
        keys,
        secret: None,
        encryption_key: None,
        administrator: None,
        first_key: None,
    })
}

async fn list_keys(context: &Context<'_>, user: &str) -> Result<Vec<Key>> {
    Ok(context
        .cloud
        .keys(user)
        .await
        .optional()?
        .unwrap_or_default())
}

pub(super) async fn observe_keys(context: &Context<'_>, user: &str) -> Result<Vec<Key>> {
    let keys = list_keys(context, user).await?;
    let used = keys.iter().map(|key| context.cloud.last_used(&key.id));
    let used = future::join_all(used).await;
    // If a key is deleted between the two calls, its last use is not available.
    let is_gone =
        |error: &port::Error| matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound);
    if used.iter().any(|used| used.as_ref().is_err_and(is_gone)) {
        let listed = list_keys(context, user).await?;
        let stays = |key: &Key| listed.iter().any(|held| held.id == key.id);
        let known = keys.iter().zip(used).filter(|(key, _)| stays(key));
        return known
            .map(|(key, used)| {
                let used = match used {
                    Err(error) if error.kind == ErrorKind::NotFound => None,
                    used => used?,
                };
                Ok(with_use(key.clone(), used))
            })
            .collect();
    }
    let known = keys.into_iter().zip(used);
    known.map(|(key, used)| Ok(with_use(key, used?))).collect()
}

/// Returns the key with its last use.
fn with_use(key: Key, used: Option<LastUse>) -> Key {
    Key {
        last_used: used.as_ref().map(|used| used.at),
        used_in: used.and_then(|used| used.used_in),
        ..key
    }
}

/// The number of attempts to observe a secret whose labels move in the meantime. A rotation moves
/// them twice.
const LOOKS: usize = 5;

/// Observes a secret, and with `read` its labelled versions, until both agree. `read` also returns
/// whether they do. A secret that is scheduled for deletion cannot be read.
pub(super) async fn observe_labelled<T>(
    context: &Context<'_>,
    name: &str,
    unread: impl Fn(Secret) -> T,
    read: impl AsyncFn(Secret) -> Result<(T, bool)>,
) -> Result<Option<T>> {
    for look in 1.. {
        let Some(secret) = context.cloud.secret(name).await? else {
            return Ok(None);
        };
        if secret.deleted.is_some() {
            return Ok(Some(unread(secret)));
        }
        // Labels and values are read by separate calls. If a rotation moved a label between them, a
        // key would be mistaken for another.
        match read(secret).await {
            Ok((seen, agrees)) if agrees || look >= LOOKS => return Ok(Some(seen)),
            Ok(_) => {}
            // Another command scheduled its deletion between the two calls.
            Err(Error::Aws(error)) if error.kind == ErrorKind::Conflict && look < LOOKS => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Observes a secret, whose fields have these names, and the keys in its labelled versions.
pub(super) async fn observe_secret(
    context: &Context<'_>,
    name: &str,
    names: &Names,
) -> Result<Option<ObservedSecret>> {
    observe_labelled(context, name, ObservedSecret::unread, async |secret| {
        read_labelled(context, secret, names).await
    })
    .await
}

/// Reads the values of a secret's labels, after the labels themselves. Also returns
/// whether each was on the version that DescribeSecret reported.
async fn read_labelled(
    context: &Context<'_>,
    secret: Secret,
    names: &Names,
) -> Result<(ObservedSecret, bool)> {
    let read = |label: &'static str, version| {
        read_version(context, &secret, label, version, |text| {
            Credential::read(text, names)
        })
    };
    let ((current, previous, replaced), before, pending, made, staged) = future::try_join5(
        future::try_join3(
            read(CURRENT, secret.version_with(CURRENT)),
            read(PREVIOUS, secret.version_with(PREVIOUS)),
            read(REPLACED, alone(&secret, REPLACED)),
        ),
        read(BEFORE, secret.version_with(BEFORE)),
        read(PENDING, secret.unfinished()),
        read(MADE, alone(&secret, MADE)),
        read(FIRST, alone(&secret, FIRST)),
    )
    .await?;
    let all = [
        &current, &previous, &replaced, &before, &pending, &made, &staged,
    ];
    let mut agree = all.iter().all(|held| held.agrees);
    if agree && all.iter().any(|held| held.missing) {
        // Either the version has no value, or the label moved. The labels show which.
        let now = context.cloud.secret(&secret.arn).await?;
        agree = now.is_some_and(|now| now.versions == secret.versions);
    }
    let seen = ObservedSecret {
        read: agree && all.iter().all(|held| shows_its_key(&held.content)),
        current_since: current.since,
        current: current.content,
        previous_key: key_id(previous.content),
        before_key: key_id(before.content),
        replaced_key: key_id(replaced.content),
        pending_key: key_id(pending.content),
        made_key: key_id(made.content),
        staged_key: key_id(staged.content),
        secret,
    };
    Ok((seen, agree))
}

/// The content of the version with a label.
pub(super) struct LabelledVersion<T> {
    /// Whether it is the version that DescribeSecret reported.
    pub(super) agrees: bool,
    /// Whether there was no value under the label.
    missing: bool,
    /// When the version was created.
    pub(super) since: Option<Timestamp>,
    pub(super) content: SecretContent<T>,
}

/// Reads the value of a label, if DescribeSecret reported the label on a version.
pub(super) async fn read_version<T>(
    context: &Context<'_>,
    secret: &Secret,
    label: &str,
    version: Option<&str>,
    read: impl Fn(&SecretString) -> Content<T>,
) -> Result<LabelledVersion<T>> {
    let mut held = LabelledVersion {
        agrees: true,
        missing: false,
        since: None,
        content: SecretContent::Absent,
    };
    let Some(version) = version else {
        return Ok(held);
    };
    match context.cloud.value(&secret.arn, label).await.optional() {
        Ok(Some(Some(value))) => {
            held.agrees = value.version == version;
            held.since = value.created;
            held.content = SecretContent::Held(read(&value.text));
        }
        Ok(None | Some(None)) => held.missing = true,
        // keyrota never stores binary data.
        Err(error) if error.kind == ErrorKind::Invalid => {
            held.content = SecretContent::Held(Content::Foreign);
        }
        Err(error) if error.kind == ErrorKind::Undecryptable => {
            held.content = SecretContent::Sealed;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(held)
}

/// Returns whether the key of a version, or that it has none, is known.
fn shows_its_key(content: &SecretContent) -> bool {
    match content {
        SecretContent::Absent | SecretContent::Held(Content::Complete(_)) => true,
        SecretContent::Held(Content::Incomplete(missing)) => {
            missing.contains(&keyrota_contract::value::ACCESS_KEY)
        }
        SecretContent::Held(
            Content::Malformed(_) | Content::Ambiguous(_) | Content::Misnamed | Content::Foreign,
        )
        | SecretContent::Sealed => false,
    }
}

/// Returns the version with a label of keyrota's own, unless it has a label under which it has been
/// read already.
fn alone<'a>(secret: &'a Secret, label: &str) -> Option<&'a str> {
    let version = secret.version_with(label)?;
    let labels = [CURRENT, PREVIOUS, BEFORE, PENDING];
    let others = labels.map(|label| secret.version_with(label));
    (!others.contains(&Some(version))).then_some(version)
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
) -> Result<Option<Lookup<EncryptionKey>>> {
    match key {
        KmsKey::Existing(arn) => {
            let found = context.cloud.encryption_key(arn.as_str()).await;
            Ok(Some(Lookup::of(found)?))
        }
        KmsKey::AwsManaged | KmsKey::Create => Ok(None),
    }
}

/// Observes the administrator's secret that the manifest names. `read` observes its content.
pub(super) async fn observe_administrator(
    context: &Context<'_>,
    entry: &Entry,
    read: impl AsyncFnOnce(Secret) -> Result<Administrator>,
) -> Result<Option<Administrator>> {
    let Some(reference) = entry.administrator() else {
        return Ok(None);
    };
    let unusable = |why: &str| Ok(Some(Administrator::Unusable(why.to_owned())));
    match Lookup::of(context.cloud.secret(reference.as_str()).await)? {
        Lookup::Denied(error) => Ok(Some(Administrator::Denied(error))),
        Lookup::Missing => unusable("does not exist"),
        // Secrets Manager also finds a secret by an ARN without the six characters at its end.
        Lookup::Found(secret) if is_other_arn(reference, &secret) => {
            unusable(&format!("has the ARN {}, so write that one", secret.arn))
        }
        Lookup::Found(secret) if secret.deleted.is_some() => unusable("is scheduled for deletion"),
        Lookup::Found(secret) if secret.version_with(CURRENT).is_none() => unusable("has no value"),
        Lookup::Found(secret) => Ok(Some(read(secret).await?)),
    }
}

fn is_other_arn(reference: &SecretReference, secret: &Secret) -> bool {
    matches!(reference, SecretReference::Arn(arn) if arn.as_str() != secret.arn)
}

async fn observe_profile(context: &Context<'_>, name: &str) -> Result<FirstKey> {
    let key = match context.cloud.profile_key(name).await {
        Ok(key) => key,
        Err(error) => return Ok(FirstKey::Unusable(UnusableKey::Profile(error.message))),
    };
    let refused = |id: &str| UnusableKey::Profile(format!("AWS refuses its key {id}"));
    observe_holder(context, key, refused).await
}

async fn observe_stored_key(
    context: &Context<'_>,
    reference: &SecretReference,
) -> Result<FirstKey> {
    match read_stored_key(context, reference).await? {
        Ok(key) => {
            let refused = |id: &str| UnusableKey::Refused(id.to_owned());
            observe_holder(context, key, refused).await
        }
        Err(unusable) => Ok(FirstKey::Unusable(unusable)),
    }
}

/// Authenticates with a key. `refused` says what it means that AWS refuses the key with an ID.
async fn observe_holder(
    context: &Context<'_>,
    key: KeyPair,
    refused: impl Fn(&str) -> UnusableKey,
) -> Result<FirstKey> {
    match context.cloud.holder(&key).await {
        Ok(caller) => Ok(FirstKey::Usable {
            id: key.id,
            holder: caller.arn,
        }),
        Err(error) if error.kind == ErrorKind::Credentials => {
            Ok(FirstKey::Unusable(refused(&key.id)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the access key in a secret that does not belong to the stack. It is only read.
pub(super) async fn read_stored_key(
    context: &Context<'_>,
    reference: &SecretReference,
) -> Result<std::result::Result<KeyPair, UnusableKey>> {
    let secret = match Lookup::of(context.cloud.secret(reference.as_str()).await)? {
        Lookup::Found(secret) => secret,
        Lookup::Missing => return Ok(Err(UnusableKey::NoSecret)),
        Lookup::Denied(error) => {
            let kms_key = None;
            return Ok(Err(UnusableKey::Denied { error, kms_key }));
        }
    };
    if secret.deleted.is_some() {
        return Ok(Err(UnusableKey::Deleted));
    }
    if secret.rotation_enabled {
        let function = secret.rotation.function;
        return Ok(Err(UnusableKey::Rotates { function }));
    }
    let unusable = match context.cloud.value(&secret.arn, CURRENT).await.optional() {
        Ok(Some(Some(value))) => match StoredKey::read(&value.text) {
            Ok(StoredKey { id, secret }) => {
                let id = id.into();
                return Ok(Ok(KeyPair { id, secret }));
            }
            Err(fault) => UnusableKey::NoKey(fault),
        },
        Ok(None | Some(None)) => UnusableKey::NoValue,
        Err(error) => match error.kind {
            ErrorKind::Invalid => UnusableKey::Binary,
            ErrorKind::Undecryptable => UnusableKey::Undecryptable,
            ErrorKind::Denied => UnusableKey::Denied {
                error,
                kms_key: secret.kms_key,
            },
            _ => return Err(error.into()),
        },
    };
    Ok(Err(unusable))
}
