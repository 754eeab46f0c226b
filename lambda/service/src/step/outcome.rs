//! What a password change came to.
//!
//! An adapter, a service, or a proxy may change a password and then answer with an error. Therefore the
//! function logs in before it reports anything: with the new password, which is one failed login at
//! most, and then with the password that the change was made with. The answer `success` is not believed
//! either, but `testSecret` finds that out.

use keyrota_function_base::password::outcome;
use keyrota_function_base::step::abandon;

use super::{advice, authenticate, none_works};
use crate::decide::{self, ChangeEnd};
use crate::error::{Error, RequestError};
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports};
use crate::secret::Credential;
use crate::service::{Operation, Previous, ServiceError, ServiceFault};
use crate::stage::PENDING;

/// A password change that was attempted.
pub(super) struct Attempt<'step> {
    pub(super) event: &'step Event,
    pub(super) pin: &'step Pin,
    pub(super) pending: &'step Credential,
    /// The login that the change was made with.
    pub(super) old: &'step Credential,
    /// The label of the version that this login is from.
    pub(super) version: &'static str,
}

/// Records what the adapter says about a change.
///
/// A login with the replaced password is not tried, as on a database server whose limit of failed
/// logins is unknown: it could lock the user out.
pub(super) fn changed<P: Ports>(ports: &P, pin: &Pin, previous: Previous) {
    let note = |decision, reason| ports.journal().note(Note::new(decision, reason));
    match previous {
        Previous::Works => note("set", "the old password works beside the new one"),
        Previous::Void => {
            note(
                "set",
                "the adapter has answered that the password was changed",
            );
            note(
                "not tested",
                match pin.is_farm() {
                    true => {
                        "the old password was not tried, because members of the farm may still accept it"
                    }
                    false => {
                        "the old password was not tried, because it is unknown after how many failed logins \
                         the service refuses others"
                    }
                },
            );
        }
    }
}

/// Finds out what a password change that failed or was not confirmed came to. It succeeds if the
/// service has the pending password.
pub(super) async fn failed<P: Ports>(
    ports: &P,
    attempt: &Attempt<'_>,
    error: ServiceError,
) -> Result<(), Error> {
    let &Attempt { event, pin, .. } = attempt;
    if !decide::must_find_out(error.fault) {
        return Err(not_changed(pin, error, "the change was not sent"));
    }
    let log_in = async |credential| match authenticate(ports, pin, credential).await {
        Ok(()) => Ok(true),
        Err(error) if decide::may_try_another(error.fault) => Ok(false),
        Err(error) => Err(error.fault),
    };
    let (new, old) = (attempt.pending, attempt.old);
    let found = outcome::find(async || log_in(new).await, Some(async || log_in(old).await)).await;
    let tested = outcome::tested(&found);
    match decide::after_logins(error.fault, found, pin.is_farm()) {
        ChangeEnd::Set => {
            let note = Note::new("set", "the service was found to have the pending password");
            ports.journal().note(note);
            Ok(())
        }
        ChangeEnd::GiveUp => {
            let advice = advice::find(&error);
            let reason = format!("{error}; {tested} ({advice})");
            Err(match abandon(ports, event, None, reason).await {
                RequestError::GivenUp { secret, reason } => {
                    Error::PasswordRejected { secret, reason }
                }
                other => other.into(),
            })
        }
        ChangeEnd::NotChanged => Err(not_changed(pin, error, tested)),
        ChangeEnd::NoPasswordWorks => Err(none_works(pin, &[PENDING, attempt.version])),
        ChangeEnd::Unknown => Err(Error::ChangeUnknown {
            service: pin.account.service(Operation::Change),
            username: pin.account.username.clone(),
            tested,
            advice: advice::find(&error),
            source: error,
        }),
    }
}

/// Returns the error of a change that was not made, as far as logins show.
fn not_changed(pin: &Pin, source: ServiceError, tested: &'static str) -> Error {
    // The login before the change succeeded, so the password is not what is wrong.
    let advice = match source.fault {
        ServiceFault::WrongPassword => advice::CHANGE_REFUSED,
        _ => advice::find(&source),
    };
    Error::NotChanged {
        service: pin.account.service(Operation::Change),
        username: pin.account.username.clone(),
        tested,
        advice,
        source,
    }
}
