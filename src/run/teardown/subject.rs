//! The subjects of a teardown: the manifest's entries, and what else belongs to the stack.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::database::observe_login;
use super::super::error::Result;
use super::super::observe::{observe_secret, observe_user};
use super::super::service::observe_service_login;
use super::super::{CONCURRENCY, Context};
use super::secret::awaits_deletion;
use super::{soft, soft_look};
use crate::model::{ByKind, Entry, Kind, Model};
use crate::plan::{
    self, Evidence, ForeignSecret, ObservedAccessKey, ObservedDatabase, ObservedEntry,
    ObservedLogin, ObservedSecret, ObservedService, Subject, Subjects, UserKeys,
};
use crate::port::{Optional, Secret, StackResource};
use crate::render::STACK_TAG;

/// Observes the manifest's entries, and what else belongs or belonged to the stack.
pub(super) async fn observe<'model>(
    context: &Context<'_>,
    model: &'model Model,
    resources: &[StackResource],
    evidence: &Evidence<'_>,
) -> Result<Subjects<'model>> {
    let entries = stream::iter(&model.entries)
        .map(|entry| subject(context, entry, evidence))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let mut subjects = Subjects {
        entries,
        ..Subjects::default()
    };
    for subject in &subjects.entries {
        let found = promoted(context, subject).await?;
        subjects.promoted.extend(found);
    }
    let named = model.entries.iter().map(|entry| entry.secret.as_str());
    let named: BTreeSet<&str> = named.collect();
    // The tag finds what an earlier manifest named. It proves nothing, since others can write it.
    let tagged = context
        .cloud
        .secrets_tagged(STACK_TAG, model.stack.as_str())
        .await?;
    for found in tagged {
        if named.contains(found.name.as_str()) {
            continue;
        }
        let made = evidence.is_deployed() && evidence.made_secret(&found.arn, &found.tags);
        let secret = match made {
            true => soft(context.cloud.secret(&found.arn).await)?.ok().flatten(),
            false => None,
        };
        match secret {
            Some(secret) => subjects.forgotten.push(secret),
            None => subjects.foreign.push(ForeignSecret {
                name: found.name,
                arn: found.arn,
                deleted: found.deleted,
            }),
        }
    }
    let is_named = |user: &str| {
        let mut entries = model.entries.iter();
        entries.any(|entry| match &entry.kind {
            Kind::AccessKey(key) => key.user.as_str() == user,
            Kind::Database(_) | Kind::Service(_) => false,
        })
    };
    for resource in resources {
        let user = resource.physical_id.as_str();
        if plan::holds_user(std::slice::from_ref(resource), user) && !is_named(user) {
            let keys = context.cloud.keys(user).await.optional()?;
            subjects.users.push(UserKeys {
                user: user.to_owned(),
                keys: keys.unwrap_or_default(),
            });
        }
    }
    Ok(subjects)
}

async fn subject<'model>(
    context: &Context<'_>,
    entry: &'model Entry,
    evidence: &Evidence<'_>,
) -> Result<Subject<'model>> {
    let name = entry.secret.as_str();
    let (seen, ours, unread) = match entry.by_kind() {
        ByKind::AccessKey(entry) => {
            let seen = observe_user(context, entry).await?;
            let looked = look(context, name, evidence, async |context, name| {
                observe_secret(context, name, &entry.fields).await
            })
            .await?;
            let (secret, ours, unread) = looked.or_unread(ObservedSecret::unread);
            let seen = ObservedAccessKey { secret, ..seen };
            let seen = ObservedEntry::AccessKey(entry, Box::new(seen));
            (seen, ours, unread)
        }
        ByKind::Database(entry) => {
            let looked = look(context, name, evidence, async |context, name| {
                observe_login(context, name, &entry.fields).await
            })
            .await?;
            let (secret, ours, unread) = looked.or_unread(ObservedLogin::unread);
            let seen = Box::new(ObservedDatabase::of(secret));
            (ObservedEntry::Database(entry, seen), ours, unread)
        }
        ByKind::Service(entry) => {
            let looked = look(context, name, evidence, async |context, name| {
                observe_service_login(context, name, &entry.fields).await
            })
            .await?;
            let (secret, ours, unread) = looked.or_unread(ObservedLogin::unread);
            let seen = Box::new(ObservedService::of(secret));
            (ObservedEntry::Service(entry, seen), ours, unread)
        }
    };
    Ok(Subject { seen, ours, unread })
}

/// Returns the secrets that were replicas of one of the stack's, each with its name: in a Region of
/// the manifest there is a secret with the ARN of a replica, and the stack's secret has none there.
async fn promoted(context: &Context<'_>, subject: &Subject<'_>) -> Result<Vec<(String, String)>> {
    let (entry, Some(secret)) = (subject.seen.entry(), subject.seen.secret()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    if !subject.ours {
        return Ok(found);
    }
    for replica in &entry.replicas {
        let region = replica.region.as_str();
        if secret.replica_in(region).is_some() {
            continue;
        }
        // A Region that does not answer must not keep the rest from being deleted.
        let there = context.cloud.secret_in(region, &secret.name).await;
        if let Ok(Some(there)) = there
            && there.arn == secret.arn_in(region)
            && there.primary_elsewhere().is_none()
            && there.deleted.is_none()
        {
            found.push((secret.name.clone(), there.arn));
        }
    }
    Ok(found)
}

/// The result of looking up a secret of the manifest.
enum SecretLookup<T> {
    /// It does not exist.
    Absent,
    /// The stack created it, and it was read.
    Ours(T),
    /// Nothing proves that. Its value is not read.
    Other(Box<Secret>),
    /// It could not be read, for this reason.
    Refused(String),
}

impl<T> SecretLookup<T> {
    /// Returns the secret, if it was found, whether it is the stack's, and why it could not be
    /// read, if it could not.
    fn or_unread(self, unread: impl Fn(Secret) -> T) -> (Option<T>, bool, Option<String>) {
        match self {
            Self::Absent => (None, false, None),
            Self::Ours(seen) => (Some(seen), true, None),
            Self::Other(secret) => (Some(unread(*secret)), false, None),
            Self::Refused(reason) => (None, false, Some(reason)),
        }
    }
}

/// Looks up a secret of the manifest, and reads it if it is the stack's.
async fn look<'a, T>(
    context: &'a Context<'a>,
    name: &'a str,
    evidence: &Evidence<'_>,
    observe: impl AsyncFn(&'a Context<'a>, &'a str) -> Result<Option<T>>,
) -> Result<SecretLookup<T>> {
    let secret = match soft(context.cloud.secret(name).await)? {
        Ok(None) => return Ok(SecretLookup::Absent),
        Ok(Some(secret)) => secret,
        Err(reason) => return Ok(SecretLookup::Refused(reason)),
    };
    if !evidence.made_secret(&secret.arn, &secret.tags) {
        return Ok(SecretLookup::Other(Box::new(secret)));
    }
    let mut seen = soft_look(observe(context, name).await)?;
    // Another command may have scheduled its deletion between these calls.
    if seen.is_err() && awaits_deletion(context, &secret.arn).await? {
        seen = soft_look(observe(context, name).await)?;
    }
    Ok(match seen {
        Ok(seen) => seen.map_or(SecretLookup::Absent, SecretLookup::Ours),
        Err(reason) => SecretLookup::Refused(reason),
    })
}
