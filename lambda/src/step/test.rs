//! `testSecret`: the new key must authenticate as the pinned user, and have the permissions
//! that the manifest lists. Only success passes.
//!
//! Secrets Manager also calls this step alone to test the configuration of a rotation if
//! `RotateImmediatelyOnUpdate` is false. It uses a temporary version whose content is not
//! documented. A version that is absent, has no value, has no key, or has the current key is
//! such a test, and passes: `finishSecret` promotes none of these. Source:
//! `AWS::SecretsManagerClient::RotationSchedule` in the CloudFormation reference.

use super::trial::{Trial, authenticate};
use super::{Admission, Deadline, admit, describe, pending_credential, probe, read};
use keyrota_function_base::step::unreadable;

use crate::decide::{self, CURRENT, PENDING, VersionState};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential};

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
    let absent = decide::version_state(&description.stages, &event.token)
        == VersionState::Unknown {
            another_is_pending: false,
        };
    if !absent && admit(ports, event, &description)? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let (current, pending) = (current?, pending?);
    if let Content::Unreadable(problem) = current {
        return Err(unreadable::<Credential>(&event.secret, CURRENT, problem).into());
    }
    pin.check_present(CURRENT, &current)?;
    pin.check_present(PENDING, &pending)?;
    if let Some(reason) = configuration_test(absent, &current, &pending) {
        ports
            .journal()
            .note(Note::new("test of the configuration", reason));
        return Ok(());
    }
    let pending = pending_credential("test", &pin, pending)?;
    let trial = Trial {
        event,
        pin: &pin,
        current: &current,
        pending: &pending,
    };
    authenticate(ports, deadline, &trial).await?;
    match &pin.probe {
        Some(permission) => probe::run(ports, deadline, &pin, &pending, permission).await,
        None => Ok(()),
    }
}

/// Returns why this is a test of the configuration, or `None` if it is a rotation.
fn configuration_test(absent: bool, current: &Content, pending: &Content) -> Option<&'static str> {
    match (pending, current) {
        _ if absent => Some("the version is absent"),
        (Content::Nothing, _) => Some("the version has no value"),
        (Content::Unreadable(_), _) => Some("the version has no key fields"),
        (Content::Partial(partial), _) if !partial.has_a_part() => {
            Some("the version has no key fields")
        }
        (Content::Complete(pending), Content::Complete(current)) if pending.has_key_of(current) => {
            Some("the version holds the current key")
        }
        _ => None,
    }
}
