//! `setSecret`: changes the user's password on the server to the pending one.
//!
//! The change cannot be undone, and the server stores one password (MySQL two). To make sure
//! that the user is never locked out, every password that the server may have is in a version
//! that carries a label:
//!
//! 1. If the pending version has the label `KEYROTA_SETTING`, its password was sent, or was about to
//!    be. The step tries it. If it works, an earlier run has changed it.
//! 2. If a rotation was interrupted after its password was sent, the step tries that password.
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
//! If two users alternate, the step changes the one that no client logs in as yet, so that it can do
//! without the labels ([`alternate`]). If AWSCURRENT has no password yet, or the function creates the
//! user, the administrator makes the change in another way ([`prepare`]).

use super::administrator::{Administrator, administrator};
use super::current::Current;
use super::login::{no_login, none_works, without_database};
use super::outcome::{Attempt, OwnLogin, failed};
use super::replaced::{changed, retained};
use super::{
    Admission, SecretVersion, abandon, accounts, admit, alternate, describe, find, label,
    pending_credential, prepare, promote, read, stray, usable,
};
use std::cell::Cell;

use keyrota_function_base::password::label::is_set;
use keyrota_function_base::password::version::{WithPassword, nothing_to_set};
use keyrota_function_base::step::unreadable;

use crate::decide;
use crate::error::Error;
use crate::event::Event;
use crate::log::Note;
use crate::mark::{self, SETTING};
use crate::pin::{Pin, RotateAs};
use crate::port::{Description, Journal, Ports, VersionSelector};
use crate::secret::{Content, Credential, Unreadable};
use crate::server::{
    Change, ChangeError, Endpoint, FailureLimit, Login, PreviousPassword, Server, ServerError,
};
use crate::stage::{CURRENT, PENDING, PREVIOUS, VersionId};

/// What `setSecret` knows after it has read the secret.
pub(super) struct SetContext<'event> {
    pub(super) event: &'event Event,
    pub(super) pin: Pin,
    pub(super) description: Description,
    pub(super) pending: Credential,
    /// Where a login shows which password the user has.
    pub(super) endpoint: Endpoint,
    /// Whether AWSCURRENT has no password yet.
    pub(super) is_first: bool,
    /// Whether the pending version has received the label.
    is_labelled: Cell<bool>,
    /// Whether the change sets the rights of the user too, and keeps no password beside the new one.
    pub(super) is_prepared: Cell<bool>,
    /// How many logins in succession the server has refused because of the password.
    pub(super) failed_logins: Cell<u32>,
    /// How many failed logins in succession the server tolerates.
    pub(super) failure_limit: Cell<FailureLimit>,
}

impl SetContext<'_> {
    /// Logs in as the user, to find out whether it has a version's password.
    pub(super) async fn log_in<P: Ports>(
        &self,
        ports: &P,
        credential: &Credential,
    ) -> Result<(), ServerError> {
        let login = self.pin.login(credential);
        let ended = ports.server().authenticate(&self.endpoint, &login).await;
        match &ended {
            Ok(()) => self.failed_logins.set(0),
            Err(error) if decide::may_try_another(error.fault) => self.record_failed_login(),
            Err(_) => {}
        }
        ended
    }

    /// Counts a login that the server refused because of the password.
    fn record_failed_login(&self) {
        self.failed_logins.update(|count| count + 1);
    }

    /// Returns whether this version's password was sent, or was about to be.
    pub(super) fn was_sent(&self) -> bool {
        is_set(&self.description, &self.event.token)
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
    let current = Current::read(&pin, content)?;
    let pending = pending?;
    if let Some(reason) = nothing_to_set(&pending, |it| current.has_password_of(it)) {
        ports.journal().note(Note::new("nothing to set", reason));
        return Ok(());
    }
    let pending = match pending_credential("set", &pin, pending) {
        Err(Error::Pin(error)) => {
            return Err(abandon(ports, event, None, stray(&error)).await.into());
        }
        other => other?,
    };
    if let Current::Credential(current) = &current
        && let Some(next) = pin.next_user(current)
    {
        let alternation = alternate::Alternation {
            event,
            pin: &pin,
            next,
            version: version.as_ref(),
            current,
            pending: &pending,
        };
        return alternate::run(ports, &alternation).await;
    }
    let is_first = current.credential().is_none();
    let context = SetContext {
        event,
        endpoint: match is_first || pin.create_user.is_some() {
            true => without_database(&pin.endpoint),
            false => pin.endpoint.clone(),
        },
        pin,
        description,
        pending,
        is_first,
        is_labelled: Cell::new(false),
        is_prepared: Cell::new(false),
        failed_logins: Cell::new(0),
        failure_limit: Cell::default(),
    };
    let Some(current) = current
        .credential()
        .filter(|_| context.pin.create_user.is_none())
    else {
        return prepare::run(ports, &context, &current).await;
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
        let resumed = resume(ports, &context, current).await?;
        first = resumed.map(|resumed| own(SETTING, &resumed));
    }
    let Some(administrator) = administrator(ports, &context.pin).await? else {
        let first = first.unwrap_or_else(|| own(CURRENT, current));
        return by_the_user(ports, &context, current, first).await;
    };
    by_an_administrator(ports, &context, &administrator, current).await
}

