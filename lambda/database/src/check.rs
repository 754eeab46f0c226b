//! The check: whether a version's password works. Whoever bootstraps calls for
//! it, since the server may be where only the function comes.

pub use keyrota_contract::event::CheckAnswer;

use crate::error::Error;
use crate::event::Check;
use crate::pin::Pin;
use crate::port::{Ports, Which};
use crate::secret::Content;
use crate::step::{authenticate, describe, find};

/// The name of the version in errors.
const VERSION: &str = "version";

/// Logs in as the pinned user with a version's password.
///
/// # Errors
///
/// Fails if there is nothing to log in with, or if it is not for the pinned
/// server. That the server cannot be reached is an answer.
pub async fn run<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    let description = describe(ports, &check.secret).await?;
    let pin = Pin::read(ports.pins(), &check.secret, &description)?;
    let found = find(ports, &check.secret, Which::Version(&check.version)).await?;
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
