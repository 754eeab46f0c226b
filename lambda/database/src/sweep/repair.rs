//! Finishes a rotation that was interrupted after its password was sent. AWSCURRENT may contain
//! a password that the server no longer accepts.

use keyrota_function_base::step::unreadable;

use super::is_unmoved;
use crate::decide::{self, PasswordCheck, Repair};
use crate::error::Error;
use crate::log::Note;
use crate::mark::SETTING;
use crate::pin::Pin;
use crate::port::{Description, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::stage::{CURRENT, VersionId};
use crate::step::{
    administrator, authenticate, complete, find, no_login, none_works, promote, unlabel, usable,
};

pub(super) async fn repair<P: Ports>(
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
        Repair::Forget => {
            if is_unmoved(ports, pin, description).await? {
                note("forget", "the password of a rotation that was interrupted");
                unlabel(ports, secret, SETTING, version).await;
            }
        }
        Repair::Promote => {
            // A rotation may have been interrupted before a user that it created had its rights.
            if pin.create_user.is_some()
                && let Some(by) = administrator(ports, pin).await?
            {
                complete(ports, pin, &by, &credential).await?;
            }
            if is_unmoved(ports, pin, description).await? {
                let reason = "the server has the password of a rotation that was interrupted";
                note("promote", reason);
                promote(ports, secret, description, version).await?;
            }
        }
        Repair::Stop => {
            return Err(none_works(pin, &[CURRENT, SETTING]));
        }
    }
    Ok(())
}

/// Tests a version's password on the server.
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