/// Changes the password with the administrator's login. `replaced` is the credential that the user
/// had before.
pub(super) async fn by_an_administrator<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    administrator: &Administrator,
    replaced: &Credential,
) -> Result<(), Error> {
    let (endpoint, login) = (&administrator.endpoint, &administrator.login);
    match change(ports, context, endpoint, login).await? {
        Ok(before) => changed(ports, context, &context.pin.login(replaced), before).await,
        Err(error) => unconfirmed(ports, context, None, error).await,
    }
}

/// Returns whether the server has the pending password.
pub(super) async fn has_pending<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
) -> Result<bool, Error> {
    match context.log_in(ports, &context.pending).await {
        Ok(()) => Ok(true),
        Err(error) if decide::may_try_another(error.fault) => Ok(false),
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

/// Continues after a rotation that was interrupted after its password was sent. If that password
/// works, this function makes its version AWSCURRENT and returns it.
async fn resume<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: &Credential,
) -> Result<Option<Credential>, Error> {
    let Some((version, credential)) = broken_off(ports, context, Some(current)).await? else {
        return Ok(None);
    };
    let reason = "the server has the password of a rotation that was interrupted";
    ports.journal().note(Note::new("promote", reason));
    promote(ports, &context.event.secret, &context.description, &version).await?;
    Ok(Some(credential))
}

/// Returns the version of a rotation that was interrupted after its password was sent, if that
/// password works.
pub(super) async fn broken_off<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    current: Option<&Credential>,
) -> Result<Option<(VersionId, Credential)>, Error> {
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
        if let Some(current) = current {
            beside_a_stray(ports, context, current).await?;
        }
        return Ok(None);
    };
    match context.log_in(ports, &credential).await {
        Ok(()) => Ok(Some((version.clone(), credential))),
        Err(error) if decide::may_try_another(error.fault) => Ok(None),
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
    match context.log_in(ports, current).await {
        Ok(()) => Ok(()),
        Err(error) if decide::may_try_another(error.fault) => {
            Err(none_works(&context.pin, &[PENDING, CURRENT]))
        }
        Err(error) => Err(no_login(&context.pin, CURRENT, error)),
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
                return changed(ports, context, &replaced, before).await;
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
    mark_pending(ports, context).await?;
    let change = Change {
        username: &pin.username,
        password: context.pending.password(),
        retain: decide::retains(pin.endpoint.engine),
        every,
    };
    Ok(ports.server().change(endpoint, login, &change).await)
}

/// Puts the label on the pending version, before its password is sent.
pub(super) async fn mark_pending<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
) -> Result<(), Error> {
    if !context.is_labelled.replace(true) {
        label(ports, context.event, &context.description, SETTING).await?;
    }
    Ok(())
}

/// Ends the step after a change that failed or was not confirmed.
pub(super) async fn unconfirmed<P: Ports>(
    ports: &P,
    context: &SetContext<'_>,
    own: Option<&OwnLogin>,
    error: ChangeError,
) -> Result<(), Error> {
    let attempt = Attempt {
        event: context.event,
        pin: &context.pin,
        pending: &context.pending,
        endpoint: &context.endpoint,
        is_strict: context.failure_limit.get() == FailureLimit::After(1),
        creates: context.is_prepared.get() && context.pin.create_user.is_some(),
    };
    failed(ports, &attempt, own, error).await?;
    retained(ports, context).await
}
