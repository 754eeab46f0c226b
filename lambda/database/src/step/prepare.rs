//! `setSecret` for a user whose password nobody knows, and for a user that the function creates.
//!
//! Both need an administrator, and the password that the user had before is never needed. A user
//! that the function creates differs from one that existed before in its passwords: the
//! function creates a user with the pending password, and the version with that password carries a
//! label before. So if none of the secret's passwords works, someone else created the user, and
//! its password is not changed while AWSCURRENT has none.
//!
//! The rights of a user that is created may be incomplete where the server has no transaction for
//! them. Therefore a user that has a pending password already is prepared again, and so is one with
//! the password of a rotation that was interrupted, before that version becomes AWSCURRENT.

use keyrota_function_base::pin::EntryError;

use super::administrator::{Administrator, administrator};
use super::current::Current;
use super::login::{no_login, not_sent, refused, server};
use super::replaced::retained;
use super::set::{
    SetContext, broken_off, by_an_administrator, has_pending, mark_pending, unconfirmed,
};
use super::{accounts, promote};
use crate::decide;
use crate::error::Error;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports};
use crate::secret::Credential;
use crate::server::{ChangeError, NewUser, Prepared, Rights, Server, ServerError, ServerFault};
use crate::stage::CURRENT;

/// Sets the pending password as the administrator, and creates the user if it is missing and the
/// pin says so.
pub(super) async fn run<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Current,
) -> Result<(), Error> {
    let pin = &context.pin;
    let creates = pin.create_user.is_some();
    let administrator = administrator(ports, pin).await?;
    // A pin without an administrator is not valid.
    let by = administrator.ok_or_else(|| EntryError::PinInvalid {
        secret: pin.secret.name().to_owned(),
        field: "rotate_as",
    })?;
    let exists = ports
        .server()
        .has_user(&by.endpoint, &by.login, &pin.username);
    match (exists.await, creates) {
        (Err(error), _) => return Err(not_sent(pin, error)),
        (Ok(false), true) => {
            let note = Note::new("create", "the server has no such user");
            ports.journal().note(note);
            return prepare(ports, context, &by).await;
        }
        (Ok(false), false) => {
            let error = ServerError {
                fault: ServerFault::UserUnknown,
                code: None,
            };
            return Err(not_sent(pin, error));
        }
        (Ok(true), _) => {}
    }
    if context.was_sent() && has_pending(ports, context).await? {
        return continued(ports, context, current, &by).await;
    }
    let sent = broken_off(ports, context, None).await?;
    match &sent {
        Some((version, credential)) => {
            let secret = &context.event.secret;
            if creates && !works(ports, context, current).await? {
                complete(ports, pin, &by, credential).await?;
            }
            let reason = "the server has the password of a rotation that was interrupted";
            ports.journal().note(Note::new("promote", reason));
            promote(ports, secret, &context.description, version).await?;
        }
        None if creates && context.is_first => {
            // Someone could have moved the label.
            if !context.was_sent() && has_pending(ports, context).await? {
                return continued(ports, context, current, &by).await;
            }
            return Err(Error::UserExists {
                secret: pin.secret.name().to_owned(),
                server: server(pin),
                username: pin.username.clone(),
            });
        }
        None => {}
    }
    let replaced = match &sent {
        Some((_, credential)) => Some(credential),
        None => current.credential(),
    };
    match replaced {
        None => prepare(ports, context, &by).await,
        // AWSCURRENT has a password that works, so the user rotates like any other.
        Some(replaced) => by_an_administrator(ports, context, &by, replaced).await,
    }
}

/// Continues an earlier run of the step, after which the user has the pending password.
async fn continued<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Current,
    by: &Administrator,
) -> Result<(), Error> {
    if works(ports, context, current).await? {
        let reason = "the server has the pending password already, beside the current one";
        ports.journal().note(Note::new("keep", reason));
        mark_pending(ports, context).await?;
        return retained(ports, context).await;
    }
    let reason = "the user has the pending password already, and may lack some of its rights";
    ports.journal().note(Note::new("set again", reason));
    prepare(ports, context, by).await
}

/// Returns whether AWSCURRENT's password works. Then the user has its rights, and to prepare it
/// again would void that password, if the server has retained it.
async fn works<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Current,
) -> Result<bool, Error> {
    let Some(credential) = current.credential() else {
        return Ok(false);
    };
    match context.log_in(ports, credential).await {
        Ok(()) => Ok(true),
        Err(error) if decide::may_try_another(error.fault) => Ok(false),
        Err(error) => Err(no_login(&context.pin, CURRENT, error)),
    }
}

/// Sends the pending password and the rights.
async fn prepare<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    by: &Administrator,
) -> Result<(), Error> {
    let pin = &context.pin;
    let inspected = ports
        .server()
        .inspect(&by.endpoint, &by.login, &pin.username);
    let every = match inspected.await {
        Ok(inspection) => accounts::admit(ports, pin, &inspection)?,
        Err(error) => return Err(not_sent(pin, error)),
    };
    mark_pending(ports, context).await?;
    context.is_prepared.set(true);
    match send(ports, pin, by, &context.pending, every).await {
        Ok(Prepared::Created) => {
            let note = Note::new("set", "the user was created with its rights");
            ports.journal().note(note);
            Ok(())
        }
        Ok(Prepared::Existed) => {
            ports
                .journal()
                .note(Note::new("set", "the old password no longer works"));
            Ok(())
        }
        Err(error) => unconfirmed(ports, context, None, error).await,
    }
}

/// Completes the rights of a user that a rotation created before it was interrupted. Its password
/// stays the one that it has, which is the credential's.
///
/// # Errors
///
/// Fails if it is not certain that the user has its rights.
pub(crate) async fn complete<P: Ports>(
    ports: &P,
    pin: &Pin,
    by: &Administrator,
    credential: &Credential,
) -> Result<(), Error> {
    match send(ports, pin, by, credential, false).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Unsent(error)) => Err(not_sent(pin, error)),
        Err(ChangeError::Sent(error)) => Err(refused(
            pin,
            error,
            "the user keeps the password of a rotation that was interrupted",
        )),
    }
}

async fn send<P: Ports>(
    ports: &P,
    pin: &Pin,
    by: &Administrator,
    credential: &Credential,
    every: bool,
) -> Result<Prepared, ChangeError> {
    let (grants, roles) = match &pin.create_user {
        Some(rights) => (rights.grants.as_slice(), rights.roles.as_slice()),
        None => Default::default(),
    };
    let user = NewUser {
        username: &pin.username,
        password: credential.password(),
        rights: Rights::Granted { grants, roles },
        every,
    };
    ports.server().prepare(&by.endpoint, &by.login, &user).await
}
