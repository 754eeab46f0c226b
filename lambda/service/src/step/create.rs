//! `createSecret`: generates a new password and stores it as AWSPENDING. Nothing is sent to the
//! service.

use keyrota_function_base::password::create::{make, store};
use keyrota_function_base::password::version::WithPassword;

use super::{
    Admission, abandon, admit, current_credential, describe, pending_credential, read, stray,
};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::stage::CURRENT;

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        read(ports, event, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description).await? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let current = current_credential(&pin, current?)?;
    let pending = pending?;
    if !matches!(pending, Content::Nothing) {
        return already_made(ports, event, &pin, &current, pending).await;
    }
    let password = make(ports, event, &pin.rule).await?;
    let value = current.with_password(&password, &pin.names);
    Ok(store(ports, event, &value).await?)
}

/// Ends the step if the version has a value: the version cannot store another one.
async fn already_made<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    current: &Credential,
    pending: Content,
) -> Result<(), Error> {
    let undecryptable = matches!(pending, Content::Unreadable(Unreadable::Undecryptable));
    let reason = match pending_credential("complete", pin, pending) {
        Err(error) if undecryptable => return Err(error),
        Err(Error::Pin(error)) => stray(&error),
        Err(_) => {
            let username = &pin.account.username;
            format!("its AWSPENDING is not a complete credential of {username}")
        }
        Ok(pending) if pending.has_password_of(current) => {
            "its AWSPENDING holds the password that is AWSCURRENT already".to_owned()
        }
        Ok(_) => {
            let note = Note::new("keep", "this version has its password already");
            ports.journal().note(note);
            return Ok(());
        }
    };
    Err(abandon(ports, event, None, reason).await.into())
}
