//! The check: rehearses the next rotation, and changes nothing.
//!
//! The function makes the calls that read, with the credentials that a rotation would use. It also
//! deletes and deactivates a key that does not exist, which changes nothing if others act at the
//! same time, and which AWS answers with `NoSuchEntity` only if the caller may delete and
//! deactivate the user's keys. All other calls of a rotation are listed as untried:
//!
//! | call | why it is not tried |
//! | --- | --- |
//! | `CreateAccessKey` | it creates a key |
//! | `UpdateAccessKey` with the status that the key has | between the look and the call, someone may deactivate the key because it leaked |
//! | `PutSecretValue` of the value that is stored | the label might move back if a rotation ends in between, and it can count as a change for the schedule |
//! | `UpdateSecretVersionStage` to the version with the label | it changes the date by which a sweep finds a rotation that does not end, and the label counts as updated for clients |
//! | `TagUser` with the tags that are there, `UntagUser` of a tag that is not | a rotation may write a record in between, which would be lost |
//!
//! Each signed request is a use of its key for IAM. So the check never signs with a previous key,
//! and with the current one only if that key signs the calls of a rotation. If a rotation is in
//! progress, it signs nothing, because the current key is about to become the previous one. The
//! requests are sent within [`LIMIT`] of the look at the labels, see
//! [`retire::CHECKED`](crate::retire::CHECKED).

use std::time::Duration;

pub use keyrota_function_base::check::CheckAnswer;

use keyrota_contract::pins::access_key::LOG_IN;
use keyrota_function_base::check::{Calls, CheckedCall, Signer, call, untried_on};
use keyrota_function_base::pin::{administrator, is_served};
use keyrota_function_base::secret::Content as Held;

use crate::decide::{self, AccessKeyId, CURRENT};
use crate::error::{Error, RequestError};
use crate::event::{Check, EventError};
use crate::log::Note;
use crate::pin::{Pin, Pins, RotateAs, names};
use crate::port::{
    Authenticator, Caller, Identity, Journal, Keys, Ports, SecretsManager, VersionSelector,
};
use crate::retire::{CHECKED, OldKeyPolicy};
use crate::secret::{Content, administrator_key};

/// How long a check may take. What it has not sent by then, it does not send.
pub const LIMIT: Duration = CHECKED;

/// The ID of an access key that nobody has: IDs of access keys contain neither 0 nor 1.
const NOBODYS: &str = "AKIA0000111100001111";

/// Rehearses the next rotation of a secret.
///
/// # Errors
///
/// Fails if the event is not valid, the secret is not pinned, or its value is another user's. A
/// call that is refused is not an error, but a part of the answer.
pub async fn run<P: Ports>(ports: &P, check: &Check) -> Result<CheckAnswer, Error> {
    if check.version.is_some() {
        return Err(RequestError::from(EventError::CheckNamesVersion).into());
    }
    let secret = &check.secret;
    is_served(ports.pins(), secret)?;
    let mut calls = Calls::new(expected(ports.pins(), check));
    let secrets = ports.secrets_manager();
    let described = secrets.describe(secret).await;
    let described = calls.record(call::DESCRIBE_SECRET, Signer::Role, None, described);
    let pin = match &described {
        Some(description) => Some(Pin::read(ports.pins(), secret, description)?),
        None => None,
    };
    let read = secrets.read(secret, VersionSelector::Labelled(CURRENT));
    let read = calls.record(call::GET_SECRET_VALUE, Signer::Role, None, read.await);
    let (Some(description), Some(pin)) = (described, pin) else {
        return Ok(calls.into_answer());
    };
    if decide::is_rotating(&description.stages) {
        ports
            .journal()
            .note(Note::new("leave", "a rotation of the secret is under way"));
        return Ok(CheckAnswer {
            rotating: true,
            ..calls.into_answer()
        });
    }
    let current = read.map_or(Content::Nothing, |version| {
        Held::parse(&version.stored, names(ports.pins(), secret))
    });
    pin.check_present(CURRENT, &current)?;
    if let Some((caller, by)) = caller(ports, &mut calls, &pin, &current).await {
        sign(ports, &mut calls, &pin, &caller, by, &current).await;
    }
    if !pin.owns_user {
        let tags = ports.keys().tags(&pin.user).await;
        calls.record(call::LIST_USER_TAGS, Signer::Role, None, tags);
    }
    Ok(calls.into_answer())
}

