//! The first password of each secret, with its server.
//!
//! A login becomes AWSCURRENT only after the function has logged in with it. Until then it is
//! stored under another label, so clients never read a mistyped password, and the next run prompts
//! for it again.

use keyrota_contract::check::{Signer, call};
use secrecy::{ExposeSecret, SecretString};

use super::super::error::{Error, Result};
use super::super::{Context, Deployed, SeededEntry};
use super::check::{PASSWORD_EXPIRED, WRONG_PASSWORD, check};
use super::{Passwords, observe_database};
use crate::model::{
    Content, Database, Entry, EntryOf, FirstRotation, InitialPassword, Login, Place,
};
use crate::plan::{
    Administrator, FIRST, ObservedDatabase, ObservedEntry, SecretContent, first_login_remedy,
};
use crate::port::{CURRENT, Secret};
use crate::render::Strategy;

/// Stores the first login if there is none, or the same login with another host, port, database, or
/// administrator if the manifest has changed.
pub(in crate::run) async fn seed_database<'model>(
    context: &Context<'_>,
    entry: EntryOf<'model, Database>,
    deployed: &Deployed,
    passwords: &Passwords,
) -> Result<SeededEntry<'model>> {
    let name = entry.secret.as_str();
    let refused = |reason: String| Error::Seed {
        secret: name.to_owned(),
        reason,
    };
    let arn = deployed.secret_arn(&entry)?;
    let seen = observe_database(context, entry).await?;
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
    // A rotation has stored a password, perhaps under a name that the manifest no longer lists.
    if seen.login().is_none() && held.secret.last_rotated.is_some() {
        let other = match entry.kind.initial_password {
            InitialPassword::Set => {
                format!(
                    "run `keyrota rotate {name}`, which sets a new password if only that is missing"
                )
            }
            _ => "store the current login in the secret".to_owned(),
        };
        return Err(refused(format!(
            "it was rotated before, but its value is not a login under the names of `fields`; list the former names there, or {other}"
        )));
    }
    let place = seen.place(entry);
    let place = place.ok_or_else(|| {
        let administrator = entry.rotate_as.as_str();
        let why = Administrator::obstacle(seen.administrator.as_ref());
        refused(format!(
            "the administrator's secret `{administrator}` {why}"
        ))
    })?;
    let (login, message) = match seen.login() {
        Some(login)
            if !entry.kind.has_user(&login.username) || login.engine != entry.kind.engine =>
        {
            let (engine, wanted) = (login.engine.name(), entry.kind.users_shown());
            let reason = match entry.kind.has_user(&login.username) {
                true => format!("its value is the login of {wanted} to {engine}"),
                false => format!("its value is the login of another user than {wanted}"),
            };
            return Err(refused(reason));
        }
        Some(login) if login.is_at(place) => {
            // An interrupted run may have left its label.
            if let Some(tried) = held.secret.version_with(FIRST) {
                forget(context, arn, tried).await;
            }
            let changed = lacks_user(context, deployed, entry, arn, &held.secret).await?;
            return Ok(SeededEntry {
                seen: ObservedEntry::Database(entry, Box::new(seen)),
                changed,
            });
        }
        Some(login) => (
            login.clone().moved_to(place),
            format!("updated the address of the server in {name}"),
        ),
        None if entry.kind.initial_password == InitialPassword::Set => {
            let missing = match &held.current {
                SecretContent::Held(Content::Incomplete(missing)) => missing.as_slice(),
                _ => &["password"],
            };
            if !missing.contains(&"password") {
                return Err(refused(format!(
                    "its value has a password, but no `{}`; complete it, or remove the password to have the administrator set another",
                    missing.join("`, `")
                )));
            }
            return await_first(context, entry, arn, place).await;
        }
        None => {
            let password = passwords.get(name);
            let password =
                password.ok_or_else(|| refused("no first password was provided".into()))?;
            let user = entry.kind.username.clone();
            let first = Login::new(entry.kind.engine, user, password.clone(), place);
            let current = context.cloud.value(arn, CURRENT).await?;
            let current = current.map(|value| value.text);
            (
                first.first_in(current.as_ref(), &entry.fields),
                format!("stored the first password in {name}"),
            )
        }
    };
    let first = FirstLogin {
        entry: &entry,
        secret: name,
        arn,
        strategy: Strategy::Databases,
        user: &login.username,
        place: &entry.kind.endpoint(),
        rotates_now: entry.first_rotation == FirstRotation::Now,
        text: login.to_text(),
    };
    if let Err(error) = store(context, deployed, &first, &held.secret).await {
        let seen = stored_by_another(context, entry).await?.ok_or(error)?;
        context.done(format!(
            "{name}: another command stored the login meanwhile"
        ));
        return Ok(SeededEntry {
            seen: ObservedEntry::Database(entry, Box::new(seen)),
            changed: false,
        });
    }
    context.done(message);
    let seen = observe_database(context, entry).await?;
    Ok(SeededEntry {
        seen: ObservedEntry::Database(entry, Box::new(seen)),
        changed: true,
    })
}

