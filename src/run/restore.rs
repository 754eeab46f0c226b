//! The version before, made current again, in case the new credential does not do what
//! the old one did.

use super::error::{Error, Result};
use super::verify::authenticate;
use super::{Context, Deployed, observe_entry};
use crate::model::{AccessKey, Content, Credential, EntryOf, malformed};
use crate::plan::ObservedEntry;
use crate::port::{CURRENT, KeyPair, PENDING, PREVIOUS, Secret, Stage};

/// A version that is current again, and whose credential works.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The version.
    pub version: String,
    /// The access key ID that it holds, where it holds one.
    pub access_key_id: Option<String>,
    /// The access key ID that was current until now.
    pub replaced: Option<String>,
}

/// Proves that the key before still works, and makes its version current again.
/// The version that was current is AWSPREVIOUS then, and its key stays as it is.
///
/// A rotation that begins meanwhile may delete the key before, which is what
/// makes room for it. So the key is proven once more when the label has moved,
/// and the label goes back where it does not work any more.
///
/// # Errors
///
/// Returns [`Error::NotRestored`] with the reason. AWSCURRENT is then where it was.
pub async fn restore(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, AccessKey>,
) -> Result<Restored> {
    let name = entry.secret.as_str();
    let arn = deployed.secret_arn(&entry)?;
    let refused = |reason: String| Error::NotRestored {
        secret: name.to_owned(),
        reason,
    };
    context.stage(Stage::Verifying(name.to_owned()));
    let seen = observe_entry(context, entry).await?;
    let labels = labels(seen.secret.as_ref().map(|held| &held.secret)).map_err(refused)?;
    let key = key_before(context, entry, arn, &seen, &labels)
        .await?
        .map_err(refused)?;
    prove(context, &seen, &key).await.map_err(refused)?;
    let access_key_id = key.id.clone();
    let replaced = seen
        .credential()
        .map(|current| current.accesskey.to_string());
    make_current(context, arn, &labels).await?;

    let seen = observe_entry(context, entry).await?;
    if let Err(reason) = prove(context, &seen, &key).await {
        put_back(context, arn, &labels).await?;
        return Err(refused(format!("after AWSCURRENT was moved, {reason}")));
    }
    context.done(format!(
        "{name}: AWSCURRENT is on the previous version again, with the key {access_key_id}"
    ));
    Ok(Restored {
        version: labels.previous,
        access_key_id: Some(access_key_id),
        replaced,
    })
}

/// The versions that change places.
pub(super) struct Labels {
    current: String,
    pub(super) previous: String,
    /// AWSPENDING was left on the version that is current, as Secrets Manager may
    /// do when a rotation ends. Were it left there, it would take this for a
    /// rotation that has not ended, and end it by moving AWSCURRENT back.
    trailing: bool,
}

/// Returns which versions change places, where no rotation is under way.
pub(super) fn labels(secret: Option<&Secret>) -> std::result::Result<Labels, String> {
    let secret = secret.ok_or("the secret does not exist")?;
    if secret.deleted.is_some() {
        return Err("it is scheduled for deletion".to_owned());
    }
    if secret.unfinished().is_some() {
        return Err(
            "a rotation is in progress or unfinished; run `keyrota rotate` to complete it"
                .to_owned(),
        );
    }
    let labelled = |label: &str| secret.version_with(label).map(str::to_owned);
    Ok(Labels {
        current: labelled(CURRENT).ok_or("it has no value")?,
        previous: labelled(PREVIOUS).ok_or("it has no previous version")?,
        trailing: secret.version_with(PENDING).is_some(),
    })
}

/// Returns the key that AWSPREVIOUS holds, or why it is none that could be used.
async fn key_before(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    arn: &str,
    seen: &ObservedEntry,
    labels: &Labels,
) -> Result<std::result::Result<KeyPair, String>> {
    let value = context.cloud.value(arn, PREVIOUS).await?;
    let Some(value) = value.filter(|value| value.version == labels.previous) else {
        return Ok(Err(
            "its staging labels changed in the meantime; run the command again".to_owned(),
        ));
    };
    let held = match Credential::read(&value.text) {
        Content::Complete(held) => held,
        Content::Incomplete(missing) => {
            let missing = missing.join(", ");
            return Ok(Err(format!("the previous version lacks {missing}")));
        }
        Content::Malformed(field) => {
            let reason = malformed(field);
            return Ok(Err(format!("in the previous version, {reason}")));
        }
        Content::Foreign => {
            return Ok(Err("the previous version is not a JSON object".to_owned()));
        }
    };
    if held.username != entry.kind.user.as_str() {
        let other = held.names_user();
        return Ok(Err(format!("the previous version is for {other}")));
    }
    if let Some(current) = seen.credential() {
        if current.accesskey == held.accesskey {
            let key = held.accesskey;
            return Ok(Err(format!(
                "the previous version contains the same key {key}"
            )));
        }
        if current.secretarn != held.secretarn {
            context.warn(format!(
                "{}: the previous version has another `secretarn`; run `keyrota bootstrap` to correct it",
                entry.secret
            ));
        }
    }
    Ok(Ok(KeyPair {
        id: held.accesskey.into(),
        secret: held.secretkey,
    }))
}

/// Returns why a key cannot be used, if so.
async fn prove(
    context: &Context<'_>,
    seen: &ObservedEntry,
    key: &KeyPair,
) -> std::result::Result<(), String> {
    let user = seen.user.as_ref();
    let user = user.ok_or_else(|| format!("the user {} does not exist", seen.user_name))?;
    let id = &key.id;
    match seen.keys.iter().find(|listed| listed.id == *id) {
        None => return Err(format!("its key {id} no longer exists")),
        Some(listed) if !listed.active => {
            return Err(format!(
                "its key {id} is inactive; to activate it: aws iam update-access-key --status Active --user-name {} --access-key-id {id}",
                seen.user_name
            ));
        }
        Some(_) => {}
    }
    authenticate(context, key, &user.arn).await
}

/// Moves AWSCURRENT to the version before; AWSPREVIOUS follows by itself
/// (`API_UpdateSecretVersionStage`).
pub(super) async fn make_current(context: &Context<'_>, arn: &str, labels: &Labels) -> Result<()> {
    let Labels {
        current, previous, ..
    } = labels;
    let cloud = context.cloud;
    if labels.trailing {
        let taken = cloud.move_label(arn, PENDING, Some(current), None);
        taken.await?;
    }
    let moved = cloud.move_label(arn, CURRENT, Some(current), Some(previous));
    let Err(error) = moved.await else {
        return Ok(());
    };
    // It may have moved although the answer was lost.
    let secret = cloud.secret(arn).await?;
    match secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(previous)) {
        true => Ok(()),
        false => Err(error.into()),
    }
}

/// Moves AWSCURRENT back.
pub(super) async fn put_back(context: &Context<'_>, arn: &str, labels: &Labels) -> Result<()> {
    let secret = context.cloud.secret(arn).await?;
    // Where a rotation has ended meanwhile, its key is the one to use.
    if secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(&labels.previous)) {
        let (from, to) = (
            Some(labels.previous.as_str()),
            Some(labels.current.as_str()),
        );
        context.cloud.move_label(arn, CURRENT, from, to).await?;
    }
    Ok(())
}
