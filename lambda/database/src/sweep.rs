//! The hourly sweep of all secrets of the stack: it finishes broken-off rotations, makes the
//! server discard passwords whose time is over, and writes the metrics that the alarms need.
//!
//! A sweep knows nothing about the previous one. It observes, asks [`decide`](crate::decide),
//! and carries out the decision. The next sweep does what this one could not.

mod discard;
mod repair;

pub(crate) use discard::discard;

use std::time::Duration;

use keyrota_function_base::sweep::{Findings, Sweep};

use crate::arn::SecretArn;
use crate::decide;
use crate::error::Error;
use crate::log::Note;
use crate::mark;
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::secret::Content;
use crate::stage::{self, CURRENT};
use crate::step::{Deadline, current_credential, describe, find};

/// The maximum time that a secret normally takes. The sweep begins no secret with less time
/// left.
const ENOUGH: Duration = Duration::from_secs(10);

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
    let findings = Findings::default();
    let frame = Sweep {
        ports,
        deadline,
        enough: ENOUGH,
        subject: "",
    };
    let look = async |secret: &SecretArn| sweep(ports, secret, &findings).await;
    let failed = frame.each(secrets, look).await;
    ports.journal().measure(&findings.into_metrics(&failed));
    Ok(failed.into_result(secrets.len())?)
}

async fn sweep<P: Ports>(ports: &P, secret: &SecretArn, findings: &Findings) -> Result<(), Error> {
    let description = findings.describe(ports, secret).await?;
    let now = ports.clock().moment();
    let pin = Pin::read(ports.pins(), secret, &description)?;
    let current = find(ports, secret, VersionSelector::Labelled(CURRENT)).await?;
    findings.record_age(&current, now);
    if matches!(current.content, Content::Nothing | Content::Partial(_)) {
        // The secret has no password yet.
        return Ok(());
    }
    let credential = current_credential(&pin, current.content)?;
    if stage::is_rotating(&description.stages) {
        let note = Note::new("leave", "a rotation of the secret is under way");
        ports.journal().note(note.of(secret));
        return Ok(());
    }
    // If two users alternate, AWSCURRENT's user is never changed, so there is nothing to finish, and
    // the server keeps no password besides.
    if pin.alternate.is_some() {
        return Ok(());
    }
    if let Some(version) = mark::broken_off(&description.stages) {
        return repair::repair(ports, &pin, &description, &credential, version).await;
    }
    let promoted = description.promotion(current.created);
    let (Some(promoted), Some(after)) = (promoted, pin.old_password) else {
        return Ok(());
    };
    if decide::may_discard(&description.stages, promoted, after, now) {
        discard(ports, &pin, &credential, promoted).await?;
    }
    Ok(())
}

/// Returns whether the labels that a decision is based on have not moved.
async fn is_unmoved<P: Ports>(ports: &P, pin: &Pin, before: &Description) -> Result<bool, Error> {
    let stages = describe(ports, &pin.secret).await?.stages;
    if stages == before.stages {
        return Ok(true);
    }
    let note = Note::new("leave", "the secret's labels moved meanwhile");
    ports.journal().note(note.of(&pin.secret));
    Ok(false)
}
