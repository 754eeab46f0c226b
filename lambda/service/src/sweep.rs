//! The hourly sweep of all secrets of the stack: it finishes broken-off rotations, and writes the
//! metrics that the alarms need.
//!
//! A sweep knows nothing about the previous one. It observes, asks [`decide`](crate::decide),
//! and carries out the decision. The next sweep does what this one could not.

use std::time::Duration;

use keyrota_contract::pins::service::rules::LONGEST_TIMEOUT;
use keyrota_function_base::password::label::{promote, unlabel};
use keyrota_function_base::step::unreadable;
use keyrota_function_base::sweep::{Findings, Sweep};

use crate::arn::SecretArn;
use crate::decide::{self, PasswordCheck, Repair};
use crate::error::Error;
use crate::log::Note;
use crate::mark::{self, SETTING};
use crate::pin::Pin;
use crate::port::{Clock, Description, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::stage::{self, CURRENT, VersionId};
use crate::step::{
    Deadline, authenticate, current_credential, describe, find, no_login, none_works, usable,
};

/// The maximum time that a secret normally takes: two logins, and the calls of Secrets Manager. The
/// sweep begins no secret with less time left.
const ENOUGH: Duration = Duration::from_secs(2 * LONGEST_TIMEOUT as u64 + 5);

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
    // A function with a shorter timeout begins its first secrets all the same.
    let remaining = deadline.remaining_time(ports.clock());
    let frame = Sweep {
        ports,
        deadline,
        enough: ENOUGH.min(remaining * 3 / 4),
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
    match mark::broken_off(&description.stages) {
        Some(version) => repair(ports, &pin, &description, &credential, version).await,
        None => Ok(()),
    }
}

/// Finishes a rotation that was interrupted after its password was sent. AWSCURRENT may contain
/// a password that the service no longer accepts.
async fn repair<P: Ports>(
    ports: &P,
    pin: &Pin,
    description: &Description,
    current: &Credential,
    version: &VersionId,
) -> Result<(), Error> {
    let secret = &pin.secret;
    let note = |decision, reason| ports.journal().note(Note::new(decision, reason).of(secret));
    let found = find(ports, secret, VersionSelector::Version(version)).await?;
    if let Content::Unreadable(problem @ Unreadable::Undecryptable) = found.content {
        // The version may contain the password that works.
        return Err(unreadable::<Credential>(secret, SETTING, problem).into());
    }
    let Some(credential) = usable(pin, found.content) else {
        let reason = "the version of a broken-off rotation has no credential of the pinned user";
        note("leave", reason);
        return Ok(());
    };
    let current = ask(ports, pin, CURRENT, current).await?;
    let broken_off = ask(ports, pin, SETTING, &credential).await?;
    match decide::repair(current, broken_off) {
        Repair::Leave => note("leave", "AWSCURRENT's password works"),
        Repair::Forget if !is_settled(ports, pin, description) => {
            note(
                "leave",
                "the service may still get the password of a rotation that was interrupted",
            );
        }
        Repair::Forget => {
            if is_unmoved(ports, pin, description).await? {
                note("forget", "the password of a rotation that was interrupted");
                unlabel(ports, secret, SETTING, version).await;
            }
        }
        Repair::Promote => {
            if is_unmoved(ports, pin, description).await? {
                let reason = "the service has the password of a rotation that was interrupted";
                note("promote", reason);
                promote(ports, secret, description, version).await?;
            }
        }
        Repair::Stop => return Err(none_works(pin, &[CURRENT, SETTING])),
    }
    Ok(())
}

fn is_settled<P: Ports>(ports: &P, pin: &Pin, description: &Description) -> bool {
    let now = ports.clock().moment();
    decide::is_settled(pin.propagation, description.last_changed, now)
}

/// Tests a version's password on the service.
async fn ask<P: Ports>(
    ports: &P,
    pin: &Pin,
    version: &'static str,
    credential: &Credential,
) -> Result<PasswordCheck, Error> {
    match authenticate(ports, pin, credential).await {
        Ok(()) => Ok(PasswordCheck::Right),
        Err(error) if decide::may_try_another(error.fault) => Ok(PasswordCheck::Wrong),
        Err(error) => Err(no_login(pin, version, error)),
    }
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
