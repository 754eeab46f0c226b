//! `createSecret`: generates a new password and stores it as AWSPENDING. Nothing is sent to the
//! server.

use keyrota_function_base::password::create::{make, store};

use super::current::Current;
use super::{Admission, abandon, admit, describe, is_current, pending_credential, read, stray};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports, VersionSelector};
use crate::secret::{Content, Unreadable};
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
    let current = Current::read(&pin, current?)?;
    let pending = pending?;
    if !matches!(pending, Content::Nothing) {
        return already_made(ports, event, &pin, &current, pending).await;
    }

    let password = make(ports, event, &pin.rule).await?;
    let value = current.successor(&pin, &password);
    Ok(store(ports, event, &value).await?)
}

/// Ends the step if the version has a value: the version cannot store another one.
async fn already_made<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    current: &Current,
    pending: Content,
) -> Result<(), Error> {
    let undecryptable = matches!(pending, Content::Unreadable(Unreadable::Undecryptable));
    let pending = match pending_credential("complete", pin, pending) {
        Err(error) if undecryptable => return Err(error),
        Err(Error::Pin(error)) => {
            return Err(abandon(ports, event, None, stray(&error)).await.into());
        }
        Err(_) => {
            let username = &pin.username;
            let reason = format!("its AWSPENDING is not a complete credential of {username}");
            return Err(abandon(ports, event, None, reason).await.into());
        }
        Ok(pending) => pending,
    };
    if let Some(next) = current.next_user(pin)
        && pin.user_of(&pending) != next
    {
        return Err(abandon(ports, event, None, is_current(pin, &pending))
            .await
            .into());
    }
    if current.has_password_of(&pending) {
        let reason = "its AWSPENDING holds the password that is AWSCURRENT already".to_owned();
        return Err(abandon(ports, event, None, reason).await.into());
    }
    let note = Note::new("keep", "this version has its password already");
    ports.journal().note(note);
    Ok(())
}