/// Stores the value without a password, from which the first rotation sets one.
async fn await_first<'model>(
    context: &Context<'_>,
    entry: EntryOf<'model, Database>,
    arn: &str,
    place: Place<'_>,
) -> Result<SeededEntry<'model>> {
    let cloud = context.cloud;
    let current = cloud.value(arn, CURRENT).await?.map(|value| value.text);
    let (engine, user) = (entry.kind.engine, entry.kind.username.clone());
    let text = Login::without_password(engine, user, place, current.as_ref(), &entry.fields);
    let is_stored = current.is_some_and(|held| held.expose_secret() == text.expose_secret());
    if !is_stored {
        let version = context.clock.token();
        cloud.put_value(arn, &version, CURRENT, &text).await?;
        context.done(format!(
            "stored the server and the user in {}; the administrator sets the password",
            entry.secret
        ));
    }
    let seen = observe_database(context, entry).await?;
    Ok(SeededEntry {
        seen: ObservedEntry::Database(entry, Box::new(seen)),
        changed: true,
    })
}

/// Returns whether the server refuses the password of a user that the function creates, because a
/// teardown or a person has dropped the user. A rotation creates it again.
async fn lacks_user(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
    arn: &str,
    secret: &Secret,
) -> Result<bool> {
    let (true, Some(version)) = (
        entry.kind.create_user.is_some(),
        secret.version_with(CURRENT),
    ) else {
        return Ok(false);
    };
    let answer = check(
        context,
        deployed,
        Strategy::Databases,
        entry.secret.as_str(),
        arn,
        version,
    )
    .await?;
    let login = answer.find(call::LOG_IN, Signer::User);
    let code = login.and_then(|login| login.code.as_deref());
    Ok(code == Some(WRONG_PASSWORD))
}

/// Returns the entry if another command has stored the login that this one could not store. While
/// the other command is still working, the label is on its version.
async fn stored_by_another(
    context: &Context<'_>,
    entry: EntryOf<'_, Database>,
) -> Result<Option<ObservedDatabase>> {
    let began = context.clock.now();
    loop {
        let seen = observe_database(context, entry).await?;
        let place = seen.place(entry);
        if let (Some(login), Some(place)) = (seen.login(), place)
            && login.is_at(place)
        {
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

/// The first login of a secret, or one with another address.
pub(in crate::run) struct FirstLogin<'a> {
    /// The entry.
    pub(in crate::run) entry: &'a Entry,
    /// The secret's name.
    pub(in crate::run) secret: &'a str,
    /// The secret's ARN.
    pub(in crate::run) arn: &'a str,
    /// The function that tests it.
    pub(in crate::run) strategy: Strategy,
    /// The user, for a message.
    pub(in crate::run) user: &'a str,
    /// Where the user logs in, for a message.
    pub(in crate::run) place: &'a str,
    /// Whether a rotation follows at once.
    pub(in crate::run) rotates_now: bool,
    /// The value.
    pub(in crate::run) text: SecretString,
}

/// Stores a login, tests it, and makes it current.
pub(in crate::run) async fn store(
    context: &Context<'_>,
    deployed: &Deployed,
    first: &FirstLogin<'_>,
    secret: &Secret,
) -> Result<()> {
    let FirstLogin { arn, .. } = *first;
    let cloud = context.cloud;
    let version = context.clock.token();
    // If an interrupted run left the label, it moves to this version.
    cloud.put_value(arn, &version, FIRST, &first.text).await?;
    let strategy = first.strategy;
    let answer = check(context, deployed, strategy, first.secret, arn, &version).await;
    let refusal = match answer {
        Ok(answer) => {
            let (user, place) = (first.user, first.place);
            // The rotation that follows ends the expiry.
            let code = answer.find(call::LOG_IN, Signer::User);
            let is_expired = code.and_then(|login| login.code.as_deref()) == Some(PASSWORD_EXPIRED);
            let refused = answer
                .refusal()
                .filter(|_| !(is_expired && first.rotates_now));
            let mut codes = { answer.find(call::LOG_IN, Signer::User).into_iter() }
                .chain(answer.find(call::AUTHENTICATE, Signer::User))
                .filter_map(|login| login.code.as_deref());
            let code = codes.next().unwrap_or_default();
            let login = refused.map(|reason| match code {
                WRONG_PASSWORD => {
                    format!("{user} cannot log in to {place} with this password: {reason}")
                }
                code => format!(
                    "{user} cannot log in to {place}: {reason}; the password was not tested, and nothing \
                     was stored; {}",
                    first_login_remedy(first.entry, code)
                ),
            });
            login.or_else(|| answer.accounts_refusal())
        }
        Err(error) => {
            forget(context, arn, &version).await;
            return Err(error);
        }
    };
    if let Some(reason) = refusal {
        forget(context, arn, &version).await;
        return Err(Error::Seed {
            secret: first.secret.to_owned(),
            reason,
        });
    }
    let current = secret.version_with(CURRENT);
    let moved = cloud.move_label(arn, CURRENT, current, Some(&version));
    if let Err(error) = moved.await {
        // The label may have moved although the response was lost.
        let secret = cloud.secret(arn).await?;
        if secret.is_none_or(|secret| secret.version_with(CURRENT) != Some(&version)) {
            return Err(error.into());
        }
    }
    cloud
        .move_label(arn, FIRST, Some(&version), None)
        .await
        .map_err(Error::from)
}

/// Removes the label from a version that does not work, which deletes the version.
pub(in crate::run) async fn forget(context: &Context<'_>, arn: &str, version: &str) {
    let taken = context.cloud.move_label(arn, FIRST, Some(version), None);
    if let Err(error) = taken.await {
        // The next run moves the label.
        context.warn(format!("cannot remove the label {FIRST}: {error}"));
    }
}
