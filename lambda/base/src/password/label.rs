//! Moves labels between versions.

use super::PasswordError;
use super::mark::SETTING;
use crate::arn::SecretArn;
use crate::event::Event;
use crate::port::Ports;
use crate::secrets_manager::{Description, SecretsManager};
use crate::stage::{self, VersionId};
use crate::step;

/// Puts a label on the event's version, and removes it from any other.
///
/// # Errors
///
/// Fails if it is not certain that the version has the label.
pub async fn label<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
    label: &'static str,
) -> Result<(), PasswordError> {
    let carrier = stage::carrier(&description.stages, label);
    if carrier == Some(&event.token) {
        return Ok(());
    }
    ports
        .secrets_manager()
        .relabel(&event.secret, label, carrier, Some(&event.token))
        .await
        .map_err(|source| PasswordError::NotRecorded {
            secret: event.secret.name().to_owned(),
            source,
        })
}

/// Removes a label from a version. A label that remains does no harm there.
pub async fn unlabel<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    label: &'static str,
    version: &VersionId,
) {
    let _ = ports
        .secrets_manager()
        .relabel(secret, label, Some(version), None)
        .await;
}

/// Returns whether a version is recorded as the one whose password was sent last.
pub fn is_set(description: &Description, version: &VersionId) -> bool {
    stage::carrier(&description.stages, SETTING) == Some(version)
}

/// Makes a version AWSCURRENT.
///
/// # Errors
///
/// Fails if it is not certain that the version is AWSCURRENT.
pub async fn promote<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    description: &Description,
    version: &VersionId,
) -> Result<(), PasswordError> {
    step::promote(ports, secret, description, version)
        .await
        .map_err(|source| PasswordError::NotPromoted {
            secret: secret.name().to_owned(),
            source,
        })
}
