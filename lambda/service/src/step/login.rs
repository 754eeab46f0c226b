//! Logs in to the pinned service.

use super::advice;
use crate::error::Error;
use crate::pin::Pin;
use crate::port::Ports;
use crate::secret::Credential;
use crate::service::{Operation, Service, ServiceError};

/// Logs in as the pinned user with a version's password. The adapter is always the pinned one, whatever
/// the version contains.
pub(crate) async fn authenticate<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
) -> Result<(), ServiceError> {
    let password = credential.password();
    ports.service().authenticate(&pin.account, password).await
}

/// Returns the error of a login that failed for a reason other than a wrong password.
pub(crate) fn no_login(pin: &Pin, version: &'static str, source: ServiceError) -> Error {
    Error::NoLogin {
        secret: pin.secret.name().to_owned(),
        service: pin.account.service(Operation::Authenticate),
        username: pin.account.username.clone(),
        version,
        advice: advice::find(&source),
        source,
    }
}

/// Returns the error if every password that may be tried is wrong. On a farm of servers, that is known of
/// the members that answered only.
pub(crate) fn none_works(pin: &Pin, tried: &[&str]) -> Error {
    let secret = pin.secret.name().to_owned();
    let service = pin.account.service(Operation::Authenticate);
    let username = pin.account.username.clone();
    let tried = tried.join(", ");
    match pin.is_farm() {
        true => Error::NoMemberAccepts {
            secret,
            service,
            username,
            tried,
        },
        false => Error::NoPasswordWorks {
            secret,
            service,
            username,
            tried,
        },
    }
}
