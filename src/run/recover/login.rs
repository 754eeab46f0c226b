//! Logins of databases. Only the function reaches the server.

use keyrota_contract::check::{Signer, call};

use super::go_back;
use crate::model::{Database, EntryOf, Login, Model};
use crate::plan::{Administrator, ObservedDatabase, ObservedEntry, SETTING};
use crate::port::{CURRENT, ErrorKind, PREVIOUS};
use crate::render::Strategy;
use crate::run::database::{WRONG_PASSWORD, check, observe_database};
use crate::run::error::{Error, Result};
use crate::run::kept_fields::newest_object;
use crate::run::new_key::token_after;
use crate::run::{Context, Deployed, rotate_entry, verify};

/// The versions to go back to, the preferred one first: the password before, and the password that a
/// rotation sent last.
const EARLIER: [&str; 2] = [PREVIOUS, SETTING];

pub(super) async fn recover_login(
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
) -> Result<()> {
    let name = entry.secret.as_str();
    let not_recovered = |reason: String| Error::NotRecovered {
        secret: name.to_owned(),
        reason,
    };
    let seen = observe_database(context, entry).await?;
    if works(context, deployed, entry, &seen).await? {
        return Ok(());
    }
    let Some(reasons) = go_back(context, deployed, &entry, &EARLIER).await? else {
        return Ok(());
    };
    let Some(administrator) = entry.administrator() else {
        let tried = match reasons.is_empty() {
            true => "there is no earlier version".to_owned(),
            false => reasons.join("; "),
        };
        return Err(not_recovered(format!(
            "no version has a password that the server accepts, and no administrator can set a new one ({tried}); set a password on the server, and store it in the secret"
        )));
    };
    for reason in reasons {
        context.done(format!("{name}: cannot go back to {reason}"));
    }
    let mut seen = observe_database(context, entry).await?;
    let place = seen.place(entry).ok_or_else(|| {
        let why = Administrator::obstacle(seen.administrator.as_ref());
        let administrator = administrator.as_str();
        not_recovered(format!(
            "the administrator's secret `{administrator}` {why}"
        ))
    })?;
    if !is_of_entry(entry, &seen) {
        let user = entry.kind.username.clone();
        let password = context.clock.token().into();
        let login = Login::new(entry.kind.engine, user, password, place);
        store(context, deployed, entry, &seen, login).await?;
        seen = observe_database(context, entry).await?;
    }
    let seen = ObservedEntry::Database(entry, Box::new(seen));
    let rotated = rotate_entry(context, model, deployed, &seen).await?;
    verify(context, deployed, &entry, Some(&rotated))
        .await
        .map(drop)
}

/// Returns whether the value is a login of the entry's user.
fn is_of_entry(entry: EntryOf<'_, Database>, seen: &ObservedDatabase) -> bool {
    seen.login().is_some_and(|login| {
        entry.kind.has_user(&login.username) && login.engine == entry.kind.engine
    })
}

/// Returns whether the server accepts the current login.
///
/// # Errors
///
/// Returns an error if the server does not say that the password is wrong.
async fn works(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
) -> Result<bool> {
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let version = secret.and_then(|secret| secret.version_with(CURRENT));
    let Some(version) = version.filter(|_| is_of_entry(entry, seen)) else {
        return Ok(false);
    };
    let (name, arn) = (entry.secret.as_str(), deployed.secret_arn(&entry)?);
    let strategy = Strategy::Databases;
    let answer = check(context, deployed, strategy, name, arn, version).await?;
    let Some(refusal) = answer.refusal() else {
        return Ok(true);
    };
    let login = answer.find(call::LOG_IN, Signer::User);
    if login.and_then(|login| login.code.as_deref()) == Some(WRONG_PASSWORD) {
        return Ok(false);
    }
    Err(Error::NotRecovered {
        secret: name.to_owned(),
        reason: format!("the server does not say that the password is wrong: {refusal}"),
    })
}

/// Stores a login in place of a damaged value, with a password that no server has. The function needs
/// a complete value to rotate, and replaces the password with one that the administrator sets. Until
/// then, clients fail to log in, as before.
async fn store(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Database>,
    seen: &ObservedDatabase,
    login: Login,
) -> Result<()> {
    let arn = deployed.secret_arn(&entry)?;
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let base = newest_object(context, arn, secret, &EARLIER).await?;
    let text = login.first_in(base.as_ref(), &entry.fields);
    let token = token_after(secret, arn);
    let stored = context
        .cloud
        .put_value(arn, &token, CURRENT, &text.to_text())
        .await;
    match stored {
        Ok(()) => {
            context.done(format!(
                "{}: stored the login again, without a password that works",
                entry.secret
            ));
            Ok(())
        }
        // Another command has stored it.
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}
