//! Logins of services. Only the adapter reaches the service.

use keyrota_contract::value::PASSWORD;

use super::go_back;
use crate::model::{EntryOf, Service};
use crate::plan::{ObservedService, SETTING};
use crate::port::{CURRENT, PREVIOUS};
use crate::render::Strategy;
use crate::run::database::{WRONG_PASSWORD, check};
use crate::run::error::{Error, Result};
use crate::run::service::observe_service;
use crate::run::{Context, Deployed};

/// The versions to go back to, the preferred one first: the password before, and the password that a
/// rotation sent last.
const EARLIER: [&str; 2] = [PREVIOUS, SETTING];

pub(super) async fn recover_service(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Service>,
) -> Result<()> {
    let seen = observe_service(context, entry).await?;
    if works(context, deployed, entry, &seen).await? {
        return Ok(());
    }
    let Some(reasons) = go_back(context, deployed, &entry, &EARLIER).await? else {
        return Ok(());
    };
    let tried = match reasons.is_empty() {
        true => "there is no earlier version".to_owned(),
        false => reasons.join("; "),
    };
    Err(Error::NotRecovered {
        secret: entry.secret.to_string(),
        reason: format!(
            "no version has a password that the service accepts ({tried}); set a password at the service, and store it in the field `{}` of the secret",
            entry.fields.of(PASSWORD)
        ),
    })
}

/// Returns whether the service accepts the current login.
///
/// # Errors
///
/// Returns an error if the service does not say that the password is wrong.
async fn works(
    context: &Context<'_>,
    deployed: &Deployed,
    entry: EntryOf<'_, Service>,
    seen: &ObservedService,
) -> Result<bool> {
    let secret = seen.secret.as_ref().map(|held| &held.secret);
    let version = secret.and_then(|secret| secret.version_with(CURRENT));
    let Some(version) = version.filter(|_| seen.own_login(entry).is_some()) else {
        return Ok(false);
    };
    let (name, arn) = (entry.secret.as_str(), deployed.secret_arn(&entry)?);
    let strategy = Strategy::for_entry(&entry);
    let answer = check(context, deployed, strategy, name, arn, version).await?;
    let Some(refusal) = answer.refusal() else {
        return Ok(true);
    };
    let code = answer.login().and_then(|login| login.code.as_deref());
    if code == Some(WRONG_PASSWORD) {
        return Ok(false);
    }
    Err(Error::NotRecovered {
        secret: name.to_owned(),
        reason: format!("the service does not say that the password is wrong: {refusal}"),
    })
}
