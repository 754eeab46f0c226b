//! Admits a version to a step of a rotation of a password.

use crate::error::RequestError;
use crate::event::Event;
use crate::port::Ports;
use crate::secrets_manager::Description;
use crate::stage::{self, PREVIOUS};
use crate::step::{self, Admission, abandon};

/// Lets a step proceed only if the version is AWSPENDING. A version that is also AWSPREVIOUS
/// was AWSCURRENT before and was replaced by hand, so its password is not set again.
///
/// # Errors
///
/// Fails if the version is neither AWSPENDING nor AWSCURRENT, or was AWSCURRENT before.
pub async fn admit<P: Ports>(
    ports: &P,
    event: &Event,
    description: &Description,
) -> Result<Admission, RequestError> {
    let admission = step::admit(ports, event, description)?;
    let was_current = stage::carrier(&description.stages, PREVIOUS) == Some(&event.token);
    if admission == Admission::Proceed && was_current {
        let reason = "its AWSPENDING was AWSCURRENT before and was replaced".to_owned();
        return Err(abandon(ports, event, None, reason).await);
    }
    Ok(admission)
}
