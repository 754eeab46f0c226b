//! `createSecret`: generates a new password and stores it as AWSPENDING. Nothing is sent to the
//! server.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::current::Current;
use super::{Admission, abandon, admit, describe, is_current, pending_credential, read, stray};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{
    CallErrorKind, Clock, Journal, PasswordRule, Passwords, Ports, SecretsManager, VersionSelector,
};
use crate::secret::{Content, Unreadable};
use crate::stage::{CURRENT, PENDING};

/// How often the value may be sent. The same value with the same token is stored once.
const PUTS: u32 = 3;

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

    let secret = || event.secret.name().to_owned();
    let password = ports.secrets_manager().random(&pin.rule).await;
    let password = password.map_err(|source| Error::PasswordNotMade {
        secret: secret(),
        source,
    })?;
    if let Some(problem) = unfit(&pin.rule, &password) {
        return Err(Error::PasswordUnfit {
            secret: secret(),
            problem,
        });
    }
    let note = Note::new("make", "this version has no password yet");
    ports.journal().note(note);
    store(ports, event, &current.successor(&pin, &password)).await
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

/// Returns what is wrong with a generated password, or `None` if it follows the rules.
fn unfit(rule: &PasswordRule, password: &SecretString) -> Option<&'static str> {
    let password = password.expose_secret();
    if password.chars().count() != usize::from(rule.length) {
        return Some("has another length than `password` says");
    }
    if password.chars().any(|it| rule.exclude.contains(it)) {
        return Some("has a character in it that `password` excludes");
    }
    // No engine accepts a NUL, and no client can type the other control characters.
    if password.chars().any(char::is_control) {
        return Some("has a control character in it");
    }
    None
}

/// Stores the value as AWSPENDING.
async fn store<P: Ports>(ports: &P, event: &Event, value: &SecretString) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let Err(source) = ports.secrets_manager().put(event, value, &[PENDING]).await else {
            return Ok(());
        };
        match source.kind {
            CallErrorKind::Exists => {
                let note = Note::new("keep", "another try of this step stored its password first");
                ports.journal().note(note);
                return Ok(());
            }
            kind if kind.is_transient() && tries < PUTS => {
                ports.clock().sleep(Duration::from_millis(200)).await;
                tries += 1;
            }
            _ => {
                return Err(Error::NotStored {
                    secret: event.secret.name().to_owned(),
                    source,
                });
            }
        }
    }
}
