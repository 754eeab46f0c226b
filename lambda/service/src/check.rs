//! The check, which changes nothing.
//!
//! With a version, it tests whether that version's password works. The bootstrap requests it, because
//! the service may be reachable only from the function. Without one, it rehearses the next rotation: it
//! makes the calls that read, and logs in as the user. The password that Secrets Manager makes for it
//! is discarded. To store a value, to move a label, and to change the password would change something,
//! so these calls are listed as untried.

pub use keyrota_function_base::check::CheckAnswer;

use keyrota_function_base::check::{Calls, CheckedCall, Signer, call};
use keyrota_function_base::pin::is_served;
use keyrota_function_base::secret::Content as Held;

use crate::error::Error;
use crate::event::Check;
use crate::pin::{Pin, names};
use crate::port::{Passwords, Ports, SecretsManager, VersionSelector};
use crate::secret::{Content, Credential};
use crate::stage::{CURRENT, VersionId};
use crate::step::{authenticate, describe, find};

/// The name of the version in errors.
const VERSION: &str = "version";

/// Carries out a check.
///
/// # Errors
///
/// Fails if the secret is not pinned, or its value is not one of the pinned user. A call that is
/// refused is not an error, but a part of the answer, and so is an unreachable service.
pub async fn run<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    match &check.version {
        Some(version) => log_in(ports, check, version).await,
        None => rehearse(ports, check).await,
    }
}

/// Logs in as the pinned user with a version's password.
async fn log_in<P: Ports>(
    ports: &P,
    check: &Check,
    version: &VersionId,
) -> Result<CheckAnswer, Error> {
    let description = describe(ports, &check.secret).await?;
    let pin = Pin::read(ports.pins(), &check.secret, &description)?;
    let found = find(ports, &check.secret, VersionSelector::Version(version)).await?;
    pin.check_present(VERSION, &found.content)?;
    let Content::Complete(credential) = found.content else {
        return Err(Error::NothingToCheck {
            secret: pin.secret.name().to_owned(),
            username: pin.account.username,
        });
    };
    let mut calls = Calls::new([CheckedCall::untried(call::AUTHENTICATE, Signer::User)]);
    record_login(ports, &mut calls, &pin, &credential).await;
    Ok(calls.into_answer())
}

/// Makes the calls of the next rotation that change nothing.
async fn rehearse<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    let (secret, role) = (&check.secret, Signer::Role);
    is_served(ports.pins(), secret)?;
    let mut calls = Calls::new(expected());
    let secrets = ports.secrets_manager();
    let described = secrets.describe(secret).await;
    let described = calls.record(call::DESCRIBE_SECRET, role, None, described);
    let pin = match &described {
        Some(description) => Some(Pin::read(ports.pins(), secret, description)?),
        None => None,
    };
    let read = secrets.read(secret, VersionSelector::Labelled(CURRENT));
    let read = calls.record(call::GET_SECRET_VALUE, role, None, read.await);
    let Some(pin) = pin else {
        return Ok(calls.into_answer());
    };
    let made = secrets.random(&pin.rule).await.map(drop);
    calls.record(call::GET_RANDOM_PASSWORD, role, None, made);
    let current = read.map_or(Content::Nothing, |version| {
        Held::parse(&version.stored, names(ports.pins(), secret))
    });
    pin.check_present(CURRENT, &current)?;
    if let Content::Complete(current) = &current {
        record_login(ports, &mut calls, &pin, current).await;
    }
    Ok(calls.into_answer())
}

/// Logs in as the pinned user, and records the result.
async fn record_login<P: Ports>(ports: &P, calls: &mut Calls, pin: &Pin, credential: &Credential) {
    let (call, by) = (call::AUTHENTICATE, Signer::User);
    match authenticate(ports, pin, credential).await {
        Ok(()) => calls.allow(call, by),
        Err(error) => calls.fail(call, by, None, error.name(), &error.to_string()),
    }
}

/// Returns the calls of the next rotation.
fn expected() -> [CheckedCall; 7] {
    let of = CheckedCall::untried;
    [
        of(call::DESCRIBE_SECRET, Signer::Role),
        of(call::GET_SECRET_VALUE, Signer::Role),
        of(call::GET_RANDOM_PASSWORD, Signer::Role),
        of(call::PUT_SECRET_VALUE, Signer::Role),
        of(call::AUTHENTICATE, Signer::User),
        of(call::UPDATE_SECRET_VERSION_STAGE, Signer::Role),
        of(call::CHANGE, Signer::User),
    ]
}
