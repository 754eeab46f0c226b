//! Makes the previous version current again, if the new credential does not have the effect of the
//! old one. A previous password works only if the server has retained it, or if someone has set it
//! manually.

use super::current::{Swap, make_current};
use super::database::check;
use super::error::{Error, Result};
use super::observe::observe_access_key;
use super::proof::key_pair;
use super::verify::authenticate;
use super::{Context, Deployed, observe_entry};
use crate::model::{AccessKey, Credential, Entry, EntryOf};
use crate::plan::{LEAKED_TAG, ObservedAccessKey, ObservedEntry, reported_leaks};
use crate::port::{CURRENT, ErrorKind, KeyPair, PENDING, PREVIOUS, Secret, Stage};
use crate::render::Strategy;

/// A version that is current again, and whose credential works.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The version.
    pub version: String,
    /// The user that clients log in as.
    pub username: String,
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
/// Returns [`Error::NotRestored`] with the reason. AWSCURRENT is then unchanged.
pub async fn restore(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
) -> Result<Restored> {
    restore_version(context, deployed, entry, PREVIOUS).await
}

/// Does the same with the version that has another label. With `AWSPENDING`, the version of an
/// unfinished rotation becomes current, which ends the rotation.
///
/// # Errors
///
/// Returns [`Error::NotRestored`] with the reason. AWSCURRENT is then unchanged.
pub(super) async fn restore_version(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: &Entry,
    label: &'static str,
) -> Result<Restored> {
    let name = entry.secret.as_str();
    let arn = deployed.secret_arn(entry)?;
    let refused = |reason: String| Error::NotRestored {
        secret: name.to_owned(),
        reason,
    };
    context.stage(Stage::Verifying(name.to_owned()));
    let seen = observe_entry(context, entry).await?;
    let swap = swap_of(seen.secret(), label).map_err(refused)?;
    let answer = match &seen {
        ObservedEntry::AccessKey(entry, seen) => {
            restore_key(context, *entry, arn, seen, &swap, label).await?
        }
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => {
            let strategy = Strategy::for_entry(entry);
            let prove = async || {
                let answer = check(context, deployed, strategy, name, arn, &swap.next).await?;
                Ok(answer.refusal())
            };
            restore_login(context, arn, &swap, prove).await?
        }
    };
    let access_key_id = answer.map_err(refused)?;
    let with_key = access_key_id.as_ref();
    let with_key = with_key.map_or(String::new(), |id| format!(", with the key {id}"));
    context.done(format!(
        "{name}: AWSCURRENT is on {}{with_key}",
        noun(label)
    ));
    // If two users alternate, the version names the other one.
    let username = match &seen {
        ObservedEntry::AccessKey(entry, _) => entry.kind.user.to_string(),
        ObservedEntry::Service(entry, _) => entry.kind.username.clone(),
        ObservedEntry::Database(..) => {
            let restored = observe_entry(context, entry).await?;
            restored.user_name().to_owned()
        }
    };
    Ok(Restored {
        version: swap.next,
        username,
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
    swap: &Swap,
    label: &'static str,
) -> Result<Answer> {
    let key = match key_before(context, entry, arn, seen, swap, label).await? {
        Ok(key) => key,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = prove(context, seen, &key).await {
        return Ok(Err(reason));
    }
    make_current(context, arn, swap).await?;
    // It may have been reported as leaked in the meantime, or deleted.
    let seen = observe_access_key(context, entry).await?;
    if let Err(reason) = prove(context, &seen, &key).await {
        return put_back(context, arn, swap, reason).await;
    }
    Ok(Ok(Some(key.id)))
}

/// `prove` makes the function log in with the previous version, and returns why the login is
/// refused, or `None` if it works.
async fn restore_login(
    context: &Context<'_>,
    arn: &str,
    swap: &Swap,
    prove: impl AsyncFn() -> Result<Option<String>>,
) -> Result<Answer> {
    if let Some(reason) = prove().await? {
        return Ok(Err(format!("its password does not work: {reason}")));
    }
    make_current(context, arn, swap).await?;
    let refusal = prove().await;
    match refusal.unwrap_or_else(|error| Some(error.to_string())) {
        Some(reason) => put_back(context, arn, swap, reason).await,
        None => Ok(Ok(None)),
    }
}

/// Names the version with a label in a sentence.
fn noun(label: &str) -> String {
    match label {
        PREVIOUS => "the previous version".to_owned(),
        PENDING => "the version of the unfinished rotation".to_owned(),
        label => format!("the version with the label {label}"),
    }
}

/// Returns the move of AWSCURRENT to the version with a label, unless a rotation is in progress that
/// may remove the credential of that version.
fn swap_of(secret: Option<&Secret>, label: &str) -> std::result::Result<Swap, String> {
    let secret = secret.ok_or("the secret does not exist")?;
    if secret.deleted.is_some() {
        return Err("it is scheduled for deletion".to_owned());
    }
    if secret.unfinished().is_some() && label != PENDING {
        return Err(
            "a rotation is in progress or unfinished; run `keyrota rotate` to complete it"
                .to_owned(),
        );
    }
    let next = secret.version_with(label);
    let next =
        next.ok_or_else(|| format!("it has no {}", noun(label).trim_start_matches("the ")))?;
    let swap = Swap::to(secret, next).ok_or("it has no value")?;
    match swap.current == swap.next {
        true => Err(format!("{} is current", noun(label))),
        false => Ok(swap),
    }
}

/// Returns the key in the version with a label, or why it cannot be used.
async fn key_before(
    context: &Context<'_>,
    entry: EntryOf<'_, AccessKey>,
    arn: &str,
    seen: &ObservedAccessKey,
    swap: &Swap,
    label: &'static str,
) -> Result<std::result::Result<KeyPair, String>> {
    let value = match context.cloud.value(arn, label).await {
        // The value is binary.
        Err(error) if error.kind == ErrorKind::Invalid => {
            return Ok(Err(format!("{} is not a JSON object", noun(label))));
        }
        value => value?,
    };
    let Some(value) = value.filter(|value| value.version == swap.next) else {
        return Ok(Err(
            "its staging labels changed in the meantime; run the command again".to_owned(),
        ));
    };
    let content = Credential::read(&value.text, &entry.fields);
    let held = match content.complete() {
        Ok(held) => held,
        Err(reason) => return Ok(Err(format!("{} {reason}", noun(label)))),
    };
    if !held.may_be_of(entry.kind.user.as_str()) {
        let other = held.names_user();
        return Ok(Err(format!("{} is for {other}", noun(label))));
    }
    if let Some(current) = seen.credential() {
        if current.has_key_of(held) {
            let key = &held.accesskey;
            return Ok(Err(format!("{} contains the same key {key}", noun(label))));
        }
        if current.secretarn != held.secretarn {
            context.warn(format!(
                "{}: {} has another `secretarn`; run `keyrota bootstrap` to correct it",
                entry.secret,
                noun(label)
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
    if let Some(leak) = reported_leaks(user)
        .into_iter()
        .find(|leak| leak.key == *id)
    {
        let (name, secret) = (&seen.user_name, &seen.secret_name);
        return Err(format!(
            "its key {id} was reported as leaked at {:.0}; to replace the key in AWSCURRENT, run `keyrota rotate {secret}`, or `keyrota doctor --fix` if it does not work; if the report was a mistake, remove it: `aws iam untag-user --user-name {name} --tag-keys {LEAKED_TAG}`",
            leak.at
        ));
    }
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

/// Moves AWSCURRENT back, and returns the reason for it.
async fn put_back(context: &Context<'_>, arn: &str, swap: &Swap, reason: String) -> Result<Answer> {
    let secret = context.cloud.secret(arn).await?;
    // If a rotation has ended in the meantime, its credential stays current.
    if secret.is_some_and(|secret| secret.version_with(CURRENT) == Some(&swap.next)) {
        let (from, to) = (Some(swap.next.as_str()), Some(swap.current.as_str()));
        context.cloud.move_label(arn, CURRENT, from, to).await?;
    }
    Ok(Err(format!("after AWSCURRENT was moved, {reason}")))
}
