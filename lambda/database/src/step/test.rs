//! `testSecret`: a login with the new password must succeed. Only success passes.
//!
//! Secrets Manager also calls this step alone to test the configuration of a rotation if
//! `RotateImmediatelyOnUpdate` is false. It uses a temporary version whose content is not
//! documented. A version that is absent, has no value, lacks the fields of a credential, or has
//! the current password is such a test. In that case, a login with AWSCURRENT's password must
//! succeed, if there is one yet. `finishSecret` promotes no such version. Source:
//! `AWS::SecretsManagerClient::RotationSchedule` in the CloudFormation reference.

use std::time::Duration;

use keyrota_function_base::password::version::configuration_test;

use super::login::{advice, authenticate, place, server};
use super::{
    Admission, Deadline, abandon, admit, current_credential, describe, is_current,
    pending_credential, read,
};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Clock, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential};
use crate::server::{Server, ServerError, ServerFault};
use crate::stage::{self, CURRENT, PENDING, VersionState};

/// The delays before retries, for a server that fails over, or one that replicates the change
/// to other members.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// The maximum time that a login normally takes.
const ENOUGH: Duration = Duration::from_secs(10);

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
        if matches!(current, Content::Partial(_)) {
            let reason = "the secret has no password yet";
            ports.journal().note(Note::new("nothing to test", reason));
            return Ok(());
        }
        let current = current_credential(&pin, current)?;
        return attempt(ports, &pin, &current, deadline).await;
    }
    let pending = pending_credential("test", &pin, pending)?;
    prove(ports, event, &pin, &current, &pending, deadline).await?;
    if !pin.propagation.is_zero() {
        let note = Note::new("wait", "the members of a farm learn the new password");
        ports.journal().note(note);
        ports.clock().sleep(pin.propagation).await;
        prove(ports, event, &pin, &current, &pending, deadline).await?;
    }
    as_clients(ports, &pin, &pending, deadline).await;
    Ok(())
}

/// Logs in where clients do, if that is not the server. The result is only reported: the server has
/// the new password already, so to stop the rotation would leave clients without it.
async fn as_clients<P: Ports>(ports: &P, pin: &Pin, credential: &Credential, deadline: Deadline) {
    let Some(endpoint) = &pin.clients else {
        return;
    };
    if deadline.remaining_time(ports.clock()) < ENOUGH {
        return not_tested(
            ports,
            "there was no time left for a login where clients log in",
        );
    }
    let username = pin.user_of(credential);
    let login = credential.login(username);
    match ports.server().authenticate(endpoint, &login).await {
        Ok(()) => {
            let reason = "the new password is accepted where clients log in";
            ports.journal().note(Note::new("passed", reason));
        }
        Err(source) if source.fault == ServerFault::WrongCredentials => {
            let error = Error::ClientsRefused {
                place: place(endpoint),
                username: username.to_owned(),
                source,
            };
            ports.journal().trouble(&pin.secret, &error);
        }
        Err(_) => not_tested(
            ports,
            "a login where clients log in failed for another reason than a wrong password",
        ),
    }
}

fn not_tested<P: Ports>(ports: &P, reason: &'static str) {
    ports.journal().note(Note::new("not tested", reason));
}

/// Logs in with the pending version's password.
///
/// If two users alternate, someone may have stored a login of the same user as AWSCURRENT by hand. If
/// the pending password is wrong then, it is never set, because AWSCURRENT's user is not changed, and
/// the rotation is cancelled.
pub(super) async fn prove<P: Ports>(
    ports: &P,
    event: &Event,
    pin: &Pin,
    current: &Content,
    pending: &Credential,
    deadline: Deadline,
) -> Result<(), Error> {
    let tested = attempt(ports, pin, pending, deadline).await;
    let is_wrong = matches!(
        &tested,
        Err(Error::TestFailed { source, .. }) if source.fault == ServerFault::WrongCredentials
    );
    if let Content::Complete(current) = current
        && let Some(next) = pin.next_user(current)
        && next != pin.user_of(pending)
        && is_wrong
    {
        let reason = is_current(pin, pending);
        return Err(abandon(ports, event, None, reason).await.into());
    }
    tested
}

/// Logs in, and retries if that may help.
async fn attempt<P: Ports>(
    ports: &P,
    pin: &Pin,
    credential: &Credential,
    deadline: Deadline,
) -> Result<(), Error> {
    let mut waits = WAITS.into_iter();
    loop {
        let Err(source) = authenticate(ports, pin, credential).await else {
            ports
                .journal()
                .note(Note::new("passed", "the server accepts the password"));
            return Ok(());
        };
        match waits.next() {
            Some(wait)
                if may_pass(&source) && deadline.remaining_time(ports.clock()) > wait + ENOUGH =>
            {
                ports.clock().sleep(wait).await;
            }
            _ => {
                return Err(Error::TestFailed {
                    server: server(pin),
                    username: pin.user_of(credential).to_owned(),
                    advice: advice(&source),
                    source,
                });
            }
        }
    }
}

/// Returns whether a retry may succeed.
fn may_pass(error: &ServerError) -> bool {
    error.fault.is_transient() || error.fault == ServerFault::WrongCredentials
}
