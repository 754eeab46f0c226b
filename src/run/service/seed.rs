//! The first password of a service's secret.

use super::super::database::{FirstLogin, Passwords, forget, store};
use super::super::error::{Error, Result};
use super::super::{Context, Deployed, SeededEntry};
use super::observe_service;
use crate::model::{Content, EntryOf, FirstRotation, Service, ServiceLogin};
use crate::plan::{FIRST, ObservedEntry, ObservedService, SecretContent};
use crate::port::CURRENT;
use crate::render::Strategy;

/// Stores the first login if there is none, once the function has logged in with it.
pub(in crate::run) async fn seed_service<'model>(
    context: &Context<'_>,
    entry: EntryOf<'model, Service>,
    deployed: &Deployed,
    passwords: &Passwords,
) -> Result<SeededEntry<'model>> {
    let name = entry.secret.as_str();
    let refused = |reason: String| Error::Seed {
        secret: name.to_owned(),
        reason,
    };
    let seeded = |seen: ObservedService, changed: bool| SeededEntry {
        seen: ObservedEntry::Service(entry, Box::new(seen)),
        changed,
    };
    let arn = deployed.secret_arn(&entry)?;
    let seen = observe_service(context, entry).await?;
    let held = seen.secret.as_ref();
    let held = held.ok_or_else(|| refused("the secret does not exist".into()))?;
    if matches!(held.current, SecretContent::Sealed) {
        return Err(refused("its value cannot be decrypted".into()));
    }
    if let SecretContent::Held(content @ Content::Ambiguous(_)) = &held.current
        && let Err(why) = content.complete()
    {
        return Err(refused(format!("its value {why}")));
    }
    if let Some(login) = seen.login() {
        if login.username != entry.kind.username {
            let user = &entry.kind.username;
            let reason = format!("its value is the login of another user than `{user}`");
            return Err(refused(reason));
        }
        // An interrupted run may have left its label.
        if let Some(tried) = held.secret.version_with(FIRST) {
            forget(context, arn, tried).await;
        }
        return Ok(seeded(seen, false));
    }
    // A rotation has stored a password, perhaps under a name that the manifest no longer lists.
    if held.secret.last_rotated.is_some() {
        return Err(refused(
            "it was rotated before, but its value is not a login under the names of `fields`; list the former names there, or store the current login in the secret"
                .into(),
        ));
    }
    let password = passwords.get(name);
    let password = password.ok_or_else(|| refused("no first password was provided".into()))?;
    let current = context.cloud.value(arn, CURRENT).await?;
    let current = current.map(|value| value.text);
    let login = ServiceLogin::first(
        entry.kind.username.clone(),
        password.clone(),
        current.as_ref(),
        &entry.fields,
    );
    let first = FirstLogin {
        entry: &entry,
        secret: name,
        arn,
        strategy: Strategy::for_entry(&entry),
        user: &entry.kind.username,
        place: &entry.kind.place(),
        rotates_now: entry.first_rotation == FirstRotation::Now,
        text: login.to_text(),
    };
    if let Err(error) = store(context, deployed, &first, &held.secret).await {
        let seen = stored_by_another(context, entry).await?.ok_or(error)?;
        context.done(format!(
            "{name}: another command stored the login meanwhile"
        ));
        return Ok(seeded(seen, false));
    }
    context.done(format!("stored the first password in {name}"));
    Ok(seeded(observe_service(context, entry).await?, true))
}

/// Returns the entry if another command has stored the login that this one could not store. While
/// the other command is still working, the label is on its version.
async fn stored_by_another(
    context: &Context<'_>,
    entry: EntryOf<'_, Service>,
) -> Result<Option<ObservedService>> {
    let began = context.clock.now();
    loop {
        let seen = observe_service(context, entry).await?;
        if seen.own_login(entry).is_some() {
            return Ok(Some(seen));
        }
        let held = seen.secret.as_ref();
        let tried = held.and_then(|held| held.secret.version_with(FIRST));
        if tried.is_none() || context.waited(began) >= context.pace.seeding {
            return Ok(None);
        }
        context.wait().await;
    }
}
