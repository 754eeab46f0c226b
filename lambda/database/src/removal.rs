//! Drops the user that the function created, when the stack is torn down. The server may be reachable
//! only from the function.
//!
//! A principal that may only invoke the function must not be able to drop a user. So the pin must say
//! that the function creates it, and the rotation of its secret must be cancelled, which needs a
//! permission on the secret that only those who deploy have (`secretsmanager:CancelRotateSecret`).
//!
//! The pin does not prove that the function created the user: it may have refused to, because there
//! was one. Therefore one of the secret's passwords must work.

pub use keyrota_contract::removal::Removal;

use keyrota_function_base::password::version::WithPassword;

use crate::arn::SecretArn;
use crate::decide;
use crate::error::Error;
use crate::log::Note;
use crate::mark::SETTING;
use crate::pin::Pin;
use crate::port::{Journal, Ports, VersionSelector};
use crate::secret::Credential;
use crate::server::{Dropped, Server, ServerError};
use crate::stage::{CURRENT, PENDING, PREVIOUS};
use crate::step::{
    administrator, advice_on_change, describe, find, server, usable, without_database,
};

/// The labels of the versions whose passwords the user may have.
const TRIED: [&str; 4] = [CURRENT, PENDING, SETTING, PREVIOUS];

/// Drops the user of a secret, unless it owns objects or nothing shows that the function created it.
///
/// # Errors
///
/// Fails if the user may not be dropped now, or if the server could not be asked.
pub async fn run<P: Ports>(ports: &P, secret: &SecretArn) -> Result<Removal, Error> {
    let description = describe(ports, secret).await?;
    let pin = Pin::read(ports.pins(), secret, &description)?;
    let may_not = |reason| Error::MayNotDrop {
        secret: secret.name().to_owned(),
        username: pin.username.clone(),
        reason,
    };
    let Some(rights) = &pin.create_user else {
        let reason = "its entry in the manifest has no `create_user`; drop it on the server";
        return Err(may_not(reason));
    };
    if description.rotation_enabled {
        let reason = "the rotation of its secret is not cancelled; run `keyrota teardown`, which cancels it first";
        return Err(may_not(reason));
    }
    let Some(by) = administrator(ports, &pin).await? else {
        return Err(may_not("no administrator is pinned; drop it on the server"));
    };
    let failed = |source: ServerError| Error::NotDropped {
        server: server(&pin),
        username: pin.username.clone(),
        advice: advice_on_change(&pin, &source),
        source,
    };
    let exists = ports
        .server()
        .has_user(&by.endpoint, &by.login, &pin.username);
    if !exists.await.map_err(failed)? {
        return Ok(Removal::Absent);
    }
    if let Some(reason) = not_created(ports, &pin).await? {
        return Ok(Removal::Kept { reason });
    }
    let note = Note::new(
        "drop",
        "the stack is torn down, and its function created the user",
    );
    ports.journal().note(note);
    let dropped = ports
        .server()
        .drop_user(&by.endpoint, &by.login, &pin.username, &rights.grants);
    Ok(match dropped.await.map_err(failed)? {
        Dropped::Gone => Removal::Dropped,
        Dropped::Kept(reason) => Removal::Kept { reason },
    })
}

/// Returns why nothing shows that the function created the user, or `None` if one of the secret's
/// passwords works.
async fn not_created<P: Ports>(ports: &P, pin: &Pin) -> Result<Option<String>, Error> {
    let endpoint = without_database(&pin.endpoint);
    let mut tried: Vec<Credential> = Vec::new();
    for label in TRIED {
        let found = find(ports, &pin.secret, VersionSelector::Labelled(label)).await?;
        let Some(credential) = usable(pin, found.content) else {
            continue;
        };
        if tried.iter().any(|other| other.has_password_of(&credential)) {
            continue;
        }
        let login = credential.login(&pin.username);
        let inspected = ports.server().inspect(&endpoint, &login, &pin.username);
        match inspected.await {
            // The function creates an account for clients on all hosts.
            Ok(inspection) => {
                let own = inspection.accounts.own;
                let is_other = own.is_some_and(|own| !own.is_for_any_host());
                return Ok(is_other.then(|| {
                    "the function logs in to an account for some hosts, which it did not create"
                        .to_owned()
                }));
            }
            Err(error) if decide::may_try_another(error.fault) => tried.push(credential),
            Err(error) => {
                return Ok(Some(format!(
                    "the function cannot log in as it, so nothing shows that it created the user: {error}"
                )));
            }
        }
    }
    Ok(Some(
        "no password of the secret works, so nothing shows that the function created the user"
            .to_owned(),
    ))
}
