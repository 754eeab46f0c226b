//! The check: tests whether a version's password works. The bootstrap requests it, because the
//! server may be reachable only from the function.

pub use keyrota_contract::event::CheckAnswer;

use crate::error::Error;
use crate::event::Check;
use crate::pin::Pin;
use crate::port::{Ports, VersionSelector};
use crate::secret::Content;
use crate::step::{authenticate, describe, find};

/// The name of the version in errors.
const VERSION: &str = "version";

/// Logs in as the pinned user with a version's password.
///
/// # Errors
///
/// Fails if the version has no credential, or not one for the pinned server. An unreachable
/// server is not an error, but an answer to the check.
pub async fn run<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    let description = describe(ports, &check.secret).await?;
    let pin = Pin::read(ports.pins(), &check.secret, &description)?;
    let found = find(
        ports,
        &check.secret,
        VersionSelector::Version(&check.version),
    )
    .await?;
    pin.check_present(VERSION, &found.content)?;
    let Content::Complete(credential) = found.content else {
        return Err(Error::NothingToCheck {
            secret: pin.secret.name().to_owned(),
            username: pin.username,
        });
    };
    Ok(match authenticate(ports, &pin, &credential).await {
        Ok(()) => CheckAnswer {
            authenticates: true,
            reason: None,
            fault: None,
        },
        Err(error) => CheckAnswer {
            authenticates: false,
            reason: Some(error.to_string()),
            fault: Some(error.fault.name().to_owned()),
        },
    })
}