/// Returns the credentials that would make the IAM calls, if they are known.
async fn caller<P: Ports>(
    ports: &P,
    calls: &mut Calls,
    pin: &Pin,
    current: &Content,
) -> Option<(Caller, Signer)> {
    match (&pin.rotate_as, current) {
        (RotateAs::Role, _) => Some((Caller::Role, Signer::Role)),
        (RotateAs::Own, Content::Complete(current)) => {
            Some((Caller::Key(current.key_pair()), Signer::User))
        }
        (RotateAs::Own, _) => None,
        (RotateAs::Administrator(named), _) => {
            let secret = administrator(named, &pin.secret);
            let read = ports.secrets_manager();
            let read = read.read(&secret, VersionSelector::Labelled(CURRENT)).await;
            let (call, by) = (call::GET_SECRET_VALUE, Signer::Role);
            let version = calls.record(call, by, Some(named), read)?;
            let Some(key) = administrator_key(&version.stored, &pin.administrator_names) else {
                let why = "the administrator's secret has no `accesskey` and `secretkey`";
                calls.fail(call, by, Some(named), "no_key", why);
                return None;
            };
            Some((Caller::Key(key), Signer::Administrator))
        }
    }
}

/// Makes the calls that these credentials sign.
async fn sign<P: Ports>(
    ports: &P,
    calls: &mut Calls,
    pin: &Pin,
    caller: &Caller,
    by: Signer,
    current: &Content,
) {
    let (keys, user) = (ports.keys(), pin.user.as_str());
    let nobodys = AccessKeyId::parse(NOBODYS);
    let (identity, listed) = tokio::join!(
        ports.authenticator().identify_caller(caller),
        keys.list(caller, user),
    );
    let identity = calls.record(call::GET_CALLER_IDENTITY, by, None, identity);
    calls.record(call::LIST_ACCESS_KEYS, by, None, listed);
    match identity {
        // Without an answer, the requests below would have none either.
        None => return,
        Some(Identity { arn }) if by == Signer::User && !pin.is_user_arn(&arn) => {
            let why = "the key of AWSCURRENT is another user's";
            calls.fail(call::GET_CALLER_IDENTITY, by, None, "another_identity", why);
            return;
        }
        Some(_) => {}
    }
    if let Content::Complete(current) = current
        && may_read_use(pin)
    {
        let used = keys.usage(caller, &current.access_key).await;
        calls.record(call::GET_ACCESS_KEY_LAST_USED, by, None, used);
    }
    if let Some(key) = &nobodys {
        let deleted = keys.delete(caller, user, key).await;
        calls.record_absent(call::DELETE_ACCESS_KEY, by, deleted);
        if is_timed(pin) {
            let deactivated = keys.deactivate(caller, user, key).await;
            calls.record_absent(call::UPDATE_ACCESS_KEY, by, deactivated);
        }
    }
}

/// Returns the calls of the next rotation, and of the sweep that retires the old key after it.
fn expected(pins: &Pins, check: &Check) -> Vec<CheckedCall> {
    let role = Signer::Role;
    let of = CheckedCall::untried;
    let mut expected = vec![
        of(call::DESCRIBE_SECRET, role),
        of(call::GET_SECRET_VALUE, role),
    ];
    let Some(entry) = pins.of(check.secret.name()) else {
        return expected;
    };
    let by = match &entry.rotate_as {
        RotateAs::Own => Signer::User,
        RotateAs::Role => role,
        RotateAs::Administrator(named) => {
            expected.push(untried_on(call::GET_SECRET_VALUE, role, named));
            Signer::Administrator
        }
    };
    expected.extend([
        of(call::GET_CALLER_IDENTITY, by),
        of(call::LIST_ACCESS_KEYS, by),
    ]);
    if entry.owns_user || entry.old_key.is_some() {
        expected.push(of(call::GET_ACCESS_KEY_LAST_USED, by));
    }
    if !entry.owns_user {
        expected.extend([of(call::LIST_USER_TAGS, role), of(call::TAG_USER, role)]);
    }
    expected.extend([
        of(call::DELETE_ACCESS_KEY, by),
        of(call::CREATE_ACCESS_KEY, by),
        of(call::PUT_SECRET_VALUE, role),
    ]);
    // No IAM policy decides about a login at a mail server.
    if let Some(probe) = entry.probe.as_ref().filter(|it| it.action != LOG_IN) {
        expected.push(untried_on(&probe.action, Signer::User, &probe.resource));
    }
    expected.push(of(call::UPDATE_SECRET_VERSION_STAGE, role));
    if !entry.owns_user {
        expected.push(of(call::UNTAG_USER, role));
    }
    if entry.old_key.is_some() {
        expected.push(of(call::UPDATE_ACCESS_KEY, by));
    }
    expected
}

/// Returns whether a rotation or a sweep may ask when a key was last used.
fn may_read_use(pin: &Pin) -> bool {
    pin.owns_user || is_timed(pin)
}

fn is_timed(pin: &Pin) -> bool {
    matches!(pin.old_key, OldKeyPolicy::Timed(_))
}
