//! What a password change came to if the server answered with an error, or not at all.
//!
//! A server may change a password and then answer with an error, and a proxy in between may answer in
//! its place. Therefore the function logs in before it reports anything: with the new password, which
//! is one failed login at most, and then with the password that the change was made with.

use keyrota_function_base::password::outcome;
use keyrota_function_base::step::abandon;

use super::login::{advice_on_change, not_sent, refused, server};
use super::set::none_works;
use crate::decide::{self, ChangeEnd, Found};
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::pin::Pin;
use crate::port::{Journal, Ports};
use crate::secret::Credential;
use crate::server::{ChangeError, Endpoint, Login, Server, ServerError, ServerFault};
use crate::stage::PENDING;

/// The login with which a user changed its own password, and the version that it is from.
pub(super) struct OwnLogin {
    pub(super) login: Login,
    pub(super) version: &'static str,
}

/// A password change that was attempted.
pub(super) struct Attempt<'step> {
    pub(super) event: &'step Event,
    pub(super) pin: &'step Pin,
    pub(super) pending: &'step Credential,
    /// Where a login shows which password the user has.
    pub(super) endpoint: &'step Endpoint,
    /// Whether the change creates the user with the rights of the manifest.
    pub(super) creates: bool,
}

/// Finds out what a password change that failed or was not confirmed came to. It succeeds if the
/// server has the pending password. `own` is absent if an administrator made the change.
pub(super) async fn failed<P: Ports>(
    ports: &P,
    attempt: &Attempt<'_>,
    own: Option<&OwnLogin>,
    error: ChangeError,
) -> Result<(), Error> {
    let &Attempt {
        event,
        pin,
        creates,
        ..
    } = attempt;
    let error = match error {
        ChangeError::Unsent(error) => {
            return Err(not_sent(pin, error));
        }
        ChangeError::Sent(error) => error,
    };
    let found = find(ports, attempt, own).await;
    let tested = outcome::tested(&found);
    if error.fault == ServerFault::RightsRefused {
        return Err(refused(pin, error, tested));
    }
    let partial = decide::may_be_partial(pin.endpoint.engine, pin.hosts)
        || creates && decide::may_lack_rights(pin.endpoint.engine, error.fault);
    match decide::after_asking(error.fault, found, partial) {
        ChangeEnd::Set => {
            let note = Note::new("set", "the server was found to have the pending password");
            ports.journal().note(note);
            Ok(())
        }
        ChangeEnd::GiveUp => {
            let advice = advice_on_change(pin, &error);
            let reason = format!("{error}; {tested} ({advice})");
            Err(abandon(ports, event, None, reason).await.into())
        }
        ChangeEnd::NotChanged => Err(refused(pin, error, tested)),
        ChangeEnd::NoPasswordWorks => {
            let used = own.map_or(PENDING, |own| own.version);
            Err(none_works(pin, &[PENDING, used]))
        }
        ChangeEnd::Unknown => Err(Error::ChangeUnknown {
            server: server(pin),
            username: pin.username.clone(),
            tested,
            source: error,
        }),
    }
}

/// Finds out by logging in which password the server has.
async fn find<P: Ports>(ports: &P, attempt: &Attempt<'_>, own: Option<&OwnLogin>) -> Found {
    let try_login = async |login: &Login| {
        let ended = log_in(ports, attempt.endpoint, login).await;
        ended.map_err(|error| error.fault)
    };
    let (try_login, new) = (&try_login, attempt.pin.login(attempt.pending));
    let own = own.map(|own| async move || try_login(&own.login).await);
    outcome::find(async || try_login(&new).await, own).await
}

/// Returns whether the server accepts a password, or calls it wrong.
async fn log_in<P: Ports>(
    ports: &P,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<bool, ServerError> {
    match ports.server().authenticate(endpoint, login).await {
        Ok(()) => Ok(true),
        Err(error) if decide::may_try_another(error.fault) => Ok(false),
        Err(error) => Err(error),
    }
}
