//! Makes the previous version current again, if the new credential does not have the effect of the
//! old one. A previous password works only if the server has retained it, or if someone has set it
//! manually.

use super::database::check;
use super::error::{Error, Result};
use super::observe::observe_access_key;
use super::proof::key_pair;
use super::verify::authenticate;
use super::{Context, Deployed, observe_entry};
use crate::model::{AccessKey, Credential, Entry, EntryOf};
use crate::plan::{ObservedAccessKey, ObservedEntry};
use crate::port::{CURRENT, KeyPair, PENDING, PREVIOUS, Secret, Stage};

/// A version that is current again, and whose credential works.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The version.
    pub version: String,
    /// The ID of the access key in it, if it contains one.
    pub access_key_id: Option<String>,
    /// The ID of the access key that was current until now.
    pub replaced: Option<String>,
}

/// Verifies that the previous credential still works, and makes its version current again. The
/// version that was current becomes AWSPREVIOUS, and its credential is not changed.
///
/// A rotation that starts in the meantime may delete the previous key, or change the password. So
/// the credential is verified again after the label has moved, and the label moves back if the
/// credential no longer works.
///
/// # Errors
///
/// Returns [`Error::NotRestored`] with the reason. AWSCURRENT is then where it was.
pub async fn restore(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
) -> Result<Restored> {
    let name = entry.secret.as_str();
    let arn = deployed.secret_arn(entry)?;
    let refused = |reason: String| Error::NotRestored {
        secret: name.to_owned(),
        reason,
    };
    context.stage(Stage::Verifying(name.to_owned()));
    let seen = observe_entry(context, entry).await?;
    let labels = labels(seen.secret()).map_err(refused)?;
    let answer = match &seen {
        ObservedEntry::AccessKey(entry, seen) => {
            restore_key(context, *entry, arn, seen, &labels).await?
        }
        ObservedEntry::Database(..) => {
            let prove = async || {
                let answer = check(context, deployed, name, arn, &labels.previous).await?;
                Ok(answer.refusal())
            };
            restore_login(context, arn, &labels, prove).await?
        }
    };
    let access_key_id = answer.map_err(refused)?;
    let with_key = access_key_id.as_ref();
    let with_key = with_key.map_or(String::new(), |id| format!(", with the key {id}"));
    context.done(format!(
        "{name}: AWSCURRENT is on the previous version again{with_key}"
    ));
    Ok(Restored {
        version: labels.previous,
        access_key_id,
        replaced: seen.access_key_id(),
    })
}

/// The result of a restoration: the ID of the access key in the previous version, if it contains
/// one, or why the version did not become current.
type Answer = std::result::Result<Option<String>, String>;

async fn restore_key(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    arn: &str,
    seen: &ObservedAccessKey,
    labels: &Labels,
) -> Result<Answer> {
    let key = match key_before(context, entry, arn, seen, labels).await? {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = prove(context, seen, &key).await {
        return Ok(Err(reason));
    }
    make_current(context, arn, labels).await?;
    let seen = observe_access_key(context, entry).await?;
    if let Err(reason) = prove(context, &seen, &key).await {
        return put_back(context, arn, labels, reason).await;
    }
    Ok(Ok(Some(key.id)))
}

/// `prove` makes the function log in with the previous version, and returns why the login is
/// refused, or `None` if it works.
async fn restore_login(
    context: &Context<'_>,
    arn: &str,
    labels: &Labels,
    prove: impl AsyncFn() -> Result<Option<String>>,
) -> Result<Answer> {
    if let Some(reason) = prove().await? {
        return Ok(Err(format!("its password does not work: {reason}")));
    }
    make_current(context, arn, labels).await?;
    let refusal = prove().await;
    match refusal.unwrap_or_else(|error| Some(error.to_string())) {
        Some(reason) => put_back(context, arn, labels, reason).await,
        None => Ok(Ok(None)),
    }
}

/// The versions to swap.
struct Labels {
    current: String,
    previous: String,
    /// Whether AWSPENDING is still on the current version, which Secrets Manager permits at the end
    /// of a rotation. If it stayed there, Secrets Manager would resume the rotation as unfinished,
    /// and the function would move AWSCURRENT back.
    trailing: bool,
}

/// Returns which versions to swap, unless a rotation is in progress.
fn labels(secret: Option<&Secret>) -> std::result::Result<Labels, String> {
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

/// Returns the key in AWSPREVIOUS, or why it cannot be used.
async fn key_before(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    arn: &str,
    seen: &ObservedAccessKey,
    labels: &Labels,
) -> Result<std::result::Result<KeyPair, String>> {
    let value = context.cloud.value(arn, PREVIOUS).await?;
    let Some(value) = value.filter(|value| value.version == labels.previous) else {
        return Ok(Err(
            "its staging labels changed in the meantime; run the command again".to_owned(),
        ));
    };
    let content = Credential::read(&value.text, &entry.fields);
    let held = match content.complete() {
        Ok(held) => held,
        Err(reason) => return Ok(Err(format!("the previous version {reason}"))),
    };
    if !held.may_be_of(entry.kind.user.as_str()) {
        let other = held.names_user();
        return Ok(Err(format!("the previous version is for {other}")));
    }
    if let Some(current) = seen.credential() {
        if current.accesskey == held.accesskey {
            let key = &held.accesskey;
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
    Ok(Ok(key_pair(held)))
}

/// Returns why a key cannot be used, or `None` if it can.
async fn prove(
    context: &Context<'_>,
    seen: &ObservedAccessKey,
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

/// Moves AWSCURRENT to the previous version. Secrets Manager moves AWSPREVIOUS
/// (`API_UpdateSecretVersionStage`).
async fn make_current(context: &Context<'_>, arn: &str, labels: &Labels) -> Result<()> {
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
    // The label may have moved although the response was lost.
    let secret = cloud.secret(arn).await?;
    match secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(previous)) {
        true => Ok(()),
        false => Err(error.into()),
    }
}

/// Moves AWSCURRENT back, and returns the reason for it.
async fn put_back(
    context: &Context<'_>,
    arn: &str,
    labels: &Labels,
    reason: String,
) -> Result<Answer> {
    let secret = context.cloud.secret(arn).await?;
    // If a rotation has ended in the meantime, its credential stays current.
    if secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(&labels.previous)) {
        let (from, to) = (
            Some(labels.previous.as_str()),
            Some(labels.current.as_str()),
        );
        context.cloud.move_label(arn, CURRENT, from, to).await?;
    }
    Ok(Err(format!("after AWSCURRENT was moved, {reason}")))
}
