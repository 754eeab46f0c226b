//! `setSecret`: changes the user's password on the server to the pending one.
//!
//! The change cannot be undone, and the server stores one password (MySQL two). To make sure
//! that the user is never locked out, every password that the server may have is in a version
//! that carries a label:
//!
//! 1. If the pending version has the label `KEYROTA_SETTING`, its password was sent, or was about to
//!    be. The step tries it. If it works, an earlier run has changed it.
//! 2. If a rotation was broken off after its password was sent, the step tries that password.
//!    If it works, its version becomes AWSCURRENT: clients again have a password that works,
//!    and it stays in a version with a label.
//! 3. The step asks the server which accounts of the user's name there are and what limits their
//!    logins, and refuses if one password cannot serve them ([`accounts`]).
//! 4. The pending version receives the label `KEYROTA_SETTING`, so that the version outlives
//!    its rotation.
//! 5. The password is changed, either by the administrator or by the user. The user logs in
//!    with the password of AWSCURRENT, or with that of AWSPREVIOUS if the server reports
//!    AWSCURRENT's as wrong. If it reports both as wrong, the pending password is the last that
//!    it may have: someone could have moved the label.
//! 6. If the server answers with an error, or not at all, the step finds out by logging in which
//!    password the server has ([`outcome`](super::outcome)).
//! 7. After a change that voids the old password, the step logs in with it once, to see that the
//!    server refuses it, if the server tolerates a failed login.
//!
//! If two users alternate, the step changes the one that nobody logs in as yet, so that it can do
//! without the labels ([`alternate`]).

use super::administrator::administrator;
use super::login::{authenticate, no_login, server};
use super::outcome::{OwnLogin, failed};
use super::{
    Admission, SecretVersion, abandon, accounts, admit, alternate, current_credential, describe,
    find, label, pending_credential, promote, read, stray, usable,
};
use std::cell::Cell;

use keyrota_function_base::step::unreadable;

use crate::decide;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::{self, RETAINED, SETTING};
use crate::pin::{Pin, RotateAs};
use crate::port::{Description, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::server::{Change, ChangeError, Endpoint, FailureLimit, Login, PreviousPassword, Server};
use crate::stage::{self, CURRENT, PENDING, PREVIOUS};

/// What `setSecret` knows after it has read the secret.
struct SetContext<'event> {
    event: &'event Event,
    pin: Pin,
    description: Description,
    pending: Credential,
    /// Whether the pending version has received the label.
    is_labelled: Cell<bool>,
    /// How many logins in succession the server has refused because of the password.
    failed_logins: Cell<u32>,
    /// How many failed logins in succession the server tolerates.
    failure_limit: Cell<FailureLimit>,
}

impl SetContext<'_> {
    /// Counts a login that the server refused because of the password.
    pub(super) fn record_failed_login(&self) {
        self.failed_logins.update(|count| count + 1);
    }

    /// Returns whether this version's password was sent, or was about to be.
    fn was_sent(&self) -> bool {
        stage::carrier(&self.description.stages, SETTING) == Some(&self.event.token)
    }
}

pub(super) async fn run<P: Ports>(ports: &P, event: &Event) -> Result<(), Error> {
    let (description, current, pending) = tokio::join!(
        describe(ports, &event.secret),
        find(ports, &event.secret, VersionSelector::Labelled(CURRENT)),
        read(ports, event, VersionSelector::Version(&event.token)),
    );
    let description = description?;
    if admit(ports, event, &description).await? == Admission::Done {
        return Ok(());
    }
    let pin = Pin::read(ports.pins(), &event.secret, &description)?;
    let SecretVersion {
        version, content, ..
    } = current?;
    let current = current_credential(&pin, content)?;
    let pending = pending?;
    if let Some(reason) = nothing_to_set(&current, &pending) {
        ports.journal().note(Note::new("nothing to set", reason));
        return Ok(());
    }
    let pending = match pending_credential("set", &pin, pending) {
        Err(Error::Pin(error)) => {
            return Err(abandon(ports, event, None, stray(&error)).await.into());
        }
        other => other?,
    };
    if let Some(next) = pin.next_user(&current) {
        let alternation = alternate::Alternation {
            event,
            pin: &pin,
            next,
            version: version.as_ref(),
            current: &current,
            pending: &pending,
        };
        return alternate::run(ports, &alternation).await;
    }
    let context = SetContext {
        event,
        pin,
        description,
        pending,
        is_labelled: Cell::new(false),
        failed_logins: Cell::new(0),
        failure_limit: Cell::default(),
    };
    let own = |version, credential: &Credential| OwnLogin {
        login: credential.login(&context.pin.username),
        version,
    };
    let mut first = None;
    if context.was_sent() && has_pending(ports, &context).await? {
        if !decide::may_be_partial(context.pin.endpoint.engine, context.pin.hosts) {
            return keep(ports, &context).await;
        }
        let reason = "an account has the pending password already, and others may not";
        ports.journal().note(Note::new("set again", reason));
        first = Some(own(PENDING, &context.pending));
    }
    if first.is_none() {
        let resumed = resume(ports, &context, &current).await?;
        first = resumed.map(|resumed| own(SETTING, &resumed));
    }
    let Some(administrator) = administrator(ports, &context.pin).await? else {
        let first = first.unwrap_or_else(|| own(CURRENT, &current));
        return by_the_user(ports, &context, &current, first).await;
    };
    let (endpoint, login) = (&administrator.endpoint, &administrator.login);
    match change(ports, &context, endpoint, login).await? {
        Ok(before) => {
            set(
                ports,
                &context,
                &current.login(&context.pin.username),
                before,
            )
            .await
        }
        Err(error) => unconfirmed(ports, &context, None, error).await,
    }
}

