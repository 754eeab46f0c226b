//! `testSecret`: a login with the new password must succeed. Only success passes, whatever the adapter
//! answered to the change.
//!
//! Secrets Manager also calls this step alone to test the configuration of a rotation
//! ([`configuration_test`]). In that case, a login with AWSCURRENT's password must succeed.
//! `finishSecret` promotes no such version.
//!
//! A wrong password is not tried again at once, since it is unknown after how many failed logins the
//! service locks the user out. On a farm of servers, it is tried once more after the time that the farm
//! needs.

use std::time::Duration;

use keyrota_contract::pins::service::rules::LONGEST_TIMEOUT;
use keyrota_function_base::password::version::configuration_test;

use super::{
    Admission, Deadline, admit, advice, authenticate, current_credential, describe, no_login,
    pending_credential, read,
};
use crate::decide;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Clock, Journal, Ports, VersionSelector};
use crate::secret::Credential;
use crate::service::{Operation, ServiceError};
use crate::stage::{self, CURRENT, PENDING, VersionState};

/// The delays before retries, for a service that cannot be reached for a moment.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The maximum time that a login takes.
const ENOUGH: Duration = Duration::from_secs(LONGEST_TIMEOUT as u64);

pub(super) async fn run<P: Ports>(
    ports: &P,
    event: &Event,
    deadline: Deadline,
) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        read(ports, event, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    // If no version is AWSPENDING, no rotation is in progress. The version of a configuration
    // test is gone, or never becomes visible.
    let absent = stage::version_state(&description.stages, &event.token)
        == VersionState::Unknown {
            another_is_pending: false,
        };
    if !absent && admit(ports, event, &description).await? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let (current, pending) = (current?, pending?);
    pin.check_present(CURRENT, &current)?;
    pin.check_present(PENDING, &pending)?;
    if let Some(reason) = configuration_test(absent, &current, &pending) {
        ports
            .journal()
            .note(Note::new("test of the configuration", reason));
        let current = current_credential(&pin, current)?;
        let proven = prove(ports, &pin, &current, deadline).await;
        return proven.map_err(|source| no_login(&pin, CURRENT, source));
    }
    let pending = pending_credential("test", &pin, pending)?;
    let tested = prove(ports, &pin, &pending, deadline).await;
    match tested {
        Err(source) if pin.is_farm() && decide::may_try_another(source.fault) => {
            let reason = "the member that answered does not know the new password yet";
            ports.journal().note(Note::new("refused", reason));
        }
        other => other.map_err(|source| test_failed(&pin, source))?,
    }
    if !pin.is_farm() {
        return Ok(());
    }
    let note = Note::new("wait", "the members of a farm learn the new password");
    ports.journal().note(note);
    ports.clock().sleep(pin.propagation).await;
    let tested = prove(ports, &pin, &pending, deadline).await;
    tested.map_err(|source| test_failed(&pin, source))
}

/// Returns the error of a login with the new password that failed.
pub(super) fn test_failed(pin: &Pin, source: ServiceError) -> Error {
    let advice = match decide::may_try_another(source.fault) {
        true => advice::NEW_REFUSED,
        false => advice::find(&source),
    };
    Error::TestFailed {
        service: pin.account.service(Operation::Authenticate),
        username: pin.account.username.clone(),
        source,
        advice,
    }
}

/// Logs in, and retries if the service could not be asked.
pub(super) async fn prove<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
    deadline: Deadline,
) -> Result<(), ServiceError> {
    let mut waits = WAITS.into_iter();
    loop {
        let Err(source) = authenticate(ports, pin, credential).await else {
            ports
                .journal()
                .note(Note::new("passed", "the service accepts the password"));
            return Ok(());
        };
        match waits.next() {
            Some(wait)
                if decide::may_pass(&source)
                    && deadline.remaining_time(ports.clock()) > wait + ENOUGH =>
            {
                ports.clock().sleep(wait).await;
            }
            _ => return Err(source),
        }
    }
}
