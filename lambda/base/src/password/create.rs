//! Makes a new password in `createSecret`, and stores it as AWSPENDING.

use std::time::Duration;

use keyrota_contract::pins::service::CharacterClass;
use secrecy::{ExposeSecret, SecretString};

use super::PasswordError;
use crate::clock::Clock;
use crate::event::Event;
use crate::log::Note;
use crate::port::{Journal, Ports};
use crate::secrets_manager::{CallErrorKind, PasswordRule, Passwords, SecretsManager};
use crate::stage::PENDING;

/// How often the value may be sent. The same value with the same token is stored once.
const PUTS: u32 = 3;

/// Makes a password that follows the rules.
///
/// # Errors
///
/// Fails if Secrets Manager makes none, or one that does not follow the rules.
pub async fn make<P>(
    ports: &P,
    event: &Event,
    rule: &PasswordRule,
) -> Result<SecretString, PasswordError>
where
    P: Ports<SecretsManager: Passwords>,
{
    let secret = || event.secret.name().to_owned();
    let password = ports.secrets_manager().random(rule).await;
    let password = password.map_err(|source| PasswordError::PasswordNotMade {
        secret: secret(),
        source,
    })?;
    if let Some(problem) = unfit(rule, &password) {
        return Err(PasswordError::PasswordUnfit {
            secret: secret(),
            problem,
        });
    }
    let note = Note::new("make", "this version has no password yet");
    ports.journal().note(note);
    Ok(password)
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
    // No server accepts a NUL, and no client can type the other control characters.
    if password.chars().any(char::is_control) {
        return Some("has a control character in it");
    }
    let lacks = |class: &CharacterClass| !password.chars().any(|it| class.contains(it));
    if rule.require.iter().any(lacks) {
        return Some("lacks a class of characters that `password` requires");
    }
    None
}

/// Stores the value as AWSPENDING.
///
/// # Errors
///
/// Fails if it is not certain that the version has a value.
pub async fn store<P: Ports>(
    ports: &P,
    event: &Event,
    value: &SecretString,
) -> Result<(), PasswordError> {
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
                return Err(PasswordError::NotStored {
                    secret: event.secret.name().to_owned(),
                    source,
                });
            }
        }
    }
}