/// Returns whether the server has the pending password.
async fn has_pending<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<bool, Error> {
    match authenticate(ports, &context.pin, &context.pending).await {
        Ok(()) => Ok(true),
        Err(error) if decide::may_try_another(error.fault) => {
            context.record_failed_login();
            Ok(false)
        }
        Err(error) => Err(no_login(&context.pin, PENDING, error)),
    }
}

/// Ends the step if the server has the pending password already.
async fn keep<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<(), Error> {
    let note = Note::new("keep", "the server has the pending password already");
    ports.journal().note(note);
    label(ports, context.event, &context.description, SETTING).await?;
    retained(ports, context).await
}

/// Returns why there is no password to set, or `None` if there is one. `finishSecret` promotes
/// no version without a password.
fn nothing_to_set(current: &Credential, pending: &Content) -> Option<&'static str> {
    match pending {
        Content::Nothing => Some("the version has no value"),
        Content::Partial(partial) if !partial.has_password => Some("the version has no password"),
        Content::Complete(pending) if pending.has_password_of(current) => {
            Some("the version holds the current password")
        }
        _ => None,
    }
}

/// Continues after a rotation that was broken off after its password was sent. If that password
/// works, this function makes its version AWSCURRENT and returns it.
async fn resume<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Credential,
) -> Result<Option<Credential>, Error> {
    let Some(version) = mark::broken_off(&context.description.stages) else {
        return Ok(None);
    };
    let secret = &context.event.secret;
    let found = find(ports, secret, VersionSelector::Version(version)).await?;
    if let Content::Unreadable(problem @ Unreadable::Undecryptable) = found.content {
        // The version may contain the password that works, and the label would be removed from
        // it.
        return Err(unreadable::<Credential>(secret, SETTING, problem).into());
    }
    let Some(credential) = usable(&context.pin, found.content) else {
        return beside_a_stray(ports, context, current).await.map(|()| None);
    };
    match authenticate(ports, &context.pin, &credential).await {
        Ok(()) => {
            context.failed_logins.set(0);
            let reason = "the server has the password of a rotation that was broken off";
            ports.journal().note(Note::new("promote", reason));
            promote(ports, secret, &context.description, version).await?;
            Ok(Some(credential))
        }
        Err(error) if decide::may_try_another(error.fault) => {
            context.record_failed_login();
            Ok(None)
        }
        Err(error) => Err(no_login(&context.pin, SETTING, error)),
    }
}

/// Permits the removal of the label from a version that no longer belongs to the pinned server
/// and user, although it did when its password was sent. The version may contain the only
/// password that works once the pin is corrected. Therefore AWSCURRENT's password must work, or
/// an administrator must change the password.
async fn beside_a_stray<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Credential,
) -> Result<(), Error> {
    if context.pin.rotate_as != RotateAs::Own {
        return Ok(());
    }
    match authenticate(ports, &context.pin, current).await {
        Ok(()) => Ok(()),
        Err(error) if decide::may_try_another(error.fault) => {
            Err(none_works(&context.pin, &[PENDING, CURRENT]))
        }
        Err(error) => Err(no_login(&context.pin, CURRENT, error)),
    }
}

pub(super) fn none_works(pin: &Pin, tried: &[&str]) -> Error {
    Error::NoPasswordWorks {
        secret: pin.secret.name().to_owned(),
        server: server(pin),
        username: pin.username.clone(),
        tried: tried.join(", "),
    }
}

