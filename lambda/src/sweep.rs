//! The hourly sweep of all secrets of the stack: it retires old keys when their time has come,
//! and writes the metrics that the alarms need.
//!
//! A sweep knows nothing about the previous one. It observes, asks [`retire`] about the one key
//! that AWSCURRENT's replaced, and carries out the decision. That key is in AWSPREVIOUS, or in the
//! version with the label `KEYROTA_REPLACED` if someone has stored the current key again by hand,
//! which moves AWSPREVIOUS. The next sweep does what this one
//! could not.
//!
//! [`retire`]: crate::retire

mod key;

use std::cell::Cell;
use std::time::Duration;

use keyrota_function_base::sweep::{Findings, Sweep};

pub(crate) use key::{Succession, retire};

use crate::arn::SecretArn;
use crate::decide::{self, CURRENT, PREVIOUS, VersionId};
use crate::error::Error;
use crate::log::Note;
use crate::mark::{self, REPLACED};
use crate::metric::Metric;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::retire::{KeyUse, OldKeyPolicy, Timetable};
use crate::secret::{Content, Credential};
use crate::step::{Deadline, SecretVersion, current_credential, find};
use key::Outcome;

/// The maximum time that a secret normally takes. The sweep begins no secret with less time
/// left.
const ENOUGH: Duration = Duration::from_secs(5);

/// Sweeps the secrets, several at a time.
///
/// # Errors
///
/// Fails at the end if it failed for any secret, so that Lambda tries again.
pub async fn run<P: Ports>(
    ports: &P,
    secrets: &[SecretArn],
    deadline: Deadline,
) -> Result<(), Error> {
    let (findings, held) = (Findings::default(), Cell::default());
    let frame = Sweep {
        ports,
        deadline,
        enough: ENOUGH,
        subject: "the old key of ",
    };
    let look = async |secret: &SecretArn| sweep(ports, secret, &findings, &held).await;
    let failed = frame.each(secrets, look).await;
    let mut metrics = findings.into_metrics(&failed).to_vec();
    metrics.push(Metric::KeysHeldBack(held.get()));
    ports.journal().measure(&metrics);
    Ok(failed.into_result(secrets.len())?)
}

async fn sweep<P: Ports>(
    ports: &P,
    secret: &SecretArn,
    findings: &Findings,
    held: &Cell<usize>,
) -> Result<(), Error> {
    let description = findings.describe(ports, secret).await?;
    let pin = Pin::read(ports.pins(), secret, &description)?;
    let (current, previous) = tokio::join!(
        find(ports, secret, VersionSelector::Labelled(CURRENT)),
        // Values that nothing needs are not read.
        async {
            match pin.old_key {
                OldKeyPolicy::Timed(_) => find(ports, secret, VersionSelector::Labelled(PREVIOUS))
                    .await
                    .map(Some),
                _ => Ok(None),
            }
        },
    );
    let current = current?;
    findings.record_age(&current, ports.clock().moment());
    let (OldKeyPolicy::Timed(timetable), Some(previous)) = (pin.old_key, previous?) else {
        return Ok(());
    };
    if decide::is_rotating(&description.stages) {
        let note = Note::new("leave", "a rotation of the secret is under way");
        ports.journal().note(note.of(secret));
        return Ok(());
    }
    let outcome = old_key(ports, &pin, &description, timetable, current, previous).await?;
    if outcome == Outcome::Held {
        held.update(|count| count + 1);
    }
    Ok(())
}

/// Handles the key that AWSCURRENT's replaced, if it is one of the user's.
async fn old_key<P: Ports>(
    ports: &P,
    pin: &Pin,
    description: &Description,
    timetable: Timetable,
    current: SecretVersion,
    previous: SecretVersion,
) -> Result<Outcome, Error> {
    pin.check_present(CURRENT, &current.content)?;
    if matches!(current.content, Content::Nothing | Content::Partial(_)) {
        // The secret has no key yet.
        return Ok(Outcome::Settled);
    }
    let credential = current_credential(pin, current.content)?;
    let of_previous = credential_of(pin, previous);
    let is_moved = of_previous
        .as_ref()
        .is_none_or(|(_, previous)| previous.access_key == credential.access_key);
    let (previous_label, found, promoted) = match mark::replaced(&description.stages) {
        // Nothing but a rotation sets this label.
        Some(version) if is_moved => {
            let version = VersionSelector::Version(version);
            let found = find(ports, &pin.secret, version).await?;
            let promoted = description.last_rotated.or(current.created);
            (REPLACED, credential_of(pin, found), promoted)
        }
        _ => (
            PREVIOUS,
            of_previous,
            description.promotion(current.created),
        ),
    };
    let (Some(current_version), Some((previous_version, previous)), Some(promoted)) =
        (current.version, found, promoted)
    else {
        return Ok(Outcome::Settled);
    };
    let succession = Succession {
        pin,
        current: &credential,
        current_version: &current_version,
        previous: &previous,
        previous_version: &previous_version,
        previous_label,
        promoted,
        timetable,
    };
    retire(ports, &succession, KeyUse::Unread).await
}

/// Returns the content of a version if it belongs to the pinned user. A value that names
/// another user says nothing about this user's keys.
pub(crate) fn credential_of(pin: &Pin, found: SecretVersion) -> Option<(VersionId, Credential)> {
    match found.content {
        Content::Complete(credential) if credential.may_be_of(&pin.user) => {
            Some((found.version?, credential))
        }
        _ => None,
    }
}