/// Changes the password with the user's own login.
async fn by_the_user<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Credential,
    first: OwnLogin,
) -> Result<(), Error> {
    let pin = &context.pin;
    let mut tried = Vec::from_iter(context.was_sent().then_some(PENDING));
    let mut next = Some(first);
    while let Some(own) = next.take() {
        let error = match change(ports, context, &pin.endpoint, &own.login).await? {
            Ok(before) => {
                // The pending password may be the one that the change was made with.
                let replaced = match own.version {
                    PENDING => current.login(&pin.username),
                    _ => own.login,
                };
                return set(ports, context, &replaced, before).await;
            }
            Err(error) => error,
        };
        if !decide::may_try_another_login(&error) {
            return unconfirmed(ports, context, Some(&own), error).await;
        }
        context.record_failed_login();
        tried.push(own.version);
        if own.version == CURRENT {
            let previous = read(ports, context.event, VersionSelector::Labelled(PREVIOUS)).await?;
            let previous = usable(pin, previous);
            next = previous
                .filter(|previous| !previous.has_password_of(current))
                .map(|previous| OwnLogin {
                    login: previous.login(&pin.username),
                    version: PREVIOUS,
                });
        }
    }
    if !tried.contains(&PENDING) {
        if has_pending(ports, context).await? {
            return keep(ports, context).await;
        }
        tried.push(PENDING);
    }
    Err(none_works(pin, &tried))
}

/// Asks the server which accounts there are, puts the label on the pending version, and sends its
/// password.
async fn change<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    endpoint: &Endpoint,
    login: &Login,
) -> Result<Result<PreviousPassword, ChangeError>, Error> {
    let pin = &context.pin;
    let inspected = ports.server().inspect(endpoint, login, &pin.username).await;
    let every = match inspected {
        Ok(inspection) => {
            if login.username == pin.username {
                context.failed_logins.set(0);
            }
            context.failure_limit.set(inspection.limits.failures);
            accounts::admit(ports, pin, &inspection)?
        }
        Err(error) => return Ok(Err(ChangeError::Unsent(error))),
    };
    if !context.is_labelled.replace(true) {
        label(ports, context.event, &context.description, SETTING).await?;
    }
    let change = Change {
        username: &pin.username,
        password: context.pending.password(),
        retain: decide::retains(pin.endpoint.engine),
        every,
    };
    Ok(ports.server().change(endpoint, login, &change).await)
}

/// Ends the step after a change that failed or was not confirmed.
async fn unconfirmed<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    own: Option<&OwnLogin>,
    error: ChangeError,
) -> Result<(), Error> {
    let SetContext {
        event,
        pin,
        pending,
        ..
    } = context;
    failed(ports, event, pin, pending, own, error).await?;
    retained(ports, context).await
}

/// Ends the step after the password was changed.
async fn set<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    replaced: &Login,
    before: PreviousPassword,
) -> Result<(), Error> {
    match before {
        PreviousPassword::Void => {
            let note = Note::new(
                "set",
                "the server has answered that it has the new password",
            );
            ports.journal().note(note);
            try_replaced(ports, context, replaced).await;
            Ok(())
        }
        PreviousPassword::Retained => {
            let note = Note::new("set", "the old password works beside the new one");
            ports.journal().note(note);
            retained(ports, context).await
        }
    }
}

/// Logs in with the replaced password, which the server must refuse. The result is only reported:
/// without the promotion, clients would have no password that is certain to work.
async fn try_replaced<P: Ports>(ports: &P, context: &SetContext<'_>, replaced: &Login) {
    if !context.pin.propagation.is_zero() {
        let reason =
            "the old password was not tried, because members of the farm may still accept it";
        ports.journal().note(Note::new("not tested", reason));
        return;
    }
    let (limit, failed) = (context.failure_limit.get(), context.failed_logins.get());
    if !decide::may_try_replaced(limit, failed) {
        let reason = match limit {
            FailureLimit::Unknown => {
                "the old password was not tried, because it is unknown after how many failed logins the server refuses others"
            }
            _ => {
                "the old password was not tried, because the server refuses logins after a few failed ones"
            }
        };
        ports.journal().note(Note::new("not tested", reason));
        return;
    }
    let endpoint = &context.pin.endpoint;
    match ports.server().authenticate(endpoint, replaced).await {
        Err(error) if decide::may_try_another(error.fault) => {
            let reason = "the server refuses the old password";
            ports.journal().note(Note::new("passed", reason));
        }
        Err(_) => {
            let reason =
                "a login with the old password failed for another reason than a wrong password";
            ports.journal().note(Note::new("not tested", reason));
        }
        Ok(()) => {
            let error = Error::ReplacedWorks {
                server: server(&context.pin),
                username: context.pin.username.clone(),
            };
            ports.journal().trouble(&context.event.secret, &error);
        }
    }
}

/// Records that the previous password still works, or may.
async fn retained<P: Ports>(ports: &P, context: &SetContext<'_>) -> Result<(), Error> {
    if decide::retains(context.pin.endpoint.engine) {
        label(ports, context.event, &context.description, RETAINED).await?;
    }
    Ok(())
}
